// civil_day.h: plan days and their bounds in a named time zone.
//
// A plan day is an absl::CivilDay in the plan's zone. Days of 23 and 25 hours (DST) come out right
// because both bounds are computed from the zone, never by adding 24 hours.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace crescendo::base {

// An IANA name such as `Europe/Berlin`; "" and "UTC" are UTC. INVALID_ARGUMENT for an unknown one.
absl::StatusOr<absl::TimeZone> LoadZone(absl::string_view name);

absl::CivilDay DayOf(absl::Time time, const absl::TimeZone& zone);

// The first instant of `day`, and of the day after it.
absl::Time StartOf(absl::CivilDay day, const absl::TimeZone& zone);
absl::Time EndOf(absl::CivilDay day, const absl::TimeZone& zone);

// YYYY-MM-DD, both ways. INVALID_ARGUMENT for anything else.
std::string FormatDay(absl::CivilDay day);
absl::StatusOr<absl::CivilDay> ParseDay(absl::string_view text);

}  // namespace crescendo::base
