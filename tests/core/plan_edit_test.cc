// What operators ask of plans: which state allows what, what changes, and from when on.
#include "scheduler/core/plan_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "scheduler/base/random.h"
#include "scheduler/core/ramp.h"

namespace crescendo::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr absl::CivilDay kToday(2026, 1, 5);
const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 1, 5, 9, 0, 0), absl::UTCTimeZone());
const absl::Time kMidnight = absl::FromCivil(absl::CivilDay(2026, 1, 6), absl::UTCTimeZone());

Plan MakePlan(PlanState state = PlanState::kActive) {
  Plan plan;
  plan.id = PlanId("warm-a");
  plan.egress_ip = EgressIpId("mta1-a");
  plan.stages = {{2, 100}, {2, 200}, {2, 400}};
  plan.start_date = kToday - 10;
  plan.state = state;
  plan.revision = 7;
  return plan;
}

PlanDay Today(int stage) {
  PlanDay day;
  day.plan = PlanId("warm-a");
  day.day = kToday;
  day.stage = stage;
  day.cap = day.peak_cap = int64_t{100} << stage;
  return day;
}

TEST(PlanEdit, WhichStateAllowsWhat) {
  using S = PlanState;
  using V = PlanVerb;
  // What becomes of a plan in each state; absent: refused.
  const std::map<std::pair<S, V>, S> allowed = {
      {{S::kDraft, V::kStart}, S::kActive},        {{S::kActive, V::kStart}, S::kActive},
      {{S::kActive, V::kPause}, S::kPaused},       {{S::kHeld, V::kPause}, S::kPaused},
      {{S::kPaused, V::kPause}, S::kPaused},       {{S::kPaused, V::kResume}, S::kActive},
      {{S::kHeld, V::kResume}, S::kActive},        {{S::kActive, V::kResume}, S::kActive},
      {{S::kActive, V::kHold}, S::kHeld},          {{S::kHeld, V::kHold}, S::kHeld},
      {{S::kDraft, V::kAdvance}, S::kDraft},       {{S::kActive, V::kAdvance}, S::kActive},
      {{S::kHeld, V::kAdvance}, S::kHeld},         {{S::kPaused, V::kAdvance}, S::kPaused},
      {{S::kDraft, V::kStepBack}, S::kDraft},      {{S::kActive, V::kStepBack}, S::kActive},
      {{S::kHeld, V::kStepBack}, S::kHeld},        {{S::kPaused, V::kStepBack}, S::kPaused},
      {{S::kGraduated, V::kStepBack}, S::kActive}, {{S::kDraft, V::kSetStage}, S::kDraft},
      {{S::kActive, V::kSetStage}, S::kActive},    {{S::kHeld, V::kSetStage}, S::kHeld},
      {{S::kPaused, V::kSetStage}, S::kPaused},    {{S::kGraduated, V::kSetStage}, S::kActive},
      {{S::kActive, V::kComplete}, S::kGraduated}, {{S::kHeld, V::kComplete}, S::kGraduated},
      {{S::kPaused, V::kComplete}, S::kGraduated}, {{S::kGraduated, V::kComplete}, S::kGraduated},
      {{S::kDraft, V::kAbort}, S::kAborted},       {{S::kActive, V::kAbort}, S::kAborted},
      {{S::kHeld, V::kAbort}, S::kAborted},        {{S::kPaused, V::kAbort}, S::kAborted},
      {{S::kAborted, V::kAbort}, S::kAborted}};
  for (const S state : {S::kDraft, S::kActive, S::kPaused, S::kHeld, S::kGraduated, S::kAborted}) {
    for (const V verb : {V::kStart, V::kPause, V::kResume, V::kHold, V::kAdvance, V::kStepBack,
                         V::kSetStage, V::kComplete, V::kAbort}) {
      SCOPED_TRACE(absl::StrCat(PlanStateName(state), " ", static_cast<int>(verb)));
      const auto changed = Act(MakePlan(state), Today(1), {verb, 1}, kNow);
      const auto expected = allowed.find({state, verb});
      ASSERT_EQ(changed.ok(), expected != allowed.end()) << changed.status();
      if (!changed.ok()) {
        EXPECT_EQ(changed.status().code(), absl::StatusCode::kFailedPrecondition);
        EXPECT_THAT(std::string(changed.status().message()),
                    HasSubstr(absl::StrCat("plan warm-a is ", PlanStateName(state), "; ")));
        continue;
      }
      EXPECT_EQ(changed->plan.state, expected->second);
      EXPECT_EQ(changed->plan.revision, 7);
      const bool moves = verb == V::kAdvance || verb == V::kStepBack || verb == V::kSetStage;
      EXPECT_EQ(changed->change.fields.empty(), !moves && expected->second == state)
          << "a state that is reached already changes nothing";
    }
  }
}

