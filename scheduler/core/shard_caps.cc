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

bool Shard::Impl::StoppedToday(const IpState& ip, const LaneBook& lane) const {
  if (lane.paused) return true;
  const absl::Time end = Warming(ip) ? ip.window_end : base::EndOf(DayOf(ip), ip.zone);
  const Wait stop = lane.throttle.Blocking(now_.wall);
  return stop.reason != Reason::kNone && stop.until >= end;
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
    const int64_t used = Used(*ip.lanes[i], ip.day->day);
    const int64_t left_over = DemandOf(ip, *ip.lanes[i]);
    const int64_t demand = left_over + used;
    if (StoppedToday(ip, *ip.lanes[i])) {
      shares[i] = used;
      left -= static_cast<double>(used);
    } else if (demand > 0) {
      // The list's mix is as it was before others took from it; but no share is for nobody.
      const auto provider = static_cast<ProviderIndex>(i);
      const int64_t taken = TakenByOthers(ip.pool, provider);
      std::optional<int64_t> cap = ProviderCapOf(ip, provider);
      if (taken > 0) {
        const int64_t most = used + std::max<int64_t>(left_over, 1);
        cap = std::min(cap.value_or(most), most);
      }
      open.push_back({i, static_cast<double>(demand + taken), cap});
    }
  }
  // In proportion to the mix of the list; what a provider's own cap cuts off, or a lane that is
  // stopped leaves, goes to the others.
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
