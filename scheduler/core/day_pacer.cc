#include "scheduler/core/day_pacer.h"

#include <algorithm>

namespace crescendo::core {

void DayPacer::Open(absl::Time now, absl::Time start, absl::Time end, int64_t cap, int64_t left,
                    const PacingOptions& options, base::Random& random) {
  start_ = start;
  end_ = start + (end - start) * (1.0 - options.window_margin);
  cap_ = cap;
  const absl::Time from = std::max(start, now);
  // In the middle of a day (a restart, an edit) a message may have left just now: a full gap.
  const double share = now > start ? 1.0 : random.Unit();
  next_ = std::max(from + Gap(from, left, options) * share, last_ + LeastGap(options));
}

void DayPacer::Take(absl::Time now, int64_t left, const PacingOptions& options,
                    base::Random& random) {
  last_ = now;
  const double jitter = random.Between(-options.jitter, options.jitter);
  next_ = now + Gap(now, left, options) * (1.0 + jitter);
}

double DayPacer::RatePerHour(absl::Time now, int64_t left, const PacingOptions& options) const {
  return absl::FDivDuration(absl::Hours(1), Gap(now, left, options));
}

absl::Duration DayPacer::LeastGap(const PacingOptions& options) const {
  return (end_ - start_) / static_cast<double>(std::max<int64_t>(cap_, 1)) /
         options.catch_up_factor;
}

absl::Duration DayPacer::Gap(absl::Time now, int64_t left, const PacingOptions& options) const {
  const absl::Duration wanted = (end_ - now) / static_cast<double>(std::max<int64_t>(left, 1));
  // Jitter may shorten a gap; the least gap makes room for it, so that the bound holds.
  return std::max(wanted, LeastGap(options) / (1.0 - options.jitter));
}

}  // namespace crescendo::core
