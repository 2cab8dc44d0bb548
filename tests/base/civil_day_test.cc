#include "scheduler/base/civil_day.h"

#include <gtest/gtest.h>

namespace crescendo::base {
namespace {

TEST(CivilDay, KeepsDaysOf23And25Hours) {
  struct Case {
    const char* name;
    absl::CivilDay day;
    absl::Duration length;
  };
  const absl::StatusOr<absl::TimeZone> zone = LoadZone("Europe/Berlin");
  ASSERT_TRUE(zone.ok()) << zone.status();
  for (const Case& c : {Case{"an ordinary day", absl::CivilDay(2026, 3, 28), absl::Hours(24)},
                        Case{"clocks go forward", absl::CivilDay(2026, 3, 29), absl::Hours(23)},
                        Case{"clocks go back", absl::CivilDay(2026, 10, 25), absl::Hours(25)}}) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(EndOf(c.day, *zone) - StartOf(c.day, *zone), c.length);
    EXPECT_EQ(DayOf(EndOf(c.day, *zone) - absl::Nanoseconds(1), *zone), c.day);
  }
}

TEST(CivilDay, RefusesWhatIsNoDateOrZone) {
  EXPECT_EQ(ParseDay("2026-02-30").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseDay("yesterday").status().message(),
            "\"yesterday\" is not a date; write YYYY-MM-DD");
  for (const absl::string_view name :
       {absl::string_view("Mars/Olympus"), absl::string_view("Europe/Berlin\0x", 15),
        absl::string_view("/etc/localtime"), absl::string_view("../zoneinfo/UTC"),
        absl::string_view("localtime"), absl::string_view("libc:localtime")}) {
    EXPECT_EQ(LoadZone(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
  for (const char* name : {"", "UTC", "Etc/GMT-1", "America/Port-au-Prince", "America/St_Johns"}) {
    EXPECT_TRUE(LoadZone(name).ok()) << name;
  }
}

}  // namespace
}  // namespace crescendo::base
