// Claim, Release, Settle, EndDelivery, CancelDeliveries: the states of L3, the ledger of L1, L7.
#include "absl/strings/str_cat.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Slot = ports::Settle::Slot;

class AttemptTest : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Every, AttemptTest, testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

TEST_P(AttemptTest, AClaimTakesASlotOfItsDay) {
  const DeliveryId id = ImportOne("spring", "a@x.example");
  const auto claimed = ClaimThem({id, DeliveryId(999), id});
  ASSERT_THAT(claimed, SizeIs(1)) << "once, and nothing for an unknown id";
  EXPECT_EQ(claimed[0].id, id);
  EXPECT_EQ(claimed[0].campaign, CampaignKey(1));
  EXPECT_EQ(claimed[0].address, "a@x.example");
  EXPECT_EQ(claimed[0].attempts, 0);
  EXPECT_THAT(ClaimThem({id}, kOtherLane), IsEmpty());
  EXPECT_TRUE(store().ListLedger(kOtherLane.egress_ip, kMonday, kMonday)->empty());
  Reopen();
  EXPECT_EQ(Get(id).state, DeliveryState::kClaimed);
  EXPECT_EQ(LedgerOf(kLane, kMonday).claimed, 1);
  EXPECT_EQ(Counts("spring").claimed, 1);
  EXPECT_EQ(Counts("spring").queued, 0);
  const auto open = store().LoadOpenClaims().value();
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].delivery.id, id);
  EXPECT_EQ(open[0].lane, kLane);
  EXPECT_EQ(open[0].day, kMonday);
}

TEST_P(AttemptTest, AClaimLeavesOutWhatIsCancelledOrFinal) {
  const DeliveryId cancelled = ImportOne("spring", "a@x.example");
  const DeliveryId accepted = ImportOne("autumn", "b@x.example");
  ClaimThem({accepted});
  ASSERT_TRUE(Do(NewSettle(accepted, Slot::kAccepted, DeliveryState::kAccepted)).status.ok());
  Cancel("spring");
  EXPECT_THAT(ClaimThem({cancelled, accepted}), IsEmpty());
  EXPECT_EQ(Get(cancelled).state, DeliveryState::kQueued) << "CancelDeliveries ends it";
  EXPECT_EQ(LedgerOf(kLane, kMonday).claimed, 0);
}

TEST_P(AttemptTest, AReleaseIsAsIfNothingHadBeen) {
  const DeliveryId fresh = ImportOne("spring", "a@x.example");
  const DeliveryId tried = ImportOne("spring", "b@x.example");
  ClaimThem({tried}, kLane);
  ports::Settle greylisted = NewSettle(tried, Slot::kDeferred, DeliveryState::kDeferred);
  greylisted.next_attempt_time = kStart + absl::Hours(2);
  greylisted.pinned_ip = kLane.egress_ip;
  ASSERT_TRUE(Do(greylisted).status.ok());

  ClaimThem({fresh, tried}, kOtherLane, kTuesday);
  EXPECT_EQ(LedgerOf(kOtherLane, kTuesday).claimed, 2);
  ASSERT_TRUE(Do(ports::Release{kOtherLane, kTuesday, {fresh, tried}}).status.ok());
  Reopen();
  EXPECT_EQ(Get(fresh).state, DeliveryState::kQueued);
  EXPECT_EQ(Get(fresh).attempts, 0);
  const Delivery deferred = Get(tried);
  EXPECT_EQ(deferred.state, DeliveryState::kDeferred);
  EXPECT_EQ(deferred.next_attempt_time, kStart + absl::Hours(2));
  EXPECT_EQ(deferred.egress_ip, kLane.egress_ip) << "of the last attempt, not of the last claim";
  EXPECT_EQ(LedgerOf(kOtherLane, kTuesday).used(), 0);
  EXPECT_EQ(Counts("spring").queued, 1);
  EXPECT_EQ(Counts("spring").deferred, 1);
  const auto queued = store().LoadQueued(DeliveryId(0), 10).value().queued;
  ASSERT_THAT(queued, SizeIs(2));
  EXPECT_EQ(queued[1].not_before, kStart + absl::Hours(2));
  EXPECT_EQ(queued[1].pinned_ip, kLane.egress_ip);
  EXPECT_EQ(queued[1].attempts, 1);
}

