// What a forecast starts from, and all reasons of a wait: from the functions that decide.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {
namespace {

void AddCount(const RecipientQueue::Count& count, QueueGroup* group) {
  group->ready += count.ready;
  if (count.waiting == 0) return;
  const bool first = group->waiting == 0;
  group->first_retry = first ? count.first_retry : std::min(group->first_retry, count.first_retry);
  group->last_retry = first ? count.last_retry : std::max(group->last_retry, count.last_retry);
  group->waiting += count.waiting;
}

// `first` before all others; each reason once.
std::vector<Wait> Ordered(Wait first, std::vector<Wait> all) {
  std::vector<Wait> ordered;
  const auto add = [&](Wait wait) {
    if (wait.reason == Reason::kNone) return;
    const bool known = std::any_of(ordered.begin(), ordered.end(),
                                   [&](const Wait& one) { return one.reason == wait.reason; });
    if (!known) ordered.push_back(std::move(wait));
  };
  add(std::move(first));
  for (Wait& wait : all) add(std::move(wait));
  return ordered;
}

}  // namespace

Snapshot Shard::Impl::Records() const {
  Snapshot snapshot;
  snapshot.now = now_;
  snapshot.loading = loading_.has_value();
  for (const ProviderState& provider : providers_) snapshot.providers.push_back(provider.provider);
  for (const PoolState& pool : pools_) snapshot.pools.push_back(pool.pool);
  for (const auto& [id, plan] : plans_) snapshot.plans.push_back(plan);
  for (const auto& [key, status] : campaigns_) {
    // All but what it says, which may be long.
    Campaign& campaign = snapshot.campaigns.emplace_back();
    campaign.id = status.campaign.id;
    campaign.key = key;
    campaign.pool = status.campaign.pool;
    campaign.from_address = status.campaign.from_address;
    campaign.lifetime = status.campaign.lifetime;
    campaign.weight = status.campaign.weight;
    campaign.sunset_days = status.campaign.sunset_days;
    campaign.state = status.campaign.state;
    campaign.state_reason = status.campaign.state_reason;
  }
  // By pool and provider, so that what greylisting bound to a lane is found beside the rest.
  absl::btree_map<std::pair<int, ProviderIndex>, absl::btree_map<CampaignKey, QueueGroup>> groups;
  for (int pool = 0; pool < static_cast<int>(pools_.size()); ++pool) {
    for (size_t provider = 0; provider < pools_[pool].queues.size(); ++provider) {
      const auto& queue = pools_[pool].queues[provider];
      if (queue == nullptr) continue;
      for (const RecipientQueue::Count& count : queue->Counts()) {
        AddCount(count, &groups[{pool, static_cast<ProviderIndex>(provider)}][count.campaign]);
      }
    }
  }
  for (const IpState& ip : ips_) {
    snapshot.egress_ips.push_back(ip.ip);
    if (ip.day.has_value()) {
      snapshot.plan_days.push_back(*ip.day);
      snapshot.plan_days.back().recent = ip.rolling.slots();
    }
    for (const auto& lane : ip.lanes) {
      if (lane == nullptr) continue;
      snapshot.lanes.push_back(RecordOf(*lane));
      for (const auto& [day, row] : lane->ledger) snapshot.ledger.push_back(row);
      if (ip.pool < 0) continue;
      for (RecipientQueue::Count count : lane->pinned.Counts()) {
        // Not in the pool's queue, so no sample will find them.
        if (count.waiting == 0) count.first_retry = count.last_retry = now_.wall;
        count.waiting += std::exchange(count.ready, 0);
        AddCount(count, &groups[{CampaignOf(count.campaign).pool, lane->provider}][count.campaign]);
      }
    }
  }
  for (auto& [place, by_campaign] : groups) {
    for (auto& [campaign, group] : by_campaign) {
      group.campaign = campaign;
      group.pool = pools_[place.first].pool.id;
      group.provider = providers_[place.second].provider.id;
      snapshot.queue.push_back(std::move(group));
    }
  }
  for (const auto& [id, tried] : tried_) {
    snapshot.stubborn += tried.attempts >= Snapshot::kStubborn;
  }
  for (const DomainState& domain : domains_) {
    snapshot.unrouted += static_cast<int64_t>(domain.waiting.size());
  }
  return snapshot;
}

