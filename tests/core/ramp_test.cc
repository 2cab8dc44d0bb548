#include "scheduler/core/ramp.h"

#include <gtest/gtest.h>

#include <vector>

namespace crescendo::core {
namespace {

constexpr absl::CivilDay kFirst(2026, 1, 5);

Plan MakePlan(std::vector<Stage> stages, AdvanceRule rule = AdvanceRule::kDelivered) {
  Plan plan;
  plan.id = PlanId("plan-a");
  plan.egress_ip = EgressIpId("mta1-a");
  plan.stages = std::move(stages);
  plan.start_date = kFirst;
  plan.advance_rule = rule;
  return plan;
}

std::vector<int64_t> CapsOf(const std::vector<Stage>& stages) {
  std::vector<int64_t> caps;
  for (const Stage& stage : stages) caps.insert(caps.end(), stage.days, stage.daily_cap);
  return caps;
}

// The caps of days on each of which everything allowed is accepted, until the plan is done.
std::vector<int64_t> Walk(const Plan& plan, int most = 1000) {
  std::vector<int64_t> caps;
  std::optional<PlanDay> last;
  for (int i = 0; i < most; ++i) {
    const std::optional<PlanDay> day = OpenDay(plan, last, kFirst + i);
    if (!day.has_value()) break;
    caps.push_back(day->cap);
    last = CloseDay(plan, *day, {day->cap, day->cap});
  }
  return caps;
}

TEST(Ramp, TheClassicListIsExact) {
  using V = std::vector<int64_t>;
  struct Case {
    int64_t target;
    V caps;
  };
  for (const Case& c : {Case{1, V{1, 1}}, Case{200, V{200, 200}}, Case{201, V{200, 200, 201, 201}},
                        Case{1000, V{200, 200, 500, 500, 1000, 1000}},
                        Case{3000, V{200, 200, 500, 500, 1000, 1000, 2000, 2000, 3000, 3000}},
                        Case{4000, V{200, 200, 500, 500, 1000, 1000, 2000, 2000, 4000, 4000}},
                        Case{50'000, V{200, 200, 500, 500, 1000, 1000, 2000, 2000, 4000, 4000, 8000,
                                       8000, 16'000, 16'000, 32'000, 32'000, 50'000, 50'000}}}) {
    SCOPED_TRACE(c.target);
    EXPECT_EQ(CapsOf(ClassicRamp(c.target)), c.caps);
    EXPECT_EQ(Walk(MakePlan(ClassicRamp(c.target))), c.caps) << "and so do its days";
  }
  EXPECT_EQ(ClassicRamp(10'000'000).back(), (Stage{2, 10'000'000}));
}

TEST(Ramp, AdvancesFrom90Percent) {
  struct Case {
    const char* name;
    int64_t accepted, attainable;
    AdvanceRule rule;
    DayDecision decision;
    const char* reason;
  };
  const auto delivered = AdvanceRule::kDelivered, calendar = AdvanceRule::kCalendar;
  for (const Case& c : {Case{"all of it", 200, 200, delivered, DayDecision::kAdvance,
                             "200 of 200 accepted (100 %): next step"},
                        Case{"90 % exactly", 180, 200, delivered, DayDecision::kAdvance,
                             "180 of 200 accepted (90 %): next step"},
                        Case{"one less", 179, 200, delivered, DayDecision::kRepeat,
                             "179 of 200 accepted (89 %), under 90 %: the step is repeated"},
                        Case{"89 %", 178, 200, delivered, DayDecision::kRepeat,
                             "178 of 200 accepted (89 %), under 90 %: the step is repeated"},
                        Case{"nothing", 0, 200, delivered, DayDecision::kRepeat,
                             "0 of 200 accepted (0 %), under 90 %: the step is repeated"},
                        Case{"nothing was attainable", 0, 0, delivered, DayDecision::kRepeat,
                             "0 of 0 accepted (0 %), under 90 %: the step is repeated"},
                        Case{"90 % of what the providers' caps allowed", 45, 50, delivered,
                             DayDecision::kAdvance, "45 of 50 accepted (90 %): next step"},
                        Case{"the calendar does not ask", 3, 200, calendar, DayDecision::kAdvance,
                             "3 of 200 accepted (1 %); the plan goes by the calendar: next step"},
                        Case{"and says nothing extra when it was delivered", 190, 200, calendar,
                             DayDecision::kAdvance, "190 of 200 accepted (95 %): next step"}}) {
    SCOPED_TRACE(c.name);
    const Plan plan = MakePlan({{2, 200}, {2, 500}}, c.rule);
    const PlanDay open = *OpenDay(plan, std::nullopt, kFirst);
    const PlanDay closed = CloseDay(plan, open, {c.accepted, c.attainable});
    EXPECT_EQ(closed.decision, c.decision);
    EXPECT_EQ(closed.reason, c.reason);
    EXPECT_EQ(closed.accepted, c.accepted);
    EXPECT_EQ(closed.day, open.day);
  }
}

// The edge is exact for every cap whose 90 % is a whole number.
TEST(Ramp, TheEdgeIsExactForEveryCap) {
  for (int64_t tens = 1; tens <= 1'000'000; tens = tens * 3 + 1) {
    const int64_t cap = tens * 10;
    const Plan plan = MakePlan({{1, cap}, {1, cap}});
    const PlanDay open = *OpenDay(plan, std::nullopt, kFirst);
    EXPECT_EQ(CloseDay(plan, open, {tens * 9, cap}).decision, DayDecision::kAdvance) << cap;
    EXPECT_EQ(CloseDay(plan, open, {tens * 9 - 1, cap}).decision, DayDecision::kRepeat) << cap;
  }
}

TEST(Ramp, ARepeatedDayKeepsItsStep) {
  const Plan plan = MakePlan({{2, 200}, {1, 500}});
  std::optional<PlanDay> last;
  struct Day {
    int64_t accepted;
    int stage, day_in_stage;  // Of that day.
  };
  int i = 0;
  for (const Day& day : {Day{200, 0, 0}, Day{0, 0, 1}, Day{10, 0, 1}, Day{199, 0, 1},
                         Day{449, 1, 0}, Day{450, 1, 0}}) {
    SCOPED_TRACE(i);
    const std::optional<PlanDay> open = OpenDay(plan, last, kFirst + i++);
    ASSERT_TRUE(open.has_value());
    EXPECT_EQ(open->stage, day.stage);
    EXPECT_EQ(open->day_in_stage, day.day_in_stage);
    last = CloseDay(plan, *open, {day.accepted, open->cap});
  }
  EXPECT_EQ(last->decision, DayDecision::kGraduate);
  EXPECT_EQ(last->reason, "450 of 500 accepted (90 %): the plan is done");
  EXPECT_EQ(OpenDay(plan, last, kFirst + i), std::nullopt) << "nothing follows a graduation";
}

bool operator==(const PlanDay& a, const PlanDay& b) {
  return a.day == b.day && a.stage == b.stage && a.day_in_stage == b.day_in_stage && a.cap == b.cap;
}

TEST(Ramp, NoDayIsOpenedTwiceOrBackwards) {
  const Plan plan = MakePlan({{2, 200}, {2, 500}});
  EXPECT_FALSE(OpenDay(plan, std::nullopt, kFirst - 1).has_value()) << "before the start date";
  const PlanDay last = CloseDay(plan, *OpenDay(plan, std::nullopt, kFirst + 5), {200, 200});
  EXPECT_FALSE(OpenDay(plan, last, kFirst + 5).has_value()) << "the same day again";
  EXPECT_FALSE(OpenDay(plan, last, kFirst + 4).has_value()) << "the clock went back";
  const std::optional<PlanDay> next = OpenDay(plan, last, kFirst + 40);
  ASSERT_TRUE(next.has_value()) << "days in between are not made up for";
  EXPECT_EQ(next->stage, 0);
  EXPECT_EQ(next->day_in_stage, 1) << "one step at most";
  // L9: the same history gives the same day.
  EXPECT_TRUE(*next == *OpenDay(plan, last, kFirst + 40));
}

TEST(Ramp, EditsThatShortenStagesNeverLoseTheirPlace) {
  struct Case {
    const char* name;
    int stage, day_in_stage;
    DayDecision decision;
    std::vector<Stage> edited;
    int stage_then, day_then;
    int64_t cap;
  };
  for (const Case& c :
       {Case{"its stage has fewer days: the next stage",
             0,
             3,
             DayDecision::kAdvance,
             {{2, 200}, {2, 500}},
             1,
             0,
             500},
        Case{"a repeated day that still exists",
             0,
             1,
             DayDecision::kRepeat,
             {{2, 200}, {2, 500}},
             0,
             1,
             200},
        Case{"its stage is gone: the last one",
             7,
             1,
             DayDecision::kAdvance,
             {{1, 200}, {2, 500}},
             1,
             1,
             500},
        Case{"the last stage is shorter: its last day repeats",
             1,
             5,
             DayDecision::kAdvance,
             {{1, 200}, {3, 500}},
             1,
             2,
             500},
        Case{"only one day is left of it all", 7, 1, DayDecision::kRepeat, {{1, 50}}, 0, 0, 50},
        Case{"a longer stage goes on counting",
             0,
             1,
             DayDecision::kAdvance,
             {{5, 200}, {2, 500}},
             0,
             2,
             200},
        Case{"a new cap holds", 0, 0, DayDecision::kAdvance, {{2, 70}, {2, 500}}, 0, 1, 70}}) {
    SCOPED_TRACE(c.name);
    PlanDay last;
    last.day = kFirst;
    last.stage = c.stage;
    last.day_in_stage = c.day_in_stage;
    last.decision = c.decision;
    const std::optional<PlanDay> next = OpenDay(MakePlan(c.edited), last, kFirst + 1);
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(next->stage, c.stage_then);
    EXPECT_EQ(next->day_in_stage, c.day_then);
    EXPECT_EQ(next->cap, c.cap);
  }
}

TEST(Ramp, TheCapOfAnOpenDayFollowsAnEdit) {
  PlanDay day;
  day.stage = 3;
  EXPECT_EQ(CapOf(MakePlan({{1, 10}, {1, 20}, {1, 30}, {1, 40}}), day), 40);
  EXPECT_EQ(CapOf(MakePlan({{1, 10}, {1, 20}}), day), 20) << "its stage was taken away";
}

}  // namespace
}  // namespace crescendo::core