TEST_P(AttemptTest, AReleaseIsOfOnesOwnClaimsAndWhole) {
  const DeliveryId mine = ImportOne("spring", "a@x.example");
  const DeliveryId queued = ImportOne("spring", "b@x.example");
  ClaimThem({mine});
  const auto release = [&](const Lane& lane, absl::CivilDay day, std::vector<DeliveryId> ids) {
    return Do(ports::Release{lane, day, std::move(ids)});
  };
  constexpr auto kForbidden = absl::StatusCode::kFailedPrecondition;
  EXPECT_THAT(release(kLane, kMonday, {mine, queued}), FailsWith(kForbidden, "is QUEUED"));
  EXPECT_THAT(release(kLane, kMonday, {mine, mine}), FailsWith(kForbidden, "not claimed"));
  EXPECT_THAT(release(kOtherLane, kMonday, {mine}), FailsWith(kForbidden, "is claimed by mta1-a"));
  EXPECT_THAT(release(kLane, kTuesday, {mine}), FailsWith(kForbidden, "on 2026-03-02, not by"));
  EXPECT_THAT(release(kLane, kMonday, {DeliveryId(99)}),
              FailsWith(absl::StatusCode::kNotFound, "no delivery 99"));
  EXPECT_EQ(Get(mine).state, DeliveryState::kClaimed);
  EXPECT_EQ(LedgerOf(kLane, kMonday).claimed, 1);
}

TEST_P(AttemptTest, TheLedgerKeepsTheEvidenceForGuardrails) {
  struct Case {
    const char* name;
    Slot slot;
    std::optional<SuppressionReason> suppress;
    bool pushback;
    int64_t hard_bounces, pushbacks;
  };
  int n = 0;
  for (const Case& c :
       {Case{"no such address", Slot::kRefused, SuppressionReason::kHardBounce, false, 1, 0},
        Case{"refused for policy", Slot::kRefused, std::nullopt, false, 0, 0},
        Case{"rate limited", Slot::kDeferred, std::nullopt, true, 0, 1},
        Case{"greylisted", Slot::kDeferred, std::nullopt, false, 0, 0},
        Case{"accepted", Slot::kAccepted, std::nullopt, true, 0, 0}}) {
    SCOPED_TRACE(c.name);
    const Lane lane{EgressIpId("mta1-a"), ProviderId("e" + std::to_string(++n))};
    const DeliveryId id = ImportOne("spring", "e" + std::to_string(n) + "@x.example");
    ClaimThem({id}, lane);
    ports::Settle settle = NewSettle(
        id, c.slot, c.slot == Slot::kAccepted ? DeliveryState::kAccepted : DeliveryState::kBounced);
    settle.lane = lane;
    settle.suppress = c.suppress;
    settle.pushback = c.pushback;
    ASSERT_TRUE(Do(settle).status.ok());
    ASSERT_TRUE(Do(ports::CountComplaint{lane, kMonday}).status.ok());
    ASSERT_TRUE(Do(ports::CountComplaint{lane, kTuesday}).status.ok()) << "a day without mail";
    Reopen();
    const LedgerRow row = LedgerOf(lane, kMonday);
    EXPECT_EQ(row.hard_bounces, c.hard_bounces);
    EXPECT_EQ(row.pushback, c.pushbacks);
    EXPECT_EQ(row.complaints, 1);
    EXPECT_EQ(LedgerOf(lane, kTuesday).complaints, 1);
    EXPECT_EQ(LedgerOf(lane, kTuesday).used(), 0);
  }
}

