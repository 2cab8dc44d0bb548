// Plans while they run: every verb with its dry run and what it says it changes, edits that wait,
// the shipped ramps, fitted ones, and the time series.
#include <gmock/gmock.h>

#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class PlanTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    ASSERT_TRUE(Ask(&Plans::CreatePlan,
                    "plan_id: 'warm-a' plan { egress_ip: 'egressIps/mta1-a' stages { days: 2 "
                    "daily_cap: 100 } stages { days: 2 daily_cap: 200 } stages { days: 2 "
                    "daily_cap: 400 } }")
                    .ok());
    ASSERT_TRUE(Ask(&Plans::StartPlan, "name: 'plans/warm-a'").ok());
  }
  v1::Plan Get() { return *Ask(&Plans::GetPlan, "name: 'plans/warm-a'"); }
  v1::PlanProgress Progress() { return *Ask(&Plans::GetPlanProgress, "name: 'plans/warm-a'"); }
  std::string LastEvent(EventType type) { return rig_.Events(type).back().text; }
};

std::string Fields(const v1::Plan& plan) {
  std::string all;
  for (const auto& field : plan.change().fields()) {
    absl::StrAppend(&all, all.empty() ? "" : "; ", field.name(), ": ", field.from(), " -> ",
                    field.to());
  }
  return all;
}

// Dry, it changes nothing and says the same as the real one.
TEST_F(PlanTest, EachVerbSaysWhatItChangesAndADryRunChangesNothing) {
  const auto check = [&](auto method, const std::string& request, v1::Plan::State state,
                         const std::string& fields, int64_t cap_after, EventType event) {
    SCOPED_TRACE(fields);
    const std::string before = Everything();
    const auto dry = Ask(method, request + " validate_only: true");
    ASSERT_TRUE(dry.ok()) << dry.status();
    EXPECT_EQ(Everything(), before);
    const auto made = Ask(method, request + " reason: 'why'");
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(Fields(*dry), fields);
    EXPECT_EQ(Fields(*made), fields);
    EXPECT_EQ(made->state(), state);
    EXPECT_EQ(made->change().today_cap_after(), cap_after);
    EXPECT_EQ(Get().state(), state);
    const Event last = rig_.Events(event).back();
    EXPECT_EQ(last.actor, "test:ann");
    EXPECT_EQ(last.text, "why: " + fields);
    EXPECT_EQ(last.plan.text(), "warm-a");
    if (state != v1::Plan::ABORTED) {
      EXPECT_EQ(Progress().today().cap(), cap_after);
    }
  };
  const std::string name = "name: 'plans/warm-a'";
  check(&Plans::HoldPlan, name, v1::Plan::HELD, "state: ACTIVE -> HELD", 100, EventType::kPlanHeld);
  check(&Plans::ResumePlan, name, v1::Plan::ACTIVE, "state: HELD -> ACTIVE", 100,
        EventType::kPlanResumed);
  check(&Plans::AdvancePlan, name, v1::Plan::ACTIVE, "stage: 1 of 3 -> 2 of 3", 100,
        EventType::kPlanMoved);
  check(&Plans::AdvancePlan, name + " effective: NOW", v1::Plan::ACTIVE, "stage: 1 of 3 -> 2 of 3",
        200, EventType::kPlanMoved);
  check(&Plans::SetPlanStage, name + " stage_index: 2 effective: NOW", v1::Plan::ACTIVE,
        "stage: 2 of 3 -> 3 of 3", 400, EventType::kPlanMoved);
  check(&Plans::StepBackPlan, name, v1::Plan::ACTIVE, "stage: 3 of 3 -> 2 of 3", 200,
        EventType::kPlanMoved);
  check(&Plans::PausePlan, name, v1::Plan::PAUSED, "state: ACTIVE -> PAUSED", 200,
        EventType::kPlanPaused);
  check(&Plans::CompletePlan, name, v1::Plan::GRADUATED, "state: PAUSED -> GRADUATED", 400,
        EventType::kPlanGraduated);
  check(&Plans::StepBackPlan, name, v1::Plan::ACTIVE,
        "stage: graduated -> 3 of 3; state: GRADUATED -> ACTIVE", 400, EventType::kPlanMoved);
  check(&Plans::AbortPlan, name, v1::Plan::ABORTED, "state: ACTIVE -> ABORTED", 400,
        EventType::kPlanAborted);
  EXPECT_EQ(Progress().wait().reason(), v1::Wait::PLAN_ABORTED);
}

