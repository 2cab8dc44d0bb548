// engagement_handlers.h: crescendo.v1.EngagementService. The contract is in engagement.proto.
#pragma once

#include "crescendo/v1/engagement.grpc.pb.h"
#include "scheduler/engine/engine.h"

namespace crescendo::service {

class EngagementHandlers final : public v1::EngagementService::CallbackService {
 public:
  // `engine` outlives it.
  explicit EngagementHandlers(engine::Engine* engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* RecordEngagement(grpc::CallbackServerContext* context,
                                             const v1::RecordEngagementRequest* request,
                                             v1::RecordEngagementResponse* response) override;
  grpc::ServerUnaryReactor* GetEngagement(grpc::CallbackServerContext* context,
                                          const v1::GetEngagementRequest* request,
                                          v1::Engagement* response) override;

 private:
  engine::Engine* const engine_;
};

}  // namespace crescendo::service
