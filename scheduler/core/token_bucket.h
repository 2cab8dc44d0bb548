// token_bucket.h: a rate with a small burst (GCRA: the bucket is one point in time).
//
// In every window w: takes <= rate * w + burst (L2), whatever the calls in between.
//
// Units    messages; durations of the steady clock.
// Threads  none of its own: the shard's.
#pragma once

#include "absl/time/time.h"

namespace crescendo::core {

class TokenBucket {
 public:
  // No limit until SetRate.
  TokenBucket() = default;

  // `per_hour` <= 0: no limit. A bucket that had no limit starts with one token, not with a burst;
  // one that had keeps what it holds. REQUIRES: burst >= 1.
  void SetRate(double per_hour, int burst, absl::Duration now);
  double rate_per_hour() const { return per_hour_; }

  // When the next token is there; <= now: at once.
  absl::Duration NextAt() const;
  // REQUIRES: NextAt() <= now.
  void Take(absl::Duration now);
  // Gives back a token that was taken and not used.
  void Return();

 private:
  double per_hour_ = 0;
  absl::Duration interval_ = absl::ZeroDuration();
  absl::Duration tolerance_ = absl::ZeroDuration();  // interval * (burst - 1)
  // When the bucket will be full again ("theoretical arrival time").
  absl::Duration full_at_ = -absl::InfiniteDuration();
};

}  // namespace crescendo::core
