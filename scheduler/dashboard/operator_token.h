// operator_token.h: who may change something over HTTP.
//
// Everybody who reaches the listener may read. A change needs the token of http.operator_token_file
// in "Authorization: Bearer …": a browser never sends that by itself, so no other page can.
//
// Threads  pure functions, safe from any thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "scheduler/dashboard/http.h"

namespace crescendo::dashboard {

// Takes as long for every token of that length.
bool SameSecret(const std::string& left, const std::string& right);

// The actor of the change: "http:{name}", the name from the header Crescendo-Actor, or
// "http:operator". PERMISSION_DENIED: nobody may, for there is no `token`. UNAUTHENTICATED: it is
// not in the request, or another.
absl::StatusOr<std::string> OperatorOf(const Request& request, const std::string& token);

}  // namespace crescendo::dashboard
