#include "scheduler/base/civil_day.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace crescendo::base {

absl::StatusOr<absl::TimeZone> LoadZone(absl::string_view name) {
  if (name.empty() || name == "UTC") return absl::UTCTimeZone();
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(name, &zone)) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown time zone \"", name, "\"; use an IANA name such as Europe/Berlin"));
  }
  return zone;
}

absl::CivilDay DayOf(absl::Time time, const absl::TimeZone& zone) {
  return absl::CivilDay(absl::ToCivilSecond(time, zone));
}

absl::Time StartOf(absl::CivilDay day, const absl::TimeZone& zone) {
  return absl::FromCivil(day, zone);
}

absl::Time EndOf(absl::CivilDay day, const absl::TimeZone& zone) {
  return absl::FromCivil(day + 1, zone);
}

std::string FormatDay(absl::CivilDay day) { return absl::FormatCivilTime(day); }

absl::StatusOr<absl::CivilDay> ParseDay(absl::string_view text) {
  absl::CivilDay day;
  if (!absl::ParseCivilTime(text, &day)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a date; write YYYY-MM-DD"));
  }
  return day;
}

}  // namespace crescendo::base
