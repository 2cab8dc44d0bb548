// plan_handlers.h: crescendo.v1.PlanService. The contract is in plan.proto.
#pragma once

#include "crescendo/v1/plan.grpc.pb.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/streams.h"

namespace crescendo::service {

class PlanHandlers final : public v1::PlanService::CallbackService {
 public:
  // Both outlive it.
  PlanHandlers(engine::Engine* engine, Streams* streams) : engine_(engine), streams_(streams) {}

  grpc::ServerUnaryReactor* CreatePlan(grpc::CallbackServerContext* context,
                                       const v1::CreatePlanRequest* request,
                                       v1::Plan* response) override;
  grpc::ServerUnaryReactor* GetPlan(grpc::CallbackServerContext* context,
                                    const v1::GetPlanRequest* request, v1::Plan* response) override;
  grpc::ServerUnaryReactor* ListPlans(grpc::CallbackServerContext* context,
                                      const v1::ListPlansRequest* request,
                                      v1::ListPlansResponse* response) override;
  grpc::ServerUnaryReactor* UpdatePlan(grpc::CallbackServerContext* context,
                                       const v1::UpdatePlanRequest* request,
                                       v1::Plan* response) override;
  grpc::ServerUnaryReactor* StartPlan(grpc::CallbackServerContext* context,
                                      const v1::StartPlanRequest* request,
                                      v1::Plan* response) override;
  grpc::ServerUnaryReactor* PausePlan(grpc::CallbackServerContext* context,
                                      const v1::PausePlanRequest* request,
                                      v1::Plan* response) override;
  grpc::ServerUnaryReactor* ResumePlan(grpc::CallbackServerContext* context,
                                       const v1::ResumePlanRequest* request,
                                       v1::Plan* response) override;
  grpc::ServerUnaryReactor* GetPlanProgress(grpc::CallbackServerContext* context,
                                            const v1::GetPlanProgressRequest* request,
                                            v1::PlanProgress* response) override;
  grpc::ServerWriteReactor<v1::PlanProgress>* WatchPlanProgress(
      grpc::CallbackServerContext* context, const v1::WatchPlanProgressRequest* request) override;
  grpc::ServerUnaryReactor* ListPlanDays(grpc::CallbackServerContext* context,
                                         const v1::ListPlanDaysRequest* request,
                                         v1::ListPlanDaysResponse* response) override;

 private:
  template <class Request>
  grpc::ServerUnaryReactor* Change(grpc::CallbackServerContext* context, const Request* request,
                                   engine::PlanVerb verb, v1::Plan* response);

  engine::Engine* const engine_;
  Streams* const streams_;
};

}  // namespace crescendo::service
