#include "store/rules.h"

#include "absl/strings/str_cat.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {
namespace {

constexpr size_t kMaxRows = 10000;

absl::Status CheckRow(const ports::AppendRecipients::Row& row, size_t index) {
  const size_t at = row.address.rfind('@');
  if (at == std::string::npos || at == 0 || at + 1 == row.address.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("row ", index + 1, " has no normalised address; write name@domain"));
  }
  if (!(row.score >= 0 && row.score <= 1)) {  // Also false for NaN.
    return absl::InvalidArgumentError(
        absl::StrCat("row ", index + 1, " has score ", row.score, "; it must be in [0, 1]"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view RecordKindName(RecordKind kind) {
  switch (kind) {
    case RecordKind::kEgressIp:
      return "egress IP";
    case RecordKind::kPool:
      return "pool";
    case RecordKind::kPlan:
      return "plan";
    case RecordKind::kCampaign:
      return "campaign";
  }
  return "";
}

absl::Status CheckReplay(const ports::RequestKey& request, RecordKind kind,
                         const PastRequest& past) {
  if (past.kind == kind && past.fingerprint == request.fingerprint) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("request_id \"", request.id, "\" was used before with another body, for ",
                   RecordKindName(past.kind), " ", past.record, "; choose a new request_id"));
}

absl::Status CheckRevision(RecordKind kind, absl::string_view id, std::optional<int64_t> stored,
                           int64_t expected) {
  const absl::string_view noun = RecordKindName(kind);
  if (expected == 0) {
    return stored ? absl::AlreadyExistsError(absl::StrCat(noun, " ", id, " exists already"))
                  : absl::OkStatus();
  }
  if (!stored) return NoSuch(noun, id);
  if (*stored == expected) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(noun, " ", id, " is at revision ", *stored, ", not ",
                                         expected, ": read it again"));
}

absl::Status TakenByAnother(const EgressIpId& ip, RecordKind kind, absl::string_view owner) {
  return absl::FailedPreconditionError(
      absl::StrCat("egress IP ", ip.text(), " has ", RecordKindName(kind), " ", owner,
                   " already; one ", RecordKindName(kind), " per egress IP"));
}

absl::Status NoSuch(absl::string_view noun, absl::string_view id) {
  return absl::NotFoundError(absl::StrCat("no ", noun, " ", id));
}

absl::Status NoSuchDelivery(DeliveryId id) {
  return absl::NotFoundError(absl::StrCat("no delivery ", id.value()));
}

absl::Status CheckChunkReplay(const ports::AppendRecipients& append, uint64_t fingerprint) {
  if (append.fingerprint == fingerprint) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("chunk ", append.chunk, " of import ", append.import.text(),
                   " was applied before with another body; use a new import id"));
}

absl::Status CheckChunk(const ports::AppendRecipients& append, int64_t last) {
  if (append.chunk < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk is ", append.chunk, "; chunks are numbered from 1"));
  }
  if (append.chunk <= last) {
    return absl::FailedPreconditionError(
        absl::StrCat("chunk ", append.chunk, " of import ", append.import.text(),
                     " was applied, so long ago that its answer is not kept; go on with chunk ",
                     last + 1, " or use a new import id"));
  }
  if (append.chunk > last + 1) {
    return absl::FailedPreconditionError(absl::StrCat("chunk ", append.chunk, " of import ",
                                                      append.import.text(), " cannot follow chunk ",
                                                      last, "; send chunk ", last + 1));
  }
  if (append.rows.size() > kMaxRows) {
    return absl::InvalidArgumentError(
        absl::StrCat("the chunk has ", append.rows.size(), " rows; at most ", kMaxRows));
  }
  for (size_t i = 0; i < append.rows.size(); ++i) RETURN_IF_ERROR(CheckRow(append.rows[i], i));
  return absl::OkStatus();
}

absl::Status CampaignIsCancelled(const CampaignId& id) {
  return absl::FailedPreconditionError(
      absl::StrCat("campaign ", id.text(), " is cancelled; it takes no recipients"));
}

absl::Status CheckHolder(DeliveryId id, DeliveryState state,
                         const std::optional<ClaimHolder>& holder, const Lane& lane,
                         absl::CivilDay day) {
  if (!holder) {
    return absl::FailedPreconditionError(
        absl::StrCat("delivery ", id.value(), " is ", DeliveryStateName(state), ", not claimed"));
  }
  if (holder->lane == lane && holder->day == day) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "delivery ", id.value(), " is claimed by ", holder->lane.egress_ip.text(), " × ",
      holder->lane.provider.text(), " on ", base::FormatDay(holder->day), ", not by ",
      lane.egress_ip.text(), " × ", lane.provider.text(), " on ", base::FormatDay(day)));
}

absl::Status CheckSettle(const ports::Settle& settle) {
  if (settle.state != DeliveryState::kClaimed) return absl::OkStatus();
  return absl::InvalidArgumentError("state is CLAIMED; an attempt that ended leaves the lane");
}

static absl::Status CheckStep(int limit) {
  if (limit >= 1 && limit <= 10000) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("limit is ", limit, "; it must be in [1, 10000]"));
}

absl::Status CheckPrune(const ports::Prune& prune) { return CheckStep(prune.limit); }

absl::Status CheckCancel(const ports::CancelDeliveries& cancel, CampaignState state) {
  if (absl::Status status = CheckStep(cancel.limit); !status.ok()) return status;
  if (state == CampaignState::kCancelled) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("campaign ", cancel.campaign.text(), " is ",
                                                    CampaignStateName(state),
                                                    "; cancel it before its deliveries"));
}

absl::Status CheckEnd(const ports::EndDelivery& end, DeliveryState state) {
  if (!IsFinal(end.state)) {
    return absl::InvalidArgumentError(absl::StrCat("state is ", DeliveryStateName(end.state),
                                                   "; a delivery ends in a final one"));
  }
  if (IsWaiting(state) || state == DeliveryState::kInDoubt) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("delivery ", end.delivery.value(), " is ", DeliveryStateName(state),
                   "; only what waits or is in doubt can be ended"));
}

absl::Status CheckFilter(const ports::DeliveryFilter& filter) {
  if (filter.campaign || filter.address) return absl::OkStatus();
  return absl::InvalidArgumentError("name a campaign or an address whose deliveries to list");
}

Event SuppressedEvent(absl::Time time, const CampaignId& campaign, DeliveryId delivery,
                      SuppressionReason reason) {
  Event event;
  event.time = time;
  event.type = EventType::kSuppressed;
  event.campaign = campaign;
  event.delivery = delivery;
  event.text = std::string(SuppressionReasonName(reason));
  return event;
}

}  // namespace crescendo::store
