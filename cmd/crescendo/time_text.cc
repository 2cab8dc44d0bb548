#include "cmd/crescendo/time_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace crescendo::cli {
namespace {

constexpr int64_t kNanosPerSecond = 1000000000;
// What a google.protobuf.Timestamp may hold: years 1 to 9999.
constexpr int64_t kMinSeconds = -62135596800;
constexpr int64_t kMaxSeconds = 253402300799;

absl::Status BadTime(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a time: want 2026-01-31T09:30:00Z or 2026-01-31"));
}

}  // namespace

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  proto.set_seconds(absl::ToUnixSeconds(time));  // Rounds down, so nanos are not negative.
  proto.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(proto.seconds()))));
  return proto;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  const int64_t nanos = absl::ToInt64Nanoseconds(duration);
  proto.set_seconds(nanos / kNanosPerSecond);
  proto.set_nanos(static_cast<int32_t>(nanos % kNanosPerSecond));
  return proto;
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%E4Y-%m-%d %H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string DurationText(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds <= 0) return "0s";
  const int64_t days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;
  const auto two = [](int64_t big, const char* big_unit, int64_t small, const char* small_unit) {
    if (small == 0) return absl::StrCat(big, big_unit);
    return absl::StrCat(big, big_unit, " ", small, small_unit);
  };
  if (days > 0) return two(days, "d", hours, "h");
  if (hours > 0) return two(hours, "h", minutes, "m");
  if (minutes > 0) return two(minutes, "m", seconds % 60, "s");
  return absl::StrCat(seconds, "s");
}

std::string UntilText(absl::Time until, std::optional<absl::Time> now) {
  if (!now.has_value()) return TimeText(until);
  const absl::TimeZone utc = absl::UTCTimeZone();
  const bool same_day = absl::ToCivilDay(until, utc) == absl::ToCivilDay(*now, utc);
  const std::string at = absl::FormatTime(same_day ? "%H:%MZ" : "%m-%d %H:%MZ", until, utc);
  return absl::StrCat(at, " (in ", DurationText(until - *now), ")");
}

std::string CountText(int64_t count) {
  std::string digits = absl::StrCat(count);
  const size_t first = count < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string PercentText(int64_t part, int64_t whole) {
  if (whole <= 0) return "-";
  return absl::StrFormat("%.1f%%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

absl::StatusOr<int64_t> ParseCount(absl::string_view text) {
  absl::string_view digits = text;
  int64_t unit = 1;
  if (absl::EndsWithIgnoreCase(digits, "k")) unit = 1000;
  if (absl::EndsWithIgnoreCase(digits, "m")) unit = 1000000;
  if (unit > 1) digits.remove_suffix(1);
  int64_t count = 0;
  constexpr int64_t kMost = int64_t{1} << 40;
  if (!absl::SimpleAtoi(absl::StrReplaceAll(digits, {{",", ""}}), &count) || count > kMost ||
      count < -kMost) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a count: want 20000, 20,000 or 20k"));
  }
  return count * unit;
}

absl::StatusOr<absl::Time> ParseTime(absl::string_view text) {
  const std::string trimmed(absl::StripAsciiWhitespace(text));
  int64_t seconds = 0;
  if (trimmed.size() >= 9 && absl::SimpleAtoi(trimmed, &seconds)) {
    if (seconds < 0 || seconds > kMaxSeconds) return BadTime(text);
    return absl::FromUnixSeconds(seconds);
  }
  absl::Time time;
  for (const char* format :
       {"%Y-%m-%d%ET%H:%M:%E*S%Ez", "%Y-%m-%d %H:%M:%E*S%Ez", "%Y-%m-%d%ET%H:%M:%E*S",
        "%Y-%m-%d %H:%M:%E*S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    if (!absl::ParseTime(format, trimmed, absl::UTCTimeZone(), &time, nullptr)) continue;
    if (time < absl::FromUnixSeconds(kMinSeconds) || time > absl::FromUnixSeconds(kMaxSeconds)) {
      return BadTime(text);
    }
    return time;
  }
  return BadTime(text);
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::Duration duration = absl::ZeroDuration();
  int64_t days = 0;
  const bool in_days = absl::EndsWith(text, "d") &&
                       absl::SimpleAtoi(text.substr(0, text.size() - 1), &days) && days < 100000;
  if (in_days) duration = absl::Hours(24 * days);
  if ((!in_days && !absl::ParseDuration(text, &duration)) || duration <= absl::ZeroDuration() ||
      duration > absl::Hours(24 * 100000)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a duration: want 10s, 1m30s, 72h or 3d"));
  }
  return duration;
}

}  // namespace crescendo::cli
