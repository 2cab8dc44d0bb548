#include "scheduler/domain/engagement_floor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace crescendo {
namespace {

using ::testing::HasSubstr;

TEST(EngagementFloor, HoldsThroughItsDay) {
  const std::vector<EngagementFloor> floors = {{14, 30}, {28, 60}, {0, 90}};
  const std::vector<EngagementFloor> ends = {{14, 30}};
  const absl::CivilDay start(2026, 3, 1);
  struct Case {
    const char* name;
    const std::vector<EngagementFloor>& floors;
    int day;  // From 1.
    int within;
  };
  for (const Case& c : {Case{"the first day", floors, 1, 30}, Case{"its last day", floors, 14, 30},
                        Case{"the next floor", floors, 15, 60}, Case{"day 28", floors, 28, 60},
                        Case{"until the end", floors, 29, 90}, Case{"a year on", floors, 365, 90},
                        Case{"one that ends", ends, 14, 30}, Case{"none after it", ends, 15, 0},
                        Case{"before the start", floors, 0, 30}}) {
    SCOPED_TRACE(c.name);
    const EngagementFloor* floor = FloorOn(c.floors, start, start + (c.day - 1));
    EXPECT_EQ(floor == nullptr ? 0 : floor->within_days, c.within);
  }
  EXPECT_EQ(FloorOn({}, start, start), nullptr);
}

TEST(EngagementFloor, IsCheckedByField) {
  struct Case {
    const char* name;
    std::vector<EngagementFloor> floors;
    const char* fault;  // "": none.
  };
  for (const Case& c : {
           Case{"none", {}, ""},
           Case{"three", {{14, 30}, {28, 60}, {0, 90}}, ""},
           Case{"no days", {{14, 0}}, "engagement_floors[0].within_days is 0"},
           Case{"too many days", {{14, 4000}}, "engagement_floors[0].within_days is 4000"},
           Case{"stricter later", {{14, 60}, {28, 30}}, "engagement_floors[1].within_days is 30"},
           Case{"out of order",
                {{14, 30}, {14, 60}},
                "engagement_floors[1].through_day is 14; it must be 15 to 3650"},
           Case{"an end in the middle",
                {{0, 30}, {14, 60}},
                "engagement_floors[0].through_day is 0"},
           Case{"negative", {{-1, 30}}, "engagement_floors[0].through_day is -1"},
       }) {
    SCOPED_TRACE(c.name);
    const absl::Status status = ValidateFloors(c.floors);
    EXPECT_EQ(status.ok(), std::string(c.fault).empty()) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.fault));
  }
  EXPECT_THAT(std::string(ValidateFloors(std::vector<EngagementFloor>(21, {1, 1})).message()),
              HasSubstr("has 21 entries; at most 20"));
}

}  // namespace
}  // namespace crescendo
