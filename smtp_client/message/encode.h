// encode.h: any text, as mail may carry it.
//
// Threads  pure functions.
// See      RFC 2045 §6 (transfer encodings), RFC 2047 (encoded words), RFC 5322 §2.2.3 (folding).
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

// A field of one mailbox, "From: name <address>"; `name` may be "".
std::string MailboxField(absl::string_view field, absl::string_view name,
                         absl::string_view address);

// A value inside angle brackets: nothing of it may end them early, or the line.
std::string Angled(absl::string_view value);

// True if `text` is UTF-8, its line ends are CRLF, no other CR or LF stands in it, and no NUL: then
// no relay or receiver has anything to repair, which would break a signature.
bool IsStrictText(absl::string_view text);

// `text` made so: other line ends become CRLF, NUL a space, and bytes that are not UTF-8 U+FFFD.
std::string StrictText(absl::string_view text);

// RFC 2045 §6.7 and §6.8, lines of at most 76 bytes. REQUIRES: IsStrictText(text).
void AppendQuotedPrintable(absl::string_view text, std::string* out);
void AppendBase64(absl::string_view text, std::string* out);  // Ends in CRLF.

}  // namespace crescendo::smtp
