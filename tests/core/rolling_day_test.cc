#include "scheduler/core/rolling_day.h"

#include <gtest/gtest.h>

#include <deque>

#include "scheduler/base/random.h"

namespace crescendo::core {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'770'033'600);

TEST(RollingDay, CountsTheLast24Hours) {
  RollingDay day;
  EXPECT_EQ(day.Used(kNoon), 0);
  EXPECT_EQ(day.FreeAt(kNoon, 1), kNoon);
  EXPECT_TRUE(day.Count(kNoon));
  EXPECT_FALSE(day.Count(kNoon + absl::Minutes(14)));
  EXPECT_TRUE(day.Count(kNoon + absl::Minutes(15), 3));
  EXPECT_EQ(day.Used(kNoon + absl::Hours(1)), 5);
  EXPECT_EQ(day.Used(kNoon + absl::Hours(24) + absl::Minutes(14)), 5) << "all of a quarter";
  EXPECT_EQ(day.Used(kNoon + absl::Hours(24) + absl::Minutes(15)), 3);
  EXPECT_EQ(day.Used(kNoon + absl::Hours(24) + absl::Minutes(30)), 0);
  EXPECT_EQ(day.FreeAt(kNoon + absl::Hours(1), 6), kNoon + absl::Hours(1));
  EXPECT_EQ(day.FreeAt(kNoon + absl::Hours(1), 5), kNoon + absl::Hours(24) + absl::Minutes(15));
  EXPECT_EQ(day.FreeAt(kNoon + absl::Hours(1), 3), kNoon + absl::Hours(24) + absl::Minutes(30));
  EXPECT_EQ(day.FreeAt(kNoon, 0), absl::InfiniteFuture());
  EXPECT_EQ(day.UsedSince(kNoon + absl::Minutes(15)), 3);
}

TEST(RollingDay, AClockSetBackForgetsNothing) {
  RollingDay day;
  day.Count(kNoon, 4);
  EXPECT_EQ(day.Used(kNoon - absl::Hours(50)), 4);
  day.Count(kNoon - absl::Hours(50));
  EXPECT_EQ(day.Used(kNoon - absl::Hours(50)), 5);
  EXPECT_EQ(day.slots().front().second, 1) << "in order of time";
}

// Whoever asks FreeAt before each slot never has more than `limit` in any 24 hours.
TEST(RollingDay, HoldsInEveryWindow) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    base::Random random(seed);
    RollingDay day;
    const int64_t limit = 1 + static_cast<int64_t>(random.Below(40));
    std::deque<absl::Time> used;
    absl::Time now = kNoon;
    int64_t total = 0;
    for (int i = 0; i < 3000; ++i) {
      now += absl::Seconds(random.Between(1, 4000));
      if (day.FreeAt(now, limit) > now) {
        if (random.Unit() < 0.5) now = day.FreeAt(now, limit);
        continue;
      }
      day.Count(now);
      ++total;
      used.push_back(now);
      while (used.front() <= now - absl::Hours(24)) used.pop_front();
      ASSERT_LE(static_cast<int64_t>(used.size()), limit) << seed;
      RollingDay loaded;
      loaded.Load(day.slots());
      ASSERT_EQ(loaded.Used(now), day.Used(now));
    }
    EXPECT_GT(total, limit);
  }
}

}  // namespace
}  // namespace crescendo::core
