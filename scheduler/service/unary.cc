#include "scheduler/service/unary.h"

#include "scheduler/base/status_macros.h"

namespace crescendo::service {

absl::StatusOr<engine::Request> RequestOf(const grpc::CallbackServerContext& context,
                                          const std::string& reason, bool validate_only) {
  RETURN_IF_ERROR(CheckFreeText("reason", reason, 1000));
  engine::Request request;
  request.reason = reason;
  request.validate_only = validate_only;
  const auto& metadata = context.client_metadata();
  const auto actor = metadata.find("crescendo-actor");
  if (actor == metadata.end()) {
    request.actor = context.peer();
  } else {
    request.actor = std::string(actor->second.data(), actor->second.size());
    RETURN_IF_ERROR(CheckFreeText("metadata crescendo-actor", request.actor, 100));
  }
  return request;
}

}  // namespace crescendo::service
