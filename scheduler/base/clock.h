// clock.h: what time it is, as an argument.
//
// The core never asks for the time: it is told a Moment. Engines, stores and senders hold a Clock.
// Only real_clock.cc reads the machine's clocks (a test greps for that).
//
// Threads  a Clock is safe from any thread.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace crescendo::base {

// One reading of both clocks, taken once per turn of the engine.
struct Moment {
  absl::Time wall;        // Calendar: plan days, windows, retry times. May jump.
  absl::Duration steady;  // Since some fixed start: rates, holds, timeouts. Never goes back.
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Moment Now() const = 0;
  // How long to wait in real time until `virtual_delay` has passed on this clock.
  virtual absl::Duration RealDelay(absl::Duration virtual_delay) const = 0;
};

// A clock that runs `scale` times as fast as the machine's: at the real wall time `epoch` it shows
// `start`. Two processes with the same three values show the same time, also after a restart.
struct ClockScale {
  absl::Time epoch = absl::UnixEpoch();
  absl::Time start = absl::UnixEpoch();
  double scale = 1.0;  // Range: [1, 1000000]. 1440 makes a day last a minute.
};

}  // namespace crescendo::base