TEST_P(AttemptTest, ASettleCountsItsSlotOnce) {
  struct Case {
    const char* name;
    Slot slot;
    DeliveryState state;
    int64_t LedgerRow::*counter;
    bool carried;  // Onto another settle day.
  };
  int n = 0;
  for (const Case& c :
       {Case{"accepted", Slot::kAccepted, DeliveryState::kAccepted, &LedgerRow::accepted, true},
        Case{"refused", Slot::kRefused, DeliveryState::kBounced, &LedgerRow::refused, true},
        Case{"in doubt, held", Slot::kInDoubt, DeliveryState::kInDoubt, &LedgerRow::in_doubt, true},
        Case{"in doubt, retried", Slot::kInDoubt, DeliveryState::kDeferred, &LedgerRow::in_doubt,
             true},
        Case{"deferred", Slot::kDeferred, DeliveryState::kDeferred, &LedgerRow::deferred, false},
        Case{"given up", Slot::kDeferred, DeliveryState::kBounced, &LedgerRow::deferred, false},
        Case{"expired", Slot::kDeferred, DeliveryState::kExpired, &LedgerRow::deferred, false}}) {
    for (const absl::CivilDay settle_day : {kMonday, kTuesday}) {
      SCOPED_TRACE(c.name);
      const Lane lane{EgressIpId("mta1-a"), ProviderId("p" + std::to_string(++n))};
      const DeliveryId id = ImportOne("spring", "r" + std::to_string(n) + "@x.example");
      ClaimThem({id}, lane);
      ports::Settle settle = NewSettle(id, c.slot, c.state);
      settle.lane = lane;
      settle.settle_day = settle_day;
      const CampaignCounts before = Counts("spring");
      const ports::WriteResult result = Do(settle);
      ASSERT_TRUE(result.status.ok()) << result.status;
      EXPECT_TRUE(std::holds_alternative<std::monostate>(result.value));
      Reopen();
      EXPECT_EQ(Get(id).state, c.state);
      EXPECT_EQ(Get(id).in_doubt_count, c.slot == Slot::kInDoubt ? 1 : 0);
      LedgerRow row = LedgerOf(lane, kMonday);
      EXPECT_EQ(row.claimed, 0);
      EXPECT_EQ(row.*c.counter, 1);
      EXPECT_EQ(row.used(), c.slot == Slot::kDeferred ? 0 : 1);
      EXPECT_EQ(LedgerOf(lane, kTuesday).carried, c.carried && settle_day == kTuesday ? 1 : 0);
      EXPECT_EQ(row.carried, 0);
      CampaignCounts after = Counts("spring");
      EXPECT_EQ(after.claimed, before.claimed - 1);
      EXPECT_EQ(after.total(), before.total());
      EXPECT_GE(after[c.state], 1);
    }
  }
}

TEST_P(AttemptTest, ASettleRecordsTheAttempt) {
  const DeliveryId id = ImportOne("spring", "a@x.example");
  ClaimThem({id});
  ports::Settle settle = NewSettle(id, Slot::kDeferred, DeliveryState::kDeferred);
  settle.next_attempt_time = kStart + absl::Hours(3);
  settle.pinned_ip = kLane.egress_ip;
  settle.category = ReplyCategory::kGreylisted;
  settle.reply = "451 4.7.1 greylisted";
  ASSERT_TRUE(Do(settle).status.ok());
  Delivery got = Get(id);
  EXPECT_EQ(got.attempts, 1);
  EXPECT_EQ(got.first_attempt_time, kStart) << "of its claim";
  EXPECT_EQ(got.last_attempt_time, kStart + absl::Hours(1));
  EXPECT_EQ(got.next_attempt_time, kStart + absl::Hours(3));
  EXPECT_EQ(got.egress_ip, kLane.egress_ip);
  EXPECT_EQ(got.provider, kLane.provider);
  EXPECT_EQ(got.category, ReplyCategory::kGreylisted);
  EXPECT_EQ(got.reply, "451 4.7.1 greylisted");

  EXPECT_EQ(ClaimThem({id}, kOtherLane).at(0).attempts, 1);
  settle = NewSettle(id, Slot::kAccepted, DeliveryState::kAccepted);
  settle.lane = kOtherLane;
  settle.now = kStart + absl::Hours(4);
  settle.category = ReplyCategory::kAccepted;
  settle.reply = "250 ok";
  ASSERT_TRUE(Do(settle).status.ok());
  Reopen();
  got = Get(id);
  EXPECT_EQ(got.attempts, 2);
  EXPECT_EQ(got.first_attempt_time, kStart) << "set once";
  EXPECT_EQ(got.last_attempt_time, kStart + absl::Hours(4));
  EXPECT_EQ(got.next_attempt_time, absl::InfinitePast());
  EXPECT_EQ(got.egress_ip, kOtherLane.egress_ip);
  EXPECT_EQ(got.category, ReplyCategory::kAccepted);
}

