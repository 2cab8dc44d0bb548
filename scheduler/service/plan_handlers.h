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
  grpc::ServerUnaryReactor* HoldPlan(grpc::CallbackServerContext* context,
                                     const v1::HoldPlanRequest* request,
                                     v1::Plan* response) override;
  grpc::ServerUnaryReactor* AdvancePlan(grpc::CallbackServerContext* context,
                                        const v1::AdvancePlanRequest* request,
                                        v1::Plan* response) override;
  grpc::ServerUnaryReactor* StepBackPlan(grpc::CallbackServerContext* context,
                                         const v1::StepBackPlanRequest* request,
                                         v1::Plan* response) override;
  grpc::ServerUnaryReactor* SetPlanStage(grpc::CallbackServerContext* context,
                                         const v1::SetPlanStageRequest* request,
                                         v1::Plan* response) override;
  grpc::ServerUnaryReactor* CompletePlan(grpc::CallbackServerContext* context,
                                         const v1::CompletePlanRequest* request,
                                         v1::Plan* response) override;
  grpc::ServerUnaryReactor* AbortPlan(grpc::CallbackServerContext* context,
                                      const v1::AbortPlanRequest* request,
                                      v1::Plan* response) override;
  grpc::ServerUnaryReactor* DeletePlan(grpc::CallbackServerContext* context,
                                       const v1::DeletePlanRequest* request,
                                       v1::Plan* response) override;
  grpc::ServerUnaryReactor* ListRamps(grpc::CallbackServerContext* context,
                                      const v1::ListRampsRequest* request,
                                      v1::ListRampsResponse* response) override;
  grpc::ServerUnaryReactor* GetPlanHistory(grpc::CallbackServerContext* context,
                                           const v1::GetPlanHistoryRequest* request,
                                           v1::GetPlanHistoryResponse* response) override;
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
                                   const core::PlanAction& action, v1::Plan* response);
  // Of a request with `effective`.
  template <class Request>
  grpc::ServerUnaryReactor* MoveStage(grpc::CallbackServerContext* context, const Request* request,
                                      core::PlanAction action, v1::Plan* response);

  engine::Engine* const engine_;
  Streams* const streams_;
};

}  // namespace crescendo::service
