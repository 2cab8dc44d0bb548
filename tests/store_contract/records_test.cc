// Puts of the small records: revisions, request_ids, references, and what survives a restart.
#include "scheduler/domain/plan_settings.h"
#include "store/rules.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class RecordsTest : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Every, RecordsTest, testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

TEST_P(RecordsTest, CreatesOnceAndReplacesTheRevisionItWasReadAt) {
  ports::Put<EgressIp> put = NewIp("mta2-a");
  ports::WriteResult result = Do(put);
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(std::get<EgressIp>(result.value).revision, 1);
  EXPECT_THAT(Do(put), FailsWith(absl::StatusCode::kAlreadyExists, "egress IP mta2-a exists"));

  put.record.revision = 1;
  put.record.ehlo_name = "other.example.com";
  EXPECT_EQ(std::get<EgressIp>(Do(put).value).revision, 2);
  EXPECT_THAT(Do(put), FailsWith(absl::StatusCode::kAborted, "is at revision 2, not 1"));

  put.record.id = EgressIpId("nobody");
  EXPECT_THAT(Do(put), FailsWith(absl::StatusCode::kNotFound, "no egress IP nobody"));
  Reopen();
  EXPECT_EQ(store().LoadDirectory()->egress_ips.at(2).ehlo_name, "other.example.com");
}

TEST_P(RecordsTest, AnswersARequestIdAgainWithTheSameRecord) {
  ports::Put<Plan> put = NewPlan("p1", "mta1-a");
  put.request = {"req-1", 77};
  put.events = {NewEvent(EventType::kCreated, "plan")};
  ASSERT_TRUE(Do(put).status.ok());
  const size_t events = AllEvents().size();
  Reopen();

  const ports::WriteResult again = Do(put);
  ASSERT_TRUE(again.status.ok()) << again.status;
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(std::get<Plan>(again.value).revision, 1);
  EXPECT_EQ(std::get<Plan>(again.value).egress_ip.text(), "mta1-a");
  EXPECT_THAT(AllEvents(), SizeIs(events));

  put.request.fingerprint = 78;
  EXPECT_THAT(Do(put), FailsWith(absl::StatusCode::kInvalidArgument, "request_id \"req-1\""));
  ports::Put<EgressIp> other = NewIp("mta3-a");
  other.request = {"req-1", 77};
  EXPECT_THAT(Do(other), FailsWith(absl::StatusCode::kInvalidArgument, "for plan p1"));
}

// What the caller knows to forbid a write does not forbid an answer that was given before.
TEST_P(RecordsTest, ARefusalStandsBehindTheRequestId) {
  const auto check = [&](auto put, auto other) {
    put.request = {absl::StrCat(RecordKindName(KindOf(put.record))), 77};
    ASSERT_TRUE(Do(put).status.ok());
    const size_t events = AllEvents().size();
    Reopen();
    put.refusal = other.refusal = absl::FailedPreconditionError("taken by another");
    const ports::WriteResult again = Do(put);
    EXPECT_TRUE(again.status.ok()) << again.status;
    EXPECT_TRUE(again.replayed);
    other.request = {put.request.id, 78};
    EXPECT_THAT(Do(other), FailsWith(absl::StatusCode::kInvalidArgument, "used before"));
    other.request.id = absl::StrCat("another ", put.request.id);
    other.events = {NewEvent(EventType::kCreated, "never")};
    EXPECT_THAT(Do(other), FailsWith(absl::StatusCode::kFailedPrecondition, "taken by another"));
    EXPECT_THAT(AllEvents(), SizeIs(events));
    other.refusal = absl::OkStatus();
    EXPECT_TRUE(Do(other).status.ok()) << "nothing of it was kept";
  };
  check(NewIp("c"), NewIp("d"));
  check(NewPool("p", {"c"}), NewPool("q", {"d"}));
  check(NewPlan("p", "c"), NewPlan("q", "d"));
  check(NewCampaign("c", "p"), NewCampaign("d", "p"));
}

TEST_P(RecordsTest, ForgetsTheRequestIdOfAFailedCreate) {
  ports::Put<Plan> put = NewPlan("p1", "nobody");
  put.request = {"req-1", 77};
  EXPECT_EQ(Do(put).status.code(), absl::StatusCode::kNotFound);
  put.record.egress_ip = EgressIpId("mta1-a");
  put.request.fingerprint = 78;
  const ports::WriteResult result = Do(put);
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_FALSE(result.replayed);
}

