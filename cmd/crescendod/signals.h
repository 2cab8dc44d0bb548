// signals.h: how the process is told to stop.
#pragma once

namespace crescendo::daemon {

// Before any thread is made, which inherits it: SIGTERM and SIGINT wait for WaitForStop; SIGPIPE is
// ignored, for a peer that closes early is an error of a write, not of the process.
void TakeSignals();

// Blocks until SIGTERM or SIGINT, and returns which. From then on another one ends the process at
// once.
int WaitForStop();

}  // namespace crescendo::daemon
