// egress_ip_handlers.h: crescendo.v1.EgressIpService. The contract is in egress_ip.proto.
#pragma once

#include "crescendo/v1/egress_ip.grpc.pb.h"
#include "scheduler/engine/engine.h"

namespace crescendo::service {

class EgressIpHandlers final : public v1::EgressIpService::CallbackService {
 public:
  // `engine` outlives it.
  explicit EgressIpHandlers(engine::Engine* engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* CreateEgressIp(grpc::CallbackServerContext* context,
                                           const v1::CreateEgressIpRequest* request,
                                           v1::EgressIp* response) override;
  grpc::ServerUnaryReactor* GetEgressIp(grpc::CallbackServerContext* context,
                                        const v1::GetEgressIpRequest* request,
                                        v1::EgressIp* response) override;
  grpc::ServerUnaryReactor* ListEgressIps(grpc::CallbackServerContext* context,
                                          const v1::ListEgressIpsRequest* request,
                                          v1::ListEgressIpsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateEgressIp(grpc::CallbackServerContext* context,
                                           const v1::UpdateEgressIpRequest* request,
                                           v1::EgressIp* response) override;

 private:
  engine::Engine* const engine_;
};

}  // namespace crescendo::service
