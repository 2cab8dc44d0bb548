#include "scheduler/service/server.h"

#include <grpc/support/time.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include "absl/strings/str_cat.h"
#include "scheduler/base/mutex.h"
#include "scheduler/service/campaign_handlers.h"
#include "scheduler/service/delivery_handlers.h"
#include "scheduler/service/diagnostics_handlers.h"
#include "scheduler/service/egress_ip_handlers.h"
#include "scheduler/service/event_handlers.h"
#include "scheduler/service/forecast_handlers.h"
#include "scheduler/service/lane_handlers.h"
#include "scheduler/service/plan_handlers.h"
#include "scheduler/service/pool_handlers.h"
#include "scheduler/service/provider_handlers.h"
#include "scheduler/service/store_handlers.h"
#include "scheduler/service/streams.h"
#include "scheduler/service/suppression_handlers.h"
#include "scheduler/service/unreadable.h"

namespace crescendo::service {
namespace {

constexpr int kLargestMessage = 32 << 20;

// Reflection hooks into every builder of the process made after this, and only once.
void EnableReflection() {
  static const bool once = [] {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)once;
}

}  // namespace

struct Server::Services {
  Services(engine::Engine* engine, ports::MxResolver* resolver, const ServerOptions& options)
      : streams(options.most_streams),
        egress_ips(engine),
        pools(engine),
        plans(engine, &streams),
        campaigns(engine, &streams),
        lanes(engine),
        providers(engine, resolver),
        deliveries(engine),
        events(engine, &streams),
        suppressions(engine),
        store(engine, &streams),
        forecasts(engine, options.most_forecasts, options.forecast_limit),
        diagnostics(engine, resolver, options.diagnostics) {}

  Streams streams;
  EgressIpHandlers egress_ips;
  PoolHandlers pools;
  PlanHandlers plans;
  CampaignHandlers campaigns;
  LaneHandlers lanes;
  ProviderHandlers providers;
  DeliveryHandlers deliveries;
  EventHandlers events;
  SuppressionHandlers suppressions;
  StoreHandlers store;
  ForecastHandlers forecasts;
  DiagnosticsHandlers diagnostics;
  int port = 0;
  std::unique_ptr<grpc::Server> server;  // Last: stops before its services go.
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(engine::Engine* engine,
                                                      ports::MxResolver* resolver,
                                                      const ServerOptions& options) {
  auto services = std::make_unique<Services>(engine, resolver, options);
  grpc::EnableDefaultHealthCheckService(true);
  if (options.reflection) EnableReflection();
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kLargestMessage);
  builder.SetMaxSendMessageSize(kLargestMessage);
  // Two daemons on one port would each get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  if (!options.address.empty()) {
    builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &services->port);
  }
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(NewUnreadableInterceptors());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  builder.RegisterService(&services->egress_ips);
  builder.RegisterService(&services->pools);
  builder.RegisterService(&services->plans);
  builder.RegisterService(&services->campaigns);
  builder.RegisterService(&services->lanes);
  builder.RegisterService(&services->providers);
  builder.RegisterService(&services->deliveries);
  builder.RegisterService(&services->events);
  builder.RegisterService(&services->suppressions);
  builder.RegisterService(&services->store);
  builder.RegisterService(&services->forecasts);
  builder.RegisterService(&services->diagnostics);
  services->server = builder.BuildAndStart();
  if (services->server == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address,
                                               ": is it in use, or another machine's?"));
  }
  if (auto* health = services->server->GetHealthCheckService(); health != nullptr) {
    health->SetServingStatus(true);
  }
  return std::unique_ptr<Server>(new Server(std::move(services)));
}

Server::Server(std::unique_ptr<Services> services) : services_(std::move(services)) {}

Server::~Server() { Stop(absl::ZeroDuration()); }

void Server::BeginStop() {
  if (auto* health = services_->server->GetHealthCheckService(); health != nullptr) {
    health->SetServingStatus(false);
  }
  services_->streams.EndAll();
  services_->diagnostics.EndAll();
}

void Server::Stop(absl::Duration limit) {
  BeginStop();
  services_->server->Shutdown(gpr_time_from_millis(absl::ToInt64Milliseconds(limit), GPR_TIMESPAN));
}

int Server::port() const { return services_->port; }

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  return services_->server->InProcessChannel(grpc::ChannelArguments());
}

size_t Server::open_streams() const {
  return services_->streams.size() + services_->diagnostics.open_streams();
}

}  // namespace crescendo::service
