// timestamp.h: times in files and flags: RFC 3339, UTC, microseconds.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace crescendo::sandbox {

// "2026-01-01T00:00:00.000000Z": always the same width, so that text sorts as time.
std::string FormatTimestamp(absl::Time time);

// RFC 3339 with any offset. INVALID_ARGUMENT for anything else.
absl::StatusOr<absl::Time> ParseTimestamp(absl::string_view text);

}  // namespace crescendo::sandbox
