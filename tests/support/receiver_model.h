// receiver_model.h: how receivers, strict and lax, find the end of a message.
//
// Written from RFC 5321 §4.5.2 and from the reports on SMTP smuggling, not from wire/data.cc.
//
// Threads  pure functions.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace crescendo::testing {

using std::string_literals::operator""s;

// RELIABILITY §6: what some receivers take for the end of data.
inline const std::string kLaxEnds[] = {"\n.\n"s,       "\r.\r"s,      "\r.\n"s,   "\n.\r"s,
                                       "\n.\r\n"s,     "\r\n.\n"s,    "\r.\r\n"s, "\r\n.\r"s,
                                       "\r\n\0.\r\n"s, "\r\n.\0\r\n"s};

// The message a strict receiver reads from what follows its 354, without the dots; nothing if the
// end of data is missing or has bytes behind it.
std::optional<std::string> Receive(absl::string_view wire);

// True if a receiver that also takes `end` for an end of data finds one before the true one. The
// last bytes are the true one for it, too: CRLF "." CR holds no less than CRLF "." CRLF.
bool EndsEarly(absl::string_view wire, absl::string_view end);

// `message` as any receiver may have it: each CRLF, CR and LF is a CRLF, also at the end, and each
// NUL a space.
std::string Repaired(absl::string_view message);

}  // namespace crescendo::testing
