// daemon.h: puts the concrete parts together and runs them until the process is told to stop.
#pragma once

#include <ostream>

#include "cmd/crescendod/config.h"

namespace crescendo::daemon {

constexpr int kExitOk = 0;
constexpr int kExitCannotServe = 1;
constexpr int kExitUsage = 2;
constexpr int kExitStoreFailed = 3;

// Writes "ready on ADDRESS" to `out` when it serves, and before that, where there is one, "page on
// URL" in a line of its own. Returns the exit code. When the store
// cannot be trusted any more, it does not return: the process ends with kExitStoreFailed.
// REQUIRES: TakeSignals() was called before any thread was made.
int RunDaemon(const Settings& settings, std::ostream& out);

}  // namespace crescendo::daemon
