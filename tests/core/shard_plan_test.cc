// What guardrails stop, edits that wait, and the rolling 24 hours, in the shard.
#include <gmock/gmock.h>

#include "scheduler/base/civil_day.h"
#include "tests/core/shard_fixture.h"

namespace crescendo::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Lane kLane{EgressIpId("ip"), ProviderId("big")};
const Lane kOther{EgressIpId("ip"), ProviderId("default.other.example")};

class ShardPlan : public ShardTest {
 protected:
  ShardPlan() {
    plan_.id = PlanId("warm");
    plan_.egress_ip = EgressIpId("ip");
    plan_.stages = {{1, 1'000'000}, {2, 2'000'000}};
    plan_.start_date = Today();
    plan_.state = PlanState::kActive;
    plan_.revision = 1;
    Step({plan_});
  }
  absl::CivilDay Today() const { return base::DayOf(now_.wall, absl::UTCTimeZone()); }
  LedgerRow Counts(const Lane& lane, int64_t accepted, int64_t bounced) const {
    LedgerRow row;
    row.lane = lane;
    row.day = Today();
    row.accepted = accepted;
    row.refused = row.hard_bounces = bounced;
    return row;
  }
  // As the daemon does when somebody complains.
  Letter Complained(const Lane& lane) const { return Complaint{lane, Today()}; }
  Letter Changed(std::function<void(Plan&)> change) {
    change(plan_);
    ++plan_.revision;
    return plan_;
  }
  void NextDay() { Wait(base::EndOf(Today(), absl::UTCTimeZone()) - now_.wall); }

  Plan plan_;
};

TEST_F(ShardPlan, ACriticalBreachPausesThePlanAtOnceAndOnce) {
  Step({Counts(kLane, 150, 60), Complained(kLane)});
  auto puts = Writes<ports::Put<Plan>>();
  ASSERT_THAT(puts, SizeIs(1));
  EXPECT_EQ(puts[0].record.state, PlanState::kPaused);
  EXPECT_EQ(puts[0].record.acted_day, Today());
  EXPECT_THAT(puts[0].record.state_reason, HasSubstr("hard bounces: 60 of 210 (28.6 %)"));
  EXPECT_EQ(puts[0].events.at(0).type, EventType::kPlanPaused);
  EXPECT_EQ(shard_.StatusOf(PlanId("warm"))->wait.reason, Reason::kPlanPaused);
  // Refused by the store, for an operator's edit came first: it is made again.
  Step({Changed([](Plan& plan) { plan.stages[1].days = 3; }), Complained(kLane)});
  puts = Writes<ports::Put<Plan>>();
  ASSERT_THAT(puts, SizeIs(1));
  EXPECT_EQ(puts[0].record.state, PlanState::kPaused);
  EXPECT_EQ(puts[0].record.stages[1].days, 3);
  // Resumed by an operator, it is not paused for the same mail again; nor at the day's end.
  Step({Changed([&](Plan& plan) { plan.acted_day = Today(); }), Complained(kLane)});
  EXPECT_THAT(Writes<ports::Put<Plan>>(), IsEmpty());
  NextDay();
  Step({});
  EXPECT_THAT(Writes<ports::Put<Plan>>(), IsEmpty());
  const auto days = Writes<ports::PutPlanDay>();
  ASSERT_THAT(days, SizeIs(2));
  EXPECT_EQ(days[0].day.decision, DayDecision::kHold);
  EXPECT_EQ(days[1].day.decision, DayDecision::kOpen);
}

TEST_F(ShardPlan, ADayThatEndsCriticalPausesThePlan) {
  Step({Changed([](Plan& plan) { plan.guardrails.early_sample = 0; }), Counts(kLane, 150, 60),
        Complained(kLane)});
  EXPECT_THAT(Writes<ports::Put<Plan>>(), IsEmpty());
  const absl::CivilDay day = Today();
  NextDay();
  Step({});
  auto puts = Writes<ports::Put<Plan>>();
  ASSERT_THAT(puts, SizeIs(1));
  EXPECT_EQ(puts[0].record.state, PlanState::kPaused);
  EXPECT_EQ(puts[0].record.acted_day, day);
  EXPECT_THAT(Writes<ports::PutPlanDay>(), SizeIs(1)) << "closed, and no new one";
  Step({Changed([&](Plan& plan) {
    plan.acted_day = day;
    plan.state = PlanState::kActive;
  })});
  ASSERT_THAT(Writes<ports::PutPlanDay>(), SizeIs(1)) << "resumed: a new day opens";
  EXPECT_EQ(Writes<ports::PutPlanDay>()[0].day.stage, 0);
}

TEST_F(ShardPlan, ACriticalLaneIsPausedAloneAndOnce) {
  Step({Counts(kLane, 150, 60), Counts(kOther, 5000, 0), Complained(kOther)});
  EXPECT_THAT(Writes<ports::Put<Plan>>(), IsEmpty());
  auto lanes = Writes<ports::PutLane>();
  ASSERT_THAT(lanes, SizeIs(1));
  EXPECT_TRUE(lanes[0].lane.paused);
  EXPECT_EQ(lanes[0].lane.lane, kLane);
  EXPECT_THAT(lanes[0].lane.pause_reason,
              HasSubstr("by a guardrail: hard bounces at big: 60 of 210"));
  EXPECT_EQ(lanes[0].events.at(0).type, EventType::kLanePaused);
  ASSERT_THAT(Writes<ports::PutPlanDay>(), SizeIs(1));
  EXPECT_THAT(Writes<ports::PutPlanDay>()[0].day.paused_lanes, ElementsAre(ProviderId("big")));
  EXPECT_EQ(shard_.StatusOf(kLane)->wait.reason, Reason::kLanePaused);
  LaneRecord resumed = lanes[0].lane;
  resumed.paused = false;
  Step({resumed, Complained(kOther)});
  EXPECT_THAT(Writes<ports::PutLane>(), IsEmpty()) << "an operator has looked at it";
}

