// tables.h: what a MemoryStore holds, and the writes that change it.
//
// A write is an Apply: it checks everything it needs, then changes the tables, and cannot fail in
// between. See ports/store.h for what each write does.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "scheduler/ports/store.h"
#include "store/memory/labels.h"
#include "store/rules.h"

namespace crescendo::store {

// A delivery. Ids are dense: delivery N is row N - 1.
struct DeliveryRow {
  CampaignKey campaign;
  DomainKey domain;
  std::string address;
  std::vector<std::pair<std::string, std::string>> variables;
  double score = 0;
  EngagedDay engaged_day = 0;
  DeliveryState state = DeliveryState::kQueued;
  DeliveryState before_claim = DeliveryState::kQueued;  // What Release goes back to.
  int attempts = 0;
  int in_doubt_count = 0;
  absl::Time create_time;
  absl::Time first_attempt_time = absl::InfinitePast();
  absl::Time last_attempt_time = absl::InfinitePast();
  absl::Time next_attempt_time = absl::InfinitePast();
  absl::Time end_time = absl::InfinitePast();              // When it became final.
  bool pruned = false;                                     // Only its place is left.
  uint32_t last_ip = 0, last_provider = 0, pinned_ip = 0;  // Labels.
  uint32_t claim_ip = 0, claim_provider = 0;               // While claimed.
  absl::CivilDay claim_day;
  absl::Time claim_time;
  std::optional<ReplyCategory> category;
  std::string reply;
};

// An event. Ids are dense: event N is row N - 1. The address of a delivery's event is the
// delivery's, and is not kept twice.
struct EventRow {
  absl::Time time;
  EventType type = EventType::kAlert;
  std::optional<ReplyCategory> category;
  uint32_t egress_ip = 0, provider = 0, pool = 0, plan = 0, campaign = 0;  // Labels.
  int64_t delivery = 0;
  std::string address;
  std::string text;
  std::string actor;
};

struct CampaignRow {
  Campaign campaign;
  CampaignCounts counts;
  CampaignCounts pruned;                          // Of those.
  int64_t first_delivery = 0, last_delivery = 0;  // Its deliveries' ids are in this range.
};

struct Chunk {
  uint64_t fingerprint = 0;
  ports::AppendOutcome outcome;  // Without `queued` and `new_domains`.
  absl::Time time;
  bool pruned = false;
};

class MemoryTables {
 public:
  ports::WriteResult Apply(const ports::Put<EgressIp>& put);
  ports::WriteResult Apply(const ports::Put<Pool>& put);
  ports::WriteResult Apply(const ports::Put<Plan>& put);
  ports::WriteResult Apply(const ports::Put<Campaign>& put);
  ports::WriteResult Apply(const ports::DeletePlan& remove);
  ports::WriteResult Apply(const ports::PutPlanDay& put);
  ports::WriteResult Apply(const ports::PutLane& put);
  ports::WriteResult Apply(const ports::CountComplaint& count);
  ports::WriteResult Apply(const ports::AppendEvents& append);
  ports::WriteResult Apply(const ports::AppendRecipients& append);
  ports::WriteResult Apply(const ports::RecordEngagement& record);
  ports::WriteResult Apply(const ports::Claim& claim);
  ports::WriteResult Apply(const ports::Release& release);
  ports::WriteResult Apply(const ports::Settle& settle);
  ports::WriteResult Apply(const ports::EndDelivery& end);
  ports::WriteResult Apply(const ports::CancelDeliveries& cancel);
  ports::WriteResult Apply(const ports::AddSuppressions& add);
  ports::WriteResult Apply(const ports::RemoveSuppression& remove);
  ports::WriteResult Apply(const ports::PutWebhook& put);
  ports::WriteResult Apply(const ports::MoveWebhook& move);
  ports::WriteResult Apply(const ports::DeleteWebhook& remove);
  ports::WriteResult Apply(const ports::Prune& prune);

