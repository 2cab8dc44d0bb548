// day_pacer.h: spreads an IP's cap of the day over its sending window.
//
// The gap to the next message is what is left of the day's shape (its hours, by weight) over the
// messages left, with jitter, so the day ends with its cap used and nothing leaves on the full
// minute by habit. The gap never falls below the even gap divided by the catch-up factor: after a
// stop or a late import the IP goes somewhat faster, never in a clump (L2: rate = factor * cap *
// weight of the hour / weights of all hours, burst 1).
//
// Units    messages; gaps in weighted hours (day_shape.h); wall time, because windows are calendar.
// Threads  none of its own: the shard's.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "scheduler/base/random.h"
#include "scheduler/core/day_shape.h"
#include "scheduler/core/options.h"

namespace crescendo::core {

class DayPacer {
 public:
  // A plan day with its shape, new or found again after a restart with `left` of its cap left.
  // REQUIRES: cap >= 0.
  void Open(absl::Time now, DayShape shape, int64_t cap, int64_t left, const PacingOptions& options,
            base::Random& random);
  // The cap was edited; the pace follows from the next message on.
  void SetCap(int64_t cap) { cap_ = cap; }

  const DayShape& shape() const { return shape_; }
  // When the next message may leave.
  absl::Time NextAt() const { return next_; }
  // One leaves now; `left` may still leave today after it.
  void Take(absl::Time now, int64_t left, const PacingOptions& options, base::Random& random);
  // Messages per hour now: what the gaps come to.
  double RatePerHour(absl::Time now, int64_t left, const PacingOptions& options) const;

 private:
  double LeastGap(const PacingOptions& options) const;
  double Gap(absl::Time now, int64_t left, const PacingOptions& options) const;

  DayShape shape_;
  double usable_ = 0;  // Of the shape's amount, without the margin at its end.
  int64_t cap_ = 0;
  absl::Time next_ = absl::InfiniteFuture();
  absl::Time last_ = absl::InfinitePast();  // Of the last message, also of another day.
};

}  // namespace crescendo::core
