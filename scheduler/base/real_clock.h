// real_clock.h: the machine's clocks, as they are or scaled. The only code that reads them.
#pragma once

#include <memory>

#include "scheduler/base/clock.h"

namespace crescendo::base {

// The machine's wall and steady clock.
std::unique_ptr<Clock> NewRealClock();

// See ClockScale. Its steady reading is scaled too. REQUIRES: scale.scale >= 1.
std::unique_ptr<Clock> NewScaledClock(const ClockScale& scale);

}  // namespace crescendo::base
