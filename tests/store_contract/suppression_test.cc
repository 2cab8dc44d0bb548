// Suppressions and events: L6, and the history that people read.
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Slot = ports::Settle::Slot;

class SuppressionTest : public StoreTest {
 protected:
  ports::WriteResult Suppress(const std::string& address, SuppressionReason reason) {
    return Do(ports::AddSuppressions{{{address, reason, "why", kStart}},
                                     {NewEvent(EventType::kSuppressionAdded, address)}});
  }
  static std::vector<DeliveryId> Ended(const ports::WriteResult& result) {
    EXPECT_TRUE(result.status.ok()) << result.status;
    return std::get<std::vector<DeliveryId>>(result.value);
  }
};
INSTANTIATE_TEST_SUITE_P(Every, SuppressionTest, testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

TEST_P(SuppressionTest, EndsWhatWaitsForTheAddressEverywhere) {
  const DeliveryId spring = ImportOne("spring", "a@x.example");
  const DeliveryId autumn = ImportOne("autumn", "a@x.example");
  const DeliveryId other = ImportOne("spring", "b@x.example");
  EXPECT_THAT(Ended(Suppress("a@x.example", SuppressionReason::kUnsubscribe)),
              ElementsAre(spring, autumn));
  Reopen();
  EXPECT_EQ(Get(spring).state, DeliveryState::kSuppressed);
  EXPECT_EQ(Get(autumn).state, DeliveryState::kSuppressed);
  EXPECT_EQ(Get(other).state, DeliveryState::kQueued);
  EXPECT_EQ(Counts("spring").suppressed, 1);
  EXPECT_EQ(Counts("spring").queued, 1);
  const auto events = AllEvents({.types = {EventType::kSuppressed}});
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[1].delivery, autumn);
  EXPECT_EQ(events[1].campaign.text(), "autumn");
  EXPECT_EQ(events[1].address, "a@x.example");
  EXPECT_EQ(events[1].text, "UNSUBSCRIBE");
  EXPECT_EQ(events[1].time, kStart);
}

TEST_P(SuppressionTest, AClaimEndsWhatWasSuppressedInFlight) {
  const DeliveryId id = ImportOne("spring", "a@x.example");
  ClaimThem({id});
  EXPECT_THAT(Ended(Suppress("a@x.example", SuppressionReason::kManual)), IsEmpty())
      << "it may be on the wire";
  ASSERT_TRUE(Do(NewSettle(id, Slot::kDeferred, DeliveryState::kDeferred)).status.ok());
  EXPECT_THAT(ClaimThem({id}), IsEmpty());
  Reopen();
  EXPECT_EQ(Get(id).state, DeliveryState::kSuppressed);
  EXPECT_EQ(Counts("spring").suppressed, 1);
  EXPECT_EQ(LedgerOf(kLane, kMonday).claimed, 0);
  EXPECT_THAT(AllEvents({.delivery = id, .types = {EventType::kSuppressed}}), SizeIs(1));
}

TEST_P(SuppressionTest, AHardBounceSuppressesAndEndsTheRest) {
  const DeliveryId spring = ImportOne("spring", "a@x.example");
  const DeliveryId autumn = ImportOne("autumn", "a@x.example");
  ClaimThem({spring});
  ports::Settle bounce = NewSettle(spring, Slot::kRefused, DeliveryState::kBounced);
  bounce.category = ReplyCategory::kUnknownRecipient;
  bounce.reply = "550 5.1.1 no such user";
  bounce.suppress = SuppressionReason::kHardBounce;
  Event event = NewEvent(EventType::kBounced, bounce.reply);
  event.delivery = spring;
  bounce.events = {event};
  EXPECT_THAT(Ended(Do(bounce)), ElementsAre(autumn));
  Reopen();
  EXPECT_EQ(Get(spring).state, DeliveryState::kBounced);
  EXPECT_EQ(Get(autumn).state, DeliveryState::kSuppressed);
  const Suppression got = store().GetSuppression("a@x.example").value();
  EXPECT_EQ(got.reason, SuppressionReason::kHardBounce);
  EXPECT_EQ(got.note, "550 5.1.1 no such user");
  EXPECT_EQ(got.create_time, bounce.now);
  const auto events = AllEvents();
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(events[events.size() - 2].type, EventType::kBounced);
  EXPECT_EQ(events[events.size() - 2].address, "a@x.example") << "filled in by the store";
  EXPECT_EQ(events.back().type, EventType::kSuppressed);
  EXPECT_EQ(events.back().delivery, autumn);
  EXPECT_EQ(events.back().text, "HARD_BOUNCE");
}

