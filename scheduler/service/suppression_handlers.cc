#include "scheduler/service/suppression_handlers.h"

#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"
#include "scheduler/service/paging.h"
#include "scheduler/service/unary.h"

namespace crescendo::service {
namespace {

// Answers with the suppression of `address` as it is stored.
auto Reading(const std::string& address, v1::Suppression* response) {
  return [address, response](ports::Store& store) -> absl::Status {
    absl::StatusOr<Suppression> found = store.GetSuppression(address);
    if (absl::IsNotFound(found.status())) {
      return absl::NotFoundError(absl::StrCat(address, " is not on the suppression list"));
    }
    if (found.ok()) *response = ToProto(*found);
    return found.status();
  };
}

}  // namespace

grpc::ServerUnaryReactor* SuppressionHandlers::CreateSuppression(
    grpc::CallbackServerContext* context, const v1::CreateSuppressionRequest* request,
    v1::Suppression* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(Suppression suppression, SuppressionFrom(request->suppression()));
    ASSIGN_OR_RETURN(engine::Request who, RequestOf(*context, "", request->validate_only()));
    if (request->validate_only()) {
      suppression.create_time = engine_->clock().Now().wall;
      *response = ToProto(suppression);
      answer.Finish(absl::OkStatus());
      return absl::OkStatus();
    }
    const std::string address = suppression.address;
    engine_->Suppress({std::move(suppression)}, std::move(who),
                      answer.Then<int64_t>([this, address, response](Answer next, int64_t) {
                        ReadStore(engine_, std::move(next), Reading(address, response));
                      }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SuppressionHandlers::GetSuppression(
    grpc::CallbackServerContext* context, const v1::GetSuppressionRequest* request,
    v1::Suppression* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string address, ParseSuppression("name", request->name()));
    ReadStore(engine_, std::move(answer), Reading(address, response));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SuppressionHandlers::ListSuppressions(
    grpc::CallbackServerContext* context, const v1::ListSuppressionsRequest* request,
    v1::ListSuppressionsResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(Page page, ReadPage(*request));
    ReadStore(engine_, std::move(answer),
              [page = std::move(page), response](ports::Store& store) -> absl::Status {
                // One more than asked for tells whether a page follows.
                ASSIGN_OR_RETURN(const std::vector<Suppression> found,
                                 store.ListSuppressions(page.after, page.size + 1));
                for (const Suppression& suppression : found) {
                  if (response->suppressions_size() == page.size) break;
                  *response->add_suppressions() = ToProto(suppression);
                }
                if (found.size() > static_cast<size_t>(page.size)) {
                  response->set_next_page_token(
                      NextPageToken(page, found[static_cast<size_t>(page.size) - 1].address));
                }
                return absl::OkStatus();
              });
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SuppressionHandlers::DeleteSuppression(
    grpc::CallbackServerContext* context, const v1::DeleteSuppressionRequest* request,
    v1::DeleteSuppressionResponse*) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string address, ParseSuppression("name", request->name()));
    ASSIGN_OR_RETURN(engine::Request who, RequestOf(*context, request->reason(), false));
    engine_->Unsuppress(address, std::move(who),
                        answer.With<std::string>([](const std::string&) {}));
    return absl::OkStatus();
  });
}

}  // namespace crescendo::service
