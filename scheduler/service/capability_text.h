// capability_text.h: what a keyword of a reply to EHLO means for us.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace crescendo::service {

// "SIZE 35882577" -> "messages up to 35.9 MB". "" for what means nothing to a sender.
std::string CapabilityText(absl::string_view keyword);

}  // namespace crescendo::service
