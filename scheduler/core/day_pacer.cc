#include "scheduler/core/day_pacer.h"

#include <algorithm>
#include <utility>

namespace crescendo::core {

void DayPacer::Open(absl::Time now, DayShape shape, int64_t cap, int64_t left,
                    const PacingOptions& options, base::Random& random) {
  shape_ = std::move(shape);
  usable_ = shape_.Amount() * (1.0 - options.window_margin);
  cap_ = cap;
  const absl::Time start = shape_.start();
  const absl::Time from = std::max(start, now);
  // In the middle of a day (a restart, an edit) a message may have left just now: a full gap.
  const double share = now > start ? 1.0 : random.Unit();
  const double least = LeastGap(options);
  const absl::Time after_last =
      last_ < start ? last_ + (shape_.After(start, least) - start) : shape_.After(last_, least);
  next_ = std::max(shape_.After(from, Gap(from, left, options) * share), after_last);
}

void DayPacer::Take(absl::Time now, int64_t left, const PacingOptions& options,
                    base::Random& random) {
  last_ = now;
  const double jitter = random.Between(-options.jitter, options.jitter);
  next_ = shape_.After(now, Gap(now, left, options) * (1.0 + jitter));
}

double DayPacer::RatePerHour(absl::Time now, int64_t left, const PacingOptions& options) const {
  const double gap = Gap(now, left, options);
  return gap > 0 ? shape_.WeightAt(now) / gap : 0;
}

double DayPacer::LeastGap(const PacingOptions& options) const {
  return usable_ / static_cast<double>(std::max<int64_t>(cap_, 1)) / options.catch_up_factor;
}

double DayPacer::Gap(absl::Time now, int64_t left, const PacingOptions& options) const {
  const double to_come = usable_ - shape_.Amount(shape_.start(), now);
  const double wanted = to_come / static_cast<double>(std::max<int64_t>(left, 1));
  // Jitter may shorten a gap; the least gap makes room for it, so that the bound holds.
  return std::max(wanted, LeastGap(options) / (1.0 - options.jitter));
}

}  // namespace crescendo::core
