// sim_clock.h: a clock moved by hand.
#pragma once

#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"

namespace crescendo::support {

// Threads  safe from any thread, as every Clock.
class SimClock final : public base::Clock {
 public:
  explicit SimClock(absl::Time start) : now_{start, absl::Hours(1)} {}

  base::Moment Now() const override {
    base::MutexLock lock(&mu_);
    return now_;
  }
  absl::Duration RealDelay(absl::Duration virtual_delay) const override { return virtual_delay; }

  void AdvanceTo(absl::Time wall) {
    base::MutexLock lock(&mu_);
    if (wall > now_.wall) now_.steady += wall - now_.wall;
    if (wall > now_.wall) now_.wall = wall;
  }
  void Advance(absl::Duration by) { AdvanceTo(Now().wall + by); }
  // The wall clock alone jumps, as when somebody sets it.
  void JumpWall(absl::Duration by) {
    base::MutexLock lock(&mu_);
    now_.wall += by;
  }

 private:
  mutable base::Mutex mu_;
  base::Moment now_ ABSL_GUARDED_BY(mu_);
};

}  // namespace crescendo::support
