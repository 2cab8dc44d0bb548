// RecordEngagement: each event once, whoever it re-ranks, and what an import takes of it.
#include "absl/strings/str_cat.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::Duration kDay = absl::Hours(24);

class EngagementTest : public StoreTest {
 protected:
  ports::EngagementOutcome Record(std::vector<EngagementEvent> events,
                                  absl::Time now = kStart + kDay) {
    const ports::WriteResult result = Do(ports::RecordEngagement{std::move(events), now});
    EXPECT_TRUE(result.status.ok()) << result.status;
    return result.status.ok() ? std::get<ports::EngagementOutcome>(result.value)
                              : ports::EngagementOutcome();
  }
  // Each is another event.
  EngagementEvent Event(const std::string& address, EngagementKind kind,
                        absl::Time time = kStart + absl::Hours(1)) {
    return {address, kind, time, ++key_};
  }
  EngagementEvent Click(const std::string& address) {
    return Event(address, EngagementKind::kClick);
  }
  // With such signals; none: with the score 0.25.
  DeliveryId Import(const std::string& campaign, const std::string& address,
                    std::optional<EngagementSignals> signals, bool update_scores = false) {
    ports::AppendRecipients append;
    append.campaign = CampaignId(campaign);
    append.import = ImportId(absl::StrCat("list", ++imports_));
    append.rows.push_back({address, 0.25, {}, signals});
    append.update_scores = update_scores;
    append.now = kStart;
    const ports::WriteResult result = Do(append);
    EXPECT_TRUE(result.status.ok()) << result.status;
    const auto& outcome = std::get<ports::AppendOutcome>(result.value);
    if (update_scores) return outcome.rescored.empty() ? DeliveryId() : outcome.rescored[0].id;
    EXPECT_THAT(outcome.queued, SizeIs(1));
    EXPECT_EQ(outcome.queued[0].score, Score(outcome.queued[0].id)) << "the queue learns the same";
    return outcome.queued[0].id;
  }
  double Score(DeliveryId id) { return Get(id).score; }
  absl::Time CreateTime(const std::string& campaign) { return GetCampaign(campaign).create_time; }

