// AppendRecipients: duplicates, suppressed addresses, chunk numbers, domains, counts.
#include <cmath>

#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class ImportTest : public StoreTest {
 protected:
  static ports::AppendRecipients Chunk(int64_t number, const std::vector<std::string>& addresses) {
    ports::AppendRecipients append;
    append.campaign = CampaignId("spring");
    append.import = ImportId("monday");
    append.chunk = number;
    append.fingerprint = static_cast<uint64_t>(number) * 1000;
    for (const std::string& address : addresses) append.rows.push_back({address, 0.25, {}});
    append.now = kStart;
    return append;
  }
  static ports::AppendOutcome Outcome(const ports::WriteResult& result) {
    EXPECT_TRUE(result.status.ok()) << result.status;
    return result.status.ok() ? std::get<ports::AppendOutcome>(result.value)
                              : ports::AppendOutcome();
  }
};
INSTANTIATE_TEST_SUITE_P(Every, ImportTest, testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

TEST_P(ImportTest, QueuesEachAddressOncePerCampaign) {
  const auto first = Outcome(Do(Chunk(1, {"a@x.example", "b@y.example", "a@x.example"})));
  EXPECT_EQ(first.added, 2);
  EXPECT_EQ(first.duplicates, 1);
  ASSERT_THAT(first.queued, SizeIs(2));
  EXPECT_EQ(first.queued[0].id, DeliveryId(1));
  EXPECT_EQ(first.queued[1].id, DeliveryId(2));
  EXPECT_EQ(first.queued[0].campaign, CampaignKey(1));
  EXPECT_EQ(first.queued[0].score, 0.25);
  EXPECT_THAT(first.new_domains,
              ElementsAre(Pair(DomainKey(1), "x.example"), Pair(DomainKey(2), "y.example")));

  const auto second = Outcome(Do(Chunk(2, {"b@y.example", "c@x.example"})));
  EXPECT_EQ(second.added, 1);
  EXPECT_EQ(second.duplicates, 1);
  EXPECT_EQ(second.queued.at(0).domain, DomainKey(1));
  EXPECT_THAT(second.new_domains, IsEmpty());

  Reopen();
  ports::AppendRecipients other = Chunk(1, {"a@x.example"});
  other.campaign = CampaignId("autumn");
  EXPECT_EQ(Outcome(Do(other)).added, 1) << "another campaign may write to the same address";
  EXPECT_EQ(Counts("spring").queued, 3);
  EXPECT_EQ(Counts("spring").total(), 3);
  EXPECT_EQ(Counts("autumn").queued, 1);
}

TEST_P(ImportTest, KeepsARecipientInFull) {
  ports::AppendRecipients append = Chunk(1, {});
  append.rows.push_back({"a@x.example",
                         0.123456789012345,
                         {{"name", "Zoë"}, {"", ""}, {"odd", std::string("1:\0,\xff", 5)}}});
  const DeliveryId id = Outcome(Do(append)).queued.at(0).id;
  Reopen();
  const Delivery got = Get(id);
  EXPECT_EQ(got.campaign.text(), "spring");
  EXPECT_EQ(got.address, "a@x.example");
  EXPECT_EQ(got.state, DeliveryState::kQueued);
  EXPECT_EQ(got.score, 0.123456789012345);
  EXPECT_EQ(got.create_time, kStart);
  EXPECT_EQ(got.first_attempt_time, absl::InfinitePast());
  EXPECT_EQ(got.attempts, 0);
  EXPECT_FALSE(got.category.has_value());
  EXPECT_TRUE(got.egress_ip.empty());
  const auto claimed = ClaimThem({id});
  ASSERT_THAT(claimed, SizeIs(1));
  EXPECT_EQ(claimed[0].variables, append.rows[0].variables);
}

TEST_P(ImportTest, StoresSuppressedAddressesAsSuchWithoutQueueingThem) {
  ASSERT_TRUE(
      Do(ports::AddSuppressions{{{"a@x.example", SuppressionReason::kComplaint, "", kStart}}, {}})
          .status.ok());
  const auto outcome = Outcome(Do(Chunk(1, {"a@x.example", "b@x.example", "a@x.example"})));
  EXPECT_EQ(outcome.suppressed, 1);
  EXPECT_EQ(outcome.added, 1);
  EXPECT_EQ(outcome.duplicates, 1);
  EXPECT_THAT(outcome.queued, SizeIs(1));
  Reopen();
  EXPECT_EQ(Get(DeliveryId(1)).state, DeliveryState::kSuppressed);
  EXPECT_EQ(Counts("spring").suppressed, 1);
  EXPECT_EQ(Counts("spring").total(), 2);
}

TEST_P(ImportTest, AnswersAnAppliedChunkAgainAndRefusesAnotherBody) {
  Outcome(Do(Chunk(1, {"a@x.example", "a@x.example"})));
  Outcome(Do(Chunk(2, {"b@x.example"})));
  Reopen();
  const auto again = Outcome(Do(Chunk(1, {"a@x.example", "a@x.example"})));
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.added, 1);
  EXPECT_EQ(again.duplicates, 1);
  EXPECT_THAT(again.queued, IsEmpty());
  EXPECT_THAT(again.new_domains, IsEmpty());
  EXPECT_EQ(Counts("spring").total(), 2);

  ports::AppendRecipients other = Chunk(1, {"z@x.example"});
  other.fingerprint = 5;
  EXPECT_THAT(Do(other), FailsWith(absl::StatusCode::kInvalidArgument, "chunk 1 of import monday"));
}

