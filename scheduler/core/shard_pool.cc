// Pools: which IPs take from which queue, and who of it.
//
//   queue of pool A at a provider, by rank
//   ├── kept: what A's warming IPs may still send there today; nobody else takes these
//   └── the rest: A's established IPs; where A has none that can, and spills: A's overflow pool
//
// Warming IPs take the best of all. So the best-ranked are theirs, however fast an established IP
// is; and where the caps of today end, the kept part ends with them. What is kept follows from the
// ledger, so a warming lane that is stopped for the day keeps nothing back from the others.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {
namespace {

// Who has grown too old for a floor and moves on, in one look: some milliseconds.
constexpr int kAgedAtOnce = 20'000;

const Kept& KeptAt(const PoolState& pool, ProviderIndex provider) {
  static const Kept kNothing;
  return provider < static_cast<int>(pool.kept.size()) ? pool.kept[provider] : kNothing;
}

}  // namespace

// --- Members -----------------------------------------------------------------------------------

void Shard::Impl::On(const Pool& pool) {
  WakeAll();
  const auto index_of = [&](const PoolId& id) {
    const auto found = std::find_if(pools_.begin(), pools_.end(),
                                    [&](const PoolState& other) { return other.pool.id == id; });
    return found == pools_.end() ? -1 : static_cast<int>(found - pools_.begin());
  };
  if (index_of(pool.id) < 0) pools_.emplace_back().pool.id = pool.id;
  const int index = index_of(pool.id);
  pools_[index].pool = pool;
  for (PoolState& other : pools_) other.overflow = index_of(other.pool.overflow);
  for (IpState& ip : ips_) {
    const auto& members = pool.egress_ips;
    if (std::find(members.begin(), members.end(), ip.ip.id) != members.end()) {
      ip.pool = index;
    } else if (ip.pool == index) {
      ip.pool = -1;
    }
  }
  for (IpState& ip : ips_) {
    for (int served = 0; served < static_cast<int>(pools_.size()); ++served) {
      if (!Serves(ip, served)) continue;
      for (size_t provider = 0; provider < pools_[served].queues.size(); ++provider) {
        if (pools_[served].queues[provider] != nullptr) LaneOf(ip, static_cast<int>(provider));
      }
    }
    // What is claimed and not under way goes back, where the IP does not take it any more.
    for (auto& lane : ip.lanes) {
      if (lane != nullptr) Revoke(*lane, /*all=*/ip.pool < 0);
    }
  }
  Rehouse();
}

bool Shard::Impl::Serves(const IpState& ip, int pool) const {
  return ip.pool >= 0 && pool >= 0 && (ip.pool == pool || ip.pool == pools_[pool].overflow);
}

void Shard::Impl::Rehouse() {
  for (IpState& ip : ips_) {
    for (auto& lane : ip.lanes) {
      if (lane == nullptr || lane->pinned.size() == 0) continue;
      RecipientQueue pinned = std::exchange(lane->pinned, RecipientQueue());
      pinned.Clear([&](absl::Time not_before, const RecipientQueue::Ranked& ranked) {
        EnqueueAt(DomainOf(ranked.candidate.domain),
                  {ranked.campaign, ranked.candidate, not_before});
      });
    }
  }
}

// --- Sources -----------------------------------------------------------------------------------

Shard::Impl::Sources Shard::Impl::SourcesOf(const IpState& ip, ProviderIndex provider) const {
  Sources sources;
  if (ip.pool < 0) return sources;
  const int within = Warming(ip) ? ip.floor.within_days : 0;
  const auto add = [&](int at, bool all) {
    const PoolState& pool = pools_[at];
    if (provider >= static_cast<int>(pool.queues.size()) || pool.queues[provider] == nullptr)
      return;
    const bool beyond_reserve = !all && KeptAt(pool, provider).count > 0;
    sources.push_back({pool.queues[provider].get(), at, {within, beyond_reserve}});
  };
  // First those of its own pool: of two with the same rank, they leave.
  add(ip.pool, /*all=*/Warming(ip));
  for (int at = 0; at < static_cast<int>(pools_.size()); ++at) {
    if (pools_[at].overflow != ip.pool || !KeptAt(pools_[at], provider).spills) continue;
    add(at, /*all=*/false);
  }
  return sources;
}

void Shard::Impl::Prepare(const Sources& sources, ProviderIndex provider) const {
  for (const Source& source : sources) {
    if (source.reach.beyond_reserve) Reserve(pools_[source.pool], provider, *source.queue);
    if (source.reach.engaged_within == 0) continue;
    source.queue->SetToday(TodayUtc());
    source.queue->Age(kAgedAtOnce);
  }
}

