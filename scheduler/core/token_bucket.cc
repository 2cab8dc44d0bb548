#include "scheduler/core/token_bucket.h"

#include <algorithm>

#include "scheduler/base/check.h"

namespace crescendo::core {

void TokenBucket::SetRate(double per_hour, int burst, absl::Duration now) {
  CRESCENDO_CHECK(burst >= 1);
  if (per_hour <= 0) {
    *this = TokenBucket();
    return;
  }
  const absl::Duration interval = absl::Hours(1) / per_hour;
  const absl::Duration tolerance = interval * (burst - 1);
  if (per_hour == per_hour_ && tolerance == tolerance_) return;
  double held = 1;
  if (per_hour_ > 0) held = absl::FDivDuration(now - NextAt(), interval_) + 1;
  full_at_ = now + tolerance + interval - interval * std::min<double>(held, burst);
  per_hour_ = per_hour;
  interval_ = interval;
  tolerance_ = tolerance;
}

absl::Duration TokenBucket::NextAt() const {
  return per_hour_ <= 0 ? -absl::InfiniteDuration() : full_at_ - tolerance_;
}

void TokenBucket::Take(absl::Duration now) {
  if (per_hour_ <= 0) return;
  CRESCENDO_CHECK(NextAt() <= now);
  full_at_ = std::max(full_at_, now) + interval_;
}

void TokenBucket::Return() {
  if (per_hour_ > 0) full_at_ -= interval_;
}

}  // namespace crescendo::core
