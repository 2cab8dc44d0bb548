// Shapes of ramps: which growth is safe, and ramps fitted to a target and a date.
#include "scheduler/domain/ramp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crescendo {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::CivilDay kStart(2026, 12, 1);

TEST(RampShape, SafeGrowthHasFourTiers) {
  struct Case {
    int64_t cap, next;
  };
  for (const Case& c :
       {Case{1, 2}, Case{49'999, 99'998}, Case{50'000, 75'000}, Case{99'999, 149'998},
        Case{100'000, 120'000}, Case{249'999, 299'998}, Case{250'000, 275'000},
        Case{9'900'000, 10'000'000}, Case{10'000'000, 10'000'000}}) {
    EXPECT_EQ(SafeNext(c.cap), c.next) << c.cap;
  }
}

TEST(RampShape, UnsafeStepsAreNamed) {
  EXPECT_THAT(UnsafeSteps(std::vector<Stage>{{1, 100}, {1, 200}, {1, 150}, {1, 300}}), IsEmpty());
  EXPECT_THAT(UnsafeSteps(std::vector<Stage>{{2, 20'000}, {2, 60'000}, {2, 90'000}, {2, 300'000}}),
              ElementsAre("stage 1 to 2 grows from 20,000 to 60,000, ×3.0; more than ×2 from there "
                          "is unsafe",
                          "stage 3 to 4 grows from 90,000 to 300,000, ×3.3; more than ×1.5 from "
                          "there is unsafe"));
  std::vector<Stage> steep;
  for (int64_t cap = 1; cap < 10'000'000; cap *= 4) steep.push_back({1, cap});
  EXPECT_EQ(UnsafeSteps(steep).size(), 6u);
  EXPECT_EQ(UnsafeSteps(steep).back(), "and 6 more such steps");
}

// The day on which the target's cap is allowed, if every day counts.
absl::CivilDay ReachedOn(const std::vector<Stage>& stages) {
  int days = 0;
  for (size_t i = 0; i + 1 < stages.size(); ++i) days += stages[i].days;
  return kStart + days;
}

TEST(RampShape, AFittedRampIsThereOnTheDay) {
  for (const int64_t target : {1, 200, 201, 5000, 50'000, 1'000'000, 10'000'000}) {
    for (int days = 0; days <= 700; days = days < 40 ? days + 1 : days + 37) {
      SCOPED_TRACE(testing::Message() << target << " in " << days << " days");
      const std::vector<Stage> stages = FitRamp(target, kStart, kStart + days);
      PlanShape shape;
      shape.stages = stages;
      shape.start_date = kStart;
      ASSERT_TRUE(ValidateShape(shape).ok()) << ValidateShape(shape);
      EXPECT_EQ(stages.back().daily_cap, target);
      EXPECT_LE(ReachedOn(stages), kStart + days);
      if (target > 200) {
        EXPECT_EQ(ReachedOn(stages), kStart + days);
      }
      for (size_t i = 1; i < stages.size(); ++i) {
        EXPECT_GE(stages[i].daily_cap, stages[i - 1].daily_cap);
      }
      if (stages.size() > 1) {
        EXPECT_EQ(stages.front().daily_cap, 200);
      }
    }
  }
}

TEST(RampShape, EnoughTimeIsSafeAndTooLittleIsNot) {
  // From 200 by ×2 to 51,200 in 8 steps, by ×1.5 to 115,200 in 2, by ×1.2 to 286,654 in 5, then by
  // ×1.1 in 14: 29 steps of two days.
  EXPECT_THAT(UnsafeSteps(FitRamp(1'000'000, kStart, kStart + 62)), IsEmpty());
  EXPECT_THAT(UnsafeSteps(FitRamp(1'000'000, kStart, kStart + 90)), IsEmpty()) << "1 March";
  EXPECT_FALSE(UnsafeSteps(FitRamp(1'000'000, kStart, kStart + 50)).empty());
  EXPECT_FALSE(UnsafeSteps(FitRamp(1'000'000, kStart, kStart + 10)).empty());
  EXPECT_THAT(UnsafeSteps(FitRamp(1'000'000, kStart, kStart)), IsEmpty()) << "one stage only";
}

}  // namespace
}  // namespace crescendo
