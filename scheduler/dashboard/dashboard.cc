#include "scheduler/dashboard/dashboard.h"

#include <utility>

#include "scheduler/base/status_macros.h"

namespace crescendo::dashboard {

absl::StatusOr<std::unique_ptr<Dashboard>> Dashboard::Start(engine::Engine* engine,
                                                            service::Server* server,
                                                            Metrics* metrics,
                                                            const base::Clock* real_clock,
                                                            const Options& options) {
  std::unique_ptr<Dashboard> dashboard(new Dashboard(engine, server, metrics, real_clock, options));
  Site* const site = &dashboard->site_;
  ASSIGN_OR_RETURN(dashboard->listener_,
                   Listener::Start(options.listener, [site](Request request, Responder responder) {
                     site->Answer(std::move(request), std::move(responder));
                   }));
  dashboard->listening_ = dashboard->listener_.get();
  return dashboard;
}

Dashboard::Dashboard(engine::Engine* engine, service::Server* server, Metrics* metrics,
                     const base::Clock* real_clock, const Options& options)
    : server_(server),
      calls_(server->InProcessChannel(), options.call_limit),
      live_(&calls_, &engine->clock(), real_clock, options.live),
      site_(engine, &calls_, metrics, &live_, WithCounts(options.site)) {}

SiteOptions Dashboard::WithCounts(SiteOptions options) const {
  options.open_connections = [this] {
    const Listener* const listener = listening_;
    return listener == nullptr ? 0 : listener->open_connections();
  };
  options.open_streams = [this] { return server_->open_streams(); };
  return options;
}

Dashboard::~Dashboard() { Stop(); }

void Dashboard::BeginStop() {
  site_.BeginStop();
  live_.Stop();
}

void Dashboard::EndCalls() { calls_.Stop(); }

void Dashboard::Stop() {
  live_.Stop();
  if (listener_ != nullptr) listener_->Stop();
}

int Dashboard::port() const { return listener_->port(); }
int Dashboard::open_connections() const { return listener_->open_connections(); }

}  // namespace crescendo::dashboard
