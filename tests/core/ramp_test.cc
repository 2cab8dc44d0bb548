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
  plan.state = PlanState::kActive;
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
    last = CloseDay(plan, *day, {day->cap, day->cap, {}});
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
  for (const Case& c :
       {Case{"all of it", 200, 200, delivered, DayDecision::kAdvance,
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
        Case{"90 % of what the providers' caps allowed", 45, 50, delivered, DayDecision::kAdvance,
             "45 of 50 accepted (90 %): next step"},
        Case{"the calendar does not ask", 3, 200, calendar, DayDecision::kAdvance,
             "3 of 200 accepted (1 %); the plan goes by the calendar: next step"},
        Case{"and says nothing extra when it was delivered", 190, 200, calendar,
             DayDecision::kAdvance, "190 of 200 accepted (95 %): next step"},
        Case{"a sending day counts", 1, 200, AdvanceRule::kSendingDay, DayDecision::kAdvance,
             "1 of 200 accepted (0 %); every day with mail counts: next step"},
        Case{"a day without mail does not", 0, 200, AdvanceRule::kSendingDay, DayDecision::kRepeat,
             "0 of 200 accepted (0 %), nothing: the step is repeated"}}) {
    SCOPED_TRACE(c.name);
    const Plan plan = MakePlan({{2, 200}, {2, 500}}, c.rule);
    const PlanDay open = *OpenDay(plan, std::nullopt, kFirst);
    const PlanDay closed = CloseDay(plan, open, {c.accepted, c.attainable, {}});
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
    EXPECT_EQ(CloseDay(plan, open, {tens * 9, cap, {}}).decision, DayDecision::kAdvance) << cap;
    EXPECT_EQ(CloseDay(plan, open, {tens * 9 - 1, cap, {}}).decision, DayDecision::kRepeat) << cap;
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
    last = CloseDay(plan, *open, {day.accepted, open->cap, {}});
  }
  EXPECT_EQ(last->decision, DayDecision::kGraduate);
  EXPECT_EQ(last->reason, "450 of 500 accepted (90 %): the plan is done");
  EXPECT_EQ(OpenDay(plan, last, kFirst + i), std::nullopt) << "the plan's state follows first";
}

bool operator==(const PlanDay& a, const PlanDay& b) {
  return a.day == b.day && a.stage == b.stage && a.day_in_stage == b.day_in_stage && a.cap == b.cap;
}

