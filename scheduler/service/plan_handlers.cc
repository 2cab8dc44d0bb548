#include "scheduler/service/plan_handlers.h"

#include <algorithm>
#include <utility>

#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/ramps/ramp_loader.h"
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

constexpr int64_t kUsualTarget = 1'000'000;

// A page of the plan's days from days.first to days.second, with the ledger of its IP.
absl::Status ReadHistory(ports::Store& store, const Plan& plan,
                         const std::pair<absl::CivilDay, absl::CivilDay>& days, const Page& page,
                         v1::GetPlanHistoryResponse* response) {
  ASSIGN_OR_RETURN(std::vector<PlanDay> all, store.ListPlanDays(plan.id));
  std::erase_if(all, [&](const PlanDay& day) {
    return day.day < days.first || day.day > days.second ||
           (!page.after.empty() && base::FormatDay(day.day) <= page.after);
  });
  const bool more = static_cast<int>(all.size()) > page.size;
  if (more) all.resize(static_cast<size_t>(page.size));
  if (all.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<LedgerRow> ledger,
                   store.ListLedger(plan.egress_ip, all.front().day, all.back().day));
  for (const PlanDay& day : all) {
    v1::PlanHistoryDay* entry = response->add_history();
    *entry->mutable_day() = ToProto(day);
    LedgerRow total;
    for (const LedgerRow& row : ledger) {
      if (row.day != day.day) continue;
      total += row;
      v1::PlanHistoryDay::LaneCounts* lane = entry->add_lanes();
      lane->set_provider(NameOf(row.lane.provider));
      *lane->mutable_ledger() = ToProto(row);
    }
    *entry->mutable_total() = ToProto(total);
  }
  if (more) response->set_next_page_token(NextPageToken(page, base::FormatDay(all.back().day)));
  return absl::OkStatus();
}

auto FillingChanged(v1::Plan* response) {
  return [response](const core::ChangedPlan& changed) {
    *response = ToProto(changed);
    const bool ramps = std::any_of(
        changed.change.fields.begin(), changed.change.fields.end(), [](const FieldChange& change) {
          return change.field == "stages" || change.field == "provider_ramps";
        });
    if (!ramps) return;
    Warn(changed.plan.next.has_value() ? *changed.plan.next : changed.plan,
         response->mutable_change());
  };
}

}  // namespace

grpc::ServerUnaryReactor* PlanHandlers::CreatePlan(grpc::CallbackServerContext* context,
                                                   const v1::CreatePlanRequest* request,
                                                   v1::Plan* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(engine::Request who, CreateRequestOf(*context, *request));
    ASSIGN_OR_RETURN(Plan plan, PlanFrom(*request, engine_->clock().Now().wall));
    engine_->PutPlan(std::move(plan), core::Effective::kNow, std::move(who),
                     answer.With<core::ChangedPlan>([response](const core::ChangedPlan& made) {
                       *response = ToProto(made.plan);
                       v1::Plan::Change change;
                       Warn(made.plan, &change);
                       if (change.warnings_size() > 0) *response->mutable_change() = change;
                     }));
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
    ASSIGN_OR_RETURN(const core::Effective effective, EffectiveFrom(request->effective()));
    ASSIGN_OR_RETURN(const UpdateMask mask,
                     UpdateMask::Create(request->update_mask(), *v1::Plan::descriptor(),
                                        {"stages", "provider_caps", "provider_ramps", "time_zone",
                                         "sending_window", "start_date", "advance_rule",
                                         "engagement_floors", "hourly_weights", "days_off",
                                         "guardrails", "rolling_day", "bounded_growth"}));
    ASSIGN_OR_RETURN(const engine::Request who,
                     RequestOf(*context, request->reason(), request->validate_only()));
    edit->get = [this, id](engine::Done<Plan> done) { engine_->GetPlan(id, std::move(done)); };
    edit->merge = [this, request, mask, effective](Plan plan) {
      return Merged(std::move(plan), request->plan(), mask, effective, engine_->clock().Now().wall);
    };
    // The answer is what changed: the loop itself only looks at the plan.
    auto changed = std::make_shared<core::ChangedPlan>();
    edit->put = [this, who, effective, changed](Plan plan, engine::Done<Plan> done) {
      engine_->PutPlan(
          std::move(plan), effective, who,
          [changed, done = std::move(done)](absl::StatusOr<core::ChangedPlan> answered) mutable {
            if (!answered.ok()) return done(answered.status());
            *changed = *std::move(answered);
            done(changed->plan);
          });
    };
    ReadMergePut<Plan>(std::move(edit), answer.With<Plan>([changed, response](const Plan&) {
      FillingChanged(response)(*changed);
    }));
    return absl::OkStatus();
  });
}

template <class Request>
grpc::ServerUnaryReactor* PlanHandlers::Change(grpc::CallbackServerContext* context,
                                               const Request* request,
                                               const core::PlanAction& action, v1::Plan* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const PlanId id, ParsePlan("name", request->name()));
    ASSIGN_OR_RETURN(const std::optional<int64_t> revision, ParseEtag("etag", request->etag()));
    ASSIGN_OR_RETURN(engine::Request who,
                     RequestOf(*context, request->reason(), request->validate_only()));
    engine_->ChangePlan(id, action, revision.value_or(0), std::move(who),
                        answer.With<core::ChangedPlan>(FillingChanged(response)));
    return absl::OkStatus();
  });
}

