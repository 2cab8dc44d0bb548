#include "scheduler/core/ramp.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "scheduler/base/check.h"

namespace crescendo::core {
namespace {

constexpr double kDeliveredShare = 0.9;

// An edit may have taken stages away.
int ClampStage(const Plan& plan, int stage) {
  return std::clamp(stage, 0, static_cast<int>(plan.stages.size()) - 1);
}

bool IsLastStep(const Plan& plan, const PlanDay& day) {
  const int stage = ClampStage(plan, day.stage);
  return stage + 1 == static_cast<int>(plan.stages.size()) &&
         day.day_in_stage + 1 >= plan.stages[stage].days;
}

std::string Share(int64_t accepted, int64_t attainable) {
  // Rounded down, so that "90 %" is never said of a day that is repeated for being under it.
  const int64_t percent = attainable > 0 ? 100 * accepted / attainable : 0;
  return absl::StrFormat("%d of %d accepted (%d %%)", accepted, attainable, percent);
}

}  // namespace

PlanDay CloseDay(const Plan& plan, const PlanDay& open, const DayFacts& facts) {
  CRESCENDO_CHECK(open.decision == DayDecision::kOpen);
  PlanDay closed = open;
  closed.accepted = facts.accepted;
  const bool delivered =
      facts.attainable > 0 && facts.accepted >= kDeliveredShare * facts.attainable;
  const std::string share = Share(facts.accepted, facts.attainable);
  if (!delivered && plan.advance_rule == AdvanceRule::kDelivered) {
    closed.decision = DayDecision::kRepeat;
    closed.reason = absl::StrCat(share, ", under 90 %: the step is repeated");
    return closed;
  }
  const absl::string_view rule = delivered ? "" : "; the plan goes by the calendar";
  if (IsLastStep(plan, open)) {
    closed.decision = DayDecision::kGraduate;
    closed.reason = absl::StrCat(share, rule, ": the plan is done");
  } else {
    closed.decision = DayDecision::kAdvance;
    closed.reason = absl::StrCat(share, rule, ": next step");
  }
  return closed;
}

std::optional<PlanDay> OpenDay(const Plan& plan, const std::optional<PlanDay>& last,
                               absl::CivilDay today) {
  if (today < plan.start_date || !plan.shape.SendsOn(today)) return std::nullopt;
  PlanDay day;
  day.plan = plan.id;
  day.egress_ip = plan.egress_ip;
  day.day = today;
  if (last.has_value()) {
    CRESCENDO_CHECK(last->decision != DayDecision::kOpen);
    if (today <= last->day || last->decision == DayDecision::kGraduate) return std::nullopt;
    day.stage = ClampStage(plan, last->stage);
    day.day_in_stage = last->day_in_stage;
    if (last->decision == DayDecision::kAdvance) ++day.day_in_stage;
    // The last stage's days may have been shortened by an edit: then its last day repeats.
    const int last_stage = static_cast<int>(plan.stages.size()) - 1;
    if (day.day_in_stage >= plan.stages[day.stage].days) {
      if (day.stage < last_stage) {
        ++day.stage;
        day.day_in_stage = 0;
      } else {
        day.day_in_stage = plan.stages[day.stage].days - 1;
      }
    }
  }
  day.cap = CapOf(plan, day);
  return day;
}

int64_t CapOf(const Plan& plan, const PlanDay& day) {
  return plan.stages[ClampStage(plan, day.stage)].daily_cap;
}

}  // namespace crescendo::core
