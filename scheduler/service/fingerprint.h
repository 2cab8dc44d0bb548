// fingerprint.h: one number for a request's body, to tell a repeat from another request.
//
// Stable over restarts and machines: a hash of the deterministic wire form. Not for secrets.
#pragma once

#include <cstdint>
#include <string>

#include <google/protobuf/message.h>

#include "absl/strings/string_view.h"

namespace crescendo::service {

uint64_t Fingerprint(absl::string_view bytes, uint64_t seed = 0);

// Of the message's type and content; equal for equal messages, whatever the order of their maps.
uint64_t Fingerprint(const google::protobuf::MessageLite& message);

}  // namespace crescendo::service