TEST_P(AttemptTest, TheFirstAttemptIsDatedByItsClaimForEver) {
  const DeliveryId id = ImportOne("spring", "a@x.example");
  ports::Claim claim{kLane, kMonday, {id}, kStart + absl::Minutes(7)};
  const auto dated = [&] {
    return std::get<std::vector<ports::ClaimedDelivery>>(Do(claim).value).at(0).first_attempt_time;
  };
  // Nothing was attempted, so the next claim dates it anew.
  EXPECT_EQ(dated(), kStart + absl::Minutes(7));
  ASSERT_TRUE(Do(ports::Release{kLane, kMonday, {id}}).status.ok());
  claim.now += absl::Minutes(2);
  EXPECT_EQ(dated(), kStart + absl::Minutes(9));
  // Whoever finds the claim after a kill settles it without knowing when it was made.
  Reopen();
  ports::Settle settle = NewSettle(id, Slot::kInDoubt, DeliveryState::kDeferred);
  settle.next_attempt_time = kStart + absl::Hours(3);
  ASSERT_TRUE(Do(settle).status.ok());
  EXPECT_EQ(Get(id).first_attempt_time, kStart + absl::Minutes(9));
  claim.now = kStart + absl::Hours(3);
  EXPECT_EQ(dated(), kStart + absl::Minutes(9));
}

TEST_P(AttemptTest, WhatWasNeverOfferedUsesNoAttemptUp) {
  const DeliveryId id = ImportOne("spring", "a@x.example");
  ClaimThem({id});
  ports::Settle settle = NewSettle(id, Slot::kDeferred, DeliveryState::kDeferred);
  settle.counts_as_attempt = false;
  settle.next_attempt_time = kStart + absl::Minutes(1);
  ASSERT_TRUE(Do(settle).status.ok());
  Reopen();
  const Delivery got = Get(id);
  EXPECT_EQ(got.attempts, 0);
  EXPECT_EQ(got.first_attempt_time, absl::InfinitePast());
  EXPECT_EQ(got.last_attempt_time, absl::InfinitePast());
  EXPECT_TRUE(got.egress_ip.empty());
  EXPECT_EQ(got.next_attempt_time, kStart + absl::Minutes(1));
  ClaimThem({id});
  ASSERT_TRUE(Do(ports::Release{kLane, kMonday, {id}}).status.ok());
  EXPECT_EQ(store().LoadQueued(DeliveryId(0), 1)->queued.at(0).not_before,
            kStart + absl::Minutes(1));
}

TEST_P(AttemptTest, AnOutcomeIsNeverOverwritten) {
  const DeliveryId id = ImportOne("spring", "a@x.example");
  constexpr auto kForbidden = absl::StatusCode::kFailedPrecondition;
  const ports::Settle accepted = NewSettle(id, Slot::kAccepted, DeliveryState::kAccepted);
  EXPECT_THAT(Do(accepted), FailsWith(kForbidden, "is QUEUED, not claimed"));
  ClaimThem({id});
  ports::Settle foreign = accepted;
  foreign.lane = kOtherLane;
  EXPECT_THAT(Do(foreign), FailsWith(kForbidden, "is claimed by mta1-a"));
  foreign = accepted;
  foreign.claim_day = kTuesday;
  EXPECT_THAT(Do(foreign), FailsWith(kForbidden, "on 2026-03-02, not by"));
  EXPECT_THAT(Do(NewSettle(id, Slot::kDeferred, DeliveryState::kClaimed)),
              FailsWith(absl::StatusCode::kInvalidArgument, "state is CLAIMED"));
  EXPECT_THAT(Do(NewSettle(DeliveryId(99), Slot::kAccepted, DeliveryState::kAccepted)),
              FailsWith(absl::StatusCode::kNotFound, "no delivery 99"));
  ASSERT_TRUE(Do(accepted).status.ok());

  ports::Settle late = NewSettle(id, Slot::kRefused, DeliveryState::kBounced);
  late.suppress = SuppressionReason::kHardBounce;
  late.events = {NewEvent(EventType::kBounced, "late")};
  const size_t events = AllEvents().size();
  EXPECT_THAT(Do(late), FailsWith(kForbidden, "is ACCEPTED, not claimed"));
  EXPECT_THAT(Do(ports::EndDelivery{id, DeliveryState::kExpired, {}, kStart}),
              FailsWith(kForbidden, "is ACCEPTED"));
  EXPECT_EQ(Get(id).state, DeliveryState::kAccepted);
  EXPECT_EQ(LedgerOf(kLane, kMonday).refused, 0);
  EXPECT_THAT(AllEvents(), SizeIs(events));
  EXPECT_FALSE(store().GetSuppression("a@x.example").ok());
}

