// lane_handlers.h: crescendo.v1.LaneService. The contract is in lane.proto.
#pragma once

#include "crescendo/v1/lane.grpc.pb.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/unary.h"

namespace crescendo::service {

class LaneHandlers final : public v1::LaneService::CallbackService {
 public:
  // `engine` outlives it.
  explicit LaneHandlers(engine::Engine* engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* ListLanes(grpc::CallbackServerContext* context,
                                      const v1::ListLanesRequest* request,
                                      v1::ListLanesResponse* response) override;
  grpc::ServerUnaryReactor* GetLane(grpc::CallbackServerContext* context,
                                    const v1::GetLaneRequest* request, v1::Lane* response) override;
  grpc::ServerUnaryReactor* PauseLane(grpc::CallbackServerContext* context,
                                      const v1::PauseLaneRequest* request,
                                      v1::Lane* response) override;
  grpc::ServerUnaryReactor* ResumeLane(grpc::CallbackServerContext* context,
                                       const v1::ResumeLaneRequest* request,
                                       v1::Lane* response) override;

 private:
  template <class Request>
  grpc::ServerUnaryReactor* Change(grpc::CallbackServerContext* context, const Request* request,
                                   engine::LaneVerb verb, v1::Lane* response);
  engine::Done<core::LaneStatus> Filling(Answer& answer, v1::Lane* response);

  engine::Engine* const engine_;
};

}  // namespace crescendo::service
