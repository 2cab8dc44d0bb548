// sending_shape.h: when in the day and in the week a plan's mail leaves.
//
// An hour's weight says how much of the day's cap falls to it, beside the others: "9-12:2,12-20:1"
// sends in 3 hours at twice the rate of the 8 after them. Hours are local: where a clock change
// makes an hour come twice it counts twice, and one that is skipped counts not at all. On a day off
// nothing leaves, and it is no plan day: the ramp goes on where it was, and nothing of its cap is
// carried over.
//
// Units    hours are local, in the plan's zone; weights relative.
// Errors   Validate* as in plan.h.
// Threads  values and pure functions.
#pragma once

#include <array>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace crescendo {

struct SendingShape {
  // Of the hours from midnight on: 24, each in [0, 100], or none: all alike.
  std::vector<int> hourly_weights;
  std::array<bool, 7> sends_on = {true, true, true, true, true, true, true};  // From Monday on.

  int WeightOf(int hour) const { return hourly_weights.empty() ? 1 : hourly_weights[hour]; }
  bool SendsOn(absl::CivilDay day) const {
    return sends_on[static_cast<size_t>(absl::GetWeekday(day))];
  }
  friend bool operator==(const SendingShape&, const SendingShape&) = default;
};

// `window_start`, `window_end`: local times of day, outside which nothing leaves anyway.
absl::Status ValidateShape(const SendingShape& shape, absl::Duration window_start,
                           absl::Duration window_end);

// On that day or the first one after it on which mail leaves. REQUIRES: `shape` is valid.
absl::CivilDay SendingDayFrom(const SendingShape& shape, absl::CivilDay day);

}  // namespace crescendo
