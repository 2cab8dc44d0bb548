// plan_edit.h: what an operator asks of a plan, as a new plan and as a list of what changes.
//
// An edit or a move holds NOW or from the NEXT_PLAN_DAY on. By default: what would raise today's
// cap of the IP or of a provider, or change the time zone, from the next plan day on; all else now.
// Without an open plan day everything holds at once. While an edit waits, further ones join it, but
// those that say NOW. A cap below what was used today stops the day; nothing is ever taken back
// (L1).
//
// Errors   FAILED_PRECONDITION: the state forbids it; INVALID_ARGUMENT: there is no such stage. The
//          text names the fix.
// Threads  pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/domain/event.h"
#include "scheduler/domain/plan.h"
#include "scheduler/domain/plan_settings.h"

namespace crescendo::core {

enum class PlanVerb {
  kStart,
  kPause,
  kResume,    // Of a pause or a hold.
  kHold,      // The ramp stands still, mail goes on.
  kAdvance,   // To the next stage.
  kStepBack,  // To the stage before; of a graduated plan, back to its last.
  kSetStage,
  kComplete,  // Graduated now.
  kAbort,
};

enum class Effective { kDefault, kNow, kNextPlanDay };

struct PlanAction {
  PlanVerb verb = PlanVerb::kStart;
  int stage = 0;                              // kSetStage: index.
  Effective effective = Effective::kDefault;  // kAdvance, kStepBack, kSetStage.
};

// What people see before and after a change.
struct PlanChange {
  std::vector<FieldChange> fields;               // Also "state", "stage". Empty: nothing changes.
  std::optional<int64_t> cap_before, cap_after;  // Today's. None: no plan day is open.
  absl::Time effective_time;
};

struct ChangedPlan {
  Plan plan;
  PlanChange change;
  EventType event = EventType::kUpdated;
};

// `day`: the plan's newest, open or closed. A verb whose state is reached changes nothing.
absl::StatusOr<ChangedPlan> Act(const Plan& before, const std::optional<PlanDay>& day,
                                const PlanAction& action, absl::Time now);

// The shape that a partial edit starts from.
const PlanShape& EditBase(const Plan& plan, Effective effective);
// REQUIRES: ValidateShape(shape) is OK.
ChangedPlan Edit(const Plan& before, const std::optional<PlanDay>& day, const PlanShape& shape,
                 Effective effective, absl::Time now);

}  // namespace crescendo::core
