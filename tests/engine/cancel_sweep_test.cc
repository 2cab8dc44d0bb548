// The sweep of cancelled campaigns: at once, in steps, the newest first, and again after a failure.
#include "scheduler/engine/cancel_sweep.h"

#include <gtest/gtest.h>

namespace crescendo::engine {
namespace {

const absl::Time kWall = absl::FromCivil(absl::CivilDay(2026, 3, 2), absl::UTCTimeZone());
constexpr absl::Duration kStart = absl::Hours(5);

base::Moment At(absl::Duration since_start) { return {kWall + since_start, kStart + since_start}; }
ports::CancelledDeliveries More(int64_t next) {
  return {.ended = {}, .next = DeliveryId(next), .more = true};
}

TEST(CancelSweep, BeginsAtOnceAndEnds) {
  CancelSweep sweep;
  EXPECT_FALSE(sweep.Next(At(absl::Hours(1))));
  EXPECT_EQ(sweep.next_time(), absl::InfiniteDuration());
  sweep.Add(CampaignId("spring"));
  const auto step = sweep.Next(At(absl::Minutes(1)));
  ASSERT_TRUE(step);
  EXPECT_EQ(step->campaign, CampaignId("spring"));
  EXPECT_EQ(step->now, kWall + absl::Minutes(1));
  EXPECT_EQ(step->after, DeliveryId());
  EXPECT_LE(step->limit, 1000);
  EXPECT_FALSE(sweep.Next(At(absl::Hours(9)))) << "one step at a time";
  EXPECT_EQ(sweep.next_time(), absl::InfiniteDuration());
  sweep.Done(ports::CancelledDeliveries(), kStart + absl::Minutes(1));
  EXPECT_EQ(sweep.next_time(), absl::InfiniteDuration());
}

TEST(CancelSweep, PausesBetweenStepsAndGoesOnBehindTheLast) {
  CancelSweep sweep;
  sweep.Add(CampaignId("spring"));
  sweep.Next(At(absl::ZeroDuration()));
  sweep.Done(More(77), kStart);
  EXPECT_GT(sweep.next_time(), kStart);
  EXPECT_LE(sweep.next_time(), kStart + absl::Seconds(1));
  EXPECT_FALSE(sweep.Next(At(absl::ZeroDuration())));
  const auto step = sweep.Next(At(absl::Seconds(1)));
  ASSERT_TRUE(step);
  EXPECT_EQ(step->after, DeliveryId(77));
}

TEST(CancelSweep, TakesTheNewestFirstAndForgetsNone) {
  CancelSweep sweep;
  sweep.Add(CampaignId("large"));
  sweep.Next(At(absl::ZeroDuration()));
  sweep.Add(CampaignId("small"));
  sweep.Done(More(77), kStart);
  sweep.Add(CampaignId("tiny"));
  std::string order;
  for (int i = 1; i <= 3; ++i) {
    const auto step = sweep.Next(At(absl::Seconds(i)));
    ASSERT_TRUE(step);
    order += step->campaign.text() + " ";
    sweep.Done(ports::CancelledDeliveries(), kStart + absl::Seconds(i));
  }
  EXPECT_EQ(order, "tiny large small ");
}

TEST(CancelSweep, TriesTheSameStepAgainAfterAFailure) {
  CancelSweep sweep;
  sweep.Add(CampaignId("spring"));
  sweep.Next(At(absl::ZeroDuration()));
  sweep.Done(More(9), kStart);
  sweep.Next(At(absl::Seconds(1)));
  sweep.Done(absl::ResourceExhaustedError("full"), kStart + absl::Seconds(1));
  EXPECT_EQ(sweep.next_time(), kStart + absl::Seconds(61));
  const auto again = sweep.Next(At(absl::Seconds(61)));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->after, DeliveryId(9));
}

}  // namespace
}  // namespace crescendo::engine
