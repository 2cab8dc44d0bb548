// What a plan day allows: its caps, the slots that are used, and how the cap is shared out.
#include <algorithm>
#include <cmath>

#include "scheduler/base/civil_day.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {

absl::CivilDay Shard::Impl::DayOf(const IpState& ip) const {
  if (ip.day.has_value() && (Warming(ip) || DayIsOpen(ip))) return ip.day->day;
  return base::DayOf(now_.wall, ip.zone);
}

bool Shard::Impl::Warming(const IpState& ip) const {
  const Plan* plan = PlanOf(ip);
  return plan != nullptr && plan->state != PlanState::kGraduated;
}

bool Shard::Impl::Capped(const IpState& ip) const {
  const Plan* plan = PlanOf(ip);
  return plan != nullptr && IsCapped(*plan);
}

int64_t Shard::Impl::Used(const LaneBook& lane, absl::CivilDay day) const {
  int64_t used = 0;
  for (const auto& [row_day, row] : lane.ledger) {
    // What an earlier day has in flight may end today, so it has a slot of both
    // (LedgerRow.carried).
    if (row_day == day) used += row.used();
    if (row_day < day) used += row.claimed;
  }
  return used;
}

int64_t Shard::Impl::Used(const IpState& ip) const {
  const absl::CivilDay day = DayOf(ip);
  if (ip.used.has_value() && ip.used->first == day) return ip.used->second;
  int64_t used = 0;
  for (const auto& lane : ip.lanes) {
    if (lane != nullptr) used += Used(*lane, day);
  }
  ip.used = {day, used};
  return used;
}

int64_t Shard::Impl::Claimed(const IpState& ip) const {
  if (ip.claimed.has_value()) return *ip.claimed;
  int64_t claimed = 0;
  for (const auto& lane : ip.lanes) {
    if (lane == nullptr) continue;
    for (const auto& [day, row] : lane->ledger) claimed += row.claimed;
  }
  ip.claimed = claimed;
  return claimed;
}

std::optional<int64_t> Shard::Impl::ProviderCapOf(const IpState& ip, ProviderIndex provider) const {
  if (!Warming(ip)) return std::nullopt;
  std::optional<int64_t> cap;
  const Provider& facts = providers_[provider].provider;
  if (facts.warming_daily_cap > 0) cap = facts.warming_daily_cap;
  // The plan's own ramp and cap stand above the provider's default, in both directions.
  bool ramp = false;
  if (ip.day.has_value()) {
    for (const ProviderDay& own : ip.day->providers) {
      if (own.provider != facts.id) continue;
      cap = own.cap;
      ramp = true;
    }
  }
  for (const ProviderCap& own : PlanOf(ip)->provider_caps) {
    if (own.provider == facts.id) cap = ramp ? std::min(*cap, own.daily_cap) : own.daily_cap;
  }
  return cap;
}

int64_t Shard::Impl::DemandOf(const IpState& ip, const LaneBook& lane) const {
  int64_t demand = lane.pinned.size();
  if (ip.pool >= 0) {
    const auto& queues = pools_[ip.pool].queues;
    if (lane.provider < static_cast<int>(queues.size()) && queues[lane.provider] != nullptr) {
      demand += queues[lane.provider]->size();
    }
  }
  return demand;
}

std::vector<int64_t> Shard::Impl::SharesOf(const IpState& ip) const {
  std::vector<int64_t> shares(ip.lanes.size(), 0);
  if (!Warming(ip) || !ip.day.has_value()) return shares;
  struct Open {
    size_t lane;
    double demand;
    std::optional<int64_t> cap;
  };
  std::vector<Open> open;
  double left = static_cast<double>(ip.day->cap);
  for (size_t i = 0; i < ip.lanes.size(); ++i) {
    if (ip.lanes[i] == nullptr) continue;
    const int64_t demand = DemandOf(ip, *ip.lanes[i]) + Used(*ip.lanes[i], ip.day->day);
    if (demand > 0) {
      open.push_back({i, static_cast<double>(demand), ProviderCapOf(ip, static_cast<int>(i))});
    }
  }
  // In proportion to the mix of the list; what a provider's own cap cuts off goes to the others.
  for (bool again = true; again && !open.empty();) {
    again = false;
    double demand = 0;
    for (const Open& lane : open) demand += lane.demand;
    for (size_t i = 0; i < open.size();) {
      const double share = left * open[i].demand / demand;
      if (open[i].cap.has_value() && static_cast<double>(*open[i].cap) < share) {
        shares[open[i].lane] = *open[i].cap;
        left -= static_cast<double>(*open[i].cap);
        open.erase(open.begin() + static_cast<ptrdiff_t>(i));
        again = true;
        break;
      }
      shares[open[i].lane] = static_cast<int64_t>(std::ceil(share));
      ++i;
    }
  }
  return shares;
}

}  // namespace crescendo::core