TEST_P(RecordsTest, NamesWhatARecordRefersTo) {
  EXPECT_THAT(Do(NewPool("p", {"nobody"})),
              FailsWith(absl::StatusCode::kNotFound, "no egress IP nobody"));
  EXPECT_THAT(Do(NewPlan("p", "nobody")),
              FailsWith(absl::StatusCode::kNotFound, "no egress IP nobody"));
  EXPECT_THAT(Do(NewCampaign("c", "nobody")),
              FailsWith(absl::StatusCode::kNotFound, "no pool nobody"));
  PlanDay day;
  day.plan = PlanId("nobody");
  EXPECT_THAT(Do(ports::PutPlanDay{day, {}}),
              FailsWith(absl::StatusCode::kNotFound, "no plan nobody"));
}

TEST_P(RecordsTest, GivesAnIpOnePoolAndOnePlan) {
  EXPECT_THAT(Do(NewPool("second", {"mta1-b"})),
              FailsWith(absl::StatusCode::kFailedPrecondition, "mta1-b has pool main already"));
  ASSERT_TRUE(Do(NewIp("mta2-a")).status.ok());
  EXPECT_THAT(Do(NewPool("second", {"mta2-a", "mta2-a"})),
              FailsWith(absl::StatusCode::kFailedPrecondition, "mta2-a has pool second already"));

  ASSERT_TRUE(Do(NewPlan("p1", "mta1-a")).status.ok());
  EXPECT_THAT(Do(NewPlan("p2", "mta1-a")),
              FailsWith(absl::StatusCode::kFailedPrecondition, "mta1-a has plan p1 already"));
  ports::Put<Pool> pool = NewPool("main", {"mta1-b"});
  pool.record.revision = 1;
  EXPECT_TRUE(Do(pool).status.ok());
  EXPECT_TRUE(Do(NewPool("second", {"mta1-a"})).status.ok()) << "mta1-a has left pool main";
}

TEST_P(RecordsTest, PoolsDoNotOverflowInACircle) {
  const auto spill = [&](const char* id, int64_t revision, const char* to) {
    ports::Put<Pool> put = NewPool(id, {});
    put.record.revision = revision;
    put.record.overflow = PoolId(to);
    return Do(put);
  };
  EXPECT_THAT(spill("a", 0, "nobody"), FailsWith(absl::StatusCode::kNotFound,
                                                 "overflow_pool: pool \"nobody\" does not exist"));
  EXPECT_TRUE(spill("c", 0, "").status.ok());
  EXPECT_TRUE(spill("b", 0, "c").status.ok());
  EXPECT_TRUE(spill("a", 0, "b").status.ok());
  EXPECT_THAT(spill("c", 1, "a"), FailsWith(absl::StatusCode::kFailedPrecondition,
                                            "overflow in a circle: c -> a -> b -> c"));
  EXPECT_THAT(spill("c", 1, "c"), FailsWith(absl::StatusCode::kFailedPrecondition, "c -> c"));
  EXPECT_TRUE(spill("b", 1, "").status.ok()) << "the chain is cut";
  EXPECT_TRUE(spill("c", 1, "a").status.ok());
  Reopen();
  const std::vector<Pool> pools = store().LoadDirectory()->pools;
  ASSERT_THAT(pools, SizeIs(4));
  EXPECT_EQ(pools[0].overflow, PoolId("b"));
  EXPECT_EQ(pools[1].overflow, PoolId());
  EXPECT_EQ(pools[2].overflow, PoolId("a"));
}

TEST_P(RecordsTest, KeepsEveryFieldOfAPlan) {
  const Plan want = NewPlan("p1", "mta1-a").record;
  ASSERT_TRUE(Do(NewPlan("p1", "mta1-a")).status.ok());
  Reopen();
  const Plan got = store().LoadDirectory()->plans.at(0);
  const auto text = [](const PlanShape& shape) {
    return testing::PrintToString(SettingsOf(shape));
  };
  EXPECT_TRUE(static_cast<const PlanShape&>(got) == want) << text(got);
  ASSERT_TRUE(got.next.has_value());
  EXPECT_TRUE(*got.next == *want.next) << text(*got.next);
  EXPECT_EQ(got.next_from, want.next_from);
  EXPECT_EQ(got.move, want.move);
  EXPECT_EQ(got.acted_day, want.acted_day);
  EXPECT_EQ(got.state, want.state);
  EXPECT_EQ(got.state_reason, want.state_reason);
  EXPECT_EQ(got.create_time, want.create_time);
  EXPECT_EQ(got.revision, 1);
}

TEST_P(RecordsTest, AnEditThatWaitsMayGoAgain) {
  ports::Put<Plan> put = NewPlan("p1", "mta1-a");
  ASSERT_TRUE(Do(put).status.ok());
  put.record = store().LoadDirectory()->plans.at(0);
  static_cast<PlanShape&>(put.record) = *put.record.next;
  put.record.next.reset();
  ASSERT_TRUE(Do(put).status.ok());
  Reopen();
  const Plan got = store().LoadDirectory()->plans.at(0);
  EXPECT_FALSE(got.next.has_value());
  EXPECT_TRUE(static_cast<const PlanShape&>(got) == put.record);
}

