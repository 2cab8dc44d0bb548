#include "scheduler/core/retry.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace crescendo::core {
namespace {

struct Bounds {
  absl::Duration low = absl::InfiniteDuration(), high;
};

Bounds Sample(const RetryOptions& options, ReplyCategory category, int attempts) {
  base::Random random(static_cast<uint64_t>(attempts) * 31 + static_cast<uint64_t>(category));
  Bounds bounds;
  for (int i = 0; i < 500; ++i) {
    const absl::Duration wait = RetryDelay(options, category, attempts, random);
    bounds.low = std::min(bounds.low, wait);
    bounds.high = std::max(bounds.high, wait);
  }
  return bounds;
}

// The samples fill [wait * (1 - down), wait * (1 + up)] and stay inside.
void ExpectAround(const Bounds& got, absl::Duration wait, double down, double up) {
  EXPECT_GE(got.low, wait * (1 - down) - absl::Microseconds(1));
  EXPECT_LE(got.high, wait * (1 + up) + absl::Microseconds(1));
  EXPECT_LE(got.low, wait * (1 - down * 0.9 + 0.02));
  EXPECT_GE(got.high, wait * (1 + up * 0.9));
}

TEST(Retry, BacksOffExponentiallyWithJitterUpToTheLongest) {
  struct Case {
    int attempts;
    absl::Duration wait;
  };
  for (const Case& c : {Case{1, absl::Minutes(15)}, Case{2, absl::Minutes(30)},
                        Case{3, absl::Hours(1)}, Case{4, absl::Hours(2)}, Case{5, absl::Hours(4)},
                        Case{6, absl::Hours(4)}, Case{1000, absl::Hours(4)}}) {
    SCOPED_TRACE(c.attempts);
    ExpectAround(Sample({}, ReplyCategory::kTemporarySystem, c.attempts), c.wait, 0.2, 0.2);
  }
}

TEST(Retry, EveryCategoryHasItsClock) {
  for (int i = 0; i <= static_cast<int>(ReplyCategory::kOtherTemporary); ++i) {
    const auto category = static_cast<ReplyCategory>(i);
    SCOPED_TRACE(std::string(ReplyCategoryName(category)));
    absl::Duration first = absl::Minutes(15), second = absl::Minutes(30);
    double down = 0.2;
    switch (category) {
      case ReplyCategory::kGreylisted:
        // Never earlier than the greylist asks for.
        first = absl::Minutes(6);
        down = 0;
        break;
      case ReplyCategory::kMailboxFull:
        first = second = absl::Hours(4);
        break;
      case ReplyCategory::kRecipientRate:
        first = second = absl::Hours(1);
        break;
      default:
        break;
    }
    ExpectAround(Sample({}, category, 1), first, down, 0.2);
    ExpectAround(Sample({}, category, 2), second, down, 0.2);
    ExpectAround(Sample({}, category, 20), absl::Hours(4), down, 0.2);
  }
}

TEST(Retry, TheOptionsHold) {
  RetryOptions options;
  options.first = absl::Seconds(10);
  options.factor = 3;
  options.longest = absl::Seconds(80);
  options.jitter = 0;
  base::Random random(1);
  const auto wait = [&](int attempts) {
    return RetryDelay(options, ReplyCategory::kOtherTemporary, attempts, random);
  };
  EXPECT_EQ(wait(1), absl::Seconds(10));
  EXPECT_EQ(wait(2), absl::Seconds(30));
  EXPECT_EQ(wait(3), absl::Seconds(80));
  EXPECT_EQ(wait(2'000'000'000), absl::Seconds(80));
}

TEST(Retry, TheSameSeedGivesTheSameWaits) {
  base::Random a(9), b(9), c(10);
  bool other = false;
  for (int i = 1; i < 20; ++i) {
    const absl::Duration wait = RetryDelay({}, ReplyCategory::kOtherTemporary, i, a);
    EXPECT_EQ(wait, RetryDelay({}, ReplyCategory::kOtherTemporary, i, b));
    other = other || wait != RetryDelay({}, ReplyCategory::kOtherTemporary, i, c);
  }
  EXPECT_TRUE(other);
}

}  // namespace
}  // namespace crescendo::core
