// Guardrails: every edge of every threshold, and what the daily decision makes of them.
#include "scheduler/core/guardrails.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "scheduler/core/ramp.h"

namespace crescendo::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const ProviderId kGmail("gmail");

Evidence Bounces(int64_t bounced, int64_t of) {
  return {kGmail, of - bounced, bounced, bounced, 0, 0, 0};
}
Evidence Complaints(int64_t count, int64_t of) { return {kGmail, of, 0, 0, count, 0, 0}; }
Evidence Deferrals(int64_t count, int64_t of) {
  return {kGmail, of - count, 0, 0, 0, count, count};
}

// Of the IP: those of the one lane are the same.
Severity Worst(const Guardrails& guardrails, const Evidence& evidence,
               const std::vector<Breach>& before = {}) {
  Severity worst = Severity::kNone;
  for (const Finding& finding : Judge(guardrails, {evidence}, before).findings) {
    worst = std::max(worst, finding.severity);
  }
  return worst;
}

TEST(Guardrails, EveryEdge) {
  struct Case {
    const char* name;
    Evidence evidence;
    Severity severity;
  };
  using S = Severity;
  for (const Case& c :
       {Case{"no bounces", Bounces(0, 1000), S::kNone},
        Case{"bounces: 2 % is not above", Bounces(20, 1000), S::kNone},
        Case{"bounces: above 2 %", Bounces(21, 1000), S::kHold},
        Case{"bounces: 5 % is not above", Bounces(50, 1000), S::kHold},
        Case{"bounces: above 5 %", Bounces(51, 1000), S::kStepBack},
        Case{"bounces: 10 % is not above", Bounces(100, 1000), S::kStepBack},
        Case{"bounces: above 10 %", Bounces(101, 1000), S::kPause},
        Case{"bounces: all", Bounces(1000, 1000), S::kPause},
        Case{"bounces: a sample too small", Bounces(99, 99), S::kNone},
        Case{"bounces: the smallest sample", Bounces(3, 100), S::kHold},
        Case{"complaints: 0.1 % is not above", Complaints(10, 10'000), S::kNone},
        Case{"complaints: above 0.1 %", Complaints(11, 10'000), S::kHold},
        Case{"complaints: 0.3 % is not above", Complaints(30, 10'000), S::kHold},
        Case{"complaints: above 0.3 %", Complaints(31, 10'000), S::kStepBack},
        Case{"complaints: 0.5 % is not above", Complaints(50, 10'000), S::kStepBack},
        Case{"complaints: above 0.5 %", Complaints(51, 10'000), S::kPause},
        Case{"complaints: one is chance", Complaints(1, 100), S::kNone},
        Case{"complaints: two are not", Complaints(2, 100), S::kPause},
        Case{"complaints: a sample too small", Complaints(50, 99), S::kNone},
        Case{"deferrals: 10 % is not above", Deferrals(100, 1000), S::kNone},
        Case{"deferrals: above 10 %", Deferrals(101, 1000), S::kHold},
        Case{"deferrals: all of them only hold", Deferrals(1000, 1000), S::kHold},
        Case{"deferrals: greylisting is none", {kGmail, 500, 0, 0, 0, 500, 0}, S::kNone}}) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Worst(Guardrails(), c.evidence), c.severity);
  }
}

TEST(Guardrails, EachIsAdjustable) {
  struct Case {
    const char* name;
    Guardrails guardrails;
    Evidence evidence;
    Severity severity;
  };
  using S = Severity;
  const auto with = [](auto change) {
    Guardrails guardrails;
    change(guardrails);
    return guardrails;
  };
  for (const Case& c :
       {Case{"off", with([](Guardrails& g) { g.hard_bounces = {}; }), Bounces(900, 1000), S::kNone},
        Case{"only pause", with([](Guardrails& g) {
               g.hard_bounces = {0, 0, 0.2};
             }),
             Bounces(199, 1000), S::kNone},
        Case{"only pause, above", with([](Guardrails& g) {
               g.hard_bounces = {0, 0, 0.2};
             }),
             Bounces(201, 1000), S::kPause},
        Case{"odd shares", with([](Guardrails& g) {
               g.complaints = {0.0029, 0, 0};
             }),
             Complaints(29, 10'000), S::kNone},
        Case{"deferrals may step back", with([](Guardrails& g) { g.deferrals.step_back = 0.3; }),
             Deferrals(301, 1000), S::kStepBack},
        Case{"a larger sample", with([](Guardrails& g) { g.min_sample = 1001; }),
             Bounces(900, 1000), S::kNone},
        Case{"more complaints", with([](Guardrails& g) { g.min_complaints = 6; }),
             Complaints(5, 1000), S::kNone}}) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Worst(c.guardrails, c.evidence), c.severity);
  }
}

// No edge depends on how a share is rounded: for every threshold of a tenth of a percent.
TEST(Guardrails, EdgesAreExactForEveryThreshold) {
  for (int64_t per_mille = 1; per_mille < 1000; ++per_mille) {
    Guardrails guardrails;
    guardrails.hard_bounces = {static_cast<double>(per_mille) / 1000, 0, 0};
    EXPECT_EQ(Worst(guardrails, Bounces(per_mille * 7, 7000)), Severity::kNone) << per_mille;
    EXPECT_EQ(Worst(guardrails, Bounces(per_mille * 7 + 1, 7000)), Severity::kHold) << per_mille;
  }
}

TEST(Guardrails, ABreachPassesOnlyWellBelow) {
  const Breach ip{Signal::kHardBounces, ProviderId()}, lane{Signal::kHardBounces, kGmail};
  struct Case {
    const char* name;
    std::vector<Breach> before;
    Evidence evidence;
    Severity severity;
    std::vector<Breach> after;
  };
  using S = Severity;
  for (const Case& c :
       {Case{"never breached: 1.8 % is well", {}, Bounces(18, 1000), S::kNone, {}},
        Case{"breached before: 1.8 % is not yet",
             {ip, lane},
             Bounces(18, 1000),
             S::kHold,
             {ip, lane}},
        Case{"1.5 % is", {ip, lane}, Bounces(15, 1000), S::kNone, {}},
        Case{"too few messages say nothing", {ip, lane}, Bounces(0, 99), S::kNone, {ip, lane}},
        Case{"nor none at all", {ip, lane}, Bounces(0, 0), S::kNone, {ip, lane}},
        Case{"only what was breached is stricter", {lane}, Bounces(18, 1000), S::kHold, {lane}}}) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Worst(Guardrails(), c.evidence, c.before), c.severity);
    EXPECT_EQ(Judge(Guardrails(), {c.evidence}, c.before).breaches, c.after);
  }
  const Judgement judgement = Judge(Guardrails(), {}, {lane});
  EXPECT_THAT(judgement.breaches, ElementsAre(lane)) << "of a lane without counts too";
  EXPECT_THAT(judgement.findings, IsEmpty());
}

TEST(Guardrails, SayWhatTheyFound) {
  const Judgement judgement = Judge(Guardrails(), {Bounces(5, 200)}, {});
  ASSERT_EQ(judgement.findings.size(), 2u);
  EXPECT_EQ(judgement.findings[0].text, "hard bounces: 5 of 200 (2.5 %), above 2 %");
  EXPECT_EQ(judgement.findings[1].text, "hard bounces at gmail: 5 of 200 (2.5 %), above 2 %");
  const Breach lane{Signal::kComplaints, kGmail};
  EXPECT_EQ(Judge(Guardrails(), {Complaints(9, 10'000)}, {lane}).findings.at(0).text,
            "complaints at gmail: 9 of 10000 (0.09 %), not yet down to 0.075 %");
}

TEST(Guardrails, APauseNeedNotWaitOnceTheSampleIsLarge) {
  Guardrails guardrails;
  EXPECT_THAT(JudgeEarly(guardrails, {Bounces(60, 199)}), IsEmpty());
  EXPECT_EQ(JudgeEarly(guardrails, {Bounces(60, 200)}).size(), 2u) << "the IP's and the lane's";
  EXPECT_THAT(JudgeEarly(guardrails, {Bounces(19, 200)}), IsEmpty()) << "a step back waits";
  guardrails.early_sample = 0;
  EXPECT_THAT(JudgeEarly(guardrails, {Bounces(900, 1000)}), IsEmpty());
  guardrails.early_sample = 50;
  EXPECT_THAT(JudgeEarly(guardrails, {Bounces(60, 99)}), IsEmpty()) << "never below min_sample";
}

// --- The daily decision

struct DecisionCase {
  const char* name;
  std::vector<Evidence> lanes;
  DayDecision decision;
  const char* reason;  // Part of it.
  std::vector<std::string> lanes_paused = {};
};

class DecisionTest : public testing::TestWithParam<DecisionCase> {};

Evidence At(const char* provider, int64_t accepted, int64_t bounced, int64_t complaints = 0) {
  return {ProviderId(provider), accepted, bounced, bounced, complaints, 0, 0};
}

INSTANTIATE_TEST_SUITE_P(
    Every, DecisionTest,
    testing::Values(DecisionCase{"all is well",
                                 {At("gmail", 500, 2), At("yahoo", 500, 2)},
                                 DayDecision::kAdvance,
                                 "next step"},
                    DecisionCase{"the IP holds",
                                 {At("gmail", 490, 10), At("yahoo", 485, 15)},
                                 DayDecision::kHold,
                                 "hard bounces: 25 of 1000 (2.5 %), above 2 %"},
                    DecisionCase{"one lane holds it",
                                 {At("gmail", 190, 8), At("yahoo", 800, 0)},
                                 DayDecision::kHold,
                                 "hard bounces at gmail: 8 of 198 (4.04 %)"},
                    DecisionCase{"one lane steps it back",
                                 {At("gmail", 180, 15), At("yahoo", 800, 0)},
                                 DayDecision::kStepBack,
                                 "one stage back"},
                    DecisionCase{"one lane that is critical is paused, the ramp holds",
                                 {At("gmail", 150, 20), At("yahoo", 830, 0)},
                                 DayDecision::kHold,
                                 "hard bounces at gmail: 20 of 170 (11.8 %), above 10 %",
                                 {"gmail"}},
                    DecisionCase{"the IP is critical",
                                 {At("gmail", 450, 60), At("yahoo", 440, 55)},
                                 DayDecision::kPause,
                                 "paused until an operator resumes it",
                                 {"gmail", "yahoo"}},
                    DecisionCase{"complaints step back",
                                 {At("gmail", 1000, 0, 4)},
                                 DayDecision::kStepBack,
                                 "complaints: 4 of 1000 (0.4 %), above 0.3 %"},
                    DecisionCase{"the gravest counts",
                                 {At("gmail", 900, 60, 2)},
                                 DayDecision::kStepBack,
                                 "complaints"}),
    [](const auto& info) {
      std::string name = info.param.name;
      std::erase_if(name, [](char c) { return !absl::ascii_isalnum(c); });
      return name;
    });

TEST_P(DecisionTest, FollowsTheEvidence) {
  Plan plan;
  plan.id = PlanId("p");
  plan.stages = {{5, 500}, {5, 1000}, {5, 2000}};
  plan.start_date = absl::CivilDay(2026, 1, 5);
  for (const AdvanceRule rule :
       {AdvanceRule::kDelivered, AdvanceRule::kCalendar, AdvanceRule::kSendingDay}) {
    plan.advance_rule = rule;
    plan.state = PlanState::kActive;
    PlanDay open;
    open.day = plan.start_date + 7;
    open.stage = 1;
    open.cap = 1000;
    const PlanDay closed = CloseDay(plan, open, {950, 1000, GetParam().lanes});
    EXPECT_EQ(closed.decision, GetParam().decision) << closed.reason;
    EXPECT_THAT(closed.reason, HasSubstr(GetParam().reason));
    std::vector<std::string> paused;
    for (const ProviderId& provider : closed.paused_lanes) paused.push_back(provider.text());
    EXPECT_EQ(paused, GetParam().lanes_paused);
    const std::optional<PlanDay> next = OpenDay(plan, closed, closed.day + 1);
    if (closed.decision == DayDecision::kPause) {
      // Once an operator has resumed it, it goes on where it was.
      EXPECT_EQ(next->stage, 1);
      plan.acted_day = open.day;
      EXPECT_EQ(CloseDay(plan, open, {950, 1000, GetParam().lanes}).decision, DayDecision::kHold)
          << "resumed on the same day, it is not paused again for the same mail";
      plan.acted_day = absl::CivilDay();
    } else {
      EXPECT_EQ(next->stage, closed.decision == DayDecision::kStepBack ? 0 : 1);
      EXPECT_EQ(next->day_in_stage, closed.decision == DayDecision::kAdvance ? 1 : 0);
    }
  }
}

TEST(Decision, APlanBehindItsRampIsGuardedToo) {
  Plan plan;
  plan.stages = {{1, 500}, {4, 1000}};
  plan.start_date = absl::CivilDay(2026, 1, 5);
  plan.state = PlanState::kGraduated;
  PlanDay open;
  open.day = plan.start_date + 9;
  open.stage = 2;
  open.cap = 2000;
  PlanDay closed = CloseDay(plan, open, {1800, 2000, {At("gmail", 1700, 50)}});
  EXPECT_EQ(closed.decision, DayDecision::kHold);
  EXPECT_EQ(OpenDay(plan, closed, open.day + 1)->cap, 2000);
  closed = CloseDay(plan, open, {1800, 2000, {At("gmail", 1700, 150)}});
  EXPECT_EQ(closed.decision, DayDecision::kStepBack);
  const PlanDay next = *OpenDay(plan, closed, open.day + 1);
  EXPECT_EQ(next.stage, 1) << "back on its last stage";
  EXPECT_EQ(next.cap, 1000);
}

}  // namespace
}  // namespace crescendo::core