int64_t Shard::Impl::DemandOf(const IpState& ip, const LaneBook& lane) const {
  int64_t demand = lane.pinned.size();
  for (const Source& source : SourcesOf(ip, lane.provider)) {
    int64_t own = source.queue->size();
    if (source.reach.engaged_within > 0) {
      own -= source.queue->ready() - source.queue->in_reach(source.reach.engaged_within);
    }
    if (source.reach.beyond_reserve) own -= pools_[source.pool].kept[lane.provider].count;
    demand += std::max<int64_t>(own, 0);
  }
  return demand;
}

int64_t Shard::Impl::QueuedFor(const IpState& ip, const LaneBook& lane) const {
  int64_t queued = lane.pinned.size();
  for (const Source& source : SourcesOf(ip, lane.provider)) {
    const int64_t kept =
        source.reach.beyond_reserve ? pools_[source.pool].kept[lane.provider].count : 0;
    queued += std::max<int64_t>(source.queue->size() - kept, 0);
  }
  return queued;
}

RecipientQueue Shard::Impl::NewQueue() const {
  RecipientQueue queue;
  queue.SetToday(TodayUtc());
  queue.SetFloors(floors_);
  return queue;
}

void Shard::Impl::TellFloors() {
  std::vector<int> floors;
  for (const auto& [id, plan] : plans_) {
    for (const EngagementFloor& floor : plan.engagement_floors) floors.push_back(floor.within_days);
  }
  std::sort(floors.begin(), floors.end());
  floors.erase(std::unique(floors.begin(), floors.end()), floors.end());
  if (floors == floors_) return;
  floors_ = std::move(floors);
  for (PoolState& pool : pools_) {
    for (auto& queue : pool.queues) {
      if (queue == nullptr) continue;
      queue->SetToday(TodayUtc());
      queue->SetFloors(floors_);
    }
  }
}

bool Shard::Impl::SunHasSet(CampaignKey campaign, const Candidate& candidate) const {
  const int sunset = CampaignOf(campaign).campaign.sunset_days;
  return sunset > 0 && candidate.engaged_day != 0 &&
         !EngagedWithin(candidate.engaged_day, sunset, TodayUtc());
}

// --- What is kept for warming IPs ----------------------------------------------------------------

void Shard::Impl::KeepForWarming() {
  for (size_t at = 0; at < pools_.size(); ++at) {
    PoolState& pool = pools_[at];
    bool any_warming = false, any_established = false;
    for (const IpState& ip : ips_) {
      if (ip.pool == static_cast<int>(at)) (Warming(ip) ? any_warming : any_established) = true;
    }
    // Where nobody else takes from the queue, there is nobody to keep anything from.
    if (pool.overflow < 0 && pool.kept.empty() && !(any_warming && any_established)) continue;
    std::vector<const IpState*> warming, established;
    for (const IpState& ip : ips_) {
      if (ip.pool == static_cast<int>(at)) (Warming(ip) ? warming : established).push_back(&ip);
    }
    std::vector<Kept> kept;
    if (pool.overflow >= 0 || (!established.empty() && !warming.empty())) {
      kept.resize(pool.queues.size());
      for (const IpState* ip : warming) AddKept(*ip, &kept);
    }
    for (size_t provider = 0; pool.overflow >= 0 && provider < kept.size(); ++provider) {
      kept[provider].spills =
          std::all_of(established.begin(), established.end(), [&](const IpState* ip) {
            return provider >= ip->lanes.size() || ip->lanes[provider] == nullptr ||
                   StoppedToday(*ip, *ip->lanes[provider]);
          });
    }
    kept.swap(pool.kept);
    const std::vector<Kept>& before = kept;
    for (size_t provider = 0; provider < pool.queues.size(); ++provider) {
      const auto index = static_cast<ProviderIndex>(provider);
      const Kept& now = KeptAt(pool, index);
      const Kept was = provider < before.size() ? before[provider] : Kept();
      if (now.count < was.count || now.spills != was.spills ||
          now.engaged_within != was.engaged_within) {
        WakeProvider(index);
      }
    }
  }
}

