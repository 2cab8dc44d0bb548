// rules.h: what every store decides alike: which writes the state forbids, and in which words.
//
// Pure functions over values a store has read; each store does its own reading and writing, and the
// contract suite compares them.
//
// Errors   as ports/store.h lists them for one write; the text names the thing and the fix.
// Threads  pure functions, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "scheduler/ports/store.h"

namespace crescendo::store {

// What a Put stores. The numbers are kept in databases: append only.
enum class RecordKind { kEgressIp = 0, kPool = 1, kPlan = 2, kCampaign = 3 };
absl::string_view RecordKindName(RecordKind kind);  // "egress IP" …

constexpr RecordKind KindOf(const EgressIp&) { return RecordKind::kEgressIp; }
constexpr RecordKind KindOf(const Pool&) { return RecordKind::kPool; }
constexpr RecordKind KindOf(const Plan&) { return RecordKind::kPlan; }
constexpr RecordKind KindOf(const Campaign&) { return RecordKind::kCampaign; }

// How a request_id was used before.
struct PastRequest {
  RecordKind kind = RecordKind::kEgressIp;
  uint64_t fingerprint = 0;
  std::string record;  // Its id.
  absl::Time time = absl::InfinitePast();
};
template <class Record>
absl::Time AnswerTime(const ports::Put<Record>& put) {
  return put.events.empty() ? put.record.create_time : put.events[0].time;
}
// OK: `request` is that one again.
absl::Status CheckReplay(const ports::RequestKey& request, RecordKind kind,
                         const PastRequest& past);

// May a record made from revision `expected` (0: none) be stored over `stored` (none: no such id)?
absl::Status CheckRevision(RecordKind kind, absl::string_view id, std::optional<int64_t> stored,
                           int64_t expected);

// An egress IP has one plan, and belongs to one pool, at most.
absl::Status TakenByAnother(const EgressIpId& ip, RecordKind kind, absl::string_view owner);

absl::Status NoSuch(absl::string_view noun, absl::string_view id);
absl::Status NoSuchDelivery(DeliveryId id);

// A chunk that may be answered again: OK. `fingerprint`: of the chunk applied under that number.
absl::Status CheckChunkReplay(const ports::AppendRecipients& append, uint64_t fingerprint);
// What the rows and the chunk number say by themselves; `last`: the import's last applied chunk.
// REQUIRES: the chunk's answer is not stored.
absl::Status CheckChunk(const ports::AppendRecipients& append, int64_t last);
absl::Status CampaignIsCancelled(const CampaignId& id);

// What a delivery is ranked by, and which floors it passes.
struct Ranking {
  double score = 0;
  EngagedDay engaged_day = 0;
};

absl::Status CheckEngagement(const ports::RecordEngagement& record);
// Of a delivery with signals. Times are what a store keeps of them.
inline double ScoreOf(const EngagementSignals& beyond, const EngagementSignals& reported,
                      absl::Time campaign_create_time) {
  return EngagementScore(Together(beyond, reported),
                         absl::FromUnixMicros(absl::ToUnixMicros(campaign_create_time)));
}

// The earlier known one: `known` unless it is InfinitePast.
inline absl::Time FirstAttempt(absl::Time known, absl::Time otherwise) {
  return known == absl::InfinitePast() ? otherwise : known;
}

// Who holds a claimed delivery.
struct ClaimHolder {
  Lane lane;
  absl::CivilDay day;
};
// May `lane` end its claim of `day`? `holder`: none if the delivery is not claimed.
absl::Status CheckHolder(DeliveryId id, DeliveryState state,
                         const std::optional<ClaimHolder>& holder, const Lane& lane,
                         absl::CivilDay day);
absl::Status CheckSettle(const ports::Settle& settle);
absl::Status CheckPrune(const ports::Prune& prune);
// `state`: the campaign's.
absl::Status CheckCancel(const ports::CancelDeliveries& cancel, CampaignState state);
absl::Status CheckEnd(const ports::EndDelivery& end, DeliveryState state);

// ListDeliveries needs a campaign or an address.
absl::Status CheckFilter(const ports::DeliveryFilter& filter);

// Only these wait in the queue.
constexpr bool IsWaiting(DeliveryState state) {
  return state == DeliveryState::kQueued || state == DeliveryState::kDeferred;
}

// Did the receiver say that the address does not exist?
inline bool IsHardBounce(const ports::Settle& settle) {
  return settle.slot == ports::Settle::Slot::kRefused &&
         settle.suppress == SuppressionReason::kHardBounce;
}

// Does a slot of this kind count on the settle day too, when that is not the claim day?
constexpr bool IsCarried(ports::Settle::Slot slot) {
  return slot != ports::Settle::Slot::kDeferred;
}

// The event of a delivery that a suppression ends. Its address is left to the store to fill in.
Event SuppressedEvent(absl::Time time, const CampaignId& campaign, DeliveryId delivery,
                      SuppressionReason reason);

}  // namespace crescendo::store