TEST_F(ShardPlan, ABlocklistPausesTheLaneItNames) {
  for (const bool wanted : {true, false}) {
    SCOPED_TRACE(wanted);
    Step({Changed([&](Plan& plan) { plan.guardrails.blocklist_pause = wanted; }),
          LaneRecord{.lane = kLane, .stopped_until = absl::InfinitePast()}});
    const int64_t id = wanted ? 2 : 3;
    Wait(wanted ? absl::Seconds(1) : absl::Hours(3));
    Step({Queued(id, 1, 0.8)});
    if (auto open = Find<ports::OpenConnection>()) {
      connection_ = open->connection;
      Step({Opened()});
    }
    Step({Claimed(id)});
    ASSERT_TRUE(Find<Send>().has_value());
    Step({Answered(id, 554, "192.0.2.1 is on our blocklist")});
    bool paused = false;
    for (const ports::PutLane& put : Writes<ports::PutLane>()) paused = paused || put.lane.paused;
    EXPECT_EQ(paused, wanted);
  }
}

TEST_F(ShardPlan, ComplaintsCountOnTheirDay) {
  Step({Counts(kLane, 300, 0), Complained(kLane), Complained(kLane)});
  EXPECT_EQ(shard_.StatusOf(kLane)->today.complaints, 2);
  EXPECT_EQ(shard_.StatusOf(PlanId("warm"))->today_total.complaints, 2);
  EXPECT_THAT(Writes<ports::Put<Plan>>(), SizeIs(1)) << "2 of 300 are above 0.5 %";
}

TEST_F(ShardPlan, AnEditThatWaitsHoldsFromItsDay) {
  Step({Changed([&](Plan& plan) {
    plan.next = static_cast<const PlanShape&>(plan);
    plan.next->stages = {{1, 77}};
    plan.next_from = Today() + 1;
  })});
  EXPECT_THAT(Writes<ports::Put<Plan>>(), IsEmpty());
  EXPECT_EQ(shard_.StatusOf(PlanId("warm"))->today->cap, 1'000'000);
  NextDay();
  Step({});
  const auto puts = Writes<ports::Put<Plan>>();
  ASSERT_THAT(puts, SizeIs(1));
  EXPECT_FALSE(puts[0].record.next.has_value());
  EXPECT_EQ(puts[0].record.stages, (std::vector<Stage>{{1, 77}}));
  EXPECT_THAT(puts[0].events.at(0).text,
              HasSubstr("in force: stages: 1:1000000 2:2000000 -> 1:77"));
  EXPECT_EQ(shard_.StatusOf(PlanId("warm"))->today->cap, 77);
  // The store refused it, for a change came first: it is in force all the same.
  Step({plan_});
  EXPECT_THAT(Writes<ports::Put<Plan>>(), SizeIs(1));
  EXPECT_EQ(shard_.StatusOf(PlanId("warm"))->today->cap, 77);
}

TEST_F(ShardPlan, ACapBelowWhatWasUsedStopsTheDay) {
  Step({Counts(kLane, 300, 0)});
  Step({Changed([](Plan& plan) { plan.stages[0].daily_cap = 200; })});
  ASSERT_THAT(Writes<ports::PutPlanDay>(), SizeIs(1));
  EXPECT_EQ(Writes<ports::PutPlanDay>()[0].day.cap, 200);
  EXPECT_EQ(Writes<ports::PutPlanDay>()[0].day.peak_cap, 1'000'000);
  Wait(absl::Hours(1));
  Step({Queued(2, 1, 0.8)});
  EXPECT_THAT(Writes<ports::Claim>(), IsEmpty());
  EXPECT_EQ(shard_.StatusOf(PlanId("warm"))->wait.reason, Reason::kIpDailyCap);
}

TEST_F(ShardPlan, ADeletedPlanCapsNothing) {
  Step({PlanDeleted{PlanId("warm")}});
  EXPECT_EQ(shard_.FindPlan(PlanId("warm")), nullptr);
  EXPECT_EQ(shard_.FindPlanOf(EgressIpId("ip")), nullptr);
  EXPECT_EQ(shard_.StatusOf(kLane)->ip_cap, std::nullopt);
}

TEST_F(ShardPlan, TheRollingDaySurvivesARestart) {
  // Used late yesterday, and half of it written down.
  PlanDay day = *shard_.StatusOf(PlanId("warm"))->today;
  const absl::Time start = base::StartOf(Today(), absl::UTCTimeZone());
  LedgerRow yesterday = Counts(kLane, 100, 0);
  yesterday.day = Today() - 1;
  day.recent = {{start - absl::Minutes(30), 50}};
  const Plan rolling = std::get<Plan>(Changed([](Plan& plan) {
    plan.rolling_day = true;
    plan.stages = {{9, 120}};
  }));
  Shard restarted(providers_, classifier_, Options());
  restarted.Step(now_, {EgressIp{.id = EgressIpId("ip"), .address = "127.0.0.1"},
                        Pool{.id = PoolId("pool"), .egress_ips = {EgressIpId("ip")}}, rolling,
                        yesterday, Counts(kLane, 20, 0), day});
  const PlanStatus status = *restarted.StatusOf(PlanId("warm"));
  EXPECT_EQ(status.wait.reason, Reason::kRollingDay);
  EXPECT_EQ(status.wait.detail, "120 of 120 used");
  EXPECT_EQ(status.wait.until, start + absl::Hours(24) - absl::Minutes(15))
      << "when the first of yesterday's are 24 hours old";
}

}  // namespace
}  // namespace crescendo::core