TEST_F(PlanTest, EditsSayWhatTheyChangeAndFromWhenOn) {
  auto edited = Ask(&Plans::UpdatePlan,
                    "plan { name: 'plans/warm-a' provider_caps { provider: 'providers/gmail' "
                    "daily_cap: 20 } } update_mask { paths: 'provider_caps' } reason: 'defers'");
  ASSERT_TRUE(edited.ok()) << edited.status();
  EXPECT_EQ(Fields(*edited), "provider_caps:  -> gmail=20");
  EXPECT_FALSE(edited->has_next());
  EXPECT_EQ(LastEvent(EventType::kUpdated), "defers: provider_caps: none -> gmail=20");
  // What raises a cap waits, and what follows joins it.
  edited = Ask(&Plans::UpdatePlan,
               "plan { name: 'plans/warm-a' provider_caps { provider: 'providers/gmail' "
               "daily_cap: 90 } } update_mask { paths: 'provider_caps' }");
  EXPECT_EQ(edited->provider_caps(0).daily_cap(), 20);
  EXPECT_EQ(edited->next().provider_caps(0).daily_cap(), 90);
  EXPECT_EQ(edited->next_date(), "2026-03-05");
  EXPECT_EQ(edited->change().effective_time().seconds(),
            absl::ToUnixSeconds(absl::FromCivil(absl::CivilDay(2026, 3, 5), absl::UTCTimeZone())));
  edited = Ask(&Plans::UpdatePlan,
               "plan { name: 'plans/warm-a' guardrails { min_sample: 7 complaints { hold: 0.0008 "
               "} } rolling_day: true } update_mask { paths: ['guardrails', 'rolling_day'] }");
  EXPECT_EQ(edited->guardrails().min_sample(), 100);
  EXPECT_EQ(edited->next().guardrails().min_sample(), 7);
  EXPECT_EQ(edited->next().guardrails().complaints().pause(), 0);
  EXPECT_EQ(edited->next().guardrails().hard_bounces().hold(), 0.02) << "unset: the default";
  EXPECT_TRUE(edited->next().rolling_day());
  EXPECT_EQ(edited->next().provider_caps(0).daily_cap(), 90);
  // After the day's end, and a restart before it.
  StopDaemon();
  StartDaemon();
  rig_.clock.Advance(absl::Hours(12));
  const v1::PlanProgress progress = Progress();
  EXPECT_EQ(progress.today().day(), "2026-03-05");
  EXPECT_FALSE(progress.plan().has_next());
  EXPECT_EQ(progress.plan().provider_caps(0).daily_cap(), 90);
  EXPECT_THAT(LastEvent(EventType::kUpdated), HasSubstr("in force: provider_caps: gmail=20 -> "
                                                        "gmail=90; guardrails.complaints"));
}

TEST_F(PlanTest, AGraduatedPlanKeepsWhatStillMatters) {
  ASSERT_TRUE(Ask(&Plans::CompletePlan, "name: 'plans/warm-a'").ok());
  EXPECT_THAT(Ask(&Plans::UpdatePlan,
                  "plan { name: 'plans/warm-a' stages { days: 1 daily_cap: 5 } } update_mask { "
                  "paths: 'stages' }"),
              FailsWith(StatusCode::kFailedPrecondition, "GRADUATED: its stages are done"));
  const auto free = Ask(&Plans::UpdatePlan,
                        "plan { name: 'plans/warm-a' bounded_growth: false } update_mask { paths: "
                        "'bounded_growth' } effective: NOW");
  ASSERT_TRUE(free.ok()) << free.status();
  EXPECT_FALSE(free->bounded_growth());
  EXPECT_FALSE(Progress().lanes_size() > 0 && Progress().lanes(0).has_ip_daily_cap());
}

TEST_F(PlanTest, DeletedOnlyWhenNothingIsLeftUncapped) {
  EXPECT_THAT(Ask(&Plans::DeletePlan, "name: 'plans/warm-a'"),
              FailsWith(StatusCode::kFailedPrecondition, "is ACTIVE; abort it before"));
  ASSERT_TRUE(Ask(&Plans::AbortPlan, "name: 'plans/warm-a'").ok());
  EXPECT_THAT(Ask(&Plans::DeletePlan, "name: 'plans/warm-a'"),
              FailsWith(StatusCode::kFailedPrecondition, "take mta1-a out of pool main first"));
  ASSERT_TRUE(
      Ask(&Pools::UpdatePool, "pool { name: 'pools/main' egress_ips: 'egressIps/mta1-b' }").ok());
  const std::string before = Everything();
  ASSERT_TRUE(Ask(&Plans::DeletePlan, "name: 'plans/warm-a' validate_only: true").ok());
  EXPECT_EQ(Everything(), before);
  const auto gone = Ask(&Plans::DeletePlan, "name: 'plans/warm-a' reason: 'wrong IP'");
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_EQ(gone->name(), "plans/warm-a");
  EXPECT_EQ(LastEvent(EventType::kDeleted), "plan deleted: wrong IP");
  EXPECT_THAT(Ask(&Plans::GetPlan, "name: 'plans/warm-a'"), FailsWith(StatusCode::kNotFound, ""));
  EXPECT_THAT(Ask(&Plans::ListPlans, "")->plans(), IsEmpty());
  ASSERT_TRUE(
      Ask(&Plans::CreatePlan, "plan_id: 'warm-a' target: 50 plan { egress_ip: 'egressIps/mta1-a' }")
          .ok());
  EXPECT_THAT(Ask(&Plans::ListPlanDays, "parent: 'plans/warm-a'")->plan_days(), IsEmpty());
}

