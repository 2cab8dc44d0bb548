#include "scheduler/service/lane_handlers.h"

#include <algorithm>

#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"
#include "scheduler/service/paging.h"

namespace crescendo::service {
namespace {

PlanId PlanOf(const EgressIpId& ip, const std::vector<Plan>& plans) {
  const auto found = std::find_if(plans.begin(), plans.end(),
                                  [&](const Plan& plan) { return plan.egress_ip == ip; });
  return found == plans.end() ? PlanId() : found->id;
}

}  // namespace

engine::Done<core::LaneStatus> LaneHandlers::Filling(Answer& answer, v1::Lane* response) {
  return answer.Then<core::LaneStatus>([this, response](Answer next, core::LaneStatus lane) {
    engine_->ListPlans(next.With<std::vector<Plan>>(
        [response, lane = std::move(lane)](const std::vector<Plan>& plans) {
          *response = ToProto(lane, PlanOf(lane.lane.egress_ip, plans));
        }));
  });
}

grpc::ServerUnaryReactor* LaneHandlers::ListLanes(grpc::CallbackServerContext* context,
                                                  const v1::ListLanesRequest* request,
                                                  v1::ListLanesResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const EgressIpId ip, ParseEgressIpOrAny("parent", request->parent()));
    ProviderId provider;
    if (!request->provider().empty()) {
      ASSIGN_OR_RETURN(provider, ParseProvider("provider", request->provider()));
    }
    ASSIGN_OR_RETURN(Page page, ReadPage(*request));
    auto fill = [provider, page = std::move(page), response](std::vector<core::LaneStatus> lanes,
                                                             const std::vector<Plan>& plans) {
      if (!provider.empty()) {
        std::erase_if(lanes, [&](const auto& lane) { return lane.lane.provider != provider; });
      }
      const auto name = [](const core::LaneStatus& lane) { return NameOf(lane.lane); };
      // By name, which is not by id: "-" comes before "/".
      std::sort(lanes.begin(), lanes.end(),
                [&](const auto& a, const auto& b) { return name(a) < name(b); });
      response->set_next_page_token(TakePage(lanes, page, name, [&](const core::LaneStatus& lane) {
        *response->add_lanes() = ToProto(lane, PlanOf(lane.lane.egress_ip, plans));
      }));
    };
    engine_->ListLanes(
        ip, answer.Then<std::vector<core::LaneStatus>>(
                [this, fill = std::move(fill)](Answer next, std::vector<core::LaneStatus> lanes) {
                  engine_->ListPlans(next.With<std::vector<Plan>>(
                      [fill, lanes = std::move(lanes)](const std::vector<Plan>& plans) {
                        fill(lanes, plans);
                      }));
                }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* LaneHandlers::GetLane(grpc::CallbackServerContext* context,
                                                const v1::GetLaneRequest* request,
                                                v1::Lane* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const Lane lane, ParseLane("name", request->name()));
    engine_->GetLane(lane, Filling(answer, response));
    return absl::OkStatus();
  });
}

template <class Request>
grpc::ServerUnaryReactor* LaneHandlers::Change(grpc::CallbackServerContext* context,
                                               const Request* request, engine::LaneVerb verb,
                                               v1::Lane* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const Lane lane, ParseLane("name", request->name()));
    ASSIGN_OR_RETURN(engine::Request who, RequestOf(*context, request->reason(), false));
    engine_->Change(lane, verb, std::move(who), Filling(answer, response));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* LaneHandlers::PauseLane(grpc::CallbackServerContext* context,
                                                  const v1::PauseLaneRequest* request,
                                                  v1::Lane* response) {
  return Change(context, request, engine::LaneVerb::kPause, response);
}

grpc::ServerUnaryReactor* LaneHandlers::ResumeLane(grpc::CallbackServerContext* context,
                                                   const v1::ResumeLaneRequest* request,
                                                   v1::Lane* response) {
  return Change(context, request, engine::LaneVerb::kResume, response);
}

}  // namespace crescendo::service