TEST(Ramp, NoDayIsOpenedTwiceOrBackwards) {
  const Plan plan = MakePlan({{2, 200}, {2, 500}});
  EXPECT_FALSE(OpenDay(plan, std::nullopt, kFirst - 1).has_value()) << "before the start date";
  const PlanDay last = CloseDay(plan, *OpenDay(plan, std::nullopt, kFirst + 5), {200, 200, {}});
  EXPECT_FALSE(OpenDay(plan, last, kFirst + 5).has_value()) << "the same day again";
  EXPECT_FALSE(OpenDay(plan, last, kFirst + 4).has_value()) << "the clock went back";
  const std::optional<PlanDay> next = OpenDay(plan, last, kFirst + 30);
  ASSERT_TRUE(next.has_value()) << "days in between are not made up for";
  EXPECT_EQ(next->stage, 0);
  EXPECT_EQ(next->day_in_stage, 1) << "one step at most";
  // L9: the same history gives the same day.
  EXPECT_TRUE(*next == *OpenDay(plan, last, kFirst + 30));
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

TEST(Ramp, AnOpenDayFollowsAnEdit) {
  PlanDay day;
  day.stage = 3;
  day.cap = day.peak_cap = 40;
  EXPECT_EQ(EditedDay(MakePlan({{1, 10}, {1, 20}, {1, 30}, {1, 70}}), day).cap, 70);
  const PlanDay shorter = EditedDay(MakePlan({{1, 10}, {1, 20}}), day);
  EXPECT_EQ(shorter.cap, 20) << "its stage was taken away";
  EXPECT_EQ(shorter.peak_cap, 40) << "what held once is remembered (L1)";
  EXPECT_EQ(EditedDay(MakePlan({{1, 90}}), shorter).peak_cap, 90);
}

TEST(Ramp, AMoveIsMadeOnceAndOnItsDay) {
  Plan plan = MakePlan({{2, 10}, {2, 20}, {2, 30}});
  PlanDay open = *OpenDay(plan, std::nullopt, kFirst);
  plan.move = {1, 2, kFirst + 1};
  EXPECT_EQ(EditedDay(plan, open).stage, 0) << "not before its day";
  PlanDay last = CloseDay(plan, open, {0, 10, {}});
  PlanDay next = *OpenDay(plan, last, kFirst + 1);
  EXPECT_EQ(next.stage, 2);
  EXPECT_EQ(next.cap, 30);
  EXPECT_EQ(next.moves, 1);
  EXPECT_EQ(EditedDay(plan, next).moves, 1);
  last = CloseDay(plan, next, {0, 30, {}});
  EXPECT_EQ(OpenDay(plan, last, kFirst + 2)->stage, 2) << "and not again";
  plan.move = {2, 0, kFirst + 2};
  next = *OpenDay(plan, last, kFirst + 2);
  EXPECT_EQ(next.stage, 0);
  plan.move = {3, 1, kFirst + 2};
  next = EditedDay(plan, next);
  EXPECT_EQ(next.stage, 1) << "now";
  EXPECT_EQ(next.peak_cap, 20);
  // A draft starts where it is set to.
  EXPECT_EQ(OpenDay(plan, std::nullopt, kFirst + 2)->stage, 1);
}

TEST(Ramp, AHeldPlanStandsStill) {
  Plan plan = MakePlan({{1, 10}, {1, 20}});
  plan.state = PlanState::kHeld;
  std::optional<PlanDay> last;
  for (int i = 0; i < 5; ++i) {
    const PlanDay open = *OpenDay(plan, last, kFirst + i);
    EXPECT_EQ(open.cap, 10);
    last = CloseDay(plan, open, {10, 10, {}});
    EXPECT_EQ(last->decision, DayDecision::kHold);
    EXPECT_EQ(last->reason, "10 of 10 accepted (100 %); the plan is held");
  }
  EXPECT_EQ(CloseDay(plan, *OpenDay(plan, last, kFirst + 5), {3, 10, {}}).decision,
            DayDecision::kRepeat);
}

TEST(Ramp, IdleTimeIsWalkedBack) {
  const Plan plan = MakePlan({{10, 10}, {20, 20}, {40, 40}, {5, 50}});  // Starts at 0, 10, 30, 70.
  struct Case {
    const char* name;
    int stage, day_in_stage;
    int64_t accepted;  // On the last day.
    int idle_before;   // Days before that without mail.
    int gap;           // Days until the next that opens.
    int stage_then, day_then;
  };
  for (const Case& c : {Case{"30 days are not too long", 3, 2, 1, 0, 30, 3, 2},
                        Case{"31 days are walked back", 3, 2, 1, 0, 31, 2, 11},  // 72 - 31 = 41.
                        Case{"days opened without mail count", 3, 2, 0, 20, 11, 2, 11},
                        Case{"not behind the start", 1, 3, 1, 0, 300, 0, 0}}) {
    SCOPED_TRACE(c.name);
    PlanDay last;
    last.day = kFirst + 400;
    last.stage = c.stage;
    last.day_in_stage = c.day_in_stage;
    last.accepted = c.accepted;
    last.decision = DayDecision::kRepeat;
    last.idle_since = last.day - c.idle_before;
    const PlanDay next = *OpenDay(plan, last, last.day + c.gap);
    EXPECT_EQ(next.stage, c.stage_then);
    EXPECT_EQ(next.day_in_stage, c.day_then);
    const bool idle = c.gap + c.idle_before > 30;
    EXPECT_EQ(next.idle_since, idle ? next.day : last.day - c.idle_before) << "begins anew";
  }
}

TEST(Ramp, GrowthIsBoundedBehindTheRamp) {
  Plan plan = MakePlan({{1, 40'000}});
  PlanDay last = CloseDay(plan, *OpenDay(plan, std::nullopt, kFirst), {40'000, 40'000, {}});
  EXPECT_EQ(last.decision, DayDecision::kGraduate);
  plan.state = PlanState::kGraduated;
  struct Day {
    int64_t accepted, cap;
  };
  int i = 0;
  for (const Day& day :
       {Day{10, 80'000}, Day{39'000, 80'000}, Day{45'000, 80'000}, Day{80'000, 90'000},
        Day{90'000, 120'000}, Day{120'000, 135'000}, Day{0, 144'000}}) {
    SCOPED_TRACE(++i);
    const PlanDay open = *OpenDay(plan, last, kFirst + i);
    EXPECT_TRUE(IsBeyond(plan, open));
    EXPECT_EQ(open.cap, day.cap);
    last = CloseDay(plan, open, {day.accepted, open.cap, {}});
  }
  plan.bounded_growth = false;
  PlanDay open = *OpenDay(plan, last, kFirst + 20);
  EXPECT_EQ(open.cap, 10'000'000);
  last = CloseDay(plan, open, {300'000, open.cap, {}});
  EXPECT_EQ(last.decision, DayDecision::kRepeat);
  plan.bounded_growth = true;
  open = *OpenDay(plan, last, kFirst + 21);
  EXPECT_EQ(open.cap, 330'000) << "a bound that comes back goes by what was sent";
  // Idle for long: it is warmed up again.
  last = CloseDay(plan, open, {5, open.cap, {}});
  EXPECT_FALSE(IsBeyond(plan, *OpenDay(plan, last, kFirst + 60)));
}

TEST(Ramp, OnlyACleanLastStageGraduates) {
  const Plan plan = MakePlan({{1, 1000}, {3, 2000}});
  const Evidence clean{ProviderId("gmail"), 1900, 20, 10, 0, 0, 0};
  const Evidence bad{ProviderId("gmail"), 1900, 100, 60, 0, 0, 0};
  std::optional<PlanDay> last;
  std::vector<DayDecision> decisions;
  int i = 0;
  for (const bool is_clean : {true, true, true, false, true, true, true}) {
    const PlanDay open = *OpenDay(plan, last, kFirst + i++);
    last = CloseDay(plan, open, {open.cap, open.cap, {is_clean ? clean : bad}});
    decisions.push_back(last->decision);
  }
  using D = DayDecision;
  EXPECT_EQ(decisions, (std::vector<D>{D::kAdvance, D::kAdvance, D::kAdvance, D::kHold, D::kAdvance,
                                       D::kAdvance, D::kGraduate}));
}

TEST(Ramp, AProvidersOwnRampGoesByItsLane) {
  Plan plan = MakePlan({{1, 1000}, {1, 2000}, {9, 3000}});
  plan.provider_ramps = {{ProviderId("gmail"), {{1, 100}, {1, 200}, {1, 300}}}};
  const auto gmail = [](int64_t accepted, int64_t refused, int64_t bounced) {
    return Evidence{ProviderId("gmail"), accepted, refused, bounced, 0, 0, 0};
  };
  const Evidence rest{ProviderId("yahoo"), 1000, 0, 0, 0, 0, 0};
  struct Day {
    const char* name;
    Evidence gmail;
    int64_t cap;  // Of the lane, on that day.
    DayDecision decision, lane;
  };
  std::optional<PlanDay> last;
  int i = 0;
  using D = DayDecision;
  for (const Day& day : {Day{"it used its cap", gmail(100, 0, 0), 100, D::kAdvance, D::kAdvance},
                         Day{"under-sent there", gmail(20, 0, 0), 200, D::kAdvance, D::kRepeat},
                         Day{"bounces there", gmail(190, 10, 10), 200, D::kRepeat, D::kHold},
                         Day{"many", gmail(180, 20, 18), 200, D::kRepeat, D::kStepBack},
                         Day{"a clean day again", gmail(100, 0, 0), 100, D::kRepeat, D::kAdvance},
                         Day{"and on", gmail(200, 0, 0), 200, D::kRepeat, D::kAdvance},
                         Day{"its last step stays", gmail(300, 0, 0), 300, D::kRepeat, D::kRepeat},
                         Day{"stays", gmail(300, 0, 0), 300, D::kRepeat, D::kRepeat}}) {
    SCOPED_TRACE(day.name);
    const PlanDay open = *OpenDay(plan, last, kFirst + i++);
    ASSERT_EQ(open.providers.size(), 1u);
    EXPECT_EQ(open.providers[0].cap, day.cap);
    last = CloseDay(plan, open, {i < 3 ? open.cap : 1200, open.cap, {day.gmail, rest}});
    EXPECT_EQ(last->decision, day.decision) << last->reason;
    EXPECT_EQ(last->providers[0].decision, day.lane) << last->providers[0].reason;
  }
}

}  // namespace
}  // namespace crescendo::core
