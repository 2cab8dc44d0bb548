// server.h: the gRPC server with every service of crescendo.v1, and health.
//
// Threads  one thread starts and stops it; gRPC's own threads serve.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/server.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/engine/engine.h"
#include "scheduler/ports/mx_resolver.h"
#include "scheduler/service/diagnostics.h"

namespace crescendo::service {

struct ServerOptions {
  // As gRPC writes it: "127.0.0.1:7070", "[::1]:0", "unix:/run/crescendo.sock". "": none, for tests
  // that use the channel in the process.
  std::string address;
  bool reflection = false;
  size_t most_streams = 1000;  // Imports, watches and event streams at once (L11).
  Diagnostics diagnostics;     // Probes and traces.
  // Forecasts and explanations at once, and the real time that each may take.
  int most_forecasts = 2;
  absl::Duration forecast_limit = absl::Seconds(30);
};

class Server {
 public:
  // Serves at once. UNAVAILABLE: the address cannot be listened on. Both outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(engine::Engine* engine,
                                                       ports::MxResolver* resolver,
                                                       const ServerOptions& options);
  ~Server();  // Stops.

  // Health says NOT_SERVING, streams end as UNAVAILABLE, and new ones too. Other calls go on.
  void BeginStop();
  // Takes no new calls; those under way may take `limit` of real time, then they are cancelled.
  void Stop(absl::Duration limit);

  // The port in use; 0 for a socket file.
  int port() const;
  std::shared_ptr<grpc::Channel> InProcessChannel();
  size_t open_streams() const;

 private:
  struct Services;

  explicit Server(std::unique_ptr<Services> services);

  std::unique_ptr<Services> services_;
};

}  // namespace crescendo::service