TEST(PlanEdit, MovesHoldFromTheirMoment) {
  struct Case {
    const char* name;
    PlanAction action;
    int stage;  // Of the open day.
    int to;
    bool now;
    int64_t cap_after;
  };
  using V = PlanVerb;
  using E = Effective;
  for (const Case& c :
       {Case{"up: the next day", {V::kAdvance}, 0, 1, false, 100},
        Case{"up, now", {V::kAdvance, 0, E::kNow}, 0, 1, true, 200},
        Case{"down: now", {V::kStepBack}, 2, 1, true, 200},
        Case{"down, the next day", {V::kStepBack, 0, E::kNextPlanDay}, 2, 1, false, 400},
        Case{"set lower", {V::kSetStage, 0}, 2, 0, true, 100},
        Case{"set higher", {V::kSetStage, 2}, 0, 2, false, 100},
        Case{"set to the same: from its start", {V::kSetStage, 1}, 1, 1, true, 200}}) {
    SCOPED_TRACE(c.name);
    const auto changed = Act(MakePlan(), Today(c.stage), c.action, kNow);
    ASSERT_TRUE(changed.ok()) << changed.status();
    EXPECT_EQ(changed->plan.move.number, 1);
    EXPECT_EQ(changed->plan.move.stage, c.to);
    EXPECT_EQ(changed->plan.move.from_day, c.now ? kToday : kToday + 1);
    EXPECT_EQ(changed->change.cap_before, Today(c.stage).cap);
    EXPECT_EQ(changed->change.cap_after, c.cap_after);
    EXPECT_EQ(changed->change.effective_time, c.now ? kNow : kMidnight);
    EXPECT_THAT(changed->change.fields,
                ElementsAre(FieldChange{"stage", absl::StrCat(c.stage + 1, " of 3"),
                                        absl::StrCat(c.to + 1, " of 3")}));
    // And so it comes.
    const PlanDay edited = EditedDay(changed->plan, Today(c.stage));
    EXPECT_EQ(edited.cap, c.cap_after);
    const PlanDay next = *OpenDay(changed->plan, CloseDay(changed->plan, edited, {}), kToday + 1);
    EXPECT_EQ(next.stage, c.to);
    EXPECT_EQ(next.day_in_stage, 0);
  }
}

TEST(PlanEdit, WhatCannotBeSaysWhy) {
  struct Case {
    const char* name;
    PlanAction action;
    int stage;
    absl::StatusCode code;
    const char* text;
  };
  using V = PlanVerb;
  for (const Case& c : {Case{"behind the last",
                             {V::kAdvance},
                             2,
                             absl::StatusCode::kFailedPrecondition,
                             "at its last stage, 3 of 3; complete it instead"},
                        Case{"before the first",
                             {V::kStepBack},
                             0,
                             absl::StatusCode::kFailedPrecondition,
                             "at its first stage; lower that stage's daily_cap, hold or pause it"},
                        Case{"no such stage",
                             {V::kSetStage, 3},
                             0,
                             absl::StatusCode::kInvalidArgument,
                             "stage_index is 3; it must be 0 to 2"},
                        Case{"nor this",
                             {V::kSetStage, -1},
                             0,
                             absl::StatusCode::kInvalidArgument,
                             "stage_index is -1; it must be 0 to 2"}}) {
    SCOPED_TRACE(c.name);
    const auto changed = Act(MakePlan(), Today(c.stage), c.action, kNow);
    EXPECT_EQ(changed.status().code(), c.code);
    EXPECT_THAT(std::string(changed.status().message()), HasSubstr(c.text));
  }
}

TEST(PlanEdit, CompleteGraduatesFromTodaysCap) {
  const auto changed = Act(MakePlan(), Today(1), {PlanVerb::kComplete}, kNow);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->change.cap_before, 200);
  EXPECT_EQ(changed->change.cap_after, 400) << "growth stays bounded";
  const PlanDay today = EditedDay(changed->plan, Today(1));
  EXPECT_TRUE(IsBeyond(changed->plan, today));
  const PlanDay next =
      *OpenDay(changed->plan, CloseDay(changed->plan, today, {250, 400, {}}), kToday + 1);
  EXPECT_EQ(next.cap, 500);
}

