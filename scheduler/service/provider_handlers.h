// provider_handlers.h: crescendo.v1.ProviderService. The contract is in provider.proto.
#pragma once

#include "crescendo/v1/provider.grpc.pb.h"
#include "scheduler/engine/engine.h"
#include "scheduler/ports/mx_resolver.h"

namespace crescendo::service {

class ProviderHandlers final : public v1::ProviderService::CallbackService {
 public:
  // Both outlive it.
  ProviderHandlers(engine::Engine* engine, ports::MxResolver* resolver)
      : engine_(engine), resolver_(resolver) {}

  grpc::ServerUnaryReactor* GetProvider(grpc::CallbackServerContext* context,
                                        const v1::GetProviderRequest* request,
                                        v1::Provider* response) override;
  grpc::ServerUnaryReactor* ListProviders(grpc::CallbackServerContext* context,
                                          const v1::ListProvidersRequest* request,
                                          v1::ListProvidersResponse* response) override;
  grpc::ServerUnaryReactor* FindProvider(grpc::CallbackServerContext* context,
                                         const v1::FindProviderRequest* request,
                                         v1::FindProviderResponse* response) override;

 private:
  engine::Engine* const engine_;
  ports::MxResolver* const resolver_;
};

}  // namespace crescendo::service
