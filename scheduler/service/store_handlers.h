// store_handlers.h: crescendo.v1.StoreService. The contract is in store.proto.
#pragma once

#include "crescendo/v1/store.grpc.pb.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/store_backup.h"
#include "scheduler/service/streams.h"

namespace crescendo::service {

class StoreHandlers final : public v1::StoreService::CallbackService {
 public:
  // Both outlive it.
  StoreHandlers(engine::Engine* engine, Streams* streams) : engine_(engine), streams_(streams) {}

  grpc::ServerWriteReactor<v1::BackupStoreResponse>* BackupStore(
      grpc::CallbackServerContext*, const v1::BackupStoreRequest* request) override {
    return StoreBackup::Start(engine_, streams_, *request);
  }

 private:
  engine::Engine* const engine_;
  Streams* const streams_;
};

}  // namespace crescendo::service
