#include "scheduler/service/pool_handlers.h"

#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"
#include "scheduler/service/paging.h"
#include "scheduler/service/unary.h"
#include "scheduler/service/update.h"

namespace crescendo::service {
namespace {

auto Filling(v1::Pool* response) {
  return [response](const Pool& pool) { *response = ToProto(pool); };
}

}  // namespace

grpc::ServerUnaryReactor* PoolHandlers::CreatePool(grpc::CallbackServerContext* context,
                                                   const v1::CreatePoolRequest* request,
                                                   v1::Pool* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(engine::Request who, CreateRequestOf(*context, *request));
    Pool pool;
    pool.id = PoolId(request->pool_id());
    ASSIGN_OR_RETURN(pool.egress_ips, PoolMembersFrom(request->pool()));
    ASSIGN_OR_RETURN(pool.overflow, OverflowFrom(request->pool()));
    engine_->Put(std::move(pool), std::move(who), answer.With<Pool>(Filling(response)));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PoolHandlers::GetPool(grpc::CallbackServerContext* context,
                                                const v1::GetPoolRequest* request,
                                                v1::Pool* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const PoolId id, ParsePool("name", request->name()));
    engine_->GetPool(id, answer.With<Pool>(Filling(response)));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PoolHandlers::ListPools(grpc::CallbackServerContext* context,
                                                  const v1::ListPoolsRequest* request,
                                                  v1::ListPoolsResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(Page page, ReadPage(*request));
    engine_->ListPools(answer.With<std::vector<Pool>>(
        [page = std::move(page), response](const std::vector<Pool>& all) {
          response->set_next_page_token(TakePage(
              all, page, [](const Pool& pool) { return pool.id.text(); },
              [&](const Pool& pool) { *response->add_pools() = ToProto(pool); }));
        }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* PoolHandlers::UpdatePool(grpc::CallbackServerContext* context,
                                                   const v1::UpdatePoolRequest* request,
                                                   v1::Pool* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    auto edit = std::make_shared<Edit<Pool>>();
    edit->name = request->pool().name();
    ASSIGN_OR_RETURN(const PoolId id, ParsePool("pool.name", edit->name));
    ASSIGN_OR_RETURN(edit->revision, ParseEtag("pool.etag", request->pool().etag()));
    ASSIGN_OR_RETURN(const UpdateMask mask,
                     UpdateMask::Create(request->update_mask(), *v1::Pool::descriptor(),
                                        {"egress_ips", "overflow_pool"}));
    ASSIGN_OR_RETURN(const engine::Request who,
                     RequestOf(*context, request->reason(), request->validate_only()));
    edit->get = [this, id](engine::Done<Pool> done) { engine_->GetPool(id, std::move(done)); };
    edit->merge = [request, mask](Pool pool) -> absl::StatusOr<Pool> {
      if (mask.Has("egress_ips")) {
        ASSIGN_OR_RETURN(pool.egress_ips, PoolMembersFrom(request->pool()));
      }
      if (mask.Has("overflow_pool")) {
        ASSIGN_OR_RETURN(pool.overflow, OverflowFrom(request->pool()));
      }
      return pool;
    };
    edit->put = [this, who](Pool pool, engine::Done<Pool> done) {
      engine_->Put(std::move(pool), who, std::move(done));
    };
    ReadMergePut<Pool>(std::move(edit), answer.With<Pool>(Filling(response)));
    return absl::OkStatus();
  });
}

}  // namespace crescendo::service
