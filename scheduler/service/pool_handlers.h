// pool_handlers.h: crescendo.v1.PoolService. The contract is in pool.proto.
#pragma once

#include "crescendo/v1/pool.grpc.pb.h"
#include "scheduler/engine/engine.h"

namespace crescendo::service {

class PoolHandlers final : public v1::PoolService::CallbackService {
 public:
  // `engine` outlives it.
  explicit PoolHandlers(engine::Engine* engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* CreatePool(grpc::CallbackServerContext* context,
                                       const v1::CreatePoolRequest* request,
                                       v1::Pool* response) override;
  grpc::ServerUnaryReactor* GetPool(grpc::CallbackServerContext* context,
                                    const v1::GetPoolRequest* request, v1::Pool* response) override;
  grpc::ServerUnaryReactor* ListPools(grpc::CallbackServerContext* context,
                                      const v1::ListPoolsRequest* request,
                                      v1::ListPoolsResponse* response) override;
  grpc::ServerUnaryReactor* UpdatePool(grpc::CallbackServerContext* context,
                                       const v1::UpdatePoolRequest* request,
                                       v1::Pool* response) override;

 private:
  engine::Engine* const engine_;
};

}  // namespace crescendo::service
