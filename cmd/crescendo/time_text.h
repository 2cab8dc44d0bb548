// time_text.h: times, durations and counts as people read and write them.
//
// Times are shown in UTC with a "Z", as the daemon's log shows them.
//
// Threads  pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace crescendo::cli {

absl::Time FromProto(const google::protobuf::Timestamp& time);
google::protobuf::Timestamp ToProto(absl::Time time);
google::protobuf::Duration ToProto(absl::Duration duration);

// "2026-01-03 09:10:07Z"
std::string TimeText(absl::Time time);
// "7s", "2m 5s", "3h 10m", "2d 4h"; never more than two units. Under a second: "0s".
std::string DurationText(absl::Duration duration);
// When a wait ends. With the daemon's time known: "09:10Z (in 2m 5s)", another day with its date.
// Without: "2026-01-03 09:10:07Z".
std::string UntilText(absl::Time until, std::optional<absl::Time> now);
// "12,345"
std::string CountText(int64_t count);
// "1.2%"; "-" when `whole` is 0.
std::string PercentText(int64_t part, int64_t whole);

// "20000", "20,000", "20k", "1m". INVALID_ARGUMENT.
absl::StatusOr<int64_t> ParseCount(absl::string_view text);
// RFC 3339, or YYYY-MM-DD[ HH:MM[:SS]] taken as UTC, or Unix seconds. INVALID_ARGUMENT.
absl::StatusOr<absl::Time> ParseTime(absl::string_view text);
// "10s", "1m30s", "72h", "3d". Above 0. INVALID_ARGUMENT.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

}  // namespace crescendo::cli
