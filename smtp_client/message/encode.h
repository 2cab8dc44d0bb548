// encode.h: any text, as mail may carry it.
//
// Threads  pure functions.
// See      RFC 2045 §6.7 (quoted-printable), RFC 2047 (encoded words), RFC 5322 §2.2.3 (folding).
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace crescendo::smtp {

// One header field with its CRLF: "Name: text", folded so that no line passes 78 bytes where a
// space allows it, and none 998 ever. `text` becomes encoded words if it is not plain ASCII. No
// byte of it starts a field of its own: controls become spaces.
std::string HeaderField(absl::string_view name, absl::string_view text);

// A display name as it stands before <address>: a quoted string or encoded words; "" for "".
std::string Phrase(absl::string_view name);

// `text` with CRLF line ends, whatever it had.
std::string WithCrLf(absl::string_view text);

// RFC 2045 §6.7, lines of at most 76 bytes. REQUIRES: line ends are CRLF.
std::string QuotedPrintable(absl::string_view text);

}  // namespace crescendo::smtp
