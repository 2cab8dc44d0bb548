// printable.h: text from elsewhere, made safe for a terminal.
//
// Reply texts come from any mail server in the world. A control sequence in one must not move the
// operator's cursor, so controls, bytes that are not UTF-8 and direction marks are shown as
// escapes.
//
// Threads  pure functions.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace crescendo::cli {

// Line ends and tabs are escaped too: "\n", "\t", "\x1b", "\u{202e}".
std::string OneLine(absl::string_view text);

// Keeps "\n" (and drops the "\r" before it); every other control is escaped.
std::string Lines(absl::string_view text);

// Columns that printable UTF-8 takes: 2 for wide (East Asian, emoji), 0 for combining marks.
size_t DisplayWidth(absl::string_view text);

// The longest front of `text` of at most `width` columns.
absl::string_view FrontOfWidth(absl::string_view text, size_t width);

bool IsUtf8(absl::string_view text);

}  // namespace crescendo::cli
