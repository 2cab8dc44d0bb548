#include "scheduler/core/rate_pattern.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "absl/strings/string_view.h"

namespace crescendo::core {
namespace {

constexpr double kDay = 86400;

double Wave(double at) { return 1 + 0.4 * std::cos(2 * std::numbers::pi * (at - 50000) / kDay); }

TEST(RatePattern, ADayOfMeasurementsShowsTheWave) {
  RatePattern::State state;
  for (double at = 0; at < 1.2 * kDay; at += 3000)
    RatePattern::Note(state, at, Wave(at), 0.02, kDay);
  ASSERT_TRUE(state.daily);
  for (double at = 1.2 * kDay; at < 2 * kDay; at += 5000) {
    const double factor = RatePattern::Factor(state, 1.2 * kDay, at, kDay);
    EXPECT_NEAR(factor / (Wave(at) / Wave(1.2 * kDay)), 1, 0.08) << at;
  }
}

TEST(RatePattern, WhatIsNoWaveIsNotTakenForOne) {
  struct Case {
    absl::string_view name;
    double before, after, step_at;
  };
  for (const Case& c : {Case{"steady", 1, 1, 0}, Case{"a step down", 1, 0.4, 40000},
                        Case{"a step up", 1, 2, 60000}}) {
    SCOPED_TRACE(c.name);
    RatePattern::State state;
    for (double at = 0; at < 1.5 * kDay; at += 3000) {
      RatePattern::Note(state, at, at < c.step_at ? c.before : c.after, 0.01, kDay);
    }
    EXPECT_FALSE(state.daily);
    EXPECT_EQ(RatePattern::Factor(state, 1.5 * kDay, 2 * kDay, kDay), 1);
  }
}

TEST(RatePattern, TwoMeasurementsGiveASlopeForAWhile) {
  struct Case {
    absl::string_view name;
    double second, gap, error;
    bool slope;
  };
  for (const Case& c :
       {Case{"five percent down", 0.95, 2000, 0.01, true}, Case{"up", 1.06, 2000, 0.01, true},
        Case{"within the error", 0.99, 2000, 0.02, false}, Case{"a step", 0.6, 2000, 0.01, false},
        Case{"long ago", 0.95, 40000, 0.01, false}}) {
    SCOPED_TRACE(c.name);
    RatePattern::State state;
    RatePattern::Note(state, 0, 1, c.error, kDay);
    RatePattern::Note(state, c.gap, c.second, c.error, kDay);
    const double near = RatePattern::Factor(state, c.gap, 1.5 * c.gap, kDay);
    EXPECT_EQ(near != 1, c.slope);
    if (c.slope) EXPECT_EQ(near > 1, c.second > 1);
    EXPECT_EQ(RatePattern::Factor(state, 9 * c.gap, 20 * c.gap, kDay), 1) << "not for ever";
  }
}

}  // namespace
}  // namespace crescendo::core
