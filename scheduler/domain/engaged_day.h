// engaged_day.h: the day on which a recipient was last engaged, small enough to keep for millions.
//
// Units    days since 1970-01-01, UTC; 0: not known. Until 2149.
// Threads  pure functions.
#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace crescendo {

using EngagedDay = uint16_t;

// Times before 1970-01-02 are not known, times after 2149 count as its end.
inline EngagedDay EngagedDayOf(absl::Time time) {
  if (time <= absl::UnixEpoch()) return 0;  // Also InfinitePast.
  const int64_t days = absl::ToInt64Hours(time - absl::UnixEpoch()) / 24;
  return static_cast<EngagedDay>(std::clamp<int64_t>(days, 0, 65535));
}

// At most `days` days before `today`? No when it is not known.
inline bool EngagedWithin(EngagedDay engaged, int days, EngagedDay today) {
  return engaged != 0 && engaged + days >= today;
}

}  // namespace crescendo