TEST_P(SuppressionTest, ABounceKeepsAnOlderReason) {
  const DeliveryId id = ImportOne("spring", "a@x.example");
  ClaimThem({id});
  Suppress("a@x.example", SuppressionReason::kComplaint);
  ports::Settle bounce = NewSettle(id, Slot::kRefused, DeliveryState::kBounced);
  bounce.suppress = SuppressionReason::kHardBounce;
  EXPECT_THAT(Ended(Do(bounce)), IsEmpty());
  Reopen();
  EXPECT_EQ(store().GetSuppression("a@x.example")->reason, SuppressionReason::kComplaint);
}

TEST_P(SuppressionTest, IsReplacedPagedAndRemoved) {
  for (const char* address : {"c@x.example", "a@x.example", "b@x.example"}) {
    Suppress(address, SuppressionReason::kManual);
  }
  Suppress("b@x.example", SuppressionReason::kComplaint);
  Reopen();
  const auto page = store().ListSuppressions("a@x.example", 1).value();
  ASSERT_THAT(page, SizeIs(1));
  EXPECT_EQ(page[0].address, "b@x.example");
  EXPECT_EQ(page[0].reason, SuppressionReason::kComplaint);
  EXPECT_EQ(page[0].note, "why");
  EXPECT_THAT(store().ListSuppressions("", 10).value(), SizeIs(3));

  const ports::RemoveSuppression remove{"b@x.example",
                                        {NewEvent(EventType::kSuppressionRemoved, "")}};
  ASSERT_TRUE(Do(remove).status.ok());
  const size_t events = AllEvents().size();
  EXPECT_THAT(Do(remove), FailsWith(absl::StatusCode::kNotFound, "no suppression of b@x.example"));
  Reopen();
  EXPECT_THAT(AllEvents(), SizeIs(events));
  EXPECT_EQ(store().GetSuppression("b@x.example").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Import("spring", {"b@x.example"}).added, 1);
}

class EventsTest : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Every, EventsTest, testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

TEST_P(EventsTest, KeepsEveryFieldInOrderWithoutGaps) {
  EXPECT_EQ(store().LastEvent().value(), EventId(0));
  const DeliveryId id = ImportOne("spring", "a@x.example");
  Event full = NewEvent(EventType::kAlert, "text");
  full.egress_ip = EgressIpId("mta1-a");
  full.provider = ProviderId("gmail");
  full.pool = PoolId("main");
  full.plan = PlanId("p1");
  full.campaign = CampaignId("spring");
  full.delivery = id;
  full.address = "other@x.example";
  full.category = ReplyCategory::kOtherTemporary;
  full.actor = "anna";
  ASSERT_TRUE(Do(ports::AppendEvents{{full, NewEvent(EventType::kAccepted, "")}}).status.ok());
  Reopen();
  ASSERT_TRUE(Do(ports::AppendEvents{{NewEvent(EventType::kCreated, "")}}).status.ok());
  EXPECT_EQ(store().LastEvent().value(), EventId(3));
  const auto events = AllEvents();
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[2].id, EventId(3));
  EXPECT_EQ(events[0].id, EventId(1));
  EXPECT_EQ(events[0].time, kStart);
  EXPECT_EQ(events[0].type, EventType::kAlert);
  EXPECT_EQ(events[0].egress_ip, full.egress_ip);
  EXPECT_EQ(events[0].provider, full.provider);
  EXPECT_EQ(events[0].pool, full.pool);
  EXPECT_EQ(events[0].plan, full.plan);
  EXPECT_EQ(events[0].campaign, full.campaign);
  EXPECT_EQ(events[0].delivery, id);
  EXPECT_EQ(events[0].address, "other@x.example");
  EXPECT_EQ(events[0].category, ReplyCategory::kOtherTemporary);
  EXPECT_EQ(events[0].text, "text");
  EXPECT_EQ(events[0].actor, "anna");
  EXPECT_EQ(events[1].type, EventType::kAccepted);
  EXPECT_FALSE(events[1].category.has_value());
  EXPECT_TRUE(events[1].address.empty());
}