TEST_P(ImportTest, KeepsChunksInOrder) {
  EXPECT_THAT(Do(Chunk(2, {"a@x.example"})),
              FailsWith(absl::StatusCode::kFailedPrecondition, "send chunk 1"));
  EXPECT_THAT(Do(Chunk(0, {"a@x.example"})),
              FailsWith(absl::StatusCode::kInvalidArgument, "numbered from 1"));
  Outcome(Do(Chunk(1, {"a@x.example"})));
  EXPECT_THAT(Do(Chunk(3, {"a@x.example"})),
              FailsWith(absl::StatusCode::kFailedPrecondition, "send chunk 2"));
  Reopen();
  EXPECT_EQ(store().LastChunk(CampaignId("spring"), ImportId("monday")).value(), 1);
  EXPECT_EQ(store().LastChunk(CampaignId("spring"), ImportId("never")).value(), 0);
  EXPECT_EQ(store().LastChunk(CampaignId("autumn"), ImportId("monday")).value(), 0);
  EXPECT_EQ(store().LastChunk(CampaignId("nobody"), ImportId("monday")).value(), 0);
}

TEST_P(ImportTest, RefusesWhatItCannotKeepAndAppliesNothingOfIt) {
  struct Case {
    const char* name;
    std::function<void(ports::AppendRecipients*)> spoil;
    absl::StatusCode code;
    const char* text;
  };
  for (const Case& c :
       {Case{"unknown campaign", [](auto* a) { a->campaign = CampaignId("nobody"); },
             absl::StatusCode::kNotFound, "no campaign nobody"},
        Case{"a score that is no number", [](auto* a) { a->rows[1].score = std::nan(""); },
             absl::StatusCode::kInvalidArgument, "row 2 has score nan"},
        Case{"a score above 1", [](auto* a) { a->rows[1].score = 1.5; },
             absl::StatusCode::kInvalidArgument, "row 2 has score 1.5"},
        Case{"no domain", [](auto* a) { a->rows[1].address = "b@"; },
             absl::StatusCode::kInvalidArgument, "row 2 has no normalised address"},
        Case{"too many rows", [](auto* a) { a->rows.resize(10001, a->rows[0]); },
             absl::StatusCode::kInvalidArgument, "10001 rows; at most 10000"}}) {
    SCOPED_TRACE(c.name);
    ports::AppendRecipients append = Chunk(1, {"a@x.example", "b@x.example"});
    c.spoil(&append);
    EXPECT_THAT(Do(append), FailsWith(c.code, c.text));
    EXPECT_EQ(Counts("spring").total(), 0);
  }
  Cancel("spring");
  EXPECT_THAT(Do(Chunk(1, {"a@x.example"})),
              FailsWith(absl::StatusCode::kFailedPrecondition, "campaign spring is cancelled"));
}

