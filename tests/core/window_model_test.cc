#include "scheduler/core/window_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/string_view.h"

namespace crescendo::core {
namespace {

constexpr double kMidnight = 1'767'571'200;

// `count` messages from `from` to `until`, evenly.
WindowModel::State Sent(double from, double until, int count) {
  WindowModel::State state;
  for (int i = 0; i < count; ++i) {
    WindowModel::Count(state, kMidnight + from + (until - from) * i / count);
  }
  return state;
}

TEST(WindowModel, AStopThatEndsAsAWindowLetsGoIsOne) {
  struct Case {
    absl::string_view name;
    double refused, last_refused, passed;
    bool known, fixed;
    double seconds;
  };
  // Sent from 600 on; an hour later the first of them leave a sliding window, the clock's hour ends
  // at 3600.
  for (const Case& c : {Case{"sliding hour", 2000, 3900, 4260, true, false, 3600},
                        Case{"the clock's hour", 2000, 3300, 3620, true, true, 3600},
                        Case{"neither", 2000, 2300, 2900, false, false, 0},
                        Case{"too short a stop to tell", 2000, 2100, 4260, false, false, 0}}) {
    SCOPED_TRACE(c.name);
    WindowModel::State state = Sent(600, 2000, 300);
    EXPECT_EQ(WindowModel::Learn(state, kMidnight + c.refused, kMidnight + c.last_refused,
                                 kMidnight + c.passed, /*needed=*/0.1, /*first=*/false),
              c.known);
    EXPECT_EQ(state.known, c.known);
    if (!c.known) continue;
    EXPECT_EQ(state.limit.cap, 300);
    EXPECT_EQ(state.limit.window, (WindowModel::Window{c.fixed, c.seconds}));
  }
}

TEST(WindowModel, ACapFarBelowThePlanMustShowTwice) {
  WindowModel::State state = Sent(600, 2000, 300);
  const double needed = 5;
  EXPECT_FALSE(WindowModel::Learn(state, kMidnight + 2000, kMidnight + 3300, kMidnight + 3620,
                                  needed, true));
  for (int i = 0; i < 300; ++i) WindowModel::Count(state, kMidnight + 3620 + i * 4);
  EXPECT_TRUE(WindowModel::Learn(state, kMidnight + 4900, kMidnight + 6900, kMidnight + 7220,
                                 needed, false));
  EXPECT_TRUE(state.limit.window.fixed);
}

TEST(WindowModel, AKnownWindowIsKept) {
  for (const bool fixed : {false, true}) {
    SCOPED_TRACE(fixed);
    WindowModel::State state;
    state.known = true;
    state.limit = {{fixed, 3600}, 100};
    int most = 0, total = 0;
    std::deque<double> sent;
    double now = kMidnight;
    while (now < kMidnight + 6 * 3600) {
      const double next = WindowModel::Next(state, now);
      if (next > now) {
        now = next;
        continue;
      }
      WindowModel::Count(state, now);
      sent.push_back(now);
      ++total;
      const double begin = fixed ? now - std::fmod(now, 3600) : now - 3600;
      while (sent.front() < begin) sent.pop_front();
      most = std::max(most, static_cast<int>(sent.size()));
      now += 7;
    }
    EXPECT_LE(most, 100);
    EXPECT_GE(total, 560);
  }
}

TEST(WindowModel, RefusalsAtOtherCountsRuleItOut) {
  WindowModel::State state = Sent(600, 2000, 300);
  ASSERT_TRUE(
      WindowModel::Learn(state, kMidnight + 2000, kMidnight + 3900, kMidnight + 4260, 0.1, true));
  EXPECT_FALSE(WindowModel::Explains(state, kMidnight + 5000)) << "only what is left of the 300";
  EXPECT_FALSE(state.known);
  ASSERT_EQ(state.ruled_out.size(), 1u);
}

}  // namespace
}  // namespace crescendo::core
