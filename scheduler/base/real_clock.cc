#include "scheduler/base/real_clock.h"

#include <chrono>

#include "absl/time/clock.h"
#include "scheduler/base/check.h"

namespace crescendo::base {
namespace {

absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

class RealClock final : public Clock {
 public:
  Moment Now() const override { return {absl::Now(), SteadyNow()}; }
  absl::Duration RealDelay(absl::Duration virtual_delay) const override { return virtual_delay; }
};

class ScaledClock final : public Clock {
 public:
  explicit ScaledClock(const ClockScale& scale) : scale_(scale), steady_start_(SteadyNow()) {}

  Moment Now() const override {
    return {scale_.start + (absl::Now() - scale_.epoch) * scale_.scale,
            (SteadyNow() - steady_start_) * scale_.scale};
  }
  absl::Duration RealDelay(absl::Duration virtual_delay) const override {
    return virtual_delay / scale_.scale;
  }

 private:
  const ClockScale scale_;
  const absl::Duration steady_start_;
};

}  // namespace

std::unique_ptr<Clock> NewRealClock() { return std::make_unique<RealClock>(); }

std::unique_ptr<Clock> NewScaledClock(const ClockScale& scale) {
  CRESCENDO_CHECK(scale.scale >= 1.0);
  return std::make_unique<ScaledClock>(scale);
}

}  // namespace crescendo::base