TEST(PlanEdit, EditsHoldFromTheirMoment) {
  struct Case {
    const char* name;
    std::function<void(PlanShape&)> edit;
    Effective effective;
    bool now;
  };
  using E = Effective;
  const auto lower = [](PlanShape& s) { s.stages[1].daily_cap = 150; };
  const auto higher = [](PlanShape& s) { s.stages[1].daily_cap = 900; };
  for (const Case& c :
       {Case{"a lower cap: now", lower, E::kDefault, true},
        Case{"a lower cap, the next day", lower, E::kNextPlanDay, false},
        Case{"a higher cap: the next day", higher, E::kDefault, false},
        Case{"a higher cap, now", higher, E::kNow, true},
        Case{"another stage's cap: now", [](PlanShape& s) { s.stages[2].daily_cap = 9000; },
             E::kDefault, true},
        Case{"a provider's lower cap: now", [](PlanShape& s) { s.provider_caps[0].daily_cap = 5; },
             E::kDefault, true},
        Case{"a provider's higher cap: the next day",
             [](PlanShape& s) { s.provider_caps[0].daily_cap = 90; }, E::kDefault, false},
        Case{"no cap for a provider: the next day", [](PlanShape& s) { s.provider_caps.clear(); },
             E::kDefault, false},
        Case{"a new cap for a provider: now",
             [](PlanShape& s) {
               s.provider_caps.push_back({ProviderId("yahoo"), 5});
             },
             E::kDefault, true},
        Case{"a zone: the next day", [](PlanShape& s) { s.time_zone = "Europe/Berlin"; },
             E::kDefault, false},
        Case{"a guardrail: now", [](PlanShape& s) { s.guardrails.min_sample = 5; }, E::kDefault,
             true}}) {
    SCOPED_TRACE(c.name);
    Plan before = MakePlan();
    before.provider_caps = {{ProviderId("gmail"), 50}};
    PlanShape shape = before;
    c.edit(shape);
    const ChangedPlan changed = Edit(before, Today(1), shape, c.effective, kNow);
    EXPECT_EQ(changed.change.fields.size(), 1u);
    EXPECT_EQ(changed.change.effective_time, c.now ? kNow : kMidnight);
    if (c.now) {
      EXPECT_TRUE(static_cast<const PlanShape&>(changed.plan) == shape);
      EXPECT_FALSE(changed.plan.next.has_value());
      EXPECT_EQ(changed.change.cap_after, EditedDay(changed.plan, Today(1)).cap);
    } else {
      EXPECT_TRUE(static_cast<const PlanShape&>(changed.plan) == before);
      EXPECT_TRUE(*changed.plan.next == shape);
      EXPECT_EQ(changed.plan.next_from, kToday + 1);
      EXPECT_EQ(changed.change.cap_after, 200);
    }
    // Without an open day it holds at once.
    const ChangedPlan early = Edit(before, std::nullopt, shape, c.effective, kNow);
    EXPECT_TRUE(static_cast<const PlanShape&>(early.plan) == shape);
    EXPECT_EQ(early.change.cap_before, std::nullopt);
  }
}

TEST(PlanEdit, AnEditThatWaitsIsNeitherLostNorHasty) {
  Plan plan = MakePlan();
  PlanShape shape = plan;
  shape.stages[1].daily_cap = 900;
  plan = Edit(plan, Today(1), shape, Effective::kDefault, kNow).plan;
  // A further edit joins it …
  shape = EditBase(plan, Effective::kDefault);
  shape.rolling_day = true;
  plan = Edit(plan, Today(1), shape, Effective::kDefault, kNow).plan;
  EXPECT_FALSE(plan.rolling_day);
  EXPECT_EQ(plan.next->stages[1].daily_cap, 900);
  EXPECT_TRUE(plan.next->rolling_day);
  // … one that holds now passes it, and is not undone by it …
  shape = EditBase(plan, Effective::kNow);
  shape.guardrails.min_sample = 7;
  plan = Edit(plan, Today(1), shape, Effective::kNow, kNow).plan;
  EXPECT_EQ(plan.guardrails.min_sample, 7);
  EXPECT_EQ(plan.next->guardrails.min_sample, 7);
  EXPECT_EQ(plan.next->stages[1].daily_cap, 900);
  EXPECT_EQ(plan.stages[1].daily_cap, 200);
  // … and taking all of it back leaves nothing waiting.
  shape = plan;
  plan = Edit(plan, Today(1), shape, Effective::kNextPlanDay, kNow).plan;
  EXPECT_FALSE(plan.next.has_value());
}

// --- Settings

