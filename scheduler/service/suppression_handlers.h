// suppression_handlers.h: crescendo.v1.SuppressionService. The contract is in suppression.proto.
#pragma once

#include "crescendo/v1/suppression.grpc.pb.h"
#include "scheduler/engine/engine.h"

namespace crescendo::service {

class SuppressionHandlers final : public v1::SuppressionService::CallbackService {
 public:
  // `engine` outlives it.
  explicit SuppressionHandlers(engine::Engine* engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* CreateSuppression(grpc::CallbackServerContext* context,
                                              const v1::CreateSuppressionRequest* request,
                                              v1::Suppression* response) override;
  grpc::ServerUnaryReactor* GetSuppression(grpc::CallbackServerContext* context,
                                           const v1::GetSuppressionRequest* request,
                                           v1::Suppression* response) override;
  grpc::ServerUnaryReactor* ListSuppressions(grpc::CallbackServerContext* context,
                                             const v1::ListSuppressionsRequest* request,
                                             v1::ListSuppressionsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteSuppression(grpc::CallbackServerContext* context,
                                              const v1::DeleteSuppressionRequest* request,
                                              v1::DeleteSuppressionResponse* response) override;

 private:
  engine::Engine* const engine_;
};

}  // namespace crescendo::service
