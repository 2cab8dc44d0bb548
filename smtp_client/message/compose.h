// compose.h: the RFC 5322 bytes of one message.
//
// Total: whatever the parts hold, what comes out is one well-formed message with one header. Header
// values are cleaned of controls, so none adds a field; the same parts give the same bytes.
//
// Threads  pure functions.
// See      RFC 5322, RFC 2045-2047 (MIME), RFC 2369 and 8058 (List-Unsubscribe).
#pragma once

#include <string>

#include "absl/time/time.h"

namespace crescendo::smtp {

struct MessageParts {
  std::string from_name;  // May be "".
  std::string from_address;
  std::string to_address;
  std::string subject;
  std::string message_id;        // Without <>.
  std::string list_unsubscribe;  // "<https://…>, <mailto:…>". May be "".
  absl::Time date;
  std::string text;  // UTF-8, any line ends. One of text and html is there;
  std::string html;  // with both it is multipart/alternative.
  // Non-ASCII bodies go as 8bit where their lines are short enough: smaller, but only for servers
  // with 8BITMIME. Otherwise quoted-printable, which every server takes.
  bool eight_bit = false;
};

// Line ends are CRLF, lines at most 998 bytes without them.
std::string Compose(const MessageParts& parts);

}  // namespace crescendo::smtp
