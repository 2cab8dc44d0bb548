#include "scheduler/base/civil_day.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace crescendo::base {
namespace {

// The loader would also take a file anywhere ("/etc/localtime", "../x"), the machine's own zone
// ("localtime", "libc:…"), and a name that goes on behind a NUL.
bool IsIanaName(absl::string_view name) {
  return absl::ascii_isalpha(static_cast<unsigned char>(name.front())) && name != "localtime" &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  absl::StrContains("_+-/", c);
         });
}

}  // namespace

absl::StatusOr<absl::TimeZone> LoadZone(absl::string_view name) {
  if (name.empty() || name == "UTC") return absl::UTCTimeZone();
  absl::TimeZone zone;
  if (!IsIanaName(name) || !absl::LoadTimeZone(name, &zone)) {
    return absl::InvalidArgumentError(absl::StrCat("unknown time zone \"",
                                                   absl::CHexEscape(name.substr(0, 80)),
                                                   "\"; use an IANA name such as Europe/Berlin"));
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
