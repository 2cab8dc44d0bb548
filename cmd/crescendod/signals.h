// signals.h: how the process is told to stop.
#pragma once

#include <functional>

namespace crescendo::daemon {

// Before any thread is made, which inherits it: SIGTERM, SIGINT and SIGHUP wait for WaitForStop;
// SIGPIPE is ignored, for a peer that closes early is an error of a write, not of the process.
void TakeSignals();

// Blocks until SIGTERM or SIGINT, and returns which; calls `reload` at each SIGHUP until then. From
// then on another SIGTERM or SIGINT ends the process at once.
int WaitForStop(const std::function<void()>& reload);

}  // namespace crescendo::daemon
