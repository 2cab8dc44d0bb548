#include "scheduler/forecast/explain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
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
      if (lane.lane.provider == place.provider && can) Add(lane.lane, lane.wait);
    }
    situation_.subject.watched = Watched{campaign->key,
                                         place.provider,
                                         {delivery.score, delivery.id, place.domain},
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

// Of the pool's recipients at the provider that may go: those better ranked.
int64_t CountAhead(const core::Snapshot& snapshot, const Watched& watched) {
  const auto campaign_of = [&](CampaignKey key) -> const Campaign* {
    for (const Campaign& campaign : snapshot.campaigns) {
      if (campaign.key == key) return &campaign;
    }
    return nullptr;
  };
  const Campaign* own = campaign_of(watched.campaign);
  int64_t ahead = 0;
  for (const core::QueueGroup& group : snapshot.queue) {
    const Campaign* campaign = campaign_of(group.campaign);
    if (group.provider != watched.provider || own == nullptr || campaign == nullptr ||
        group.pool != own->pool || campaign->state != CampaignState::kSending) {
      continue;
    }
    const auto end = std::lower_bound(group.sample.begin(), group.sample.end(), watched.candidate);
    ahead += std::min<int64_t>((end - group.sample.begin()) * snapshot.stride, group.ready);
  }
  return ahead;
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
  if (!subject.watched.has_value()) return explanation;
  explanation.ahead = CountAhead(snapshot, *subject.watched);
  if (*explanation.ahead == 0 || subject.watched->not_before > snapshot.now.wall) {
    return explanation;
  }
  core::Wait rank{Reason::kBetterRanked, explanation.at.expected.value_or(absl::InfiniteFuture()),
                  absl::StrCat(snapshot.stride > 1 ? "about " : "", *explanation.ahead,
                               " better-ranked recipients go first")};
  explanation.causes.push_back({{}, std::move(rank), RemedyOf(Reason::kBetterRanked, {}, {}, {})});
  return explanation;
}

}  // namespace crescendo::forecast
