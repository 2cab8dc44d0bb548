// ramp.h: which step of its plan an IP is at, and what a plan day's end decides.
//
// A plan's progress is the newest of its days. OpenDay and CloseDay are pure functions of plan,
// that day and the ledger, so the day's cap is one of plan, day history and operator edits (L9).
//
// Units    messages; plan days in the plan's zone.
// Errors   none. REQUIRES everywhere: ValidatePlan(plan) is OK.
// Threads  pure functions.
// See      DESIGN §3. 90 %: the rule of SparkPost's automated warm-up (PRACTICE §1.2).
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/civil_time.h"
#include "scheduler/domain/plan.h"

namespace crescendo::core {

// What happened on a plan day that has ended.
struct DayFacts {
  int64_t accepted = 0;
  // The most that the day allowed: less than its cap where every provider with recipients was at
  // its own cap. Range: [0, cap].
  int64_t attainable = 0;
};

// `open` with its decision, reason and accepted filled in. REQUIRES: open.decision is kOpen.
PlanDay CloseDay(const Plan& plan, const PlanDay& open, const DayFacts& facts);

// The plan day `today`, following `last` (which is closed, and earlier). None: the plan is done, or
// `today` is before the start date, a day off, or not after `last`.
std::optional<PlanDay> OpenDay(const Plan& plan, const std::optional<PlanDay>& last,
                               absl::CivilDay today);

// The cap of an open day after the plan was edited.
int64_t CapOf(const Plan& plan, const PlanDay& day);

}  // namespace crescendo::core
