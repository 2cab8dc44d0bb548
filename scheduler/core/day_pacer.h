// day_pacer.h: spreads an IP's cap of the day over its sending window.
//
// The gap to the next message is the time left over the messages left, with jitter, so the day ends
// with its cap used and nothing leaves on the full minute by habit. The gap never falls below the
// even gap divided by the catch-up factor: after a stop or a late import the IP goes somewhat
// faster, never in a clump (L2: rate = factor * cap / window, burst 1).
//
// Units    messages; wall time, because windows are calendar.
// Threads  none of its own: the shard's.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "scheduler/base/random.h"
#include "scheduler/core/options.h"

namespace crescendo::core {

class DayPacer {
 public:
  // A plan day with its window, new or found again after a restart with `left` of its cap left.
  // REQUIRES: start < end, cap >= 0.
  void Open(absl::Time now, absl::Time start, absl::Time end, int64_t cap, int64_t left,
            const PacingOptions& options, base::Random& random);
  // The cap was edited; the pace follows from the next message on.
  void SetCap(int64_t cap) { cap_ = cap; }

  // When the next message may leave.
  absl::Time NextAt() const { return next_; }
  // One leaves now; `left` may still leave today after it.
  void Take(absl::Time now, int64_t left, const PacingOptions& options, base::Random& random);
  // Messages per hour now: what the gaps come to.
  double RatePerHour(absl::Time now, int64_t left, const PacingOptions& options) const;

 private:
  absl::Duration LeastGap(const PacingOptions& options) const;
  absl::Duration Gap(absl::Time now, int64_t left, const PacingOptions& options) const;

  absl::Time start_, end_;
  int64_t cap_ = 0;
  absl::Time next_ = absl::InfiniteFuture();
  absl::Time last_ = absl::InfinitePast();  // Of the last message, also of another day.
};

}  // namespace crescendo::core
