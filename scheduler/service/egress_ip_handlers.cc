#include "scheduler/service/egress_ip_handlers.h"

#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"
#include "scheduler/service/paging.h"
#include "scheduler/service/unary.h"
#include "scheduler/service/update.h"

namespace crescendo::service {
namespace {

auto Filling(v1::EgressIp* response) {
  return [response](const EgressIp& ip) { *response = ToProto(ip); };
}

}  // namespace

grpc::ServerUnaryReactor* EgressIpHandlers::CreateEgressIp(grpc::CallbackServerContext* context,
                                                           const v1::CreateEgressIpRequest* request,
                                                           v1::EgressIp* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(engine::Request who, CreateRequestOf(*context, *request));
    engine_->Put(EgressIpFrom(request->egress_ip_id(), request->egress_ip()), std::move(who),
                 answer.With<EgressIp>(Filling(response)));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EgressIpHandlers::GetEgressIp(grpc::CallbackServerContext* context,
                                                        const v1::GetEgressIpRequest* request,
                                                        v1::EgressIp* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const EgressIpId id, ParseEgressIp("name", request->name()));
    engine_->GetEgressIp(id, answer.With<EgressIp>(Filling(response)));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EgressIpHandlers::ListEgressIps(grpc::CallbackServerContext* context,
                                                          const v1::ListEgressIpsRequest* request,
                                                          v1::ListEgressIpsResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(Page page, ReadPage(*request));
    engine_->ListEgressIps(answer.With<std::vector<EgressIp>>(
        [page = std::move(page), response](const std::vector<EgressIp>& all) {
          response->set_next_page_token(TakePage(
              all, page, [](const EgressIp& ip) { return ip.id.text(); },
              [&](const EgressIp& ip) { *response->add_egress_ips() = ToProto(ip); }));
        }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EgressIpHandlers::UpdateEgressIp(grpc::CallbackServerContext* context,
                                                           const v1::UpdateEgressIpRequest* request,
                                                           v1::EgressIp* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    auto edit = std::make_shared<Edit<EgressIp>>();
    edit->name = request->egress_ip().name();
    ASSIGN_OR_RETURN(const EgressIpId id, ParseEgressIp("egress_ip.name", edit->name));
    ASSIGN_OR_RETURN(edit->revision, ParseEtag("egress_ip.etag", request->egress_ip().etag()));
    ASSIGN_OR_RETURN(
        const UpdateMask mask,
        UpdateMask::Create(request->update_mask(), *v1::EgressIp::descriptor(), {"ehlo_name"}));
    ASSIGN_OR_RETURN(const engine::Request who,
                     RequestOf(*context, request->reason(), request->validate_only()));
    edit->get = [this, id](engine::Done<EgressIp> done) {
      engine_->GetEgressIp(id, std::move(done));
    };
    edit->merge = [request, mask](EgressIp ip) -> absl::StatusOr<EgressIp> {
      if (mask.Has("ehlo_name")) {
        ip.ehlo_name = EgressIpFrom(ip.id.text(), request->egress_ip()).ehlo_name;
      }
      return ip;
    };
    edit->put = [this, who](EgressIp ip, engine::Done<EgressIp> done) {
      engine_->Put(std::move(ip), who, std::move(done));
    };
    ReadMergePut<EgressIp>(std::move(edit), answer.With<EgressIp>(Filling(response)));
    return absl::OkStatus();
  });
}

}  // namespace crescendo::service
