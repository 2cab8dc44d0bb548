// What an operator could do about each reason: the command to type, where there is one.
#include "absl/strings/str_cat.h"
#include "scheduler/forecast/explain.h"

namespace crescendo::forecast {

std::string RemedyOf(core::Reason reason, const Lane& where, const PlanId& plan_id,
                     const CampaignId& campaign_id) {
  const std::string& plan = plan_id.text();
  const std::string& campaign = campaign_id.text();
  const std::string lane = absl::StrCat(where.egress_ip.text(), "/", where.provider.text());
  switch (reason) {
    case core::Reason::kNone:
    case core::Reason::kIpPacing:
    case core::Reason::kConnecting:
    case core::Reason::kInFlight:
    case core::Reason::kLoading:
    case core::Reason::kRetryTime:
      return "";
    case core::Reason::kNoRecipients:
      return "import recipients: crescendo campaign import";
    case core::Reason::kIpDailyCap:
      return absl::StrCat(
          "add an egress IP to the pool, or give the day a higher cap: crescendo "
          "plan update ",
          plan, " --stage …");
    case core::Reason::kProviderDailyCap:
      return absl::StrCat("give the provider a higher cap: crescendo plan update ", plan,
                          " --provider-cap ", where.provider.text(), "=…");
    case core::Reason::kProviderShare:
      return "nothing: the day's cap is shared out by the mix of the list; a higher cap lifts all";
    case core::Reason::kLaneRate:
    case core::Reason::kProviderRate:
      return "add an egress IP to the pool, or raise the provider's rate in providers.dir";
    case core::Reason::kThrottled:
      return absl::StrCat(
          "let it rest: an attempt now would extend the stop; the reply is in "
          "crescendo lane get ",
          lane);
    case core::Reason::kBlocked:
      return absl::StrCat("read the reply and ask for delisting, then wait: crescendo lane get ",
                          lane);
    case core::Reason::kLanePaused:
      return absl::StrCat("crescendo lane resume ", lane);
    case core::Reason::kPlanNotStarted:
      return absl::StrCat("crescendo plan start ", plan);
    case core::Reason::kPlanPaused:
      return absl::StrCat("crescendo plan resume ", plan);
    case core::Reason::kPlanAborted:
      return absl::StrCat("it is given up for good: crescendo plan delete ", plan,
                          ", then plan create");
    case core::Reason::kRollingDay:
      return absl::StrCat(
          "wait, or add an egress IP to the pool; what counts are the last 24 hours, "
          "not the day: crescendo plan get ",
          plan);
    case core::Reason::kBeforeStartDate:
      return absl::StrCat("set an earlier date: crescendo plan update ", plan, " --start-date …");
    case core::Reason::kOutsideWindow:
      return absl::StrCat("widen the window: crescendo plan update ", plan,
                          " --window … (or --hours, --day-off)");
    case core::Reason::kConnectionLimit:
      return "raise limits.max_connections, or the provider's limit in providers.dir";
    case core::Reason::kHostBackoff:
      return absl::StrCat("see whether its hosts are reachable from here: crescendo lane get ",
                          lane);
    case core::Reason::kSendingDomainHeld:
      return "see to SPF, DKIM and DMARC of the From domain: crescendo event list";
    case core::Reason::kCampaignHeld:
      return absl::StrCat("look at the content that is refused: crescendo campaign get ", campaign);
    case core::Reason::kCampaignPaused:
      return campaign.empty() ? "start or resume a campaign of the pool: crescendo campaign list"
                              : absl::StrCat("crescendo campaign resume ", campaign,
                                             " (a draft: campaign start)");
    case core::Reason::kNoRoute:
      return "see that the resolver answers for the domain";
    case core::Reason::kStoreUnavailable:
      return "free some space on the disk of data_dir";
    case core::Reason::kDraining:
      return "start the daemon again";
    case core::Reason::kNotInPool:
      return absl::StrCat("crescendo pool update POOL --ip ", where.egress_ip.text());
    case core::Reason::kReservedForWarming:
      return "nothing: they are kept for the pool's IPs with a plan; an IP of another pool keeps "
             "none";
    case core::Reason::kNotEngagedEnough:
      return absl::StrCat("widen the floor: crescendo plan update ", plan,
                          " --floor …, or add an IP without a plan to the pool");
    case core::Reason::kCampaignShare:
      return absl::StrCat("give it a higher weight: crescendo campaign update ", campaign,
                          " --weight …");
    case core::Reason::kBetterRanked:
      return "give it a higher score: crescendo campaign import --update-scores";
  }
  return "";
}

}  // namespace crescendo::forecast
