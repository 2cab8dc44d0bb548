// The sweep: when it begins, how it steps, and that it never asks for a long commit.
#include "scheduler/engine/retention.h"

#include <gtest/gtest.h>

namespace crescendo::engine {
namespace {

const absl::Time kWall = absl::FromCivil(absl::CivilDay(2026, 3, 2), absl::UTCTimeZone());
constexpr absl::Duration kStart = absl::Hours(5);

base::Moment At(absl::Duration since_start) { return {kWall + since_start, kStart + since_start}; }

TEST(Retention, SweepsAnHourApart) {
  Retention retention({}, kStart);
  EXPECT_FALSE(retention.Next(At(absl::Seconds(59)))) << "the start comes first";
  const auto step = retention.Next(At(absl::Minutes(1)));
  ASSERT_TRUE(step);
  EXPECT_EQ(step->deliveries_before, kWall + absl::Minutes(1) - absl::Hours(24 * 180));
  EXPECT_EQ(step->events_before, kWall + absl::Minutes(1) - absl::Hours(24 * 180));
  EXPECT_EQ(step->answers_before, kWall + absl::Minutes(1) - absl::Hours(24 * 7));
  EXPECT_EQ(retention.next_time(), absl::InfiniteDuration());
  EXPECT_FALSE(retention.Next(At(absl::Hours(9)))) << "one step at a time";
  retention.Done(ports::Pruned(), kStart + absl::Minutes(2));
  EXPECT_FALSE(retention.sweeping());
  EXPECT_EQ(retention.next_time(), kStart + absl::Minutes(62));
}

TEST(Retention, GoesOnWhereTheStepEndedAndPausesBetween) {
  Retention retention({}, kStart);
  const absl::Duration at = absl::Minutes(1);
  const auto first = retention.Next(At(at));
  ASSERT_TRUE(first);
  retention.Done(ports::Pruned{.deliveries = 5, .next = DeliveryId(77), .more = true}, kStart + at);
  EXPECT_GT(retention.next_time(), kStart + at);
  EXPECT_LE(retention.next_time(), kStart + at + absl::Seconds(1));

  const auto second = retention.Next(At(at + absl::Seconds(1)));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->after, DeliveryId(77));
  EXPECT_EQ(second->deliveries_before, first->deliveries_before) << "one sweep, one age";
  // The deliveries are through; events go on.
  retention.Done(ports::Pruned{.events = 256, .more = true}, kStart + at);
  const auto third = retention.Next(At(at + absl::Seconds(2)));
  ASSERT_TRUE(third);
  EXPECT_EQ(third->deliveries_before, absl::InfinitePast());
  EXPECT_EQ(third->events_before, first->events_before);
  retention.Done(ports::Pruned{.events = 1}, kStart + at);
  EXPECT_EQ(retention.sum().deliveries, 5);
  EXPECT_EQ(retention.sum().events, 257);
}

TEST(Retention, TriesTheSameStepAgainAfterAFailure) {
  Retention retention({}, kStart);
  retention.Next(At(absl::Minutes(1)));
  retention.Done(ports::Pruned{.next = DeliveryId(9), .more = true}, kStart + absl::Minutes(1));
  const auto step = retention.Next(At(absl::Minutes(2)));
  retention.Done(absl::ResourceExhaustedError("full"), kStart + absl::Minutes(2));
  EXPECT_EQ(retention.next_time(), kStart + absl::Minutes(3));
  const auto again = retention.Next(At(absl::Minutes(3)));
  ASSERT_TRUE(step && again);
  EXPECT_EQ(again->after, step->after);
}

TEST(Retention, ForEverIsForEver) {
  core::RetentionOptions options;
  options.recipients = options.events = absl::InfiniteDuration();
  Retention retention(options, kStart);
  const auto step = retention.Next(At(absl::Hours(1)));
  ASSERT_TRUE(step);
  EXPECT_EQ(step->deliveries_before, absl::InfinitePast());
  EXPECT_EQ(step->events_before, absl::InfinitePast());
}

TEST(Retention, AWallClockThatJumpsBackDoesNotStopIt) {
  Retention retention({}, kStart);
  EXPECT_TRUE(retention.Next({kWall - absl::Hours(48), kStart + absl::Hours(1)}));
}

}  // namespace
}  // namespace crescendo::engine