template <class Request>
grpc::ServerUnaryReactor* PlanHandlers::MoveStage(grpc::CallbackServerContext* context,
                                                  const Request* request, core::PlanAction action,
                                                  v1::Plan* response) {
  const absl::StatusOr<core::Effective> effective = EffectiveFrom(request->effective());
  if (!effective.ok()) {
    return Unary(context, [&](Answer&) { return effective.status(); });
  }
  action.effective = *effective;
  return Change(context, request, action, response);
}

grpc::ServerUnaryReactor* PlanHandlers::StartPlan(grpc::CallbackServerContext* context,
                                                  const v1::StartPlanRequest* request,
                                                  v1::Plan* response) {
  return Change(context, request, {core::PlanVerb::kStart}, response);
}

grpc::ServerUnaryReactor* PlanHandlers::PausePlan(grpc::CallbackServerContext* context,
                                                  const v1::PausePlanRequest* request,
                                                  v1::Plan* response) {
  return Change(context, request, {core::PlanVerb::kPause}, response);
}

grpc::ServerUnaryReactor* PlanHandlers::ResumePlan(grpc::CallbackServerContext* context,
                                                   const v1::ResumePlanRequest* request,
                                                   v1::Plan* response) {
  return Change(context, request, {core::PlanVerb::kResume}, response);
}

grpc::ServerUnaryReactor* PlanHandlers::HoldPlan(grpc::CallbackServerContext* context,
                                                 const v1::HoldPlanRequest* request,
                                                 v1::Plan* response) {
  return Change(context, request, {core::PlanVerb::kHold}, response);
}

grpc::ServerUnaryReactor* PlanHandlers::CompletePlan(grpc::CallbackServerContext* context,
                                                     const v1::CompletePlanRequest* request,
                                                     v1::Plan* response) {
  return Change(context, request, {core::PlanVerb::kComplete}, response);
}

grpc::ServerUnaryReactor* PlanHandlers::AbortPlan(grpc::CallbackServerContext* context,
                                                  const v1::AbortPlanRequest* request,
                                                  v1::Plan* response) {
  return Change(context, request, {core::PlanVerb::kAbort}, response);
}

grpc::ServerUnaryReactor* PlanHandlers::AdvancePlan(grpc::CallbackServerContext* context,
                                                    const v1::AdvancePlanRequest* request,
                                                    v1::Plan* response) {
  return MoveStage(context, request, {core::PlanVerb::kAdvance}, response);
}

grpc::ServerUnaryReactor* PlanHandlers::StepBackPlan(grpc::CallbackServerContext* context,
                                                     const v1::StepBackPlanRequest* request,
                                                     v1::Plan* response) {
  return MoveStage(context, request, {core::PlanVerb::kStepBack}, response);
}

grpc::ServerUnaryReactor* PlanHandlers::SetPlanStage(grpc::CallbackServerContext* context,
                                                     const v1::SetPlanStageRequest* request,
                                                     v1::Plan* response) {
  return MoveStage(context, request, {core::PlanVerb::kSetStage, request->stage_index()}, response);
}

grpc::ServerUnaryReactor* PlanHandlers::DeletePlan(grpc::CallbackServerContext* context,
                                                   const v1::DeletePlanRequest* request,
                                                   v1::Plan* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const PlanId id, ParsePlan("name", request->name()));
    ASSIGN_OR_RETURN(const std::optional<int64_t> revision, ParseEtag("etag", request->etag()));
    ASSIGN_OR_RETURN(engine::Request who,
                     RequestOf(*context, request->reason(), request->validate_only()));
    engine_->DeletePlan(id, revision.value_or(0), std::move(who),
                        answer.With<core::ChangedPlan>([response](const core::ChangedPlan& gone) {
                          *response = ToProto(gone);
                        }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PlanHandlers::ListRamps(grpc::CallbackServerContext* context,
                                                  const v1::ListRampsRequest* request,
                                                  v1::ListRampsResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t target, TargetFrom(request->target()));
    for (const RampPreset& ramp : ramps::ShippedRamps()) {
      *response->add_ramps() = ToProto(ramp, target == 0 ? kUsualTarget : target);
    }
    answer.Finish(absl::OkStatus());
    return absl::OkStatus();
  });
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

grpc::ServerUnaryReactor* PlanHandlers::GetPlanHistory(grpc::CallbackServerContext* context,
                                                       const v1::GetPlanHistoryRequest* request,
                                                       v1::GetPlanHistoryResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const PlanId id, ParsePlan("parent", request->parent()));
    ASSIGN_OR_RETURN(const auto days, DaysFrom(*request));
    ASSIGN_OR_RETURN(Page page, ReadPage(*request));
    engine_->GetPlan(id,
                     answer.Then<Plan>([this, days, page, response](Answer next, const Plan& plan) {
                       ReadStore(engine_, std::move(next),
                                 [plan, days, page, response](ports::Store& store) -> absl::Status {
                                   return ReadHistory(store, plan, days, page, response);
                                 });
                     }));
    return absl::OkStatus();
  });
}

}  // namespace crescendo::service
