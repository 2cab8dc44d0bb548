// server.h: the sandbox on the network: a listener per provider, a dialogue per connection.
//
// One thread does it all. Limits run on the given clock; what protects this process (idle and
// lingering connections) runs on real timers.
//
// Errors   UNAVAILABLE: an address cannot be bound.
// Threads  Run occupies its thread; Stop is safe from any; the rest before Run.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cmd/crescendo-sandbox/ledger.h"
#include "crescendo/sandbox/v1/sandbox.pb.h"
#include "scheduler/base/clock.h"

namespace crescendo::sandbox {

struct ServerOptions {
  absl::Duration idle_timeout = absl::Minutes(5);  // RFC 5321 §4.5.3.2.7.
  // How long a connection we close may stay to say whom its refused MAIL was for.
  absl::Duration linger = absl::Milliseconds(250);
};

class Server {
 public:
  // Listens when it returns. `scenario` is complete (scenario.h); `ledger` and `clock` outlive it.
  static absl::StatusOr<std::unique_ptr<Server>> Listen(v1::Scenario scenario, Ledger* ledger,
                                                        const base::Clock* clock,
                                                        const ServerOptions& options = {});
  ~Server();

  // As given, with the ports that were bound.
  const v1::Scenario& scenario() const;
  // Of STARTTLS: for senders that verify.
  const std::string& certificate_pem() const;

  // SIGINT and SIGTERM call Stop.
  void StopOnSignals();
  // Serves until Stop; then ends every dialogue, which the ledger tells, and returns.
  void Run();
  void Stop();

  class Impl;

 private:
  explicit Server(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace crescendo::sandbox
