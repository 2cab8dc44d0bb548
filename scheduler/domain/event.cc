#include "scheduler/domain/event.h"

#include "scheduler/domain/suppression.h"

namespace crescendo {

absl::string_view EventTypeName(EventType type) {
  switch (type) {
    case EventType::kAccepted:
      return "ACCEPTED";
    case EventType::kDeferred:
      return "DEFERRED";
    case EventType::kBounced:
      return "BOUNCED";
    case EventType::kInDoubt:
      return "IN_DOUBT";
    case EventType::kExpired:
      return "EXPIRED";
    case EventType::kSuppressed:
      return "SUPPRESSED";
    case EventType::kLaneStopped:
      return "LANE_STOPPED";
    case EventType::kLaneResumed:
      return "LANE_RESUMED";
    case EventType::kRateCut:
      return "RATE_CUT";
    case EventType::kRateRaised:
      return "RATE_RAISED";
    case EventType::kConnectionsCut:
      return "CONNECTIONS_CUT";
    case EventType::kConnectionsRaised:
      return "CONNECTIONS_RAISED";
    case EventType::kHoldStarted:
      return "HOLD_STARTED";
    case EventType::kHoldEnded:
      return "HOLD_ENDED";
    case EventType::kPlanDayOpened:
      return "PLAN_DAY_OPENED";
    case EventType::kPlanDayClosed:
      return "PLAN_DAY_CLOSED";
    case EventType::kPlanStarted:
      return "PLAN_STARTED";
    case EventType::kPlanPaused:
      return "PLAN_PAUSED";
    case EventType::kPlanResumed:
      return "PLAN_RESUMED";
    case EventType::kPlanGraduated:
      return "PLAN_GRADUATED";
    case EventType::kCreated:
      return "CREATED";
    case EventType::kUpdated:
      return "UPDATED";
    case EventType::kCampaignStarted:
      return "CAMPAIGN_STARTED";
    case EventType::kCampaignPaused:
      return "CAMPAIGN_PAUSED";
    case EventType::kCampaignResumed:
      return "CAMPAIGN_RESUMED";
    case EventType::kCampaignCancelled:
      return "CAMPAIGN_CANCELLED";
    case EventType::kLanePaused:
      return "LANE_PAUSED";
    case EventType::kLaneUnpaused:
      return "LANE_UNPAUSED";
    case EventType::kSuppressionAdded:
      return "SUPPRESSION_ADDED";
    case EventType::kSuppressionRemoved:
      return "SUPPRESSION_REMOVED";
    case EventType::kImported:
      return "IMPORTED";
    case EventType::kAlert:
      return "ALERT";
    case EventType::kProbed:
      return "PROBED";
    case EventType::kPlanHeld:
      return "PLAN_HELD";
    case EventType::kPlanMoved:
      return "PLAN_MOVED";
    case EventType::kPlanAborted:
      return "PLAN_ABORTED";
    case EventType::kDeleted:
      return "DELETED";
  }
  return "";
}

std::optional<EventType> ParseEventType(absl::string_view name) {
  for (int i = 0; i <= static_cast<int>(kLastEventType); ++i) {
    const auto type = static_cast<EventType>(i);
    if (EventTypeName(type) == name) return type;
  }
  return std::nullopt;
}

absl::string_view SuppressionReasonName(SuppressionReason reason) {
  switch (reason) {
    case SuppressionReason::kHardBounce:
      return "HARD_BOUNCE";
    case SuppressionReason::kComplaint:
      return "COMPLAINT";
    case SuppressionReason::kUnsubscribe:
      return "UNSUBSCRIBE";
    case SuppressionReason::kManual:
      return "MANUAL";
  }
  return "";
}

}  // namespace crescendo