TEST_P(AttemptTest, EndsWhatWaitsOrIsInDoubt) {
  const DeliveryId queued = ImportOne("spring", "a@x.example");
  const DeliveryId doubtful = ImportOne("spring", "b@x.example");
  const DeliveryId claimed = ImportOne("spring", "c@x.example");
  ClaimThem({doubtful, claimed});
  ASSERT_TRUE(Do(NewSettle(doubtful, Slot::kInDoubt, DeliveryState::kInDoubt)).status.ok());
  const auto end = [&](DeliveryId id, DeliveryState state) {
    Event event = NewEvent(EventType::kExpired, "ended");
    event.delivery = id;
    return Do(ports::EndDelivery{id, state, {event}, kStart});
  };
  EXPECT_TRUE(end(queued, DeliveryState::kExpired).status.ok());
  EXPECT_TRUE(end(doubtful, DeliveryState::kAccepted).status.ok());
  EXPECT_THAT(end(claimed, DeliveryState::kExpired),
              FailsWith(absl::StatusCode::kFailedPrecondition, "is CLAIMED"));
  EXPECT_THAT(end(queued, DeliveryState::kDeferred),
              FailsWith(absl::StatusCode::kInvalidArgument, "state is DEFERRED"));
  EXPECT_THAT(end(DeliveryId(99), DeliveryState::kExpired),
              FailsWith(absl::StatusCode::kNotFound, "no delivery 99"));
  Reopen();
  EXPECT_EQ(Get(queued).state, DeliveryState::kExpired);
  EXPECT_EQ(Get(doubtful).state, DeliveryState::kAccepted);
  EXPECT_EQ(LedgerOf(kLane, kMonday).in_doubt, 1) << "the slot stays used";
  EXPECT_EQ(Counts("spring").in_doubt, 0);
  EXPECT_EQ(Counts("spring").accepted, 1);
  const auto events = AllEvents({.delivery = doubtful});
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].address, "b@x.example");
}

