// dashboard.h: the HTTP side of the daemon: the listener and all that it serves.
//
// Everything is read over the channel of service::Server inside the process, so that each answer is
// the API's own. README.md tells the story.
//
// Threads  one thread starts and stops it.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/dashboard/listener.h"
#include "scheduler/dashboard/live.h"
#include "scheduler/dashboard/site.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/server.h"

namespace crescendo::dashboard {

struct Options {
  ListenerOptions listener;
  SiteOptions site;
  absl::Duration call_limit = absl::Seconds(35);  // Of one question to the service.
  Live::Options live;
};

class Dashboard {
 public:
  // Serves at once. UNAVAILABLE: the address cannot be listened on. All outlive the dashboard.
  // `metrics`: of the MeteredStore that the engine has.
  static absl::StatusOr<std::unique_ptr<Dashboard>> Start(engine::Engine* engine,
                                                          service::Server* server, Metrics* metrics,
                                                          const base::Clock* real_clock,
                                                          const Options& options);
  ~Dashboard();  // Stops.

  // Is not ready from now on; feeds end as the service ends its streams.
  void BeginStop();
  // Before the service is shut down: what needs it is UNAVAILABLE from now on.
  void EndCalls();
  // Returns when every question is answered: by `call_limit`, or by the end of the server.
  void Stop();

  int port() const;  // 0 for a socket file.
  int open_connections() const;

 private:
  Dashboard(engine::Engine* engine, service::Server* server, Metrics* metrics,
            const base::Clock* real_clock, const Options& options);
  SiteOptions WithCounts(SiteOptions options) const;

  service::Server* const server_;
  Calls calls_;
  Live live_;
  Site site_;
  std::atomic<const Listener*> listening_ = nullptr;  // Once it has started.
  std::unique_ptr<Listener> listener_;                // Last: it stops before what it asks goes.
};

}  // namespace crescendo::dashboard
