// errors.h: the one place where an absl::Status becomes a grpc::Status.
//
// What a caller can act on keeps its code. DATA_LOSS (the store cannot be trusted; the daemon ends)
// becomes UNAVAILABLE, for trying again after the restart is right; whatever else is our bug and
// becomes INTERNAL.
//
// Threads  pure functions, safe from any thread.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace crescendo::service {

grpc::Status ToGrpc(const absl::Status& status);

// INVALID_ARGUMENT "<field> <fault>". `fault` says what is wrong with the value and what to do.
absl::Status Fault(absl::string_view field, absl::string_view fault);

// `text` for an error message: cut to 80 bytes, controls and other oddities escaped, in quotes.
std::string Quoted(absl::string_view text);

// INVALID_ARGUMENT if `text` is longer than `most` characters or holds a control character.
absl::Status CheckFreeText(absl::string_view field, absl::string_view text, size_t most);

absl::Status Stopping();  // UNAVAILABLE.

}  // namespace crescendo::service
