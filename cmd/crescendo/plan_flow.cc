#include "cmd/crescendo/plan_flow.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cmd/crescendo/command_tree.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/printable.h"

namespace crescendo::cli {
namespace {

constexpr int kHours = 24;

absl::Status Bad(const char* option, absl::string_view text, absl::string_view want) {
  return UsageError(absl::StrCat(option, ": \"", OneLine(std::string(text)), "\" is not ", want));
}

bool HourOf(absl::string_view text, int* hour) {
  return absl::SimpleAtoi(text, hour) && *hour >= 0 && *hour <= kHours;
}

}  // namespace

absl::Status AddFloor(absl::string_view text, v1::Plan* plan) {
  if (text == "none") return absl::OkStatus();
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits('@', 1));
  int within = 0, through = 0;
  if (!absl::SimpleAtoi(parts[0], &within) ||
      (parts.size() == 2 && !absl::SimpleAtoi(parts[1], &through))) {
    return Bad(
        "--floor", text,
        "DAYS@THROUGH_DAY, such as 30@14: engaged in the last 30 days, through day 14; and not "
        "none");
  }
  v1::Plan::EngagementFloor* floor = plan->add_engagement_floors();
  floor->set_within_days(within);
  floor->set_through_day(through);
  return absl::OkStatus();
}

absl::Status SetHours(absl::string_view text, v1::Plan* plan) {
  plan->clear_hourly_weights();
  if (text == "all") return absl::OkStatus();
  std::array<int, kHours> weights = {};
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<std::string> weighted = absl::StrSplit(part, absl::MaxSplits(':', 1));
    const std::vector<std::string> hours = absl::StrSplit(weighted[0], absl::MaxSplits('-', 1));
    int first = 0, last = 0, weight = 1;
    if (hours.size() != 2 || !HourOf(hours[0], &first) || !HourOf(hours[1], &last) ||
        first >= last || (weighted.size() == 2 && !absl::SimpleAtoi(weighted[1], &weight))) {
      return Bad("--hours", text, "FROM-TO:WEIGHT parted by commas, such as 9-12:2,12-20:1");
    }
    for (int hour = first; hour < last; ++hour) weights[static_cast<size_t>(hour)] = weight;
  }
  for (const int weight : weights) plan->add_hourly_weights(weight);
  return absl::OkStatus();
}

absl::Status AddDayOff(absl::string_view text, v1::Plan* plan) {
  if (text == "none") return absl::OkStatus();
  const std::string name = absl::AsciiStrToUpper(text);
  for (int day = v1::Plan::MONDAY; day <= v1::Plan::SUNDAY; ++day) {
    const std::string& full = v1::Plan::Weekday_Name(static_cast<v1::Plan::Weekday>(day));
    if (name.size() < 3 || !absl::StartsWith(full, name)) continue;
    plan->add_days_off(static_cast<v1::Plan::Weekday>(day));
    return absl::OkStatus();
  }
  return Bad("--day-off", text, "a day of the week, such as saturday or sat, and not none");
}

std::string FloorsText(const v1::Plan& plan) {
  std::vector<std::string> floors;
  for (const v1::Plan::EngagementFloor& floor : plan.engagement_floors()) {
    const std::string days = absl::StrCat(floor.within_days(), " days");
    floors.push_back(floor.through_day() == 0
                         ? absl::StrCat(floors.empty() ? "" : "then ", days)
                         : absl::StrCat(days, " through day ", floor.through_day()));
  }
  return absl::StrJoin(floors, ", ");
}

std::string HoursText(const v1::Plan& plan) {
  std::vector<std::string> hours;
  const auto& weights = plan.hourly_weights();
  for (int first = 0; first < weights.size();) {
    int last = first;
    while (last < weights.size() && weights[last] == weights[first]) ++last;
    if (weights[first] > 0) {
      hours.push_back(absl::StrFormat("%02d-%02d x %d", first, last, weights[first]));
    }
    first = last;
  }
  return absl::StrJoin(hours, ", ");
}

std::string DaysOffText(const v1::Plan& plan) {
  return absl::StrJoin(plan.days_off(), ", ", [](std::string* out, int day) {
    absl::StrAppend(out, v1::Plan::Weekday_Name(static_cast<v1::Plan::Weekday>(day)));
  });
}

}  // namespace crescendo::cli
