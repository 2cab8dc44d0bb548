#include "scheduler/core/token_bucket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "scheduler/base/random.h"

namespace crescendo::core {
namespace {

constexpr absl::Duration kStart = absl::Hours(5);

// Takes all there is at `now`.
int Drain(TokenBucket& bucket, absl::Duration now, int at_most = 100'000) {
  int taken = 0;
  while (taken < at_most && bucket.NextAt() <= now) {
    bucket.Take(now);
    ++taken;
  }
  return taken;
}

TEST(TokenBucket, RefillsWithTheClock) {
  struct Case {
    const char* name;
    int burst;
    absl::Duration after;
    int get;
  };
  // 60 an hour: one a minute.
  for (const Case& c : {Case{"at once: nothing", 3, absl::ZeroDuration(), 0},
                        Case{"just before a minute: nothing", 3, absl::Seconds(59.9), 0},
                        Case{"a minute: one", 3, absl::Minutes(1), 1},
                        Case{"two and a half: two", 3, absl::Seconds(150), 2},
                        Case{"a long rest is capped at the burst", 3, absl::Hours(9), 3},
                        Case{"burst 1: never more than one", 1, absl::Hours(9), 1}}) {
    SCOPED_TRACE(c.name);
    TokenBucket bucket;
    bucket.SetRate(60, c.burst, kStart);
    Drain(bucket, kStart);
    EXPECT_EQ(Drain(bucket, kStart + c.after), c.get);
  }
}

TEST(TokenBucket, WithoutALimitNothingWaits) {
  TokenBucket bucket;
  EXPECT_EQ(Drain(bucket, kStart, 5000), 5000);
  EXPECT_EQ(bucket.rate_per_hour(), 0);
}

TEST(TokenBucket, ALimitThatIsNewStartsWithOneTokenNotWithABurst) {
  TokenBucket bucket;
  Drain(bucket, kStart, 5000);
  bucket.SetRate(60, /*burst=*/200, kStart);
  EXPECT_EQ(Drain(bucket, kStart), 1);
  EXPECT_EQ(bucket.NextAt(), kStart + absl::Minutes(1));
}

TEST(TokenBucket, ANewRateKeepsWhatTheBucketHolds) {
  struct Case {
    const char* name;
    int held;             // Tokens in the bucket before the change.
    double to_rate;       // From 60 an hour …
    int to_burst;         // … and a burst of 10.
    int now;              // Tokens there are right after the change …
    absl::Duration next;  // … and how long after it the next one comes.
  };
  for (const Case& c : {Case{"a cut frees no burst", 0, 6, 10, 0, absl::Minutes(10)},
                        Case{"a cut keeps what was saved", 4, 6, 10, 4, absl::Minutes(10)},
                        Case{"a smaller burst is held at once", 10, 60, 1, 1, absl::Minutes(1)},
                        Case{"a larger burst has to be earned", 0, 60, 200, 0, absl::Minutes(1)},
                        Case{"a raise frees nothing", 0, 3600, 10, 0, absl::Seconds(1)}}) {
    SCOPED_TRACE(c.name);
    TokenBucket bucket;
    bucket.SetRate(60, 10, kStart);
    Drain(bucket, kStart);
    const absl::Duration now = kStart + absl::Minutes(c.held);
    bucket.SetRate(c.to_rate, c.to_burst, now);
    EXPECT_EQ(Drain(bucket, now), c.now);
    EXPECT_EQ(bucket.NextAt(), now + c.next);
  }
}

TEST(TokenBucket, SettingTheSameRateAgainChangesNothing) {
  TokenBucket bucket;
  bucket.SetRate(60, 2, kStart);
  Drain(bucket, kStart);
  for (int i = 1; i <= 40; ++i) bucket.SetRate(60, 2, kStart + absl::Seconds(i));
  EXPECT_EQ(bucket.NextAt(), kStart + absl::Minutes(1));
}

TEST(TokenBucket, AReturnedTokenCanBeTakenAgain) {
  TokenBucket bucket;
  bucket.SetRate(60, 1, kStart);
  bucket.Take(kStart);
  EXPECT_GT(bucket.NextAt(), kStart);
  bucket.Return();
  EXPECT_EQ(Drain(bucket, kStart), 1);
}

// L2 over random calls: in every window, takes <= (rate integrated over it) + the largest burst
// that held in it.
TEST(TokenBucket, L2HoldsForAnyCallsAndRateChanges) {
  struct Change {
    absl::Duration at;
    double per_second;
    int burst;
  };
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    base::Random random(seed);
    TokenBucket bucket;
    std::vector<Change> changes;
    std::vector<absl::Duration> takes;
    absl::Duration now = kStart;
    for (int i = 0; i < 300; ++i) {
      if (i == 0 || random.Unit() < 0.1) {
        const double per_hour = std::exp2(random.Between(0, 14));
        const int burst = 1 + static_cast<int>(random.Below(30));
        bucket.SetRate(per_hour, burst, now);
        changes.push_back({now, per_hour / 3600, burst});
      }
      if (random.Unit() < 0.5) {
        while (bucket.NextAt() <= now) {
          bucket.Take(now);
          takes.push_back(now);
        }
      }
      now += absl::Seconds(std::exp2(random.Between(-6, 9)));
    }
    const auto earned = [&](absl::Duration from, absl::Duration to, int* burst) {
      double sum = 0;
      for (size_t i = 0; i < changes.size(); ++i) {
        const absl::Duration end = i + 1 < changes.size() ? changes[i + 1].at : now;
        if (end < from || changes[i].at > to) continue;
        const absl::Duration overlap = std::min(end, to) - std::max(changes[i].at, from);
        sum += changes[i].per_second * absl::ToDoubleSeconds(overlap);
        *burst = std::max(*burst, changes[i].burst);
      }
      return sum;
    };
    for (size_t i = 0; i < takes.size(); i += 7) {
      for (size_t j = i; j < takes.size(); j += 5) {
        int burst = 1;
        const double most = earned(takes[i], takes[j], &burst);
        ASSERT_LE(static_cast<double>(j - i + 1), most + burst + 1e-6);
      }
    }
    EXPECT_GT(takes.size(), 50u);
  }
}

}  // namespace
}  // namespace crescendo::core
