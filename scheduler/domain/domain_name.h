// domain_name.h: domain names in the one spelling that is compared, stored and looked up.
//
// Lower case, A-labels, no trailing dot: "MÜNCHEN。example" and "xn--mnchen-3ya.example" are one
// domain. A label that IDNA does not allow is refused, also when it comes as an A-label.
//
// Threads  pure functions, safe from any thread.
// See      RFC 5890-5893 (IDNA2008), UTS #46 (non-transitional: ß stays), RFC 1035 §2.3.4 (sizes).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo {

// Appends the normal form of `domain` to `*out` and returns "", or leaves it and returns the fault:
// "is \"a..b\", not a host name: …". A name that is normal already costs one pass and no allocation
// of its own.
std::string AppendNormalDomain(absl::string_view domain, std::string* out);

// The same as a value. INVALID_ARGUMENT has the fault as its message.
absl::StatusOr<std::string> NormaliseDomain(absl::string_view domain);

// `text` for a message: in quotes, cut behind 80 bytes, controls escaped, its letters left.
std::string QuotedText(absl::string_view text);

}  // namespace crescendo
