// unreadable.h: what a caller hears whose request is no message of the method.
//
// gRPC answers a request it cannot parse (a broken encoding, or a string that is not UTF-8) as
// UNIMPLEMENTED without a word. Every method here is implemented, so that answer has one meaning,
// and becomes INVALID_ARGUMENT that says it.
#pragma once

#include <memory>

#include <grpcpp/support/server_interceptor.h>

#include "absl/status/status.h"

namespace crescendo::service {

absl::Status Unreadable();  // INVALID_ARGUMENT.

// For ServerBuilder::experimental().SetInterceptorCreators.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> NewUnreadableInterceptors();

}  // namespace crescendo::service
