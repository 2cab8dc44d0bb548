// diagnostics.h: what probes and traces need of the SMTP client.
#pragma once

#include "scheduler/base/clock.h"
#include "scheduler/ports/prober.h"
#include "scheduler/ports/tracer.h"

namespace crescendo::service {

// All outlive the server. Without a prober or tracer its calls are UNIMPLEMENTED.
struct Diagnostics {
  ports::Prober* prober = nullptr;
  ports::Tracer* tracer = nullptr;
  const base::Clock* clock = nullptr;  // Of the network, where time is real. Null: the engine's.
};

}  // namespace crescendo::service
