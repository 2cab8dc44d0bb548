// What is finished and old goes, a little at a time; what is counted stays counted.
#include "absl/strings/str_cat.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kLater = kStart + absl::Hours(24 * 100);

class PruneTest : public StoreTest {
 protected:
  ports::Pruned Prune(const ports::Prune& prune) {
    const ports::WriteResult result = Do(prune);
    EXPECT_TRUE(result.status.ok()) << result.status;
    return result.status.ok() ? std::get<ports::Pruned>(result.value) : ports::Pruned();
  }
  // In as many steps as it takes, each of at most `limit`.
  ports::Pruned PruneAll(ports::Prune prune, int limit = 3) {
    prune.limit = limit;
    ports::Pruned sum;
    for (int steps = 0;; ++steps) {
      const ports::Pruned step = Prune(prune);
      sum.deliveries += step.deliveries;
      sum.events += step.events;
      sum.answers += step.answers;
      EXPECT_LE(step.deliveries, limit);
      EXPECT_LE(step.events, limit);
      prune.after = step.next;
      if (step.next == DeliveryId()) prune.deliveries_before = absl::InfinitePast();
      if (!step.more) return sum;
      if (steps == 1000) {
        ADD_FAILURE() << "it never ends";
        return sum;
      }
    }
  }
  DeliveryId Accepted(const std::string& address, absl::Time time = kStart + absl::Hours(1)) {
    const DeliveryId id = ImportOne("spring", address);
    ClaimThem({id});
    ports::Settle settle = NewSettle(id, ports::Settle::Slot::kAccepted, DeliveryState::kAccepted);
    settle.now = time;
    settle.events = {NewEvent(EventType::kAccepted, "250 ok")};
    settle.events[0].delivery = id;
    EXPECT_TRUE(Do(settle).status.ok());
    return id;
  }
  std::vector<std::string> Addresses() {
    std::vector<std::string> addresses;
    const auto rows = store().ListDeliveries({.campaign = CampaignId("spring")}, DeliveryId(), 100);
    for (const Delivery& delivery : *rows) addresses.push_back(delivery.address);
    return addresses;
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, PruneTest, testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

TEST_P(PruneTest, TakesWhatIsFinishedAndOldOnly) {
  const DeliveryId accepted = Accepted("accepted@x.example");
  Accepted("young@x.example", kLater);
  ImportOne("spring", "queued@x.example");
  const DeliveryId claimed = ImportOne("spring", "claimed@x.example");
  ClaimThem({claimed});
  const DeliveryId expired = ImportOne("spring", "expired@x.example");
  Do(ports::EndDelivery{expired, DeliveryState::kExpired, {}, kStart + absl::Hours(2)});
  const DeliveryId expired_late = ImportOne("spring", "expired-late@x.example");
  Do(ports::EndDelivery{expired_late, DeliveryState::kExpired, {}, kLater});
  Do(ports::AddSuppressions{{{"suppressed@x.example", SuppressionReason::kManual, "", kStart}},
                            {}});
  Import("spring", {"suppressed@x.example"});
  ImportOne("spring", "newest@x.example");
  const CampaignCounts before = Counts("spring");

  EXPECT_EQ(PruneAll({.deliveries_before = kStart + absl::Hours(3)}).deliveries, 3);
  EXPECT_THAT(Addresses(), ElementsAre("young@x.example", "queued@x.example", "claimed@x.example",
                                       "expired-late@x.example", "newest@x.example"));
  EXPECT_TRUE(absl::IsNotFound(store().GetDelivery(accepted).status()));
  EXPECT_THAT(store().ListDeliveries({.address = "accepted@x.example"}, DeliveryId(), 9).value(),
              IsEmpty());
  EXPECT_THAT(AllEvents({.delivery = accepted}), IsEmpty()) << "its history goes with it";
  EXPECT_EQ(Counts("spring").total(), before.total()) << "it is counted as ever";
  Reopen();
  EXPECT_EQ(Counts("spring").accepted, 2);
  const CampaignCounts pruned = store().CountPruned(CampaignId("spring")).value();
  EXPECT_EQ(pruned.accepted, 1);
  EXPECT_EQ(pruned.expired, 1);
  EXPECT_EQ(pruned.suppressed, 1);
  EXPECT_EQ(pruned.total(), 3);
  EXPECT_EQ(LedgerOf(kLane, kMonday).accepted, 2) << "the ledger proves the caps for ever";
  EXPECT_TRUE(absl::IsNotFound(store().CountPruned(CampaignId("none")).status()));
}

TEST_P(PruneTest, KeepsWhatIsCancelledLate) {
  ImportOne("spring", "a@x.example");
  ImportOne("spring", "b@x.example");
  ImportOne("autumn", "newest@x.example");
  Cancel("spring");
  EXPECT_EQ(CancelAll(store(), "spring", kLater), 2);
  EXPECT_EQ(PruneAll({.deliveries_before = kLater}).deliveries, 0);
  EXPECT_EQ(PruneAll({.deliveries_before = kLater + absl::Hours(1)}).deliveries, 2);
  EXPECT_EQ(store().CountPruned(CampaignId("spring"))->cancelled, 2);
}

TEST_P(PruneTest, NeverGivesAnIdAgain) {
  Accepted("a@x.example");
  const DeliveryId newest = Accepted("b@x.example");
  EXPECT_EQ(PruneAll({.deliveries_before = kLater}).deliveries, 1);
  EXPECT_EQ(Get(newest).address, "b@x.example") << "the newest stays: its number is the last one";
  Reopen();
  const DeliveryId next = ImportOne("spring", "c@x.example");
  EXPECT_GT(next.value(), newest.value());
  EXPECT_EQ(PruneAll({.deliveries_before = kLater}).deliveries, 1);
  // Who is imported after that is a new recipient.
  EXPECT_GT(ImportOne("spring", "a@x.example").value(), next.value());
}

TEST_P(PruneTest, TakesTheOldestEventsAndKeepsTheirNumbers) {
  for (int hour = 1; hour <= 10; ++hour) {
    Event event = NewEvent(EventType::kAlert, absl::StrCat("hour ", hour));
    event.time = kStart + absl::Hours(hour);
    Do(ports::AppendEvents{{event}});
  }
  const EventId last = store().LastEvent().value();
  EXPECT_EQ(store().FirstEvent()->value(), 1);
  EXPECT_EQ(PruneAll({.events_before = kStart + absl::Hours(5)}).events, 4);
  EXPECT_EQ(store().FirstEvent()->value(), 5);
  EXPECT_EQ(AllEvents().at(0).text, "hour 5");
  EXPECT_EQ(store().LastEvent().value(), last);
  EXPECT_EQ(PruneAll({.events_before = kLater}).events, 6);
  Reopen();
  EXPECT_EQ(store().LastEvent().value(), last);
  EXPECT_EQ(store().FirstEvent()->value(), last.value() + 1) << "there is none";
  Do(ports::AppendEvents{{NewEvent(EventType::kAlert, "next")}});
  EXPECT_EQ(AllEvents().at(0).id.value(), last.value() + 1);
}

TEST_P(PruneTest, ADeliveryOutlivesItsOlderEvents) {
  const DeliveryId id = ImportOne("spring", "a@x.example");
  for (int hour = 1; hour <= 3; ++hour) {
    Event event = NewEvent(EventType::kAlert, absl::StrCat("hour ", hour));
    event.time = kStart + absl::Hours(hour);
    event.delivery = id;
    Do(ports::AppendEvents{{event}});
  }
  PruneAll({.events_before = kStart + absl::Hours(2)});
  const std::vector<Event> history = AllEvents({.delivery = id});
  ASSERT_THAT(history, SizeIs(2));
  EXPECT_EQ(history[0].text, "hour 2");
  EXPECT_EQ(history[0].address, "a@x.example");
}

TEST_P(PruneTest, ForgetsOldRequestsAndAppliesNoChunkTwice) {
  ports::Put<EgressIp> put = NewIp("mta1-c");
  put.request = {"request", 1};
  ASSERT_TRUE(Do(put).status.ok());
  Import("spring", {"a@x.example"});
  Import("spring", {"b@x.example"});
  ports::Prune prune{.answers_before = kStart};
  EXPECT_EQ(PruneAll(prune).answers, 0) << "they are as old as that, not older";
  EXPECT_TRUE(Do(put).replayed);
  prune.answers_before = kStart + absl::Seconds(1);
  EXPECT_EQ(PruneAll(prune).answers, 2) << "the request and the first chunk";
  Reopen();
  EXPECT_THAT(Do(put), FailsWith(absl::StatusCode::kAlreadyExists, "mta1-c"));
  EXPECT_EQ(store().LastChunk(CampaignId("spring"), ImportId("list")).value(), 2);
  ports::AppendRecipients again;
  again.campaign = CampaignId("spring");
  again.import = ImportId("list");
  again.rows = {{"a@x.example", 0.5, {}}};
  EXPECT_THAT(Do(again), FailsWith(absl::StatusCode::kFailedPrecondition,
                                   "its answer is not kept; go on with chunk 3"));
  EXPECT_EQ(Import("spring", {"c@x.example"}).added, 1);
}

TEST_P(PruneTest, RefusesASenselessLimit) {
  for (const int limit : {0, -1, 10001}) {
    EXPECT_THAT(Do(ports::Prune{.limit = limit}),
                FailsWith(absl::StatusCode::kInvalidArgument, "limit is"));
  }
}

}  // namespace
}  // namespace crescendo::store
