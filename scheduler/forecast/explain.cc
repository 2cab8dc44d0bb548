#include "scheduler/forecast/explain.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::forecast {
namespace {

using core::Reason;

absl::Status NotFound(absl::string_view kind, const std::string& id) {
  return absl::NotFoundError(absl::StrCat("there is no ", kind, " \"", id, "\""));
}

PlanId PlanOf(const core::Shard& shard, const EgressIpId& ip) {
  const Plan* plan = shard.FindPlanOf(ip);
  return plan == nullptr ? PlanId() : plan->id;
}

class Situator {
 public:
  Situator(const core::Shard& shard, absl::Time now) : shard_(shard), now_(now) {}

  absl::StatusOr<Situation> OfIp(const EgressIpId& ip) {
    if (shard_.FindEgressIp(ip) == nullptr) return NotFound("egress IP", ip.text());
    for (core::Wait& wait : shard_.WaitsOf(ip)) Add({ip, {}}, std::move(wait));
    for (core::LaneStatus& lane : shard_.LanesOf(ip)) {
      if (lane.queued > 0) Add(lane.lane, std::move(lane.wait));
    }
    situation_.subject.lane = Lane{ip, {}};
    return std::move(situation_);
  }

  absl::StatusOr<Situation> OfLane(const Lane& lane) {
    if (!shard_.StatusOf(lane).has_value()) {
      return NotFound("lane", absl::StrCat(lane.egress_ip.text(), "/", lane.provider.text()));
    }
    for (core::Wait& wait : shard_.WaitsOf(lane)) Add(lane, std::move(wait));
    situation_.subject.lane = lane;
    return std::move(situation_);
  }

  absl::StatusOr<Situation> OfCampaign(const CampaignId& id) {
    const Campaign* campaign = shard_.FindCampaign(id);
    if (campaign == nullptr) return NotFound("campaign", id.text());
    campaign_ = id;
    if (campaign->state == CampaignState::kCancelled) {
      situation_.fact = "it is cancelled: what had not left never will";
      return std::move(situation_);
    }
    AddState(*campaign);
    const std::vector<core::LaneStatus> lanes = LanesOf(campaign->pool);
    for (const core::QueueGroup& group : shard_.Records().queue) {
      if (group.campaign != campaign->key) continue;
      for (core::Wait& wait : shard_.WaitsOf(campaign->key, group.provider)) {
        if (wait.reason != Reason::kCampaignPaused) Add({{}, group.provider}, std::move(wait));
      }
      AddSoonest(lanes, group.provider);
    }
    situation_.subject.campaign = campaign->key;
    return std::move(situation_);
  }

  absl::StatusOr<Situation> OfDelivery(const Delivery& delivery) {
    const Campaign* campaign = shard_.FindCampaign(delivery.campaign);
    if (campaign == nullptr) return NotFound("campaign", delivery.campaign.text());
    campaign_ = campaign->id;
    if (delivery.state != DeliveryState::kQueued && delivery.state != DeliveryState::kDeferred) {
      situation_.fact = FactOf(delivery);
      return std::move(situation_);
    }
    const std::string domain(DomainOf(delivery.address));
    const core::QueuePlace place = shard_.PlaceOf(campaign->key, domain, delivery.id);
    if (place.provider.empty()) {
      Add({}, {Reason::kNoRoute, absl::InfiniteFuture(), place.fault});
      return std::move(situation_);
    }
    AddState(*campaign);
    if (delivery.next_attempt_time > now_) {
      Add({}, {Reason::kRetryTime, delivery.next_attempt_time, delivery.reply});
    }
    for (core::Wait& wait : shard_.WaitsOf(campaign->key, place.provider)) {
      if (wait.reason != Reason::kCampaignPaused) Add({{}, place.provider}, std::move(wait));
    }
    for (const core::LaneStatus& lane : LanesOf(campaign->pool)) {
      const bool can = place.pinned_ip.empty() || place.pinned_ip == lane.lane.egress_ip;
      if (lane.lane.provider != place.provider || !can) continue;
      core::Wait floor = shard_.WaitOf(lane.lane.egress_ip, delivery.engaged_day);
      Add(lane.lane, floor.reason != Reason::kNone ? std::move(floor) : lane.wait);
    }
    situation_.subject.watched =
        Watched{campaign->key,
                place.provider,
                {delivery.score, delivery.id, place.domain, delivery.engaged_day},
                delivery.next_attempt_time};
    return std::move(situation_);
  }

 private:
  void Add(const Lane& where, core::Wait wait) {
    if (wait.reason == Reason::kNone) return;
    // Of an IP and each of its lanes the same is told once.
    const bool known =
        std::any_of(situation_.causes.begin(), situation_.causes.end(), [&](const Cause& cause) {
          return cause.wait.reason == wait.reason && cause.where.egress_ip == where.egress_ip &&
                 (cause.where.provider.empty() || cause.where.provider == where.provider);
        });
    if (known) return;
    std::string remedy = RemedyOf(wait.reason, where, PlanOf(shard_, where.egress_ip), campaign_);
    situation_.causes.push_back({where, std::move(wait), std::move(remedy)});
  }

