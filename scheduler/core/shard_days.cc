// Plan days: when they open and close, what they allow, and how a day's cap is shared out.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/core/ramp.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {

void Shard::Impl::TurnDays() {
  for (IpState& ip : ips_) {
    const Plan* plan = PlanOf(ip);
    if (plan == nullptr) continue;
    const absl::CivilDay today = base::DayOf(now_.wall, ip.zone);
    const bool open = ip.day.has_value() && ip.day->decision == DayDecision::kOpen;
    if (open && ip.day->day < today) {
      CloseOpenDay(ip, *plan);
      WakeIp(ip);
      plan = PlanOf(ip);
    }
    if (plan->state != PlanState::kActive) continue;
    if (ip.day.has_value() && ip.day->decision == DayDecision::kOpen) {
      WakeAt(ip.day_end);
      continue;
    }
    if (ip.day.has_value() && ip.day->decision == DayDecision::kGraduate) {
      Plan done = *plan;
      done.state = PlanState::kGraduated;
      done.state_reason = ip.day->reason;
      Event event = NewEvent(EventType::kPlanGraduated, nullptr);
      event.egress_ip = ip.ip.id;
      event.plan = plan->id;
      event.text = ip.day->reason;
      Emit(ports::Put<Plan>{done, {}, {std::move(event)}});
      plans_[done.id.text()].state = PlanState::kGraduated;
      WakeIp(ip);
      continue;
    }
    if (std::optional<PlanDay> next = OpenDay(*plan, ip.day, today); next.has_value()) {
      ip.day = *std::move(next);
      SetWindow(ip, *plan);
      WakeIp(ip);
      Event event = NewEvent(EventType::kPlanDayOpened, nullptr);
      event.egress_ip = ip.ip.id;
      event.plan = plan->id;
      event.text = absl::StrCat(base::FormatDay(today), ": stage ", ip.day->stage + 1, " of ",
                                plan->stages.size(), ", day ", ip.day->day_in_stage + 1, " of ",
                                plan->stages[ip.day->stage].days, ", cap ", ip.day->cap);
      Emit(ports::PutPlanDay{*ip.day, {std::move(event)}});
      WakeAt(ip.day_end);
    } else {
      // Before the start date, or the clock went back: the next day is worth a look.
      WakeAt(base::EndOf(today, ip.zone));
    }
  }
}

void Shard::Impl::CloseOpenDay(IpState& ip, const Plan& plan) {
  DayFacts facts;
  facts.attainable = ip.day->cap;
  int64_t provider_caps = 0;
  bool all_capped = true, any = false;
  for (const auto& lane : ip.lanes) {
    if (lane == nullptr) continue;
    const auto row = lane->ledger.find(ip.day->day);
    const int64_t accepted = row == lane->ledger.end() ? 0 : row->second.accepted;
    facts.accepted += accepted;
    if (accepted == 0 && DemandOf(ip, *lane) == 0) continue;
    any = true;
    const std::optional<int64_t> cap = ProviderCapOf(ip, lane->provider);
    all_capped = all_capped && cap.has_value();
    provider_caps += cap.value_or(0);
    // Rows older than yesterday are history: the store has them.
    while (!lane->ledger.empty() && lane->ledger.begin()->first < ip.day->day - 1 &&
           lane->ledger.begin()->second.claimed == 0) {
      lane->ledger.erase(lane->ledger.begin());
    }
  }
  if (any && all_capped) facts.attainable = std::min(facts.attainable, provider_caps);
  ip.day = CloseDay(plan, *ip.day, facts);
  Event event = NewEvent(EventType::kPlanDayClosed, nullptr);
  event.egress_ip = ip.ip.id;
  event.plan = plan.id;
  event.text = absl::StrCat(base::FormatDay(ip.day->day), ": ", ip.day->reason);
  Emit(ports::PutPlanDay{*ip.day, {std::move(event)}});
}

void Shard::Impl::SetWindow(IpState& ip, const Plan& plan) {
  const absl::CivilDay day = ip.day->day;
  ip.day_end = base::EndOf(day, ip.zone);
  const EngagementFloor* floor = FloorOn(plan.engagement_floors, plan.start_date, day);
  ip.floor = floor == nullptr ? EngagementFloor() : *floor;
  DayShape shape(plan.window, plan.shape, day, ip.zone);
  ip.window_start = shape.start();
  ip.window_end = shape.end();
  ip.pacer.Open(now_.wall, std::move(shape), ip.day->cap,
                std::max<int64_t>(ip.day->cap - Used(ip), 0), options_.pacing, random_);
}

absl::CivilDay Shard::Impl::DayOf(const IpState& ip) const {
  if (Warming(ip) && ip.day.has_value()) return ip.day->day;
  return base::DayOf(now_.wall, ip.zone);
}

bool Shard::Impl::Warming(const IpState& ip) const {
  const Plan* plan = PlanOf(ip);
  return plan != nullptr && plan->state != PlanState::kGraduated;
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
  int64_t used = 0;
  for (const auto& lane : ip.lanes) {
    if (lane != nullptr) used += Used(*lane, day);
  }
  return used;
}

std::optional<int64_t> Shard::Impl::ProviderCapOf(const IpState& ip, ProviderIndex provider) const {
  if (!Warming(ip)) return std::nullopt;
  std::optional<int64_t> cap;
  const Provider& facts = providers_[provider].provider;
  if (facts.warming_daily_cap > 0) cap = facts.warming_daily_cap;
  // The plan's own cap stands above the provider's default, in both directions.
  for (const ProviderCap& own : PlanOf(ip)->provider_caps) {
    if (own.provider == facts.id) cap = own.daily_cap;
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