TEST_P(EventsTest, RefusesAnEventOfNoDelivery) {
  Event event = NewEvent(EventType::kAlert, "");
  event.delivery = DeliveryId(9);
  EXPECT_THAT(Do(ports::AppendEvents{{NewEvent(EventType::kAlert, ""), event}}),
              FailsWith(absl::StatusCode::kNotFound, "no delivery 9"));
  EXPECT_EQ(store().LastEvent().value(), EventId(0));
}

TEST_P(EventsTest, FiltersAndPages) {
  const DeliveryId a = ImportOne("spring", "a@x.example");
  const DeliveryId b = ImportOne("spring", "b@x.example");
  std::vector<Event> events;
  for (int i = 0; i < 12; ++i) {
    Event event = NewEvent(i % 2 == 0 ? EventType::kDeferred : EventType::kAlert, "");
    event.egress_ip = EgressIpId(i % 3 == 0 ? "mta1-a" : "mta1-b");
    event.provider = ProviderId(i % 4 == 0 ? "gmail" : "yahoo");
    if (i % 5 == 0) event.plan = PlanId("p1");
    event.campaign = CampaignId(i % 6 == 0 ? "autumn" : "spring");
    event.delivery = i < 4 ? a : b;
    events.push_back(event);
  }
  ASSERT_TRUE(Do(ports::AppendEvents{events}).status.ok());
  const auto ids = [&](const ports::EventFilter& filter, int64_t after = 0, int limit = 100) {
    std::vector<int64_t> out;
    const auto page = store().ListEvents(filter, EventId(after), limit).value();
    for (const Event& event : page) {
      out.push_back(event.id.value());
    }
    return out;
  };
  EXPECT_THAT(ids({}, 3, 2), ElementsAre(4, 5));
  EXPECT_THAT(ids({.campaign = CampaignId("autumn")}), ElementsAre(1, 7));
  EXPECT_THAT(ids({.egress_ip = EgressIpId("mta1-a")}, 1), ElementsAre(4, 7, 10));
  EXPECT_THAT(ids({.provider = ProviderId("gmail")}), ElementsAre(1, 5, 9));
  EXPECT_THAT(ids({.plan = PlanId("p1")}), ElementsAre(1, 6, 11));
  EXPECT_THAT(ids({.delivery = a}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(ids({.delivery = a}, 1, 2), ElementsAre(2, 3));
  EXPECT_THAT(ids({.delivery = DeliveryId(99)}), IsEmpty());
  EXPECT_THAT(ids({.delivery = b, .types = {EventType::kAlert}}), ElementsAre(6, 8, 10, 12));
  EXPECT_THAT(ids({.egress_ip = EgressIpId("mta1-a"),
                   .provider = ProviderId("gmail"),
                   .types = {EventType::kDeferred, EventType::kAlert}}),
              ElementsAre(1));
  EXPECT_THAT(ids({.campaign = CampaignId("nobody")}), IsEmpty());
}

}  // namespace
}  // namespace crescendo::store
