// Plans that are edited, held, moved and judged while they run: through crashes, clocks that jump,
// days of 23 and 25 hours, and a year (L1, L9).
#include <gtest/gtest.h>

#include "scheduler/base/civil_day.h"
#include "tests/sim/sim_world.h"

namespace crescendo::sim {
namespace {

using core::Effective;
using core::PlanVerb;

std::string AllOf(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += "\n  " + line;
  return all;
}

// Something that an operator, a recipient, a clock or a machine may do at any time.
void Disturb(World& world, base::Random& random) {
  const int ip = static_cast<int>(random.Below(2));
  const auto effective = static_cast<Effective>(random.Below(3));
  absl::Status done;
  switch (random.Below(12)) {
    case 0:
      done = world.Edit(ip, effective, [&](PlanShape& shape) {
        Stage& stage = shape.stages[random.Below(shape.stages.size())];
        stage.daily_cap = 1 + static_cast<int64_t>(random.Below(700));
      });
      break;
    case 1:
      done = world.Edit(ip, effective, [&](PlanShape& shape) {
        shape.stages.resize(1 + random.Below(shape.stages.size()));
        shape.stages.push_back({1, 1 + static_cast<int64_t>(random.Below(900))});
      });
      break;
    case 2:
      done = world.Edit(ip, effective, [&](PlanShape& shape) {
        shape.provider_ramps = {{ProviderId("gmail"), {{1, 20}, {1, 60}, {2, 200}}}};
        shape.rolling_day = random.Below(2) == 0;
        shape.guardrails.min_sample = 1 + static_cast<int64_t>(random.Below(200));
      });
      break;
    case 3:
      done = world.Act(ip, {PlanVerb::kSetStage, static_cast<int>(random.Below(3)), effective});
      break;
    case 4:
      done = world.Act(
          ip, {random.Below(2) == 0 ? PlanVerb::kAdvance : PlanVerb::kStepBack, 0, effective});
      break;
    case 5:
      done = world.Act(ip, {random.Below(2) == 0 ? PlanVerb::kHold : PlanVerb::kPause});
      break;
    case 6:
    case 7:
      done = world.Act(ip, {PlanVerb::kResume});
      break;
    case 8:
      world.Suppress("u" + std::to_string(random.Below(1000)) + "-0@gmail.test",
                     SuppressionReason::kComplaint);
      break;
    case 9:
      world.JumpClock(absl::Minutes(random.Between(-2880, 2880)));
      break;
    case 10:
      world.CrashAndRestart();
      break;
    default:
      if (random.Below(6) == 0) done = world.Act(ip, {PlanVerb::kComplete});
      break;
  }
  EXPECT_TRUE(done.ok() || absl::IsFailedPrecondition(done) || absl::IsInvalidArgument(done))
      << done;
}

TEST(LivingPlan, EditsCrashesAndJumpsNeverPassACap) {
  int64_t sends = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    WorldOptions options;
    options.seed = seed;
    options.target = 400;
    options.recipients = 4'000;
    World world(options);
    base::Random random(seed);
    for (int round = 0; round < 80 && world.violations().empty(); ++round) {
      world.RunUntil(world.clock().Now().wall + absl::Minutes(random.Between(1, 400)));
      Disturb(world, random);
    }
    world.RunDays(1);
    world.CheckAll();
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
    sends += world.witness().sends;
  }
  EXPECT_GT(sends, 5000);
}

TEST(LivingPlan, DaysOf23And25HoursAreDaysLikeOthers) {
  struct Case {
    const char* zone;
    absl::CivilDay start;  // The odd day is its fourth.
    int hours;
  };
  for (const Case& c : {Case{"Europe/Berlin", absl::CivilDay(2026, 3, 26), 23},
                        Case{"America/New_York", absl::CivilDay(2026, 10, 29), 25},
                        Case{"Australia/Lord_Howe", absl::CivilDay(2026, 4, 2), 0}}) {
    SCOPED_TRACE(c.zone);
    WorldOptions options;
    options.start_day = c.start;
    options.time_zone = c.zone;
    options.egress_ips = 1;
    options.target = 1000;
    options.recipients = 4'500;
    options.faults = 0;
    World world(options);
    const absl::TimeZone zone = base::LoadZone(c.zone).value();
    world.RunUntil(base::StartOf(c.start + 6, zone) + absl::Hours(1));
    world.CheckAll();
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
    if (c.hours > 0) {
      EXPECT_EQ(base::EndOf(c.start + 3, zone) - base::StartOf(c.start + 3, zone),
                absl::Hours(c.hours));
    }
    const auto days = world.store().ListPlanDays(PlanId("plan-0"));
    ASSERT_EQ(days->size(), 7u);
    const int64_t caps[] = {200, 200, 500, 500, 1000, 1000};
    for (int i = 0; i < 6; ++i) {
      SCOPED_TRACE(i);
      EXPECT_EQ((*days)[i].day, c.start + i);
      EXPECT_EQ((*days)[i].cap, caps[i]);
      // Where the sun rises early the first day has begun before the plan is made.
      EXPECT_GE((*days)[i].accepted, caps[i] * (i == 0 ? 90 : 98) / 100);
    }
  }
}

TEST(LivingPlan, NoWindowOf24HoursPassesTheCap) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    WorldOptions options;
    options.seed = seed;
    options.egress_ips = 1;
    options.target = 500;
    options.recipients = 6'000;
    options.faults = 0;
    options.shape = [](PlanShape& shape) {
      shape.rolling_day = true;
      shape.stages = {{3, 120}, {3, 240}, {2, 480}};
    };
    World world(options);
    base::Random random(seed);
    const absl::Time end = world.clock().Now().wall + absl::Hours(24 * 9);
    while (world.clock().Now().wall < end) {
      world.RunUntil(world.clock().Now().wall + absl::Minutes(random.Between(30, 2000)));
      if (seed % 2 == 0) world.CrashAndRestart();
    }
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
    const auto days = world.store().ListPlanDays(PlanId("plan-0"));
    const std::vector<Sent>& sends = world.sent();
    size_t first = 0;
    for (size_t i = 0; i < sends.size(); ++i) {
      while (sends[first].time <= sends[i].time - absl::Hours(24)) ++first;
      int64_t cap = 0;
      const absl::CivilDay today = base::DayOf(sends[i].time, absl::UTCTimeZone());
      for (const PlanDay& day : *days) {
        if (day.day == today) cap = day.cap;
      }
      ASSERT_LE(static_cast<int64_t>(i - first) + 1, cap) << absl::FormatTime(sends[i].time);
    }
    EXPECT_GT(sends.size(), 1000u);
  }
}

TEST(LivingPlan, AYear) {
  WorldOptions options;
  options.egress_ips = 1;
  options.campaigns = 1;
  options.target = 1000;
  options.recipients = 30'000;
  options.core.retention = {absl::InfiniteDuration(), absl::InfiniteDuration(),
                            absl::InfiniteDuration()};  // The recount needs every row.
  World world(options);
  world.RunDays(365);
  world.CheckAll();
  EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  const auto days = *world.store().ListPlanDays(PlanId("plan-0"));
  EXPECT_EQ(days.size(), 365u) << "every day has its record";
  int graduated = 0, back = 0;
  for (size_t i = 1; i < days.size(); ++i) {
    graduated += days[i].stage == 3 && days[i - 1].stage < 3;
    back += days[i].stage < 3 && days[i - 1].stage == 3;
  }
  EXPECT_GE(graduated, 1);
  EXPECT_GE(back, 1) << "the list ends, and 31 days later the IP has to be warmed up anew";
  const auto plan = world.Await<Plan>(
      [&](auto done) { world.engine().GetPlan(PlanId("plan-0"), std::move(done)); });
  EXPECT_EQ(plan->state, PlanState::kActive);
}

}  // namespace
}  // namespace crescendo::sim