void Shard::Impl::AddKept(const IpState& ip, std::vector<Kept>* kept) const {
  if (!ip.day.has_value() || ip.day->decision != DayDecision::kOpen) return;
  const Reason stop = IpStopping(ip).reason;
  // Before the window, or between two of its hours, the day's cap is still to come.
  if ((stop != Reason::kNone && stop != Reason::kOutsideWindow) || now_.wall >= ip.window_end)
    return;
  const std::vector<int64_t> shares = SharesOf(ip);
  const int64_t ip_left = ip.day->cap - Used(ip);
  const bool six = absl::StrContains(ip.ip.address, ':');
  for (size_t at = 0; at < std::min(kept->size(), ip.lanes.size()); ++at) {
    if (ip.lanes[at] == nullptr) continue;
    const LaneBook& lane = *ip.lanes[at];
    const ProviderState& provider = providers_[at];
    // It would keep for ever what it cannot take.
    if (StoppedToday(ip, lane) || (six ? !provider.ipv6 : !provider.ipv4)) continue;
    const int64_t used = Used(lane, ip.day->day);
    int64_t left = std::min(ip_left, shares[at] - used);
    if (const auto cap = ProviderCapOf(ip, lane.provider); cap.has_value()) {
      left = std::min(left, *cap - used);
    }
    if (left <= 0) continue;
    Kept& there = (*kept)[at];
    const int within = ip.floor.within_days;
    const bool looser = within == 0 || there.engaged_within == 0;
    there.engaged_within = there.count > 0 && looser ? 0 : std::max(there.engaged_within, within);
    there.count += left;
    there.until = std::min(there.until, ip.window_end);
  }
}

void Shard::Impl::Reserve(const PoolState& pool, ProviderIndex provider,
                          RecipientQueue& queue) const {
  const Kept& kept = KeptAt(pool, provider);
  if (!weighted_) {
    return queue.Reserve(kept.count, kept.engaged_within,
                         [&](CampaignKey key) { return Flows(key, provider); });
  }
  // Warming lanes take the best of each campaign by its weight: so much of each is kept.
  const Reach reach{kept.engaged_within, false};
  std::map<CampaignKey, Claimant> groups;
  for (const auto& [key, campaign] : campaigns_) {
    const int64_t has = Flows(key, provider) ? queue.ready(key, reach) : 0;
    if (has == 0) continue;
    const auto [group, is_new] = groups.try_emplace(GroupOf(key), Claimant{0, 0});
    group->second.weight += std::max(campaign.campaign.weight, 1);
    group->second.has += has;
  }
  std::vector<Claimant> claimants;
  for (const auto& [key, claimant] : groups) claimants.push_back(claimant);
  const std::vector<int64_t> counts = ShareOut(kept.count, claimants);
  size_t at = 0;
  for (const auto& [group, claimant] : groups) {
    queue.Reserve(counts[at++], kept.engaged_within, [&, group = group](CampaignKey key) {
      return GroupOf(key) == group && Flows(key, provider);
    });
  }
}

bool Shard::Impl::Flows(CampaignKey key, ProviderIndex provider) const {
  const CampaignStatus& campaign = CampaignOf(key);
  if (campaign.campaign.state != CampaignState::kSending) return false;
  const auto at = campaign.at.find(provider);
  return at == campaign.at.end() || at->second.held_until <= now_.wall;
}

int64_t Shard::Impl::TakenByOthers(int pool, ProviderIndex provider) const {
  if (pool < 0) return 0;
  const PoolState& state = pools_[pool];
  const bool any = state.taken_on == TodayUtc() && provider < static_cast<int>(state.taken.size());
  return any ? state.taken[provider] : 0;
}

void Shard::Impl::CountTaken(const IpState& ip, const LaneBook& lane, CampaignKey campaign) {
  const int pool = CampaignOf(campaign).pool;
  if (pool == ip.pool && Warming(ip)) return;
  PoolState& state = pools_[pool];
  if (std::exchange(state.taken_on, TodayUtc()) != TodayUtc()) state.taken.clear();
  if (static_cast<int>(state.taken.size()) <= lane.provider) state.taken.resize(lane.provider + 1);
  ++state.taken[lane.provider];
}

// --- Turns of campaigns
// ----------------------------------------------------------------------------

CampaignKey Shard::Impl::GroupOf(CampaignKey key) const {
  return CampaignOf(key).campaign.weight > 0 ? key : CampaignKey();
}

std::vector<Contender> Shard::Impl::ContendersOf(const IpState& ip, const LaneBook& lane,
                                                 const Sources& sources) const {
  std::vector<Contender> contenders;
  Contender others{CampaignKey(), 0};
  for (const auto& [key, campaign] : campaigns_) {
    int64_t ready = lane.pinned.ready(key);
    for (const Source& source : sources) ready += source.queue->ready(key, source.reach);
    if (ready == 0) continue;
    if (campaign.campaign.weight > 0) {
      contenders.push_back({key, static_cast<double>(campaign.campaign.weight)});
    } else if (campaign.campaign.state == CampaignState::kSending) {
      others.weight += 1;
    }
  }
  if (others.weight > 0) contenders.push_back(others);
  const auto& turns = pools_[ip.pool].turns;
  if (lane.provider >= static_cast<int>(turns.size())) {
    return CampaignShare().InTurn(std::move(contenders));
  }
  return turns[lane.provider].InTurn(std::move(contenders));
}

}  // namespace crescendo::core