TEST_P(AttemptTest, CancelEndsWhatHasNotLeft) {
  const DeliveryId queued = ImportOne("spring", "a@x.example");
  const DeliveryId deferred = ImportOne("spring", "b@x.example");
  const DeliveryId doubtful = ImportOne("spring", "c@x.example");
  const DeliveryId claimed = ImportOne("spring", "d@x.example");
  const DeliveryId accepted = ImportOne("spring", "e@x.example");
  const DeliveryId other = ImportOne("autumn", "a@x.example");
  ClaimThem({deferred, doubtful, claimed, accepted});
  ASSERT_TRUE(Do(NewSettle(deferred, Slot::kDeferred, DeliveryState::kDeferred)).status.ok());
  ASSERT_TRUE(Do(NewSettle(doubtful, Slot::kInDoubt, DeliveryState::kInDoubt)).status.ok());
  ASSERT_TRUE(Do(NewSettle(accepted, Slot::kAccepted, DeliveryState::kAccepted)).status.ok());

  ports::CancelDeliveries cancel{.campaign = CampaignId("spring"), .now = kStart};
  EXPECT_THAT(Do(cancel), FailsWith(absl::StatusCode::kFailedPrecondition, "spring is SENDING"));
  Cancel("spring");
  const ports::WriteResult result = Do(cancel);
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_THAT(std::get<ports::CancelledDeliveries>(result.value).ended,
              ElementsAre(queued, deferred, doubtful));
  EXPECT_FALSE(std::get<ports::CancelledDeliveries>(result.value).more);
  Reopen();
  EXPECT_EQ(Counts("spring").cancelled, 3);
  EXPECT_EQ(Counts("spring").claimed, 1);
  EXPECT_EQ(Counts("spring").accepted, 1);
  EXPECT_EQ(Counts("spring").total(), 5);
  EXPECT_EQ(Get(claimed).state, DeliveryState::kClaimed) << "it may be on the wire";
  EXPECT_EQ(Get(other).state, DeliveryState::kQueued);
  EXPECT_THAT(Do(ports::CancelDeliveries{.campaign = CampaignId("nobody"), .now = kStart}),
              FailsWith(absl::StatusCode::kNotFound, "no campaign nobody"));
  for (const int limit : {0, -1, 10'001}) {
    cancel.limit = limit;
    EXPECT_THAT(Do(cancel), FailsWith(absl::StatusCode::kInvalidArgument, "limit is"));
  }
}

TEST_P(AttemptTest, CancelGoesOnInSmallSteps) {
  std::vector<std::string> addresses;
  for (int i = 0; i < 10; ++i) addresses.push_back(absl::StrCat("r", i, "@x.example"));
  Import("autumn", addresses);
  Import("spring", addresses);  // 11 to 20.
  Import("autumn", {"between@x.example"});
  Import("spring", {"last@x.example"});
  ClaimThem({DeliveryId(12)});
  Cancel("spring");
  const auto step = [&](int64_t after) {
    const ports::WriteResult result =
        Do(ports::CancelDeliveries{CampaignId("spring"), kStart, DeliveryId(after), 4});
    EXPECT_TRUE(result.status.ok()) << result.status;
    return std::get<ports::CancelledDeliveries>(result.value);
  };
  const ports::CancelledDeliveries first = step(0);
  EXPECT_THAT(first.ended, ElementsAre(DeliveryId(11), DeliveryId(13), DeliveryId(14)));
  EXPECT_EQ(first.next, DeliveryId(14)) << "it begins at the campaign's first";
  EXPECT_TRUE(first.more);
  EXPECT_EQ(Counts("spring").queued, 7) << "the counts show how far it is";
  EXPECT_EQ(Counts("spring").cancelled, 3);
  Reopen();
  // As after a restart, when nobody knows how far it came.
  const ports::CancelledDeliveries again = step(0);
  EXPECT_THAT(again.ended, IsEmpty());
  EXPECT_TRUE(again.more);
  EXPECT_THAT(step(14).ended, SizeIs(4));
  const ports::CancelledDeliveries end = step(18);
  EXPECT_THAT(end.ended, ElementsAre(DeliveryId(19), DeliveryId(20), DeliveryId(22)));
  EXPECT_FALSE(end.more) << "the last one was among them";
  EXPECT_EQ(Counts("spring").queued, 0);
  EXPECT_EQ(Counts("spring").claimed, 1);
  EXPECT_EQ(Counts("autumn").queued, 11);
  // Nothing is left: no row is looked at, wherever it begins.
  EXPECT_EQ(step(0).next, DeliveryId());
  EXPECT_FALSE(step(0).more);
}

TEST_P(AttemptTest, CancelCountsWhatItsGroupHasDone) {
  const DeliveryId claimed = ImportOne("spring", "a@x.example");
  ClaimThem({claimed});
  Cancel("spring");
  std::vector<ports::WriteResult> results;
  const ports::Write group[] = {
      ports::Release{kLane, kMonday, {claimed}},
      ports::CancelDeliveries{.campaign = CampaignId("spring"), .now = kStart}};
  ASSERT_TRUE(store().Commit(group, &results).ok());
  EXPECT_EQ(Get(claimed).state, DeliveryState::kCancelled);
}

TEST_P(AttemptTest, LoadsTheNewestTwoLedgerDaysOfEachLane) {
  const absl::CivilDay wednesday(2026, 3, 4);
  const DeliveryId id = ImportOne("spring", "a@x.example");
  for (const absl::CivilDay day : {kMonday, kTuesday, wednesday}) {
    ClaimThem({id}, kLane, day);
    ports::Settle settle = NewSettle(id, Slot::kDeferred, DeliveryState::kDeferred);
    settle.claim_day = settle.settle_day = day;
    ASSERT_TRUE(Do(settle).status.ok());
  }
  ClaimThem({id}, kOtherLane, kMonday);
  Reopen();
  std::vector<std::pair<std::string, absl::CivilDay>> got;
  const ports::Directory directory = store().LoadDirectory().value();
  for (const LedgerRow& row : directory.ledger) {
    got.emplace_back(row.lane.egress_ip.text(), row.day);
  }
  EXPECT_THAT(got, ElementsAre(std::pair("mta1-a", kTuesday), std::pair("mta1-a", wednesday),
                               std::pair("mta1-b", kMonday)));
  EXPECT_THAT(store().ListLedger(kLane.egress_ip, kMonday, kTuesday).value(), SizeIs(2));
}

}  // namespace
}  // namespace crescendo::store
