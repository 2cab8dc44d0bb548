// signature.h: how a receiver knows that a request is ours, and whole.
//
// Source   Standard Webhooks, symmetric signatures: https://www.standardwebhooks.com
// Threads  pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::webhooks {

// "whsec_" and 32 bytes of the system's randomness in base64.
std::string NewSecret();

// "v1," and the base64 of HMAC-SHA256 over "{id}.{seconds}.{body}", with the bytes behind "whsec_".
// INVALID_ARGUMENT: `secret` is none.
absl::StatusOr<std::string> Sign(absl::string_view secret, absl::string_view id, int64_t seconds,
                                 absl::string_view body);

}  // namespace crescendo::webhooks