bool Shard::Impl::SampleQueues(int64_t looks, Snapshot* snapshot) const {
  for (; snapshot->sampled_groups < snapshot->queue.size(); ++snapshot->sampled_groups) {
    QueueGroup& group = snapshot->queue[snapshot->sampled_groups];
    const auto pool = std::find_if(pools_.begin(), pools_.end(),
                                   [&](const PoolState& one) { return one.pool.id == group.pool; });
    const auto provider = static_cast<size_t>(provider_by_id_.at(group.provider.text()));
    if (group.ready > 0 && provider < pool->queues.size() && pool->queues[provider] != nullptr) {
      if (!pool->queues[provider]->Sample(group.campaign, snapshot->stride, looks,
                                          &snapshot->sampling, &group.sample)) {
        return false;
      }
      looks = std::max<int64_t>(1, looks - group.ready);
    }
    snapshot->sampling = {};
  }
  return true;
}

std::vector<Wait> Shard::Impl::WaitsOf(const IpState& ip) const {
  std::vector<Wait> waits;
  VisitIpWaits(ip, [&](Wait wait) {
    waits.push_back(std::move(wait));
    return true;
  });
  return waits;
}

std::vector<Wait> Shard::Impl::WaitsOf(const IpState& ip, const LaneBook& lane) const {
  std::vector<Wait> all = WaitsOf(ip);
  if (ip.pool < 0) return all;
  const std::vector<int64_t> shares = SharesOf(ip);
  VisitLaneWaits(ip, lane, shares[lane.provider], [&](Wait wait) {
    all.push_back(std::move(wait));
    return true;
  });
  all.push_back(QueueBlocking(ip, lane, nullptr));
  return Ordered(WaitOf(ip, lane, shares), std::move(all));
}

std::vector<Wait> Shard::Impl::WaitsOf(const CampaignStatus& campaign,
                                       ProviderIndex provider) const {
  Wait wait = CampaignBlocking(campaign, provider);
  if (wait.reason == Reason::kNone) return {};
  return {std::move(wait)};
}

Wait Shard::Impl::WaitOf(const IpState& ip, EngagedDay engaged) const {
  const int within = Warming(ip) ? ip.floor.within_days : 0;
  if (within == 0 || EngagedWithin(engaged, within, TodayUtc())) return {};
  return FloorWait(ip, engaged == 0 ? absl::StrCat("not known to have been engaged in the last ",
                                                   within, " days")
                                    : absl::StrCat("last engaged ", TodayUtc() - engaged,
                                                   " days ago; the floor is ", within));
}

QueuePlace Shard::Impl::PlaceOf(CampaignKey campaign, absl::string_view name,
                                DeliveryId delivery) const {
  QueuePlace place;
  const int pool = CampaignOf(campaign).pool;
  if (pool >= 0) place.pool = pools_[pool].pool.id;
  for (size_t key = 0; key < domains_.size(); ++key) {
    const DomainState& domain = domains_[key];
    if (domain.name != name) continue;
    place.domain = DomainKey(static_cast<int64_t>(key));
    if (domain.site >= 0) place.provider = providers_[sites_[domain.site].provider].provider.id;
    place.fault = domain.fault;
    break;
  }
  if (const auto tried = tried_.find(delivery); tried != tried_.end()) {
    place.pinned_ip = tried->second.pinned_ip;
  }
  return place;
}

// --- The face
// ------------------------------------------------------------------------------------------

Snapshot Shard::Records() const { return impl_->Records(); }

bool Shard::SampleQueues(int64_t looks, Snapshot* snapshot) const {
  return impl_->SampleQueues(looks, snapshot);
}

std::vector<Wait> Shard::WaitsOf(const EgressIpId& id) const {
  const IpState* ip = impl_->FindIp(id);
  return ip == nullptr ? std::vector<Wait>() : impl_->WaitsOf(*ip);
}

std::vector<Wait> Shard::WaitsOf(const Lane& lane) const {
  IpState* ip = impl_->FindIp(lane.egress_ip);
  const auto provider = impl_->provider_by_id_.find(lane.provider.text());
  if (ip == nullptr || provider == impl_->provider_by_id_.end()) return {};
  return impl_->WaitsOf(*ip, impl_->LaneOf(*ip, provider->second));
}

std::vector<Wait> Shard::WaitsOf(CampaignKey campaign, const ProviderId& id) const {
  const auto found = impl_->campaigns_.find(campaign);
  const auto provider = impl_->provider_by_id_.find(id.text());
  if (found == impl_->campaigns_.end() || provider == impl_->provider_by_id_.end()) return {};
  return impl_->WaitsOf(found->second, provider->second);
}

Wait Shard::WaitOf(const EgressIpId& id, EngagedDay engaged) const {
  const IpState* ip = impl_->FindIp(id);
  return ip == nullptr ? Wait() : impl_->WaitOf(*ip, engaged);
}

QueuePlace Shard::PlaceOf(CampaignKey campaign, absl::string_view domain,
                          DeliveryId delivery) const {
  return impl_->PlaceOf(campaign, domain, delivery);
}

}  // namespace crescendo::core
