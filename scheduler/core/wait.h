// wait.h: why nothing leaves now, and when that ends. What operators ask most.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace crescendo::core {

enum class Reason {
  kNone,  // Something may leave right now.
  kNoRecipients,
  kIpDailyCap,        // The plan's cap of today is used up.
  kProviderDailyCap,  // The plan's or the provider's cap for this provider is used up.
  kProviderShare,     // This provider's share of the IP's day is used up; others keep theirs.
  kIpPacing,          // The day's cap is spread over the sending window.
  kLaneRate,          // The lane's token bucket.
  kProviderRate,      // The bucket of all our IPs at this provider.
  kThrottled,         // The receiver said we are too fast: stopped for a while.
  kBlocked,           // The receiver refuses this IP (blocklist, reputation): stopped, look at it.
  kLanePaused,        // By an operator or a guardrail.
  kPlanNotStarted,
  kPlanPaused,
  kBeforeStartDate,
  kOutsideWindow,
  kConnecting,
  kConnectionLimit,
  kHostBackoff,        // All receiving hosts failed a moment ago.
  kRetryTime,          // Every recipient left has its own retry time.
  kSendingDomainHeld,  // Our From domain is refused or limited there.
  kCampaignHeld,       // The campaign's content is refused there.
  kCampaignPaused,
  kNoRoute,           // The domains' MX hosts are not known now.
  kStoreUnavailable,  // Disk full: nothing new is claimed.
  kDraining,          // The daemon is shutting down.
  kInFlight,          // All that may leave has left; replies are awaited.
  kNotInPool,         // The IP is in no pool.
  kLoading,           // The queue is being read after a start.
  kPlanAborted,
  kRollingDay,          // The cap is used up in the last 24 hours.
  kBetterRanked,        // Of one recipient: others are more engaged (L5).
  kReservedForWarming,  // The best-ranked are for warming IPs, as long as these may take them
                        // today.
  kNotEngagedEnough,    // Who is left was not engaged as lately as the plan's floor asks.
  kCampaignShare,       // Of a campaign or recipient: others have their turns, by weight.
};
absl::string_view ReasonCode(Reason reason);  // "IP_DAILY_CAP" …
absl::string_view ReasonText(Reason reason);  // "the plan's cap of today is used up" …

struct Wait {
  Reason reason = Reason::kNone;
  // When it ends by itself; InfiniteFuture when only a person or a reply can end it.
  absl::Time until = absl::InfiniteFuture();
  std::string detail;  // "421 4.7.28 Gmail has detected …"; "200 of 200 used". May be "".
};

}  // namespace crescendo::core