 private:
  uint64_t key_ = 0;
  int imports_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Every, EngagementTest, testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

TEST_P(EngagementTest, AddsUpWhatIsReportedOfAnAddress) {
  const std::string a = "a@x.example";
  const auto at = [](int hour) { return kStart + absl::Hours(hour); };
  EXPECT_TRUE(absl::IsNotFound(store().GetEngagement(a).status()));
  const auto outcome =
      Record({Event(a, EngagementKind::kClick, at(5)), Event(a, EngagementKind::kClick, at(3)),
              Event(a, EngagementKind::kOpen, at(2)), Event(a, EngagementKind::kMachineOpen, at(9)),
              Event("b@x.example", EngagementKind::kOpen, at(1))});
  EXPECT_EQ(outcome.recorded, 5);
  EXPECT_EQ(outcome.repeated, 0);
  EXPECT_THAT(outcome.rescored, IsEmpty()) << "nobody waits";
  Reopen();
  const Engagement got = store().GetEngagement(a).value();
  EXPECT_EQ(got.signals.last_click_time, at(5));
  EXPECT_EQ(got.signals.click_count, 2);
  EXPECT_EQ(got.signals.last_open_time, at(2)) << "a machine's open is none";
  EXPECT_EQ(got.signals.open_count, 1);
  EXPECT_EQ(got.last_machine_open_time, at(9));
  EXPECT_EQ(got.machine_open_count, 1);
  EXPECT_FALSE(got.signals.subscribe_time.has_value());
}

TEST_P(EngagementTest, AnEventCountsOnce) {
  const EngagementEvent click = Click("a@x.example"), other = Click("a@x.example");
  EXPECT_EQ(Record({click, click, other}).repeated, 1);
  Reopen();
  const auto again = Record({other, click, Click("a@x.example")});
  EXPECT_EQ(again.recorded, 1);
  EXPECT_EQ(again.repeated, 2);
  EXPECT_EQ(store().GetEngagement("a@x.example")->signals.click_count, 3);
}

TEST_P(EngagementTest, ReRanksWhoHasSignalsAndHasNotEnded) {
  EngagementSignals opened;
  opened.last_open_time = kStart - 20 * kDay;
  opened.open_count = 3;
  const DeliveryId queued = Import("spring", "a@x.example", opened);
  const DeliveryId elsewhere = Import("autumn", "a@x.example", EngagementSignals());
  const DeliveryId given = Import("spring", "b@x.example", std::nullopt);
  const DeliveryId claimed = Import("spring", "c@y.example", EngagementSignals());
  const DeliveryId deferred = Import("spring", "d@x.example", EngagementSignals());
  const DeliveryId accepted = Import("spring", "e@x.example", EngagementSignals());
  ClaimThem({claimed, deferred, accepted});
  Do(NewSettle(deferred, ports::Settle::Slot::kDeferred, DeliveryState::kDeferred));
  Do(NewSettle(accepted, ports::Settle::Slot::kAccepted, DeliveryState::kAccepted));
  const double before = Score(queued);
  EXPECT_EQ(before, EngagementScore(opened, CreateTime("spring")));
  EXPECT_EQ(Score(elsewhere), 0);

  const auto outcome = Record({Click("e@x.example"), Click("d@x.example"), Click("a@x.example"),
                               Click("a@x.example"), Click("b@x.example"), Click("c@y.example")});
  const auto of = [&](DeliveryId id, int64_t domain, double old_score) {
    return testing::AllOf(testing::Field(&Rescored::id, id),
                          testing::Field(&Rescored::domain, DomainKey(domain)),
                          testing::Field(&Rescored::campaign, CampaignKey(id == elsewhere ? 2 : 1)),
                          testing::Field(&Rescored::old_score, old_score),
                          testing::Field(&Rescored::score, Score(id)));
  };
  EXPECT_THAT(outcome.rescored,
              ElementsAre(of(deferred, 1, 0), of(queued, 1, before), of(elsewhere, 1, 0),
                          of(given, 1, 0.25), of(claimed, 2, 0)))
      << "once each, in the order of the events";
  for (const Rescored& one : outcome.rescored) {
    EXPECT_EQ(one.engaged_day, EngagedDayOf(kStart + absl::Hours(1)));
  }
  EXPECT_EQ(Score(given), 0.25) << "a score that was given stays";
  EXPECT_EQ(Score(accepted), 0);

  Reopen();
  EngagementSignals now = opened;
  now.last_click_time = kStart + absl::Hours(1);
  now.click_count = 2;
  EXPECT_EQ(Score(queued), EngagementScore(now, CreateTime("spring")));
  EXPECT_GT(Score(queued), before);
  EXPECT_EQ(store().GetSignals(queued).value()->click_count, 2);
  EXPECT_EQ(store().GetSignals(given).value(), std::nullopt);
  const auto page = store().LoadQueued(DeliveryId(), 1).value();
  EXPECT_EQ(page.queued.at(0).score, Score(queued)) << "a restart ranks by it";
  EXPECT_EQ(page.queued.at(0).engaged_day, EngagedDayOf(kStart + absl::Hours(1)));
  EXPECT_EQ(store().LoadOpenClaims()->at(0).delivery.score, Score(claimed));
}

TEST_P(EngagementTest, MachineOpensReRankNobody) {
  const DeliveryId id = Import("spring", "a@x.example", EngagementSignals());
  const auto outcome = Record({Event("a@x.example", EngagementKind::kMachineOpen)});
  EXPECT_EQ(outcome.recorded, 1);
  EXPECT_THAT(outcome.rescored, IsEmpty());
  EXPECT_EQ(Score(id), 0);
}

TEST_P(EngagementTest, AnImportKnowsWhatWasReportedBefore) {
  Record({Click("a@x.example"), Click("a@x.example")});
  Reopen();
  const DeliveryId bare = Import("autumn", "a@x.example", EngagementSignals());
  EngagementSignals clicked;
  clicked.last_click_time = kStart + absl::Hours(1);
  clicked.click_count = 2;
  EXPECT_EQ(Score(bare), EngagementScore(clicked, CreateTime("autumn")));

  // The platform counts those two as well, and one more.
  EngagementSignals three = clicked;
  three.click_count = 3;
  three.subscribe_time = kStart - 300 * kDay;
  const DeliveryId id = Import("spring", "a@x.example", three);
  EXPECT_EQ(Score(id), EngagementScore(three, CreateTime("spring")));
  Record({Click("a@x.example")});
  three.click_count = 4;
  EXPECT_EQ(Score(id), EngagementScore(three, CreateTime("spring")));
  EXPECT_EQ(Import("spring", "b@x.example", std::nullopt).value(), 3);
}

TEST_P(EngagementTest, UpdateScoresSaysWhereTheScoreComesFrom) {
  const DeliveryId id = Import("spring", "a@x.example", std::nullopt);
  EngagementSignals clicked;
  clicked.last_click_time = kStart - kDay;
  clicked.click_count = 1;
  EXPECT_EQ(Import("spring", "a@x.example", clicked, /*update_scores=*/true), id);
  EXPECT_EQ(Score(id), EngagementScore(clicked, CreateTime("spring")));
  EXPECT_THAT(Record({Click("a@x.example")}).rescored, SizeIs(1));
  EXPECT_EQ(Import("spring", "a@x.example", std::nullopt, /*update_scores=*/true), id);
  EXPECT_EQ(Score(id), 0.25);
  EXPECT_THAT(Record({Click("a@x.example")}).rescored, IsEmpty());
}

TEST_P(EngagementTest, RefusesWhatIsNoEventAndAppliesNothingOfIt) {
  struct Case {
    const char* name;
    std::function<void(ports::RecordEngagement*)> spoil;
    const char* text;
  };
  for (const Case& c : {Case{"no domain", [](auto* r) { r->events[1].address = "b@"; },
                             "event 2 has no normalised address"},
                        Case{"too many", [](auto* r) { r->events.resize(10001, r->events[0]); },
                             "10001 events of engagement; at most 10000"}}) {
    SCOPED_TRACE(c.name);
    ports::RecordEngagement record{{Click("a@x.example"), Click("b@x.example")}, kStart};
    c.spoil(&record);
    EXPECT_THAT(Do(record), FailsWith(absl::StatusCode::kInvalidArgument, c.text));
    EXPECT_TRUE(absl::IsNotFound(store().GetEngagement("a@x.example").status()));
  }
}

TEST_P(EngagementTest, IsPrunedWithTheAnswersAndTheDelivery) {
  const EngagementEvent old = Click("a@x.example"), young = Click("a@x.example");
  Record({old}, kStart);
  Record({young}, kStart + 10 * kDay);
  ports::Prune prune;
  prune.answers_before = kStart + 5 * kDay;
  EXPECT_EQ(std::get<ports::Pruned>(Do(prune).value).answers, 1);
  Reopen();
  EXPECT_EQ(Record({young}).repeated, 1);
  EXPECT_EQ(Record({old}).recorded, 1) << "so long ago that it is not known any more";
  EXPECT_EQ(store().GetEngagement("a@x.example")->signals.click_count, 3);

  const DeliveryId id = Import("spring", "b@x.example", EngagementSignals());
  Import("spring", "newest@x.example", std::nullopt);
  Do(ports::EndDelivery{id, DeliveryState::kExpired, {}, kStart});
  prune = {.deliveries_before = kStart + kDay};
  EXPECT_EQ(std::get<ports::Pruned>(Do(prune).value).deliveries, 1);
  EXPECT_EQ(store().GetSignals(id).value(), std::nullopt);
}

}  // namespace
}  // namespace crescendo::store
