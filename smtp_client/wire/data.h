// data.h: a message as it goes over the wire, after DATA (RFC 5321 §4.5.2) or BDAT (RFC 3030).
//
// Threads  pure functions.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace crescendo::smtp {

// Appends `message` with its lines dot-stuffed, and the end of data ("." CRLF on a line of its
// own).
//
// CRLF "." CRLF stands in the output exactly once, at its end: a bare CR or a
// bare LF becomes CRLF and NUL a space, *before* dots are stuffed, so that no receiver, however it
// reads line ends, finds an end of data inside the message (SMTP smuggling).
void AppendData(absl::string_view message, std::string* out);

// Appends "BDAT n LAST" CRLF and `message` as its only chunk: with the same strict line ends, the
// last line's too, but without dots stuffed, as nothing in it is an end of data.
void AppendLastChunk(absl::string_view message, std::string* out);

// True if a header field of `message` holds bytes outside ASCII, which takes SMTPUTF8.
bool HeaderIsEightBit(absl::string_view message);

}  // namespace crescendo::smtp