TEST_P(RecordsTest, ADeletedPlanLeavesNothing) {
  ports::Put<Plan> put = NewPlan("p1", "mta1-a");
  put.request = {"r", 1};
  ASSERT_TRUE(Do(put).status.ok());
  PlanDay day;
  day.plan = PlanId("p1");
  day.day = kMonday;
  day.providers.emplace_back().provider = ProviderId("gmail");
  ASSERT_TRUE(Do(ports::PutPlanDay{day, {}}).status.ok());
  EXPECT_THAT(Do(ports::DeletePlan{PlanId("p2"), 1, {}}),
              FailsWith(absl::StatusCode::kNotFound, "no plan p2"));
  EXPECT_THAT(Do(ports::DeletePlan{PlanId("p1"), 2, {}}),
              FailsWith(absl::StatusCode::kAborted, "revision 1, not 2"));
  EXPECT_EQ(store().LoadDirectory()->plans.size(), 1u);
  ASSERT_TRUE(
      Do(ports::DeletePlan{PlanId("p1"), 1, {NewEvent(EventType::kDeleted, "gone")}}).status.ok());
  Reopen();
  EXPECT_TRUE(store().LoadDirectory()->plans.empty());
  EXPECT_TRUE(store().LoadDirectory()->plan_days.empty());
  EXPECT_TRUE(store().ListPlanDays(PlanId("p1"))->empty());
  // Its IP is free, its id too, and a create that comes once more is a new one.
  put.record.egress_ip = EgressIpId("mta1-a");
  EXPECT_TRUE(Do(put).status.ok());
  EXPECT_TRUE(store().ListPlanDays(PlanId("p1"))->empty());
}

TEST_P(RecordsTest, KeepsEveryFieldOfACampaignAndGivesItAKey) {
  const Campaign want = NewCampaign("x", "main").record;
  EXPECT_EQ(GetCampaign("spring").key, CampaignKey(1));
  ports::Put<Campaign> update;
  update.record = GetCampaign("autumn");
  EXPECT_EQ(update.record.key, CampaignKey(2));
  update.record.state = CampaignState::kPaused;
  update.record.key = CampaignKey(99);  // Never the caller's.
  ASSERT_TRUE(Do(update).status.ok());
  Reopen();
  const Campaign got = GetCampaign("autumn");
  EXPECT_EQ(got.key, CampaignKey(2));
  EXPECT_EQ(got.state, CampaignState::kPaused);
  EXPECT_EQ(got.pool, want.pool);
  EXPECT_EQ(got.from_name, want.from_name);
  EXPECT_EQ(got.from_address, want.from_address);
  EXPECT_EQ(got.return_path, want.return_path);
  EXPECT_EQ(got.subject, want.subject);
  EXPECT_EQ(got.text_body, want.text_body);
  EXPECT_EQ(got.html_body, want.html_body);
  EXPECT_EQ(got.list_unsubscribe, want.list_unsubscribe);
  EXPECT_EQ(got.headers, want.headers);
  EXPECT_EQ(got.raw_message, want.raw_message);
  EXPECT_EQ(got.feedback_sender_id, want.feedback_sender_id);
  EXPECT_EQ(got.tls, want.tls);
  EXPECT_EQ(got.lifetime, want.lifetime);
  EXPECT_EQ(got.weight, want.weight);
  EXPECT_EQ(got.sunset_days, want.sunset_days);
  EXPECT_EQ(got.state_reason, want.state_reason);
  EXPECT_EQ(got.create_time, want.create_time);
}

