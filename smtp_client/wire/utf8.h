// utf8.h: telling text from bytes (RFC 3629).
//
// Threads  pure functions.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace crescendo::smtp {

// Length of the well-formed character at `text[at]`; 0 if there is none (overlong forms, surrogates
// and code points above U+10FFFF are not well formed). REQUIRES: at < text.size().
size_t Utf8CharLength(absl::string_view text, size_t at);

bool IsUtf8(absl::string_view text);
bool IsAscii(absl::string_view text);

// `bytes` as text that is safe to show, store and log: what is not UTF-8 becomes U+FFFD, and
// controls (C0, DEL, C1) become spaces, so that no server writes escapes to a terminal.
std::string CleanText(absl::string_view bytes);

}  // namespace crescendo::smtp