TEST_F(PlanTest, RampsAreListedWithTheirSources) {
  const auto ramps = Ask(&Plans::ListRamps, "target: 5000");
  ASSERT_TRUE(ramps.ok()) << ramps.status();
  std::vector<std::string> names;
  for (const v1::Ramp& ramp : ramps->ramps()) {
    names.push_back(ramp.name());
    EXPECT_NE(ramp.source(), "");
    EXPECT_EQ(ramp.stages(ramp.stages_size() - 1).daily_cap(), 5000);
  }
  EXPECT_THAT(names, ElementsAre("classic", "gentle", "sparkpost", "weekly"));
}

TEST_F(PlanTest, ARampMayBeNamedOrFitted) {
  const auto make = [&](const std::string& rest) {
    return Ask(&Plans::CreatePlan,
               "plan_id: 'b' validate_only: true plan { egress_ip: "
               "'egressIps/mta1-b' start_date: '2026-12-01' } " +
                   rest);
  };
  auto plan = make("target: 5000 ramp: 'sparkpost'");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->stages(), SizeIs(5));
  EXPECT_FALSE(plan->has_change()) << "shipped ramps are not warned of";
  plan = make("target: 1000000 by_date: '2027-03-01'");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stages(plan->stages_size() - 1).daily_cap(), 1'000'000);
  EXPECT_FALSE(plan->has_change()) << "90 days are enough";
  plan = make("target: 1000000 by_date: '2026-12-15'");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->change().warnings(0), HasSubstr("is unsafe"));
  // Days off are no plan days, and the target is reached by the date all the same.
  plan = Ask(&Plans::CreatePlan,
             "plan_id: 'b' validate_only: true plan { egress_ip: 'egressIps/mta1-b' start_date: "
             "'2026-12-01' days_off: SATURDAY days_off: SUNDAY } target: 100000 by_date: "
             "'2026-12-31'");
  ASSERT_TRUE(plan.ok()) << plan.status();
  int64_t days = 0;
  for (const v1::Plan::Stage& stage : plan->stages()) days += stage.days();
  EXPECT_EQ(days, 23 + 1) << "23 working days, of which the target's first is the last";
  struct Case {
    const char* request;
    const char* fault;
  };
  for (const Case& c :
       {Case{"target: 5000 ramp: 'steep'", "ramp is \"steep\"; it must be one of classic, gentle"},
        Case{"ramp: 'gentle'", "ramp is given without target"},
        Case{"by_date: '2027-01-01'", "by_date is given without target"},
        Case{"target: 9 by_date: '2026-11-30'", "by_date is 2026-11-30, before the plan's start"},
        Case{"target: 9 by_date: 'soon'", "by_date is \"soon\", which is no date"},
        Case{"target: 9 by_date: '2027-01-01' ramp: 'gentle'",
             "by_date and ramp are both given"}}) {
    EXPECT_THAT(make(c.request), FailsWith(StatusCode::kInvalidArgument, c.fault));
  }
  // Custom stages that grow too fast are stored, with a warning.
  const auto steep = Ask(&Plans::CreatePlan,
                         "plan_id: 'b' plan { egress_ip: 'egressIps/mta1-b' stages { days: 1 "
                         "daily_cap: 100 } stages { days: 1 daily_cap: 1000 } }");
  ASSERT_TRUE(steep.ok()) << steep.status();
  EXPECT_THAT(steep->change().warnings(),
              ElementsAre("stage 1 to 2 grows from 100 to 1,000, ×10.0; more than ×2 from there is "
                          "unsafe"));
}

