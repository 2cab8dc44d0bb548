// Plan days: when they open and close, what an edit does to an open one, and what guardrails stop.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/core/shard_impl.h"
#include "scheduler/domain/plan_settings.h"

namespace crescendo::core {
namespace {

bool SameStep(const PlanDay& a, const PlanDay& b) {
  return a.stage == b.stage && a.day_in_stage == b.day_in_stage && a.cap == b.cap &&
         a.peak_cap == b.peak_cap && a.moves == b.moves && a.providers == b.providers;
}

std::string StepText(const Plan& plan, const PlanDay& day) {
  if (IsBeyond(plan, day)) return absl::StrCat("graduated, cap ", day.cap);
  return absl::StrCat("stage ", day.stage + 1, " of ", plan.stages.size(), ", day ",
                      day.day_in_stage + 1, " of ", plan.stages[day.stage].days, ", cap ", day.cap);
}

bool Opens(PlanState state) {
  return state == PlanState::kActive || state == PlanState::kHeld || state == PlanState::kGraduated;
}

}  // namespace

void Shard::Impl::TurnDays() {
  if (now_.wall >= days_due_) {
    // What it asks for is its own, to be asked for again until then.
    const absl::Time others = std::exchange(wake_, absl::InfiniteFuture());
    do {
      days_due_ = wake_ = absl::InfiniteFuture();
      TurnDueDays();
    } while (days_due_ == absl::InfinitePast());  // A day turned: what follows from it?
    days_due_ = std::exchange(wake_, others);
  }
  WakeAt(days_due_);
}

void Shard::Impl::TurnDueDays() {
  for (IpState& ip : ips_) {
    if (PlanOf(ip) != nullptr) TurnDay(ip);
  }
}

void Shard::Impl::TurnDay(IpState& ip) {
  absl::CivilDay today = base::DayOf(now_.wall, ip.zone);
  if (DayIsOpen(ip) && ip.day->day < today) {
    CloseOpenDay(ip, *PlanOf(ip));
    WakeIp(ip);
  }
  const Plan* plan = PlanOf(ip);
  if (plan->next.has_value() && (DayIsOpen(ip) ? ip.day->day : today) >= plan->next_from) {
    TakeNextShape(ip, *plan);
    plan = PlanOf(ip);
    today = base::DayOf(now_.wall, ip.zone);
  }
  if (plan->next.has_value()) WakeAt(base::StartOf(plan->next_from, ip.zone));
  if (DayIsOpen(ip)) EditOpenDay(ip, *plan);
  if (std::exchange(ip.evidence, false) && DayIsOpen(ip)) GuardToday(ip);
  if (DayIsOpen(ip)) WakeAt(ip.day_end);  // It ends, whatever the plan's state.
  if (!FollowDay(ip) || DayIsOpen(ip)) return;
  plan = PlanOf(ip);
  std::optional<PlanDay> next = OpenDay(*plan, ip.day, today);
  // Before the start date, or the clock went back: the next day is worth a look.
  if (!next.has_value()) return WakeAt(base::EndOf(today, ip.zone));
  const absl::CivilDay idle_since = ip.day.has_value() ? IdleSince(*ip.day) : next->idle_since;
  const bool moved = ip.day.has_value() && next->moves != ip.day->moves;
  ip.day = *std::move(next);
  std::string text = absl::StrCat(base::FormatDay(today), ": ", StepText(*plan, *ip.day));
  if (idle_since != ip.day->idle_since) {
    absl::StrAppend(&text, "; back along the ramp by ", today - idle_since, " days without mail");
  } else if (moved) {
    absl::StrAppend(&text, "; moved by an operator");
  }
  ip.day->recent = ip.rolling.slots();
  SetWindow(ip, *plan);
  WakeIp(ip);
  SaveDay(ip, EventType::kPlanDayOpened, text);
  // One that was graduated and has been idle is on its ramp again.
  if (plan->state == PlanState::kGraduated && !IsBeyond(*plan, *ip.day) &&
      ip.day->moves >= plan->move.number) {
    MovePlan(ip, PlanState::kActive, plan->acted_day, EventType::kPlanMoved, text);
  }
  WakeAt(ip.day_end);
}

bool Shard::Impl::FollowDay(IpState& ip) {
  const Plan& plan = *PlanOf(ip);
  if (!Opens(plan.state)) return false;
  if (!ip.day.has_value() || plan.acted_day >= ip.day->day) return true;
  if (ip.day->decision == DayDecision::kGraduate && plan.state == PlanState::kActive) {
    MovePlan(ip, PlanState::kGraduated, ip.day->day, EventType::kPlanGraduated, ip.day->reason);
  } else if (ip.day->decision == DayDecision::kPause) {
    MovePlan(ip, PlanState::kPaused, ip.day->day, EventType::kPlanPaused, ip.day->reason);
    return false;
  }
  return true;
}

void Shard::Impl::MovePlan(IpState& ip, PlanState state, absl::CivilDay acted_day, EventType type,
                           const std::string& reason) {
  Plan moved = *PlanOf(ip);
  moved.state = state;
  moved.state_reason = reason;
  moved.acted_day = acted_day;
  Event event = NewEvent(type, nullptr);
  event.egress_ip = ip.ip.id;
  event.plan = moved.id;
  event.text = reason;
  Emit(ports::Put<Plan>{moved, {}, {std::move(event)}});
  // Its new revision comes with the store's answer. If an operator's change came first, the store
  // refuses this one, and it is made again from what that change left.
  plans_[moved.id.text()] = std::move(moved);
  WakeIp(ip);
}

void Shard::Impl::TakeNextShape(IpState& ip, const Plan& plan) {
  Plan edited = plan;
  static_cast<PlanShape&>(edited) = *plan.next;
  edited.next.reset();
  Event event = NewEvent(EventType::kUpdated, nullptr);
  event.egress_ip = ip.ip.id;
  event.plan = plan.id;
  event.text = absl::StrCat("in force: ", DiffText(DiffOf(plan, edited))).substr(0, 1000);
  Emit(ports::Put<Plan>{edited, {}, {std::move(event)}});
  On(edited);
}

void Shard::Impl::EditOpenDay(IpState& ip, const Plan& plan) {
  PlanDay edited = EditedDay(plan, *ip.day);
  if (SameStep(edited, *ip.day)) return;
  ip.day = std::move(edited);
  Emit(ports::PutPlanDay{*ip.day, {}});
  SetWindow(ip, plan);
  WakeIp(ip);
}

std::vector<Evidence> Shard::Impl::EvidenceOfDay(const IpState& ip) const {
  std::vector<Evidence> lanes;
  for (const auto& lane : ip.lanes) {
    if (lane == nullptr) continue;
    const auto row = lane->ledger.find(ip.day->day);
    if (row == lane->ledger.end()) continue;
    lanes.push_back(EvidenceOf(row->second));
    lanes.back().provider = lane->lane.provider;
  }
  return lanes;
}

DayFacts Shard::Impl::FactsOf(const IpState& ip) const {
  DayFacts facts;
  facts.lanes = EvidenceOfDay(ip);
  facts.attainable = ip.day->cap;
  int64_t provider_caps = 0;
  bool all_capped = true, any = false;
  for (const auto& lane : ip.lanes) {
    if (lane == nullptr) continue;
    const auto row = lane->ledger.find(ip.day->day);
    if (row != lane->ledger.end()) facts.accepted += row->second.accepted;
    const int64_t accepted = row == lane->ledger.end() ? 0 : row->second.accepted;
    if (accepted == 0 && DemandOf(ip, *lane) == 0) continue;
    any = true;
    const std::optional<int64_t> cap = ProviderCapOf(ip, lane->provider);
    all_capped = all_capped && cap.has_value();
    provider_caps += cap.value_or(0);
  }
  if (any && all_capped) facts.attainable = std::min(facts.attainable, provider_caps);
  return facts;
}

void Shard::Impl::CloseOpenDay(IpState& ip, const Plan& plan) {
  PlanDay closed = CloseDay(plan, *ip.day, FactsOf(ip));
  std::vector<ProviderId> paused;
  for (const ProviderId& provider : closed.paused_lanes) {
    const auto& known = ip.day->paused_lanes;
    if (std::find(known.begin(), known.end(), provider) == known.end()) paused.push_back(provider);
  }
  ip.day = std::move(closed);
  SaveDay(ip, EventType::kPlanDayClosed,
          absl::StrCat(base::FormatDay(ip.day->day), ": ", ip.day->reason));
  for (const ProviderId& provider : paused) {
    PauseLane(LaneOf(ip, provider_by_id_.at(provider.text())), ip.day->reason);
  }
  ip.used.reset();
  for (const auto& lane : ip.lanes) {
    if (lane == nullptr) continue;
    // Rows older than yesterday are history: the store has them.
    while (!lane->ledger.empty() && lane->ledger.begin()->first < ip.day->day - 1 &&
           lane->ledger.begin()->second.claimed == 0) {
      lane->ledger.erase(lane->ledger.begin());
    }
  }
}

void Shard::Impl::SaveDay(IpState& ip, EventType type, std::string text) {
  Event event = NewEvent(type, nullptr);
  event.egress_ip = ip.ip.id;
  event.plan = ip.day->plan;
  event.text = std::move(text);
  event.text.resize(std::min<size_t>(event.text.size(), 1000));
  Emit(ports::PutPlanDay{*ip.day, {std::move(event)}});
}

void Shard::Impl::GuardToday(IpState& ip) {
  const Plan& plan = *PlanOf(ip);
  if (!Opens(plan.state)) return;
  for (const Finding& finding : JudgeEarly(plan.guardrails, EvidenceOfDay(ip))) {
    const ProviderId& provider = finding.breach.provider;
    if (provider.empty()) {
      if (plan.acted_day >= ip.day->day) continue;
      MovePlan(ip, PlanState::kPaused, ip.day->day, EventType::kPlanPaused, finding.text);
      return;
    }
    const auto& known = ip.day->paused_lanes;
    if (std::find(known.begin(), known.end(), provider) != known.end()) continue;
    PauseLane(LaneOf(ip, provider_by_id_.at(provider.text())), finding.text);
  }
}

void Shard::Impl::PauseLane(LaneBook& lane, const std::string& why) {
  IpState& ip = ips_[lane.ip];
  auto& known = ip.day->paused_lanes;
  if (std::find(known.begin(), known.end(), lane.lane.provider) == known.end()) {
    known.push_back(lane.lane.provider);
    Emit(ports::PutPlanDay{*ip.day, {}});
  }
  if (lane.paused) return;
  Wake(lane);
  lane.paused = true;
  lane.pause_reason = absl::StrCat("by a guardrail: ", why).substr(0, 1000);
  Revoke(lane, /*all=*/true);
  SaveLane(lane, EventType::kLanePaused, lane.pause_reason);
}

void Shard::Impl::CountSlot(IpState& ip) {
  const Plan* plan = PlanOf(ip);
  if (plan == nullptr) return;
  const bool first = ip.rolling.Count(now_.wall);
  // What is lost in a crash is at most the newest quarter of an hour, and that the ledger knows.
  if (!first || !plan->rolling_day || !DayIsOpen(ip)) return;
  ip.day->recent = ip.rolling.slots();
  Emit(ports::PutPlanDay{*ip.day, {}});
}

void Shard::Impl::LoadSlots(IpState& ip) {
  ip.rolling.Load(ip.day->recent);
  const absl::Time start = base::StartOf(ip.day->day, ip.zone);
  int64_t before = 0, today = 0;
  for (const auto& lane : ip.lanes) {
    if (lane == nullptr) continue;
    for (const auto& [day, row] : lane->ledger) {
      const int64_t ended = row.accepted + row.refused + row.in_doubt;
      if (day == ip.day->day) today += ended;
      if (day == ip.day->day - 1) before += ended;
    }
  }
  // Slots that were used and not written down count as if used as late as they can have been. What
  // is written down lacks at most its newest quarter of an hour, so all of yesterday is there once
  // anything of today is.
  const RollingDay::Slots& slots = ip.rolling.slots();
  const int64_t known_today = ip.rolling.UsedSince(start);
  if (slots.empty() || slots.back().first < start) {
    const int64_t known_before =
        ip.rolling.UsedSince(base::StartOf(ip.day->day - 1, ip.zone)) - known_today;
    if (before > known_before) {
      ip.rolling.Count(std::min(start, now_.wall) - absl::Microseconds(1), before - known_before);
    }
  }
  if (today > known_today) {
    const absl::Time end = base::EndOf(ip.day->day, ip.zone) - absl::Microseconds(1);
    ip.rolling.Count(std::min(end, now_.wall), today - known_today);
  }
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

}  // namespace crescendo::core
