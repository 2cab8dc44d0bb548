// site.h: what each path of the listener answers.
//
//   /                    the page (assets.h); /live its state, as it changes (live.h)
//   /healthz  /readyz    "ok"; 503 with the reason
//   /api/v1/...          crescendo.v1 as JSON (routes.h), also as server-sent events
//   /metrics             for Prometheus (metrics.h, lane_metrics.h)
//   /viewer              what the viewer's token lets him do
//
// Reading needs no token, changing does (operator_token.h). Every request is checked for its source
// first (hosts.h).
//
// Threads  Answer runs on the listener's thread and does not block; answers come from any thread.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "scheduler/dashboard/calls.h"
#include "scheduler/dashboard/http.h"
#include "scheduler/dashboard/live.h"
#include "scheduler/dashboard/metrics.h"
#include "scheduler/dashboard/routes.h"
#include "scheduler/engine/engine.h"

namespace crescendo::dashboard {

struct SiteOptions {
  std::vector<std::string> allowed_hosts;  // Lower case, beside loopback.
  std::string operator_token;              // "": nobody may change anything.
  std::string version;
  // Of the listener and of the service, for /metrics. Thread-safe.
  std::function<int()> open_connections = [] { return 0; };
  std::function<size_t()> open_streams = [] { return size_t{0}; };
};

class Site {
 public:
  // All outlive the site.
  Site(engine::Engine* engine, Calls* calls, Metrics* metrics, Live* live,
       const SiteOptions& options);

  void Answer(Request request, Responder responder);
  // From now on nothing is ready, and no new feed begins.
  void BeginStop() { stopping_ = true; }

 private:
  void AnswerHealth(Responder responder) const;
  void AnswerReady(Responder responder);
  void AnswerMetrics(Responder responder);
  void AnswerViewer(const Request& request, Responder responder) const;
  void AnswerApi(const Request& request, Responder responder);
  // Fills the request message and calls. Not OK: what to answer; `responder` is not used.
  absl::Status Call(const Request& request, const Match& match, Responder& responder);

  engine::Engine* const engine_;
  Calls* const calls_;
  Metrics* const metrics_;
  Live* const live_;
  const SiteOptions options_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace crescendo::dashboard