TEST_P(ImportTest, NewScoresReachWhoHasNotEnded) {
  Outcome(Do(Chunk(1, {"queued@x.example", "deferred@x.example", "claimed@y.example",
                       "accepted@x.example", "doubtful@x.example", "same@x.example"})));
  ClaimThem({DeliveryId(2), DeliveryId(3), DeliveryId(4), DeliveryId(5)});
  using Slot = ports::Settle::Slot;
  Do(NewSettle(DeliveryId(2), Slot::kDeferred, DeliveryState::kDeferred));
  Do(NewSettle(DeliveryId(4), Slot::kAccepted, DeliveryState::kAccepted));
  Do(NewSettle(DeliveryId(5), Slot::kInDoubt, DeliveryState::kInDoubt));

  ports::AppendRecipients append =
      Chunk(1, {"queued@x.example", "deferred@x.example", "claimed@y.example", "accepted@x.example",
                "doubtful@x.example", "new@x.example", "new@x.example"});
  append.import = ImportId("scores");
  for (ports::AppendRecipients::Row& row : append.rows) row.score = 0.75;
  append.rows.front().engaged_day = 20'000;
  append.rows.back().score = 0.875;
  append.rows.push_back({"same@x.example", 0.25, {{"name", "Ann"}}});
  append.update_scores = true;
  const ports::AppendOutcome outcome = Outcome(Do(append));
  EXPECT_EQ(outcome.added, 1);
  EXPECT_EQ(outcome.updated, 5) << "the last of its like in a chunk wins";
  EXPECT_EQ(outcome.duplicates, 2) << "what has ended, or is held, stays as it is";
  const auto rescored = [](int64_t id, int64_t domain, double old_score, double score) {
    return testing::AllOf(testing::Field(&Rescored::id, DeliveryId(id)),
                          testing::Field(&Rescored::campaign, CampaignKey(1)),
                          testing::Field(&Rescored::domain, DomainKey(domain)),
                          testing::Field(&Rescored::old_score, old_score),
                          testing::Field(&Rescored::score, score));
  };
  EXPECT_THAT(outcome.rescored,
              ElementsAre(rescored(1, 1, 0.25, 0.75), rescored(2, 1, 0.25, 0.75),
                          rescored(3, 2, 0.25, 0.75), rescored(7, 1, 0.75, 0.875)));
  Reopen();
  const std::vector<std::pair<int64_t, double>> scores = {
      {1, 0.75}, {2, 0.75}, {3, 0.75}, {4, 0.25}, {5, 0.25}, {6, 0.25}, {7, 0.875}};
  for (const auto& [id, score] : scores) EXPECT_EQ(Get(DeliveryId(id)).score, score) << id;
  EXPECT_EQ(store().LoadOpenClaims()->at(0).delivery.score, 0.75);
  const QueuedDelivery loaded = store().LoadQueued(DeliveryId(), 1)->queued.at(0);
  EXPECT_EQ(loaded.score, 0.75) << "a restart ranks by it";
  EXPECT_EQ(outcome.rescored[0].engaged_day, 20'000);
  EXPECT_EQ(outcome.rescored[1].engaged_day, 0);
  EXPECT_EQ(Counts("spring").total(), 7);
  EXPECT_THAT(ClaimThem({DeliveryId(6)})[0].variables, IsEmpty()) << "nothing else changes";

  const ports::AppendOutcome again = Outcome(Do(append));
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.updated, 5) << "the counts of then";
  EXPECT_THAT(again.rescored, IsEmpty());
}

TEST_P(ImportTest, ScoresStayWithoutUpdateScores) {
  Outcome(Do(Chunk(1, {"a@x.example"})));
  ports::AppendRecipients other = Chunk(2, {"a@x.example"});
  other.rows[0].score = 1;
  const ports::AppendOutcome outcome = Outcome(Do(other));
  EXPECT_EQ(outcome.duplicates, 1);
  EXPECT_EQ(outcome.updated, 0);
  EXPECT_EQ(Get(DeliveryId(1)).score, 0.25);
}

