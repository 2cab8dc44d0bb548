#include "scheduler/core/rolling_day.h"

#include <algorithm>

namespace crescendo::core {
namespace {

constexpr absl::Duration kQuarter = absl::Minutes(15);

absl::Time QuarterOf(absl::Time time) {
  return absl::UnixEpoch() + absl::Floor(time - absl::UnixEpoch(), kQuarter);
}

absl::Time EndOf(absl::Time quarter) { return quarter + kQuarter + absl::Hours(24); }

}  // namespace

bool RollingDay::Count(absl::Time now, int64_t slots) {
  std::erase_if(slots_, [&](const auto& one) { return EndOf(one.first) <= now; });
  const absl::Time quarter = QuarterOf(now);
  const auto at =
      std::lower_bound(slots_.begin(), slots_.end(), quarter,
                       [](const auto& one, absl::Time start) { return one.first < start; });
  if (at != slots_.end() && at->first == quarter) {
    at->second += slots;
    return false;
  }
  slots_.insert(at, {quarter, slots});
  return true;
}

int64_t RollingDay::Used(absl::Time now) const {
  int64_t used = 0;
  for (const auto& [quarter, slots] : slots_) {
    if (EndOf(quarter) > now) used += slots;
  }
  return used;
}

int64_t RollingDay::UsedSince(absl::Time from) const {
  int64_t used = 0;
  for (const auto& [quarter, slots] : slots_) {
    if (quarter >= QuarterOf(from)) used += slots;
  }
  return used;
}

absl::Time RollingDay::FreeAt(absl::Time now, int64_t limit) const {
  if (limit <= 0) return absl::InfiniteFuture();
  int64_t used = Used(now);
  if (used < limit) return now;
  for (const auto& [quarter, slots] : slots_) {
    if (EndOf(quarter) <= now) continue;
    used -= slots;
    if (used < limit) return EndOf(quarter);
  }
  return absl::InfiniteFuture();
}

}  // namespace crescendo::core
