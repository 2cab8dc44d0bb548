#include "scheduler/dashboard/dashboard.h"

#include <utility>

#include "scheduler/base/status_macros.h"

namespace crescendo::dashboard {

absl::StatusOr<std::unique_ptr<Dashboard>> Dashboard::Start(engine::Engine* engine,
                                                            service::Server* server,
                                                            const Options& options) {
  std::unique_ptr<Dashboard> dashboard(new Dashboard(engine, server, options));
  Site* const site = &dashboard->site_;
  ASSIGN_OR_RETURN(dashboard->listener_,
                   Listener::Start(options.listener, [site](Request request, Responder responder) {
                     site->Answer(std::move(request), std::move(responder));
                   }));
  return dashboard;
}

Dashboard::Dashboard(engine::Engine* engine, service::Server* server, const Options& options)
    : calls_(server->InProcessChannel(), options.call_limit),
      site_(engine, &calls_, options.site) {}

Dashboard::~Dashboard() { Stop(); }

void Dashboard::BeginStop() { site_.BeginStop(); }

void Dashboard::Stop() {
  if (listener_ != nullptr) listener_->Stop();
}

int Dashboard::port() const { return listener_->port(); }
int Dashboard::open_connections() const { return listener_->open_connections(); }

}  // namespace crescendo::dashboard
