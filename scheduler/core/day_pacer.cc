#include "scheduler/core/day_pacer.h"

#include <algorithm>

namespace crescendo::core {

void DayPacer::Open(absl::Time now, absl::Time start, absl::Time end, int64_t cap, int64_t left,
                    const PacingOptions& options, base::Random& random) {
  start_ = start;
  end_ = start + (end - start) * (1.0 - options.window_margin);
  cap_ = cap;
  const absl::Time from = std::max(start, now);
  next_ = from + Gap(from, left, options) * random.Unit();
}

void DayPacer::Take(absl::Time now, int64_t left, const PacingOptions& options,
                    base::Random& random) {
  const double jitter = random.Between(-options.jitter, options.jitter);
  next_ = now + Gap(now, left, options) * (1.0 + jitter);
}

double DayPacer::RatePerHour(absl::Time now, int64_t left, const PacingOptions& options) const {
  return absl::FDivDuration(absl::Hours(1), Gap(now, left, options));
}

absl::Duration DayPacer::Gap(absl::Time now, int64_t left, const PacingOptions& options) const {
  const absl::Duration even = (end_ - start_) / static_cast<double>(std::max<int64_t>(cap_, 1));
  // Jitter may shorten a gap; the least gap makes room for it, so that the bound holds.
  const absl::Duration least = even / options.catch_up_factor / (1.0 - options.jitter);
  const absl::Duration wanted = (end_ - now) / static_cast<double>(std::max<int64_t>(left, 1));
  return std::max(wanted, least);
}

}  // namespace crescendo::core
