#include "scheduler/core/wait.h"

namespace crescendo::core {
namespace {

struct Names {
  absl::string_view code;
  absl::string_view text;
};

Names NamesOf(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return {"NONE", "may leave now"};
    case Reason::kNoRecipients:
      return {"NO_RECIPIENTS", "no recipients wait"};
    case Reason::kIpDailyCap:
      return {"IP_DAILY_CAP", "the IP's cap of today is used up"};
    case Reason::kProviderDailyCap:
      return {"PROVIDER_DAILY_CAP", "the cap of today for this provider is used up"};
    case Reason::kProviderShare:
      return {"PROVIDER_SHARE", "this provider's share of today's cap is used up"};
    case Reason::kIpPacing:
      return {"IP_PACING", "pacing: the day's cap is spread over the window"};
    case Reason::kLaneRate:
      return {"LANE_RATE", "rate of the lane"};
    case Reason::kProviderRate:
      return {"PROVIDER_RATE", "rate of all IPs at this provider"};
    case Reason::kThrottled:
      return {"THROTTLED", "stopped: the receiver said too fast"};
    case Reason::kBlocked:
      return {"BLOCKED", "stopped: the receiver refuses this IP"};
    case Reason::kLanePaused:
      return {"LANE_PAUSED", "the lane is paused"};
    case Reason::kPlanNotStarted:
      return {"PLAN_NOT_STARTED", "the plan is not started"};
    case Reason::kPlanPaused:
      return {"PLAN_PAUSED", "the plan is paused"};
    case Reason::kBeforeStartDate:
      return {"BEFORE_START_DATE", "before the plan's start date"};
    case Reason::kOutsideWindow:
      return {"OUTSIDE_WINDOW", "outside the sending window"};
    case Reason::kConnecting:
      return {"CONNECTING", "connecting"};
    case Reason::kConnectionLimit:
      return {"CONNECTION_LIMIT", "all connections are in use"};
    case Reason::kHostBackoff:
      return {"HOST_BACKOFF", "the receiving hosts failed a moment ago"};
    case Reason::kRetryTime:
      return {"RETRY_TIME", "recipients wait for their retry time"};
    case Reason::kSendingDomainHeld:
      return {"SENDING_DOMAIN_HELD", "the sending domain is held there"};
    case Reason::kCampaignHeld:
      return {"CAMPAIGN_HELD", "the campaign is held there for its content"};
    case Reason::kCampaignPaused:
      return {"CAMPAIGN_PAUSED", "no campaign of the recipients is sending"};
    case Reason::kNoRoute:
      return {"NO_ROUTE", "the MX hosts are not known now"};
    case Reason::kStoreUnavailable:
      return {"STORE_UNAVAILABLE", "the store takes no new work (disk full)"};
    case Reason::kDraining:
      return {"DRAINING", "the daemon is shutting down"};
    case Reason::kInFlight:
      return {"IN_FLIGHT", "replies are awaited"};
    case Reason::kNotInPool:
      return {"NOT_IN_POOL", "the IP is in no pool"};
    case Reason::kReservedForWarming:
      return {"RESERVED_FOR_WARMING", "the best-ranked are left to the warming IPs of today"};
    case Reason::kNotEngagedEnough:
      return {"NOT_ENGAGED_ENOUGH", "who is left was not engaged lately enough for the plan"};
    case Reason::kCampaignShare:
      return {"CAMPAIGN_SHARE", "other campaigns have their turns, by their weights"};
    case Reason::kLoading:
      return {"LOADING", "the queue is being loaded after a start"};
    case Reason::kBetterRanked:
      return {"BETTER_RANKED", "better-ranked recipients go first"};
    case Reason::kPlanAborted:
      return {"PLAN_ABORTED", "the plan is aborted"};
    case Reason::kRollingDay:
      return {"ROLLING_DAY", "the IP's cap is used up in the last 24 hours"};
  }
  return {"", ""};
}

}  // namespace

absl::string_view ReasonCode(Reason reason) { return NamesOf(reason).code; }
absl::string_view ReasonText(Reason reason) { return NamesOf(reason).text; }

}  // namespace crescendo::core
