#include "scheduler/core/plan_edit.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/core/ramp.h"

namespace crescendo::core {
namespace {

bool IsOpen(const std::optional<PlanDay>& day) {
  return day.has_value() && day->decision == DayDecision::kOpen;
}

absl::Time EndOf(const Plan& plan, const PlanDay& day) {
  const absl::StatusOr<absl::TimeZone> zone = base::LoadZone(plan.time_zone);
  CRESCENDO_CHECK(zone.ok());
  return base::EndOf(day.day, *zone);
}

// Today's cap of the IP, and of each provider that has one of its own, would rise.
bool Raises(const Plan& before, const Plan& after, const PlanDay& open) {
  const PlanDay edited = EditedDay(after, open);
  if (edited.cap > open.cap) return true;
  const auto cap_of = [](const Plan& plan, const PlanDay& day, const ProviderId& provider) {
    std::optional<int64_t> cap;
    for (const ProviderDay& own : day.providers) {
      if (own.provider == provider) cap = own.cap;
    }
    for (const ProviderCap& own : plan.provider_caps) {
      if (own.provider == provider) cap = std::min(cap.value_or(own.daily_cap), own.daily_cap);
    }
    return cap;
  };
  const auto rises_for = [&](const ProviderId& provider) {
    const std::optional<int64_t> was = cap_of(before, open, provider);
    const std::optional<int64_t> is = cap_of(after, edited, provider);
    return was.has_value() && (!is.has_value() || *is > *was);
  };
  return std::any_of(before.provider_caps.begin(), before.provider_caps.end(),
                     [&](const ProviderCap& cap) { return rises_for(cap.provider); }) ||
         std::any_of(open.providers.begin(), open.providers.end(),
                     [&](const ProviderDay& own) { return rises_for(own.provider); });
}

void Describe(const Plan& before, const std::optional<PlanDay>& day, bool now_in_force,
              absl::Time now, ChangedPlan* changed) {
  PlanChange& change = changed->change;
  change.effective_time = now_in_force || !IsOpen(day) ? now : EndOf(before, *day);
  if (!IsOpen(day)) return;
  change.cap_before = day->cap;
  change.cap_after = now_in_force ? EditedDay(changed->plan, *day).cap : day->cap;
}

absl::Status Refused(const Plan& plan, absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat("plan ", plan.id.text(), " is ", PlanStateName(plan.state), "; ", what));
}

struct StateMove {
  PlanState to;
  EventType event;
};

// Verbs that change the state alone.
absl::StatusOr<StateMove> DecideState(const Plan& plan, PlanVerb verb) {
  const PlanState state = plan.state;
  if (state == PlanState::kAborted && verb != PlanVerb::kAbort) {
    return Refused(plan, "that is final; delete it and make a new plan");
  }
  switch (verb) {
    case PlanVerb::kStart:
      if (state == PlanState::kPaused || state == PlanState::kHeld)
        return Refused(plan, "resume it instead");
      if (state == PlanState::kGraduated)
        return Refused(plan, "it is done and cannot be started; set a stage to warm it up again");
      return StateMove{PlanState::kActive, EventType::kPlanStarted};
    case PlanVerb::kPause:
      if (state == PlanState::kDraft) return Refused(plan, "it sends nothing yet");
      if (state == PlanState::kGraduated)
        return Refused(plan, "it is done; pause the lanes instead");
      return StateMove{PlanState::kPaused, EventType::kPlanPaused};
    case PlanVerb::kResume:
      if (state == PlanState::kDraft) return Refused(plan, "start it instead");
      if (state == PlanState::kGraduated) return Refused(plan, "it is done and needs no resume");
      return StateMove{PlanState::kActive, EventType::kPlanResumed};
    case PlanVerb::kHold:
      if (state == PlanState::kDraft) return Refused(plan, "start it first");
      if (state == PlanState::kPaused)
        return Refused(plan, "nothing leaves and its ramp stands still already; resume it first");
      if (state == PlanState::kGraduated) return Refused(plan, "it has no ramp to hold");
      return StateMove{PlanState::kHeld, EventType::kPlanHeld};
    case PlanVerb::kAbort:
      if (state == PlanState::kGraduated)
        return Refused(plan, "it is done; pause the lanes, or set a stage to warm it up again");
      return StateMove{PlanState::kAborted, EventType::kPlanAborted};
    case PlanVerb::kComplete:
      if (state == PlanState::kDraft) return Refused(plan, "start it first");
      return StateMove{PlanState::kGraduated, EventType::kPlanGraduated};
    default:
      return Refused(plan, "the verb is unknown");
  }
}

// The stage as people count: "3 of 9", or "graduated".
std::string StageText(const Plan& plan, int stage) {
  const int stages = static_cast<int>(plan.stages.size());
  return stage >= stages ? "graduated" : absl::StrCat(stage + 1, " of ", stages);
}

// Where the plan is, as an operator sees it: a move that waits is not made yet.
int StageOf(const Plan& plan, const std::optional<PlanDay>& day) {
  if (plan.state == PlanState::kGraduated) return static_cast<int>(plan.stages.size());
  if (day.has_value()) {
    return std::min(day->stage, static_cast<int>(plan.stages.size()) - 1);
  }
  return plan.move.number > 0 ? plan.move.stage : 0;
}

absl::StatusOr<int> TargetStage(const Plan& plan, int from, const PlanAction& action) {
  const int stages = static_cast<int>(plan.stages.size());
  switch (action.verb) {
    case PlanVerb::kAdvance:
      if (from >= stages) return Refused(plan, "it is behind its last stage");
      if (from + 1 >= stages) {
        return Refused(plan, absl::StrCat("at its last stage, ", StageText(plan, from),
                                          "; complete it instead"));
      }
      return from + 1;
    case PlanVerb::kStepBack:
      if (from == 0) {
        return Refused(plan, "at its first stage; lower that stage's daily_cap, hold or pause it");
      }
      return from - 1;
    default:
      if (action.stage < 0 || action.stage >= stages) {
        return absl::InvalidArgumentError(
            absl::StrCat("stage_index is ", action.stage, "; it must be 0 to ", stages - 1));
      }
      return action.stage;
  }
}

absl::StatusOr<ChangedPlan> MoveStage(const Plan& before, const std::optional<PlanDay>& day,
                                      const PlanAction& action, absl::Time now) {
  if (before.state == PlanState::kAborted)
    return Refused(before, "that is final; delete it and make a new plan");
  const int from = StageOf(before, day);
  ASSIGN_OR_RETURN(const int to, TargetStage(before, from, action));
  ChangedPlan changed{before, {}, EventType::kPlanMoved};
  Plan& plan = changed.plan;
  plan.move = {before.move.number + 1, to, IsOpen(day) ? day->day : absl::CivilDay()};
  bool at_once = true;
  if (IsOpen(day)) {
    at_once = action.effective == Effective::kDefault ? EditedDay(plan, *day).cap <= day->cap
                                                      : action.effective == Effective::kNow;
    if (!at_once) plan.move.from_day = day->day + 1;
  }
  changed.change.fields.push_back({"stage", StageText(before, from), StageText(before, to)});
  if (plan.state == PlanState::kGraduated) {
    plan.state = PlanState::kActive;
    changed.change.fields.push_back({"state", "GRADUATED", "ACTIVE"});
  }
  Describe(before, day, at_once, now, &changed);
  return changed;
}

}  // namespace

