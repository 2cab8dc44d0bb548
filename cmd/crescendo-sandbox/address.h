// address.h: the paths of MAIL and RCPT, and e-mail addresses made comparable.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace crescendo::sandbox {

// What stands behind the last @, as it is; "" if there is none.
absl::string_view DomainPart(absl::string_view address);

// The local part as it is, the domain in lower case: two spellings of one mailbox compare equal.
std::string ComparableAddress(absl::string_view address);

// The arguments of MAIL FROM: or RCPT TO:.
struct Path {
  std::string address;                  // Without angle brackets; "" for <>.
  std::vector<std::string> parameters;  // "SIZE=1000", "SMTPUTF8" …, upper case names.
};
// `text` is what stands behind the colon. nullopt: not RFC 5321 §4.1.2.
std::optional<Path> ParsePath(absl::string_view text);

bool IsAscii(absl::string_view text);

}  // namespace crescendo::sandbox
