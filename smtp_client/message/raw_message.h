// raw_message.h: a message that somebody else has written, taken apart so that it can be filled in.
//
// Its texts (text/*, not attached) become templates in UTF-8, whatever charset and transfer
// encoding they came in; what stands around them is kept, in a form that every server takes. Header
// fields are decoded (RFC 2047), so that a {{variable}} in an encoded subject is one.
//
// Errors   INVALID_ARGUMENT: what is wrong, and where if that is known.
// Threads  any.
// See      RFC 2045-2047, RFC 2231.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "smtp_client/message/body.h"

namespace crescendo::smtp {

struct RawMessage {
  std::vector<std::pair<std::string, std::string>> fields;  // All but MIME's own.
  Body body;
};

absl::StatusOr<RawMessage> ReadRawMessage(absl::string_view raw);

}  // namespace crescendo::smtp
