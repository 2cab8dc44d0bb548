// event_handlers.h: crescendo.v1.EventService. The contract is in event.proto.
#pragma once

#include "crescendo/v1/event.grpc.pb.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/streams.h"

namespace crescendo::service {

class EventHandlers final : public v1::EventService::CallbackService {
 public:
  // Both outlive it.
  EventHandlers(engine::Engine* engine, Streams* streams) : engine_(engine), streams_(streams) {}

  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const v1::ListEventsRequest* request,
                                       v1::ListEventsResponse* response) override;
  grpc::ServerWriteReactor<v1::Event>* StreamEvents(
      grpc::CallbackServerContext* context, const v1::StreamEventsRequest* request) override;

 private:
  engine::Engine* const engine_;
  Streams* const streams_;
};

}  // namespace crescendo::service