absl::StatusOr<ChangedPlan> Act(const Plan& before, const std::optional<PlanDay>& day,
                                const PlanAction& action, absl::Time now) {
  if (action.verb == PlanVerb::kAdvance || action.verb == PlanVerb::kStepBack ||
      action.verb == PlanVerb::kSetStage) {
    return MoveStage(before, day, action, now);
  }
  ASSIGN_OR_RETURN(const StateMove move, DecideState(before, action.verb));
  ChangedPlan changed{before, {}, move.event};
  changed.plan.state = move.to;
  if (move.to != before.state) {
    changed.change.fields.push_back(
        {"state", std::string(PlanStateName(before.state)), std::string(PlanStateName(move.to))});
    if (action.verb == PlanVerb::kComplete) {
      changed.plan.move = {before.move.number + 1, static_cast<int>(before.stages.size()),
                           absl::CivilDay()};
    }
  }
  Describe(before, day, /*now_in_force=*/true, now, &changed);
  return changed;
}

const PlanShape& EditBase(const Plan& plan, Effective effective) {
  return plan.next.has_value() && effective != Effective::kNow ? *plan.next : plan;
}

ChangedPlan Edit(const Plan& before, const std::optional<PlanDay>& day, const PlanShape& shape,
                 Effective effective, absl::Time now) {
  ChangedPlan changed{before, {}, EventType::kUpdated};
  Plan& plan = changed.plan;
  static_cast<PlanShape&>(plan) = shape;
  bool at_once = true;
  if (IsOpen(day)) {
    const bool later = before.next.has_value() || shape.time_zone != before.time_zone ||
                       Raises(before, plan, *day);
    at_once = effective == Effective::kNow || (effective == Effective::kDefault && !later);
  }
  changed.change.fields = DiffOf(before, shape);
  if (!at_once) {
    static_cast<PlanShape&>(plan) = before;
    plan.next = shape;
    plan.next_from = day->day + 1;
    if (shape == static_cast<const PlanShape&>(before)) plan.next.reset();
  } else if (before.next.has_value()) {
    // What waits keeps waiting, but for the fields that hold now.
    std::vector<Setting> settings;
    for (const FieldChange& change : changed.change.fields) {
      settings.emplace_back(change.field, change.to);
    }
    absl::StatusOr<PlanShape> next = ShapeFrom(settings, *before.next);
    CRESCENDO_CHECK(next.ok());
    plan.next = *std::move(next);
    if (*plan.next == shape) plan.next.reset();
  }
  Describe(before, day, at_once, now, &changed);
  return changed;
}

}  // namespace crescendo::core