  void AddState(const Campaign& campaign) {
    if (campaign.state == CampaignState::kSending) return;
    Add({}, {Reason::kCampaignPaused, absl::InfiniteFuture(),
             absl::StrCat(campaign.id.text(), " is ", CampaignStateName(campaign.state),
                          campaign.state_reason.empty() ? "" : ": ", campaign.state_reason)});
  }

  std::vector<core::LaneStatus> LanesOf(const PoolId& id) const {
    std::vector<core::LaneStatus> lanes;
    const Pool* pool = shard_.FindPool(id);
    if (pool == nullptr) return lanes;
    for (const EgressIpId& ip : pool->egress_ips) {
      for (core::LaneStatus& lane : shard_.LanesOf(ip)) lanes.push_back(std::move(lane));
    }
    const Pool* overflow = shard_.FindPool(pool->overflow);
    if (overflow == nullptr) return lanes;
    for (const EgressIpId& ip : overflow->egress_ips) {
      for (core::LaneStatus& lane : shard_.LanesOf(ip)) {
        // Nothing spills there now.
        if (lane.wait.reason == Reason::kNoRecipients) continue;
        lanes.push_back(std::move(lane));
      }
    }
    return lanes;
  }

  // Of the lanes to a provider the one whose wait ends first: there the next one leaves.
  void AddSoonest(const std::vector<core::LaneStatus>& lanes, const ProviderId& provider) {
    const core::LaneStatus* soonest = nullptr;
    for (const core::LaneStatus& lane : lanes) {
      if (lane.lane.provider != provider) continue;
      if (soonest == nullptr || lane.wait.reason == Reason::kNone ||
          (soonest->wait.reason != Reason::kNone && lane.wait.until < soonest->wait.until)) {
        soonest = &lane;
      }
    }
    if (soonest != nullptr) Add(soonest->lane, soonest->wait);
  }

  static std::string FactOf(const Delivery& delivery) {
    if (delivery.state == DeliveryState::kClaimed) {
      return "it is on its way: the receiver's answer is awaited";
    }
    if (delivery.state == DeliveryState::kInDoubt) {
      return "nobody knows whether it arrived: the connection ended behind its final dot, and it "
             "is "
             "held for an operator";
    }
    return absl::StrCat("it has ended: ", DeliveryStateName(delivery.state),
                        delivery.reply.empty() ? "" : ": ", delivery.reply);
  }