TEST_P(RecordsTest, KeepsPlanDaysAndLoadsTheNewest) {
  ASSERT_TRUE(Do(NewPlan("p1", "mta1-a")).status.ok());
  PlanDay day;
  day.plan = PlanId("p1");
  day.egress_ip = EgressIpId("mta1-a");
  day.day = kMonday;
  day.cap = 200;
  ASSERT_TRUE(Do(ports::PutPlanDay{day, {NewEvent(EventType::kPlanDayOpened, "")}}).status.ok());
  day.decision = DayDecision::kRepeat;
  day.reason = "12 of 200 accepted";
  day.accepted = 12;
  day.peak_cap = 300;
  day.idle_since = kMonday - 40;
  day.moves = 3;
  day.breaches = {{Signal::kComplaints, ProviderId("gmail")}, {Signal::kDeferrals, ProviderId()}};
  day.paused_lanes = {ProviderId("gmail"), ProviderId("yahoo")};
  day.providers = {
      {ProviderId("gmail"), 1, 2, 90, DayDecision::kHold, "80 of 90 accepted (88 %)", 80}};
  day.recent = {{kStart, 7}, {kStart + absl::Minutes(15), 1}};
  ASSERT_TRUE(Do(ports::PutPlanDay{day, {}}).status.ok());
  PlanDay next;
  next.plan = day.plan;
  next.egress_ip = day.egress_ip;
  next.day = kTuesday;
  next.stage = 1;
  next.day_in_stage = 2;
  next.cap = 500;
  ASSERT_TRUE(Do(ports::PutPlanDay{next, {}}).status.ok());
  Reopen();

  const auto days = store().ListPlanDays(PlanId("p1")).value();
  ASSERT_THAT(days, SizeIs(2));
  EXPECT_EQ(days[0].decision, DayDecision::kRepeat);
  EXPECT_EQ(days[0].reason, "12 of 200 accepted");
  EXPECT_EQ(days[0].accepted, 12);
  EXPECT_EQ(days[0].cap, 200);
  EXPECT_EQ(days[0].peak_cap, 300);
  EXPECT_EQ(days[0].idle_since, kMonday - 40);
  EXPECT_EQ(days[0].moves, 3);
  EXPECT_EQ(days[0].breaches, day.breaches);
  EXPECT_EQ(days[0].paused_lanes, day.paused_lanes);
  EXPECT_EQ(days[0].providers, day.providers);
  EXPECT_EQ(days[0].recent, day.recent);
  EXPECT_TRUE(days[1].providers.empty());
  const auto newest = store().LoadDirectory()->plan_days;
  ASSERT_THAT(newest, SizeIs(1));
  EXPECT_EQ(newest[0].day, kTuesday);
  EXPECT_EQ(newest[0].stage, 1);
  EXPECT_EQ(newest[0].day_in_stage, 2);
  EXPECT_EQ(newest[0].egress_ip.text(), "mta1-a");
  EXPECT_TRUE(store().ListPlanDays(PlanId("nobody"))->empty());
}

TEST_P(RecordsTest, KeepsWhatALaneMustRemember) {
  LaneRecord lane;
  lane.lane = kLane;
  ASSERT_TRUE(Do(ports::PutLane{lane, {}}).status.ok());
  lane.paused = true;
  lane.pause_reason = "anna: too many blocks";
  lane.stopped_until = kStart + absl::Minutes(10);
  lane.blocked = true;
  lane.stop_reason = "421 4.7.28";
  lane.stop_count = 3;
  lane.rate_per_hour = 12.5;
  lane.connection_limit = 1;
  ASSERT_TRUE(Do(ports::PutLane{lane, {NewEvent(EventType::kLaneStopped, "")}}).status.ok());
  Reopen();
  const auto lanes = store().LoadDirectory()->lanes;
  ASSERT_THAT(lanes, SizeIs(1));
  EXPECT_EQ(lanes[0].lane, kLane);
  EXPECT_TRUE(lanes[0].paused);
  EXPECT_EQ(lanes[0].pause_reason, lane.pause_reason);
  EXPECT_EQ(lanes[0].stopped_until, lane.stopped_until);
  EXPECT_TRUE(lanes[0].blocked);
  EXPECT_EQ(lanes[0].stop_reason, lane.stop_reason);
  EXPECT_EQ(lanes[0].stop_count, 3);
  EXPECT_EQ(lanes[0].rate_per_hour, 12.5);
  EXPECT_EQ(lanes[0].connection_limit, 1);
  EXPECT_EQ(lanes[0].last_raise_time, absl::InfinitePast());
}

TEST_P(RecordsTest, OneFailedWriteLeavesNoTraceAndItsNeighboursStand) {
  ports::Put<EgressIp> bad = NewIp("mta1-a");
  bad.events = {NewEvent(EventType::kCreated, "must not appear")};
  const size_t events = AllEvents().size();
  const std::vector<ports::Write> writes = {NewIp("n1"), bad, NewIp("n2")};
  std::vector<ports::WriteResult> results;
  ASSERT_TRUE(store().Commit(writes, &results).ok());
  ASSERT_THAT(results, SizeIs(3));
  EXPECT_TRUE(results[0].status.ok());
  EXPECT_EQ(results[1].status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(results[2].status.ok());
  Reopen();
  EXPECT_THAT(AllEvents(), SizeIs(events));
  std::vector<std::string> ids;
  const ports::Directory directory = store().LoadDirectory().value();
  for (const EgressIp& ip : directory.egress_ips) ids.push_back(ip.id.text());
  EXPECT_THAT(ids, ElementsAre("mta1-a", "mta1-b", "n1", "n2"));
}

}  // namespace
}  // namespace crescendo::store