PlanShape RandomShape(base::Random& random) {
  PlanShape shape;
  const auto stages = [&] {
    std::vector<Stage> some;
    for (uint64_t n = random.Below(5); n > 0; --n) {
      some.push_back(
          {static_cast<int>(1 + random.Below(9)), static_cast<int64_t>(random.Below(1000))});
    }
    return some;
  };
  shape.stages = stages();
  if (random.Below(2) == 0)
    shape.provider_caps = {{ProviderId("gmail"), 0}, {ProviderId("a.b"), 7}};
  for (const char* provider : {"yahoo", "default.x.example"}) {
    if (random.Below(2) == 0) shape.provider_ramps.push_back({ProviderId(provider), stages()});
  }
  shape.time_zone = random.Below(2) == 0 ? "UTC" : "America/Argentina/Buenos_Aires";
  shape.window.start = absl::Minutes(random.Below(700));
  if (random.Below(3) == 0) shape.window.start += absl::Seconds(5);
  shape.window.end = shape.window.start + absl::Hours(2);
  shape.start_date = kToday + static_cast<int64_t>(random.Below(100));
  shape.advance_rule = static_cast<AdvanceRule>(random.Below(3));
  for (const EngagementFloor& floor : {EngagementFloor{14, 30}, {28, 60}, {0, 90}}) {
    if (random.Below(2) == 0) shape.engagement_floors.push_back(floor);
  }
  if (random.Below(2) == 0) {
    for (int hour = 0; hour < 24; ++hour) {
      shape.shape.hourly_weights.push_back(static_cast<int>(random.Below(3)));
    }
  }
  for (bool& sends : shape.shape.sends_on) sends = random.Below(4) > 0;
  shape.guardrails.hard_bounces = {random.Unit(), random.Unit(), random.Unit()};
  shape.guardrails.complaints = {random.Unit() / 1000, 0, 1};
  shape.guardrails.min_sample = static_cast<int64_t>(random.Below(100));
  shape.guardrails.clear_at = random.Unit();
  shape.guardrails.blocklist_pause = random.Below(2) == 0;
  shape.rolling_day = random.Below(2) == 0;
  shape.bounded_growth = random.Below(2) == 0;
  return shape;
}

TEST(PlanSettings, ComeBackAsTheyWere) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    base::Random random(seed);
    const PlanShape shape = RandomShape(random), other = RandomShape(random);
    const auto back = ShapeFrom(SettingsOf(shape), other);
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_TRUE(*back == shape) << seed << testing::PrintToString(SettingsOf(shape));
    std::vector<Setting> changes;
    for (const FieldChange& change : DiffOf(other, shape))
      changes.emplace_back(change.field, change.to);
    ASSERT_TRUE(*ShapeFrom(changes, other) == shape) << "a diff is all that differs";
    ASSERT_LE(DiffText(DiffOf(other, shape)).size(), 1000u);
  }
  EXPECT_THAT(DiffOf(MakePlan(), MakePlan()), IsEmpty());
  for (const Setting& setting :
       {Setting{"nonsense", "1"}, Setting{"stages", "2"}, Setting{"stages", "2:x"},
        Setting{"rolling_day", "maybe"}, Setting{"guardrails.complaints", "1 2"},
        Setting{"start_date", "soon"}, Setting{"sending_window", "08:00"},
        Setting{"advance_rule", "never"}, Setting{"provider_caps", "gmail"},
        Setting{"engagement_floors", "30@"}, Setting{"engagement_floors", "30@1@2"},
        Setting{"hourly_weights", "9-12"}, Setting{"hourly_weights", "9-25:1"},
        Setting{"days_off", "someday"}}) {
    EXPECT_EQ(ShapeFrom({setting}, PlanShape()).status().code(), absl::StatusCode::kDataLoss)
        << setting.first << " " << setting.second;
  }
}

TEST(PlanSettings, ADiffIsReadable) {
  Plan plan = MakePlan();
  PlanShape shape = plan;
  shape.stages = {{2, 300}};
  shape.provider_caps = {{ProviderId("gmail"), 30}};
  shape.engagement_floors = {{14, 30}, {0, 90}};
  shape.shape.hourly_weights = {0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2,
                                1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0};
  shape.shape.sends_on[6] = false;
  shape.guardrails.complaints = {0.0008, 0.002, 0};
  EXPECT_EQ(DiffText(DiffOf(plan, shape)),
            "stages: 2:100 2:200 2:400 -> 2:300; provider_caps: none -> gmail=30; "
            "engagement_floors: none -> 30@14 90; hourly_weights: none -> 9-12:2 12-16:1; "
            "days_off: none -> sunday; "
            "guardrails.complaints: 0.001 0.003 0.005 -> 0.0008 0.002 0");
}

}  // namespace
}  // namespace crescendo::core
