// delivery_handlers.h: crescendo.v1.DeliveryService. The contract is in delivery.proto.
#pragma once

#include "crescendo/v1/delivery.grpc.pb.h"
#include "scheduler/engine/engine.h"

namespace crescendo::service {

class DeliveryHandlers final : public v1::DeliveryService::CallbackService {
 public:
  // `engine` outlives it.
  explicit DeliveryHandlers(engine::Engine* engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* GetDelivery(grpc::CallbackServerContext* context,
                                        const v1::GetDeliveryRequest* request,
                                        v1::Delivery* response) override;
  grpc::ServerUnaryReactor* ListDeliveries(grpc::CallbackServerContext* context,
                                           const v1::ListDeliveriesRequest* request,
                                           v1::ListDeliveriesResponse* response) override;
  grpc::ServerUnaryReactor* GetTranscript(grpc::CallbackServerContext* context,
                                          const v1::GetTranscriptRequest* request,
                                          v1::Transcript* response) override;

 private:
  engine::Engine* const engine_;
};

}  // namespace crescendo::service
