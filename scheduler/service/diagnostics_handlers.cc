#include "scheduler/service/diagnostics_handlers.h"

#include "scheduler/service/probe_stream.h"
#include "scheduler/service/trace_stream.h"

namespace crescendo::service {

grpc::ServerWriteReactor<v1::ProbeStep>* DiagnosticsHandlers::Probe(
    grpc::CallbackServerContext* context, const v1::ProbeRequest* request) {
  const base::Clock* const clock = edges_.clock != nullptr ? edges_.clock : &engine_->clock();
  return ProbeStream::Start({engine_, resolver_, edges_.prober, clock, &probes_}, *context,
                            *request);
}

grpc::ServerWriteReactor<v1::TraceLine>* DiagnosticsHandlers::Trace(
    grpc::CallbackServerContext*, const v1::TraceRequest* request) {
  return TraceStream::Start(edges_.tracer, &traces_, *request);
}

void DiagnosticsHandlers::EndAll() {
  probes_.EndAll();
  traces_.EndAll();
}

}  // namespace crescendo::service
