// diagnostics_handlers.h: crescendo.v1.DiagnosticsService. The contract is in diagnostics.proto.
#pragma once

#include "crescendo/v1/diagnostics.grpc.pb.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/diagnostics.h"
#include "scheduler/service/streams.h"

namespace crescendo::service {

class DiagnosticsHandlers final : public v1::DiagnosticsService::CallbackService {
 public:
  static constexpr size_t kMostProbes = 4;
  static constexpr size_t kMostTraces = 8;

  // Both outlive it, and what `edges` name too.
  DiagnosticsHandlers(engine::Engine* engine, ports::MxResolver* resolver, const Diagnostics& edges)
      : engine_(engine), resolver_(resolver), edges_(edges) {}

  grpc::ServerWriteReactor<v1::ProbeStep>* Probe(grpc::CallbackServerContext* context,
                                                 const v1::ProbeRequest* request) override;
  grpc::ServerWriteReactor<v1::TraceLine>* Trace(grpc::CallbackServerContext* context,
                                                 const v1::TraceRequest* request) override;

  void EndAll();
  size_t open_streams() const { return probes_.size() + traces_.size(); }

 private:
  engine::Engine* const engine_;
  ports::MxResolver* const resolver_;
  const Diagnostics edges_;
  Streams probes_{kMostProbes, "probes"};
  Streams traces_{kMostTraces, "traces"};
};

}  // namespace crescendo::service