TEST_P(ImportTest, PagesWhatIsQueuedById) {
  Outcome(Do(Chunk(1, {"a@x.example", "b@x.example", "c@x.example", "d@x.example"})));
  ports::AppendRecipients other = Chunk(1, {"e@x.example"});
  other.campaign = CampaignId("autumn");
  Outcome(Do(other));
  ClaimThem({DeliveryId(2)});
  Reopen();
  const auto ids = [&](int64_t after, int limit) {
    std::vector<int64_t> out;
    const auto page = store().LoadQueued(DeliveryId(after), limit).value();
    for (const QueuedDelivery& queued : page.queued) {
      out.push_back(queued.id.value());
    }
    return out;
  };
  const auto queued = [&] { return store().LoadDirectory()->queued; };
  EXPECT_THAT(ids(0, 3), ElementsAre(1, 3));
  EXPECT_THAT(ids(3, 10), ElementsAre(4, 5));
  EXPECT_THAT(ids(5, 10), IsEmpty());
  EXPECT_THAT(ids(0, 0), IsEmpty());
  EXPECT_EQ(queued(), 4);
  EXPECT_EQ(store().LoadDirectory()->last_delivery, DeliveryId(5));
  Cancel("spring");
  EXPECT_THAT(ids(0, 10), ElementsAre(5));
  EXPECT_EQ(queued(), 1);
}

TEST_P(ImportTest, APageOfTheQueueLooksAtSoManyRowsHoweverManyHaveEnded) {
  Outcome(
      Do(Chunk(1, {"a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"})));
  for (int64_t id : {1, 2, 3}) {
    ASSERT_TRUE(
        Do(ports::EndDelivery{DeliveryId(id), DeliveryState::kExpired, {}, kStart}).status.ok());
  }
  Reopen();
  std::vector<std::vector<int64_t>> pages;
  ports::QueuedPage page{.next = DeliveryId(), .more = true};
  while (page.more) {
    page = store().LoadQueued(page.next, 2).value();
    pages.emplace_back();
    for (const QueuedDelivery& queued : page.queued) pages.back().push_back(queued.id.value());
  }
  EXPECT_THAT(pages, ElementsAre(IsEmpty(), ElementsAre(4), ElementsAre(5)));
}

TEST_P(ImportTest, ListsDeliveriesByCampaignStateAndAddress) {
  Outcome(Do(Chunk(1, {"a@x.example", "b@x.example", "c@x.example"})));
  ports::AppendRecipients other = Chunk(1, {"a@x.example"});
  other.campaign = CampaignId("autumn");
  Outcome(Do(other));
  ClaimThem({DeliveryId(2)});
  const auto ids = [&](const ports::DeliveryFilter& filter, int64_t after = 0, int limit = 10) {
    std::vector<int64_t> out;
    const auto page = store().ListDeliveries(filter, DeliveryId(after), limit).value();
    for (const Delivery& delivery : page) {
      out.push_back(delivery.id.value());
    }
    return out;
  };
  const CampaignId spring("spring");
  EXPECT_THAT(ids({.campaign = spring}), ElementsAre(1, 2, 3));
  EXPECT_THAT(ids({.campaign = spring}, 1, 1), ElementsAre(2));
  EXPECT_THAT(ids({.campaign = spring, .state = DeliveryState::kQueued}), ElementsAre(1, 3));
  EXPECT_THAT(ids({.campaign = spring, .state = DeliveryState::kClaimed}), ElementsAre(2));
  EXPECT_THAT(ids({.campaign = spring, .state = DeliveryState::kBounced}), IsEmpty());
  EXPECT_THAT(ids({.address = "a@x.example"}), ElementsAre(1, 4));
  EXPECT_THAT(ids({.campaign = spring, .address = "a@x.example"}), ElementsAre(1));
  EXPECT_THAT(ids({.state = DeliveryState::kClaimed, .address = "b@x.example"}), ElementsAre(2));
  EXPECT_THAT(ids({.campaign = CampaignId("nobody")}), IsEmpty());
  EXPECT_EQ(store().ListDeliveries({}, DeliveryId(0), 10).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store().GetDelivery(DeliveryId(99)).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store().CountDeliveries(CampaignId("nobody")).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace crescendo::store
