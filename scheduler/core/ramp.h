// ramp.h: which step of its plan an IP is at, and what a plan day's end decides.
//
// A plan's progress is the newest of its days. All here is pure: the day's cap is a function of
// plan, that day and operator edits, and its end one of the day's evidence too (L9).
//
//   first day ─▶ open ─EditedDay (an edit or a move that holds now)─▶ open ─CloseDay─▶ decision
//                 ▲                                                                       │
//                 └──────────────── OpenDay: +1 step, the same, or stages back ◀──────────┘
//
// What decides, the gravest first: a guardrail of the IP, or of a lane without a ramp of its own
// (pause, step back, hold); an operator's hold; the advance rule. A lane's own ramp goes by that
// lane's evidence. A guardrail that pauses at a lane pauses the lane; the IP's ramp then holds. In
// the last stage a breach starts that stage anew: only a clean one graduates.
//
// Behind the ramp (stage == number of stages) a graduated plan's cap grows with what was accepted,
// by SafeGrowth at most a day.
//
// Units    messages; plan days in the plan's zone.
// Errors   none. REQUIRES everywhere: ValidatePlan(plan) is OK.
// Threads  pure functions.
// See      DESIGN §3. 90 %: the rule of SparkPost's automated warm-up (PRACTICE §1.2). 30 idle
// days:
//          reputation is kept so long (PRACTICE §5).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/civil_time.h"
#include "scheduler/core/guardrails.h"
#include "scheduler/domain/plan.h"

namespace crescendo::core {

// What happened on a plan day that has ended.
struct DayFacts {
  int64_t accepted = 0;
  // The most that the day allowed: less than its cap where every provider with recipients was at
  // its own cap. Range: [0, cap].
  int64_t attainable = 0;
  std::vector<Evidence> lanes;  // With any counts, each once.
};

// `open` with its decision, reason, accepted and breaches filled in, and the lanes to pause added.
// REQUIRES: open.decision is kOpen.
PlanDay CloseDay(const Plan& plan, const PlanDay& open, const DayFacts& facts);

// The plan day `today`, following `last` (which is closed, and earlier). None: its state has yet to
// follow a graduation, or `today` is before the start date, a day off, or not after `last`.
std::optional<PlanDay> OpenDay(const Plan& plan, const std::optional<PlanDay>& last,
                               absl::CivilDay today);

// The last plan day with mail, as of the one after `last`.
absl::CivilDay IdleSince(const PlanDay& last);

// An open day after the plan was edited: a move that holds by now is made, caps are the plan's.
PlanDay EditedDay(const Plan& plan, const PlanDay& open);

// Is the day behind the ramp's last stage?
bool IsBeyond(const Plan& plan, const PlanDay& day);

// If every day from `day` on counts, the last one of the ramp. None: the ramp does not move (the
// plan is not ACTIVE, or done).
std::optional<absl::CivilDay> ProjectedEnd(const Plan& plan, const PlanDay& day);

}  // namespace crescendo::core