  const core::Shard& shard_;
  const absl::Time now_;
  CampaignId campaign_;
  Situation situation_;
};

const Campaign* FindCampaign(const core::Snapshot& snapshot, CampaignKey key) {
  for (const Campaign& campaign : snapshot.campaigns) {
    if (campaign.key == key) return &campaign;
  }
  return nullptr;
}

// What takes turns by weight: a campaign that has one, or all those that have none.
struct Turns {
  double weight = 0;
  int64_t ready = 0;   // Recipients that may go.
  int64_t better = 0;  // Those that rank before the watched one.
};
using TurnsByKey = std::map<CampaignKey, Turns>;

CampaignKey TurnKey(const Campaign& campaign) {
  return campaign.weight > 0 ? campaign.key : CampaignKey();
}

// How lately the pool's IPs ask recipients to have been engaged, those that ask least. Days; 0: not
// at all.
int LoosestFloor(const core::Snapshot& snapshot, const PoolId& id) {
  int loosest = 0;
  const auto pool = std::find_if(snapshot.pools.begin(), snapshot.pools.end(),
                                 [&](const Pool& one) { return one.id == id; });
  if (pool == snapshot.pools.end()) return 0;
  for (const EgressIpId& ip : pool->egress_ips) {
    const auto plan = std::find_if(snapshot.plans.begin(), snapshot.plans.end(),
                                   [&](const Plan& one) { return one.egress_ip == ip; });
    if (plan == snapshot.plans.end() || plan->state == PlanState::kGraduated) return 0;
    const absl::StatusOr<absl::TimeZone> zone = base::LoadZone(plan->time_zone);
    if (!zone.ok()) return 0;
    const EngagementFloor* floor =
        FloorOn(plan->engagement_floors, plan->start_date, base::DayOf(snapshot.now.wall, *zone));
    if (floor == nullptr) return 0;
    loosest = std::max(loosest, floor->within_days);
  }
  return loosest;
}

// Who competes with a campaign for its pool's caps at the provider ("": at all where it has mail).
TurnsByKey TurnsOf(const core::Snapshot& snapshot, const Campaign& own, const ProviderId& provider,
                   const core::Candidate* watched) {
  std::set<ProviderId> places;
  for (const core::QueueGroup& group : snapshot.queue) {
    if (group.campaign == own.key && group.ready > 0) places.insert(group.provider);
  }
  const EngagedDay today = EngagedDayOf(snapshot.now.wall);
  const int within = LoosestFloor(snapshot, own.pool);
  TurnsByKey turns;
  std::set<CampaignKey> counted;
  for (const core::QueueGroup& group : snapshot.queue) {
    const Campaign* campaign = FindCampaign(snapshot, group.campaign);
    const bool there =
        provider.empty() ? places.contains(group.provider) : group.provider == provider;
    if (!there || campaign == nullptr || group.pool != own.pool || group.ready == 0 ||
        campaign->state != CampaignState::kSending) {
      continue;
    }
    Turns& one = turns[TurnKey(*campaign)];
    if (counted.insert(campaign->key).second) one.weight += std::max(campaign->weight, 1);
    one.ready += group.ready;
    if (watched == nullptr) continue;
    const auto end = std::lower_bound(group.sample.begin(), group.sample.end(), *watched);
    const auto better = std::count_if(group.sample.begin(), end, [&](const auto& candidate) {
      return within == 0 || EngagedWithin(candidate.engaged_day, within, today);
    });
    one.better += std::min<int64_t>(better * snapshot.stride, group.ready);
  }
  return turns;
}

void ExplainTurns(const core::Snapshot& snapshot, CampaignKey key, Explanation* explanation) {
  const Campaign* own = FindCampaign(snapshot, key);
  if (own == nullptr) return;
  const TurnsByKey turns = TurnsOf(snapshot, *own, ProviderId(), nullptr);
  const auto mine = turns.find(TurnKey(*own));
  if (turns.size() < 2 || mine == turns.end()) return;
  double all = 0;
  for (const auto& [other, one] : turns) all += one.weight;
  core::Wait wait{Reason::kCampaignShare, explanation->at.expected.value_or(absl::InfiniteFuture()),
                  absl::StrFormat("%.0f %% of the turns are %s, as long as others have mail there",
                                  100 * mine->second.weight / all,
                                  own->weight > 0 ? "its own" : "of campaigns without a weight")};
  explanation->causes.push_back(
      {{}, std::move(wait), RemedyOf(Reason::kCampaignShare, {}, {}, own->id)});
}

// Who leaves before the watched one: in its own campaign by rank, of the others by turns.
void ExplainRank(const core::Snapshot& snapshot, const Watched& watched, Explanation* explanation) {
  const Campaign* own = FindCampaign(snapshot, watched.campaign);
  if (own == nullptr) return;
  const TurnsByKey turns = TurnsOf(snapshot, *own, watched.provider, &watched.candidate);
  const auto mine = turns.find(TurnKey(*own));
  const Turns own_turns =
      mine == turns.end() ? Turns{1.0 * std::max(own->weight, 1)} : mine->second;
  double by_turns = 0;
  for (const auto& [key, one] : turns) {
    if (key == TurnKey(*own)) continue;
    const double until_then =
        static_cast<double>(own_turns.better + 1) * one.weight / own_turns.weight;
    by_turns += std::min(static_cast<double>(one.ready), until_then);
  }
  const auto others = static_cast<int64_t>(by_turns);
  explanation->ahead = own_turns.better + others;
  if (watched.not_before > snapshot.now.wall) return;
  const absl::Time until = explanation->at.expected.value_or(absl::InfiniteFuture());
  const char* about = snapshot.stride > 1 ? "about " : "";
  if (own_turns.better > 0) {
    explanation->causes.push_back(
        {{},
         {Reason::kBetterRanked, until,
          absl::StrCat(about, own_turns.better, " better-ranked recipients go first")},
         RemedyOf(Reason::kBetterRanked, {}, {}, own->id)});
  }
  if (others > 0) {
    explanation->causes.push_back({{},
                                   {Reason::kCampaignShare, until,
                                    absl::StrCat("about ", others, " of other campaigns go first")},
                                   RemedyOf(Reason::kCampaignShare, {}, {}, own->id)});
  }
}

}  // namespace

absl::StatusOr<Situation> Situate(const core::Shard& shard, const Question& question,
                                  absl::Time now) {
  Situator situator(shard, now);
  if (question.delivery.has_value()) return situator.OfDelivery(*question.delivery);
  if (question.lane.has_value()) return situator.OfLane(*question.lane);
  if (!question.campaign.empty()) return situator.OfCampaign(question.campaign);
  return situator.OfIp(question.egress_ip);
}

absl::StatusOr<Explanation> Explain(Situation situation, const core::Snapshot& snapshot,
                                    const core::Options& options, absl::Duration horizon,
                                    absl::FunctionRef<bool()> cancelled) {
  Explanation explanation;
  explanation.causes = std::move(situation.causes);
  explanation.fact = std::move(situation.fact);
  const Subject& subject = situation.subject;
  const bool asks =
      subject.lane.has_value() || subject.watched.has_value() || subject.campaign != CampaignKey();
  if (!asks || !explanation.fact.empty()) return explanation;
  ASSIGN_OR_RETURN(const Forecast forecast, MakeForecast(snapshot, options, subject,
                                                         snapshot.now.wall + horizon, cancelled));
  explanation.at = forecast.at;
  if (subject.watched.has_value()) {
    ExplainRank(snapshot, *subject.watched, &explanation);
  } else if (subject.campaign != CampaignKey()) {
    ExplainTurns(snapshot, subject.campaign, &explanation);
  }
  return explanation;
}

}  // namespace crescendo::forecast