  // nullptr if there is no such delivery (any more) or campaign.
  DeliveryRow* Find(DeliveryId id);
  CampaignRow* Find(const CampaignId& id);
  CampaignRow& campaign(CampaignKey key) { return campaigns[static_cast<size_t>(key.value() - 1)]; }
  QueuedDelivery Queued(DeliveryId id, const DeliveryRow& row) const;
  EngagementSignals Reported(absl::string_view address) const;

  std::map<std::string, EgressIp> egress_ips;
  std::map<std::string, Pool> pools;
  std::map<std::string, Plan> plans;
  std::vector<CampaignRow> campaigns;  // Campaign key N is row N - 1.
  absl::flat_hash_map<std::string, CampaignKey> campaign_keys;
  absl::flat_hash_map<std::string, PastRequest> requests;
  std::map<std::pair<PlanId, absl::CivilDay>, PlanDay> plan_days;
  std::map<Lane, LaneRecord> lanes;
  // By egress IP, provider (labels) and day.
  absl::flat_hash_map<std::tuple<uint32_t, uint32_t, absl::CivilDay>, LedgerRow> ledger;
  std::vector<std::string> domains;  // Domain key N is row N - 1.
  absl::flat_hash_map<std::string, DomainKey> domain_keys;
  std::vector<DeliveryRow> deliveries;
  absl::flat_hash_map<std::string, std::vector<DeliveryId>> by_address;
  absl::flat_hash_map<std::string, Engagement> engagements;       // By address.
  absl::flat_hash_set<uint64_t> engagement_keys;                  // Of the events below.
  std::deque<std::pair<absl::Time, uint64_t>> engagement_events;  // When recorded.
  // Of deliveries with signals, what those hold beyond `engagements`.
  absl::flat_hash_map<DeliveryId, EngagementSignals> signals;
  std::vector<EventRow> events;
  int64_t first_event = 1;  // Those before it are pruned.
  std::map<std::string, Suppression> suppressions;
  std::map<std::string, Webhook> webhooks;
  std::map<std::pair<CampaignKey, ImportId>, std::vector<Chunk>> imports;
  Labels labels;

 private:
  template <class Record, class Table>
  ports::WriteResult ApplyPut(const ports::Put<Record>& put, Table* table);
  absl::Status CheckReferences(const EgressIp&) { return absl::OkStatus(); }
  absl::Status CheckReferences(const Pool& pool);
  absl::Status CheckReferences(const Plan& plan);

  // Do the events name deliveries that exist?
  absl::Status CheckEvents(absl::Span<const Event> events);
  // `address`: for events that have none and name no delivery.
  void Append(absl::Span<const Event> events, absl::string_view address = "");

  absl::Status CheckClaims(const ports::Release& release);
  void Settled(const ports::Settle& settle, DeliveryRow* row);
  void Move(DeliveryRow* row, DeliveryState state);  // Keeps the counts.
  void End(DeliveryRow* row, DeliveryState state, absl::Time time);
  std::optional<ClaimHolder> Holder(const DeliveryRow& row) const;
  LedgerRow& Ledger(const Lane& lane, absl::CivilDay day);
  DomainKey Domain(absl::string_view domain, ports::AppendOutcome* outcome);
  // A row for a delivery that is in the campaign already.
  void Again(const ports::AppendRecipients& append, const ports::AppendRecipients::Row& row,
             DeliveryId id, ports::AppendOutcome* outcome);
  // The score of a row for delivery `id`, whose signals are kept or forgotten.
  Ranking Rank(const ports::AppendRecipients::Row& row, const Campaign& campaign, DeliveryId id);
  // What waits, or is claimed, of an address with new engagement.
  void Rerank(absl::string_view address, std::vector<Rescored>* rescored);
  void PruneDeliveries(const ports::Prune& prune, ports::Pruned* pruned);
  void PruneEvents(const ports::Prune& prune, ports::Pruned* pruned);
  void PruneAnswers(const ports::Prune& prune, ports::Pruned* pruned);
  // Ends what waits of a suppressed address, an event each; adds the ids to `ended`.
  void EndWaiting(const Suppression& suppression, absl::Time time, std::vector<DeliveryId>* ended);
};

}  // namespace crescendo::store
