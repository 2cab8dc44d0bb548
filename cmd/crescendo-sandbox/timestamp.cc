#include "cmd/crescendo-sandbox/timestamp.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace crescendo::sandbox {

std::string FormatTimestamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

absl::StatusOr<absl::Time> ParseTimestamp(absl::string_view text) {
  absl::Time time;
  std::string error;
  // absl would also take "infinite-future".
  const bool finite = !text.empty() && absl::ascii_isdigit(text[0]);
  if (finite && absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return time;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not an RFC 3339 time such as 2026-01-01T00:00:00Z"));
}

}  // namespace crescendo::sandbox
