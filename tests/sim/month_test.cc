// A month of warm-up against receivers that defer, block, drop and vanish, in seconds, with the
// laws checked after every turn.
#include <gtest/gtest.h>

#include "tests/sim/sim_world.h"

namespace crescendo::sim {
namespace {

std::string AllOf(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += "\n  " + line;
  return all;
}

TEST(Month, KeepsTheLawsWithFaultsOn) {
  WorldOptions options;
  options.seed = 20261;
  options.recipients = 60'000;
  options.target = 4000;
  World world(options);
  world.RunDays(31);
  world.CheckAll();
  EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  const CampaignCounts counts = world.Counts();
  // The month was not idle, and the trouble was real.
  EXPECT_GT(counts.accepted, 30'000);
  EXPECT_GT(counts.bounced, 100);
  EXPECT_GT(world.witness().deferred, 1000);
  EXPECT_GT(world.witness().in_doubt.size(), 20u);
  EXPECT_GT(world.witness().rate_refusals, 5);
}

TEST(Month, UsesTheWholeCapWhenReceiversAreKind) {
  WorldOptions options;
  options.seed = 3;
  options.faults = 0;
  options.recipients = 40'000;
  options.target = 2000;
  World world(options);
  world.RunUntil(absl::FromCivil(absl::CivilDay(2026, 1, 9), absl::UTCTimeZone()));
  world.CheckAll();
  EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  // 200, 200, 500, 500, 1000, 1000, 2000, 2000: every day advances and is used up, on both IPs.
  const auto days = world.store().ListPlanDays(PlanId("plan-0"));
  ASSERT_TRUE(days.ok());
  ASSERT_GE(days->size(), 8u);
  const int64_t caps[] = {200, 200, 500, 500, 1000, 1000, 2000, 2000};
  for (int i = 0; i < 8; ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ((*days)[i].cap, caps[i]);
    EXPECT_GE((*days)[i].accepted, caps[i] * 98 / 100);
    EXPECT_EQ((*days)[i].decision, i < 7 ? DayDecision::kAdvance : DayDecision::kGraduate);
  }
}

TEST(Month, SurvivesCrashesAtAnyTime) {
  for (const uint64_t seed : {11u, 12u, 13u, 14u}) {
    SCOPED_TRACE(seed);
    WorldOptions options;
    options.seed = seed;
    options.recipients = 6'000;
    options.target = 1000;
    World world(options);
    base::Random random(seed);
    const absl::Time end = world.clock().Now().wall + absl::Hours(24 * 8);
    int crashes = 0;
    while (world.clock().Now().wall < end && world.violations().empty()) {
      world.RunUntil(world.clock().Now().wall + absl::Minutes(random.Between(1, 600)));
      world.CrashAndRestart();
      ++crashes;
    }
    world.RunDays(1);
    world.CheckAll();
    EXPECT_GT(crashes, 20);
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  }
}

TEST(Month, PauseAndSuppressionTakeEffectAtOnce) {
  WorldOptions options;
  options.seed = 5;
  options.recipients = 5'000;
  options.target = 2000;
  World world(options);
  base::Random random(5);
  for (int round = 0; round < 40; ++round) {
    world.RunUntil(world.clock().Now().wall + absl::Minutes(random.Between(5, 200)));
    const CampaignId campaign(round % 2 == 0 ? "campaign-0" : "campaign-1");
    world.Pause(campaign);
    for (int i = 0; i < 5; ++i) {
      const char* const domains[] = {"gmail", "yahoo", "outlook"};
      world.Suppress("u" + std::to_string(random.Below(2500)) + "-" + std::to_string(round % 2) +
                     "@" + domains[i % 3] + ".test");
    }
    world.RunUntil(world.clock().Now().wall + absl::Minutes(random.Between(5, 200)));
    world.Resume(campaign);
  }
  world.CheckAll();
  EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  EXPECT_GT(world.witness().sends, 1000);
}

TEST(Month, TheClockMayJump) {
  WorldOptions options;
  options.seed = 6;
  options.recipients = 4'000;
  options.target = 500;
  World world(options);
  base::Random random(6);
  for (int round = 0; round < 30; ++round) {
    world.RunUntil(world.clock().Now().wall + absl::Hours(random.Between(1, 20)));
    world.JumpClock(absl::Minutes(random.Between(-2880, 2880)));
  }
  world.CheckAll();
  EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  EXPECT_GT(world.witness().sends, 500);
}

TEST(Month, TheSameSeedGivesTheSameTrace) {
  WorldOptions options;
  options.seed = 9;
  options.recipients = 3'000;
  World first(options), second(options);
  first.RunDays(4);
  second.RunDays(4);
  EXPECT_EQ(first.trace_hash(), second.trace_hash());
  options.seed = 10;
  World other(options);
  other.RunDays(4);
  EXPECT_NE(first.trace_hash(), other.trace_hash());
}

}  // namespace
}  // namespace crescendo::sim
