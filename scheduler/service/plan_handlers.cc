#include "scheduler/service/plan_handlers.h"

#include <algorithm>

#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"
#include "scheduler/service/paging.h"
#include "scheduler/service/plan_watch.h"
#include "scheduler/service/unary.h"
#include "scheduler/service/update.h"

namespace crescendo::service {
namespace {

auto Filling(v1::Plan* response) {
  return [response](const Plan& plan) { *response = ToProto(plan); };
}

}  // namespace

grpc::ServerUnaryReactor* PlanHandlers::CreatePlan(grpc::CallbackServerContext* context,
                                                   const v1::CreatePlanRequest* request,
                                                   v1::Plan* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(engine::Request who, CreateRequestOf(*context, *request));
    ASSIGN_OR_RETURN(Plan plan, PlanFrom(request->plan_id(), request->plan(), request->target(),
                                         engine_->clock().Now().wall));
    engine_->Put(std::move(plan), std::move(who), answer.With<Plan>(Filling(response)));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PlanHandlers::GetPlan(grpc::CallbackServerContext* context,
                                                const v1::GetPlanRequest* request,
                                                v1::Plan* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const PlanId id, ParsePlan("name", request->name()));
    engine_->GetPlan(id, answer.With<Plan>(Filling(response)));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PlanHandlers::ListPlans(grpc::CallbackServerContext* context,
                                                  const v1::ListPlansRequest* request,
                                                  v1::ListPlansResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(Page page, ReadPage(*request));
    engine_->ListPlans(answer.With<std::vector<Plan>>(
        [page = std::move(page), response](const std::vector<Plan>& all) {
          response->set_next_page_token(TakePage(
              all, page, [](const Plan& plan) { return plan.id.text(); },
              [&](const Plan& plan) { *response->add_plans() = ToProto(plan); }));
        }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PlanHandlers::UpdatePlan(grpc::CallbackServerContext* context,
                                                   const v1::UpdatePlanRequest* request,
                                                   v1::Plan* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    auto edit = std::make_shared<Edit<Plan>>();
    edit->name = request->plan().name();
    ASSIGN_OR_RETURN(const PlanId id, ParsePlan("plan.name", edit->name));
    ASSIGN_OR_RETURN(edit->revision, ParseEtag("plan.etag", request->plan().etag()));
    ASSIGN_OR_RETURN(
        const UpdateMask mask,
        UpdateMask::Create(request->update_mask(), *v1::Plan::descriptor(),
                           {"stages", "provider_caps", "time_zone", "sending_window", "start_date",
                            "advance_rule", "engagement_floors", "hourly_weights", "days_off"}));
    ASSIGN_OR_RETURN(const engine::Request who,
                     RequestOf(*context, request->reason(), request->validate_only()));
    edit->get = [this, id](engine::Done<Plan> done) { engine_->GetPlan(id, std::move(done)); };
    edit->merge = [this, request, mask](Plan plan) {
      return Merged(std::move(plan), request->plan(), mask, engine_->clock().Now().wall);
    };
    edit->put = [this, who](Plan plan, engine::Done<Plan> done) {
      engine_->Put(std::move(plan), who, std::move(done));
    };
    ReadMergePut<Plan>(std::move(edit), answer.With<Plan>(Filling(response)));
    return absl::OkStatus();
  });
}

template <class Request>
grpc::ServerUnaryReactor* PlanHandlers::Change(grpc::CallbackServerContext* context,
                                               const Request* request, engine::PlanVerb verb,
                                               v1::Plan* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const PlanId id, ParsePlan("name", request->name()));
    ASSIGN_OR_RETURN(const std::optional<int64_t> revision, ParseEtag("etag", request->etag()));
    ASSIGN_OR_RETURN(engine::Request who, RequestOf(*context, request->reason(), false));
    engine_->Change(id, verb, revision.value_or(0), std::move(who),
                    answer.With<Plan>(Filling(response)));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PlanHandlers::StartPlan(grpc::CallbackServerContext* context,
                                                  const v1::StartPlanRequest* request,
                                                  v1::Plan* response) {
  return Change(context, request, engine::PlanVerb::kStart, response);
}

grpc::ServerUnaryReactor* PlanHandlers::PausePlan(grpc::CallbackServerContext* context,
                                                  const v1::PausePlanRequest* request,
                                                  v1::Plan* response) {
  return Change(context, request, engine::PlanVerb::kPause, response);
}

grpc::ServerUnaryReactor* PlanHandlers::ResumePlan(grpc::CallbackServerContext* context,
                                                   const v1::ResumePlanRequest* request,
                                                   v1::Plan* response) {
  return Change(context, request, engine::PlanVerb::kResume, response);
}

grpc::ServerUnaryReactor* PlanHandlers::GetPlanProgress(grpc::CallbackServerContext* context,
                                                        const v1::GetPlanProgressRequest* request,
                                                        v1::PlanProgress* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const PlanId id, ParsePlan("name", request->name()));
    engine_->GetPlanStatus(
        id, answer.With<core::PlanStatus>([this, response](const core::PlanStatus& status) {
          *response = ToProto(status, engine_->clock().Now().wall);
        }));
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::PlanProgress>* PlanHandlers::WatchPlanProgress(
    grpc::CallbackServerContext*, const v1::WatchPlanProgressRequest* request) {
  return PlanWatch::Start(engine_, streams_, *request);
}

grpc::ServerUnaryReactor* PlanHandlers::ListPlanDays(grpc::CallbackServerContext* context,
                                                     const v1::ListPlanDaysRequest* request,
                                                     v1::ListPlanDaysResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const PlanId id, ParsePlan("parent", request->parent()));
    ASSIGN_OR_RETURN(Page page, ReadPage(*request));
    const auto read = [id, page = std::move(page), response](ports::Store& store) -> absl::Status {
      ASSIGN_OR_RETURN(std::vector<PlanDay> days, store.ListPlanDays(id));
      // A plan has few days: one a day of its life. Newest first, so a page goes on below its last.
      std::reverse(days.begin(), days.end());
      std::string last;
      int taken = 0;
      for (const PlanDay& day : days) {
        const std::string key = base::FormatDay(day.day);
        if (!page.after.empty() && key >= page.after) continue;
        if (taken++ == page.size) {
          response->set_next_page_token(NextPageToken(page, last));
          break;
        }
        *response->add_plan_days() = ToProto(day);
        last = key;
      }
      return absl::OkStatus();
    };
    // The store has days of plans only; whether there is such a plan, the engine knows.
    engine_->GetPlan(id, answer.Then<Plan>([this, read](Answer next, const Plan&) {
      ReadStore(engine_, std::move(next), read);
    }));
    return absl::OkStatus();
  });
}

}  // namespace crescendo::service
