// The shipped ramps: what they say, and what a broken file is told.
#include "scheduler/ramps/ramp_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace crescendo::ramps {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<int64_t> CapsOf(const std::vector<Stage>& stages) {
  std::vector<int64_t> caps;
  for (const Stage& stage : stages) caps.insert(caps.end(), stage.days, stage.daily_cap);
  return caps;
}

TEST(Ramps, EachHasASourceAndMakesAPlan) {
  std::vector<std::string> ids;
  for (const RampPreset& ramp : ShippedRamps()) {
    SCOPED_TRACE(ramp.id);
    ids.push_back(ramp.id);
    EXPECT_FALSE(ramp.source.empty());
    for (const int64_t target : {1, 199, 200, 201, 5000, 50'000, 1'000'000, 10'000'000}) {
      SCOPED_TRACE(target);
      PlanShape shape;
      shape.start_date = absl::CivilDay(2026, 1, 1);
      shape.stages = StagesUpTo(ramp, target);
      EXPECT_TRUE(ValidateShape(shape).ok()) << ValidateShape(shape);
      EXPECT_EQ(shape.stages.back().daily_cap, target);
      for (size_t i = 1; i < shape.stages.size(); ++i) {
        EXPECT_GT(shape.stages[i].daily_cap, shape.stages[i - 1].daily_cap);
      }
    }
  }
  EXPECT_THAT(ids, ElementsAre("classic", "gentle", "sparkpost", "weekly"));
  EXPECT_EQ(FindRamp("nobody"), nullptr);
}

TEST(Ramps, TheClassicFileIsTheClassicRamp) {
  for (const int64_t target : {1, 200, 777, 4000, 50'000, 3'000'000, 10'000'000}) {
    EXPECT_EQ(StagesUpTo(*FindRamp("classic"), target), ClassicRamp(target)) << target;
  }
}

TEST(Ramps, GoOnBehindTheirLastStage) {
  EXPECT_THAT(CapsOf(StagesUpTo(*FindRamp("gentle"), 100'000)),
              testing::IsSupersetOf({300, 43'900, 57'000, 74'100, 96'300, 100'000}));
  const std::vector<Stage> weekly = StagesUpTo(*FindRamp("weekly"), 400'000);
  EXPECT_THAT(CapsOf(weekly), testing::Contains(500).Times(7));
  EXPECT_THAT(UnsafeSteps(weekly), testing::IsEmpty());
}

TEST(Ramps, ABrokenFileSaysWhereAndWhat) {
  const std::string good =
      "id: \"x\" display_name: \"X\" source: \"s\" stage { days: 1 daily_cap: 5 }"
      " stage { days: 2 daily_cap: 9 } then_days: 1 then_factor: 2";
  EXPECT_TRUE(ParseRamp("x", good).ok());
  struct Case {
    const char* name;
    const char *from, *to;
    const char* fault;
  };
  for (const Case& c :
       {Case{"no id", "id: \"x\"", "", "f: id: "}, Case{"no label", "\"x\"", "\"X y\"", "f: id: "},
        Case{"no name", "display_name: \"X\"", "", "f: display_name: is missing"},
        Case{"no source", "source: \"s\"", "", "f: source: is missing"},
        Case{"no days", "days: 2", "days: 0", "f: stage[1].days: must be in [1, 365], is 0"},
        Case{"too much", "daily_cap: 9", "daily_cap: 10000001", "must be in [1, 10000000]"},
        Case{"not rising", "daily_cap: 9", "daily_cap: 5",
             "f: stage[1].daily_cap: must rise, is 5"},
        Case{"no growth", "then_factor: 2", "then_factor: 1", "f: then_factor: must be in (1, 10]"},
        Case{"no step", "then_days: 1", "", "f: then_days: must be in [1, 365], is 0"},
        Case{"not a ramp", "id:", "idea:", "f:1: "}}) {
    SCOPED_TRACE(c.name);
    std::string text = good;
    text.replace(text.find(c.from), std::string(c.from).size(), c.to);
    const auto ramp = ParseRamp("f", text);
    EXPECT_EQ(ramp.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(ramp.status().message()), HasSubstr(c.fault));
  }
}

}  // namespace
}  // namespace crescendo::ramps
