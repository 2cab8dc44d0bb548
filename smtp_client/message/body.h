// body.h: a message's body as it is made again for each recipient.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "smtp_client/message/text_part.h"

namespace crescendo::smtp {

// From the Content-Type of the message itself on: bytes that are the same for all, and texts.
struct Body {
  std::vector<std::variant<std::string, TextPart>> parts;
  std::vector<std::string> boundaries;
};

}  // namespace crescendo::smtp
