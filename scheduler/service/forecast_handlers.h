// forecast_handlers.h: crescendo.v1.ForecastService. The contract is in forecast.proto.
#pragma once

#include "crescendo/v1/forecast.grpc.pb.h"
#include "scheduler/engine/engine.h"
#include "scheduler/forecast/explain.h"
#include "scheduler/forecast/workers.h"
#include "scheduler/service/unary.h"

namespace crescendo::service {

class ForecastHandlers final : public v1::ForecastService::CallbackService {
 public:
  // The engine outlives it. At most `most` forecasts at once, each for at most `limit`.
  ForecastHandlers(engine::Engine* engine, int most, absl::Duration limit)
      : engine_(engine), workers_(most, limit) {}

  grpc::ServerUnaryReactor* ForecastPlan(grpc::CallbackServerContext* context,
                                         const v1::ForecastPlanRequest* request,
                                         v1::Forecast* response) override;
  grpc::ServerUnaryReactor* ForecastCampaign(grpc::CallbackServerContext* context,
                                             const v1::ForecastCampaignRequest* request,
                                             v1::Forecast* response) override;
  grpc::ServerUnaryReactor* ExplainWait(grpc::CallbackServerContext* context,
                                        const v1::ExplainWaitRequest* request,
                                        v1::ExplainWaitResponse* response) override;

 private:
  // Whether a computation shall end.
  using Cancelled = absl::FunctionRef<bool()>;
  // Takes a snapshot and has a worker finish the call with what `make` says of it.
  using Make = absl::AnyInvocable<absl::Status(core::Snapshot snapshot, Cancelled cancelled)>;
  void OnWorker(grpc::CallbackServerContext* context, forecast::Workers::Slot slot, Answer answer,
                Make make);
  void Explain(grpc::CallbackServerContext* context, forecast::Workers::Slot slot, Answer answer,
               std::vector<std::pair<std::string, forecast::Question>> questions,
               v1::ExplainWaitResponse* response);

  engine::Engine* const engine_;
  forecast::Workers workers_;
};

}  // namespace crescendo::service
