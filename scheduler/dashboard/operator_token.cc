#include "scheduler/dashboard/operator_token.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace crescendo::dashboard {

bool SameSecret(const std::string& left, const std::string& right) {
  if (left.size() != right.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    difference |= static_cast<unsigned char>(left[i]) ^ static_cast<unsigned char>(right[i]);
  }
  return difference == 0;
}

absl::StatusOr<std::string> OperatorOf(const Request& request, const std::string& token) {
  if (token.empty()) {
    return absl::PermissionDeniedError(
        "changes over HTTP are off: set http.operator_token_file in the daemon's configuration, or "
        "use the command crescendo");
  }
  const std::string given = request.Header("authorization");
  constexpr size_t kScheme = 7;  // "Bearer "
  if (!absl::StartsWithIgnoreCase(given, "bearer ")) {
    return absl::UnauthenticatedError(
        "a change needs the operator's token, as in \"Authorization: Bearer …\"");
  }
  if (!SameSecret(std::string(absl::StripAsciiWhitespace(given.substr(kScheme))), token)) {
    return absl::UnauthenticatedError("this is not the operator's token");
  }
  const std::string name = request.Header("crescendo-actor");
  return absl::StrCat("http:", name.empty() ? "operator" : name);
}

}  // namespace crescendo::dashboard