TEST_F(PlanTest, BadGuardrailsAndRampsAreRefused) {
  struct Case {
    const char* fields;
    const char* fault;
    StatusCode code = StatusCode::kInvalidArgument;
  };
  for (const Case& c :
       {Case{"guardrails { complaints { hold: -0.1 } }",
             "guardrails.complaints.hold is -0.1; it must be a share in [0, 1]"},
        Case{"guardrails { hard_bounces { pause: 1.5 } }", "guardrails.hard_bounces.pause is 1.5"},
        Case{"guardrails { hard_bounces { hold: nan } }", "guardrails.hard_bounces.hold is nan"},
        Case{"guardrails { deferrals { hold: 0.3 step_back: 0.2 } }",
             "it must rise from hold over step_back to pause"},
        Case{"guardrails { min_sample: 0 }", "guardrails.min_sample is 0; it must be 1 to"},
        Case{"guardrails { clear_at: 0 }", "guardrails.clear_at is 0; it must be in (0, 1]"},
        Case{"guardrails { early_sample: -1 }", "guardrails.early_sample is -1"},
        Case{"provider_ramps { provider: 'providers/gmail' }",
             "provider_ramps[0].stages is empty; give at least one stage"},
        Case{"provider_ramps { provider: 'providers/gmail' stages { days: 0 daily_cap: 1 } }",
             "provider_ramps[0].stages[0].days is 0"},
        Case{"provider_ramps { provider: 'gmail' stages { days: 1 daily_cap: 1 } }",
             "plan.provider_ramps[0].provider"},
        Case{"provider_ramps { provider: 'providers/x' stages { days: 1 daily_cap: 1 } }",
             "provider_ramps: provider \"x\" does not exist", StatusCode::kNotFound}}) {
    SCOPED_TRACE(c.fields);
    const std::string before = Everything();
    EXPECT_THAT(Ask(&Plans::CreatePlan,
                    absl::StrCat("plan_id: 'b' target: 9 plan { egress_ip: 'egressIps/mta1-b' ",
                                 c.fields, " }")),
                FailsWith(c.code, c.fault));
    EXPECT_EQ(Everything(), before);
  }
  EXPECT_THAT(Ask(&Plans::AdvancePlan, "name: 'plans/warm-a' effective: 9"),
              FailsWith(StatusCode::kInvalidArgument, "effective is 9; it must be NOW or"));
}

TEST_F(PlanTest, ProgressTellsWhatWouldBeDecided) {
  MakeCampaign("spring");
  const v1::PlanProgress progress = Progress();
  EXPECT_EQ(progress.would_decide().decision(), v1::PlanDay::REPEAT);
  EXPECT_EQ(progress.would_decide().reason(),
            "0 of 100 accepted (0 %), under 90 %: the step is repeated");
  EXPECT_EQ(progress.today().decision(), v1::PlanDay::OPEN);
  EXPECT_EQ(progress.remaining(), 100);
  EXPECT_EQ(progress.projected_end_date(), "2026-03-09") << "six days, today the first";
  ASSERT_TRUE(Ask(&Plans::HoldPlan, "name: 'plans/warm-a'").ok());
  EXPECT_EQ(Progress().projected_end_date(), "");
}

TEST_F(PlanTest, HistoryIsATimeSeries) {
  for (int day = 0; day < 4; ++day) {
    rig_.clock.Advance(absl::Hours(24));
    Progress();
  }
  auto history = Ask(&Plans::GetPlanHistory, "parent: 'plans/warm-a' page_size: 2");
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_THAT(history->history(), SizeIs(2));
  EXPECT_EQ(history->history(0).day().day(), "2026-03-04");
  EXPECT_EQ(history->history(0).day().decision(), v1::PlanDay::REPEAT);
  history = Ask(&Plans::GetPlanHistory, absl::StrCat("parent: 'plans/warm-a' page_size: 2 "
                                                     "page_token: '",
                                                     history->next_page_token(), "'"));
  EXPECT_EQ(history->history(0).day().day(), "2026-03-06");
  history = Ask(&Plans::GetPlanHistory,
                "parent: 'plans/warm-a' first_day: '2026-03-05' last_day: '2026-03-06'");
  EXPECT_THAT(history->history(), SizeIs(2));
  EXPECT_EQ(history->next_page_token(), "");
  EXPECT_THAT(Ask(&Plans::GetPlanHistory, "parent: 'plans/warm-a' first_day: 'x'"),
              FailsWith(StatusCode::kInvalidArgument, "first_day is \"x\", which is no date"));
  EXPECT_THAT(Ask(&Plans::GetPlanHistory, "parent: 'plans/none'"),
              FailsWith(StatusCode::kNotFound, "none"));
}

}  // namespace
}  // namespace crescendo::service
