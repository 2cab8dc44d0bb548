#include "scheduler/domain/engagement_floor.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace crescendo {
namespace {

constexpr int kMostFloors = 20;
constexpr int kLongest = 3650;

}  // namespace

absl::Status ValidateFloors(absl::Span<const EngagementFloor> floors) {
  const auto bad = [](size_t i, absl::string_view field, int value, absl::string_view fix) {
    return absl::InvalidArgumentError(
        absl::StrCat("engagement_floors[", i, "].", field, " is ", value, "; ", fix));
  };
  if (floors.size() > kMostFloors) {
    return absl::InvalidArgumentError(
        absl::StrCat("engagement_floors has ", floors.size(), " entries; at most ", kMostFloors));
  }
  for (size_t i = 0; i < floors.size(); ++i) {
    const EngagementFloor& floor = floors[i];
    const bool last = i + 1 == floors.size();
    if (floor.within_days < 1 || floor.within_days > kLongest) {
      return bad(i, "within_days", floor.within_days, absl::StrCat("it must be 1 to ", kLongest));
    }
    if (i > 0 && floor.within_days < floors[i - 1].within_days) {
      return bad(i, "within_days", floor.within_days,
                 absl::StrCat("it must not be under ", floors[i - 1].within_days,
                              " of the one before: a floor only ever widens"));
    }
    const int least = i == 0 ? 1 : floors[i - 1].through_day + 1;
    if (floor.through_day == 0 && last) continue;
    if (floor.through_day < least || floor.through_day > kLongest) {
      return bad(i, "through_day", floor.through_day,
                 absl::StrCat("it must be ", least, " to ", kLongest,
                              ", or 0 for the last one: until the plan is done"));
    }
  }
  return absl::OkStatus();
}

const EngagementFloor* FloorOn(absl::Span<const EngagementFloor> floors, absl::CivilDay start_date,
                               absl::CivilDay day) {
  for (const EngagementFloor& floor : floors) {
    if (floor.through_day == 0 || day - start_date < floor.through_day) return &floor;
  }
  return nullptr;
}

}  // namespace crescendo
