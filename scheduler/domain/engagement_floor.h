// engagement_floor.h: how lately a recipient must have been engaged to be mailed by a warming IP.
//
// A plan has a list of floors: "until day 14 only who was engaged in the last 30 days, until day 28
// in the last 60, then 90". Days are counted by the calendar, from the plan's start date on: were
// they the ramp's steps, a list that has too few engaged recipients for a step would hold the ramp,
// and the ramp the floor, for ever. Others wait; an IP without a plan takes them.
//
// Units    days.
// Errors   Validate* as in plan.h.
// Threads  values and pure functions.
// See      DESIGN §5; PRACTICE §4 (SparkPost: weeks 1-2 30 days, weeks 3-4 60 days, then 90).
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "absl/types/span.h"

namespace crescendo {

struct EngagementFloor {
  int through_day = 0;  // The plan's day it holds through, from 1. 0: until the plan is done.
  int within_days = 0;  // Engaged in the last so many days. Range: [1, 3650].
  friend bool operator==(const EngagementFloor&, const EngagementFloor&) = default;
};

// At most 20, by through_day ascending, 0 at the end; none is stricter than the one before.
absl::Status ValidateFloors(absl::Span<const EngagementFloor> floors);

// The one in force on `day`; nullptr: there is none. REQUIRES: `floors` are valid.
const EngagementFloor* FloorOn(absl::Span<const EngagementFloor> floors, absl::CivilDay start_date,
                               absl::CivilDay day);

}  // namespace crescendo
