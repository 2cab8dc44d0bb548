// Clicks and opens that come after the import: who leaves next is the best one of now (L5), and a
// kill at any moment changes nothing of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/rig.h"

namespace crescendo::engine {
namespace {

using support::NewCampaign;
using support::Rig;
using testing::ElementsAre;
using testing::HasSubstr;

class EngagementTest : public testing::Test {
 protected:
  // A draft: a, b and c were engaged ever longer ago, and d has a score that was given.
  void SetUp() override {
    ASSERT_TRUE(rig_.Start().ok());
    rig_.MakePool();
    ASSERT_TRUE(rig_.Await<Campaign>([&](auto done) {
                      rig_.engine().Put(NewCampaign("spring"), {}, std::move(done));
                    })
                    .ok());
    ports::AppendRecipients append;
    append.campaign = CampaignId("spring");
    append.import = ImportId("signals");
    append.now = rig_.clock.Now().wall;
    int days = 10;
    for (const char* address : {"a@gmail.test", "b@gmail.test", "c@gmail.test"}) {
      EngagementSignals signals;
      signals.last_open_time = append.now - absl::Hours(24 * (days += 10));
      signals.open_count = 1;
      append.rows.push_back({address, 0, {}, signals});
    }
    append.rows.push_back({"d@gmail.test", 0.5, {}});
    ASSERT_TRUE(rig_.Await<ports::AppendOutcome>(
                        [&](auto done) { rig_.engine().Import(append, std::move(done)); })
                    .ok());
  }
  ports::RecordEngagement Click(const std::string& address) {
    const absl::Time now = rig_.clock.Now().wall;
    return {{{address, EngagementKind::kClick, now, ++key_}}, now};
  }
  absl::StatusOr<ports::EngagementOutcome> Record(const ports::RecordEngagement& record) {
    return rig_.Await<ports::EngagementOutcome>(
        [&](auto done) { rig_.engine().RecordEngagement(record, std::move(done)); });
  }
  // In which order everything leaves.
  std::vector<std::string> Leave() {
    rig_.transport.AcceptAll(true);
    EXPECT_TRUE(rig_.Change("spring", CampaignVerb::kStart).ok());
    const absl::Time until = rig_.clock.Now().wall + absl::Hours(24);
    for (absl::Time wake; (wake = rig_.engine().Turn()) < until;) {
      rig_.clock.AdvanceTo(std::max(wake, rig_.clock.Now().wall + absl::Milliseconds(1)));
    }
    std::vector<std::string> order;
    for (const auto& message : rig_.transport.sent()) order.push_back(message.rcpt_to.substr(0, 1));
    return order;
  }

  Rig rig_{Threads::kNone};
  uint64_t key_ = 0;
};

TEST_F(EngagementTest, WithoutEventsTheImportRanks) {
  EXPECT_THAT(Leave(), ElementsAre("d", "a", "b", "c"));
}

TEST_F(EngagementTest, TheNewOrderIsInForceWithTheAnswer) {
  const auto outcome = Record(Click("c@gmail.test"));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->rescored.size(), 1u);
  ASSERT_TRUE(Record(Click("d@gmail.test")).ok());
  EXPECT_THAT(Leave(), ElementsAre("c", "d", "a", "b")) << "a score that was given stays";
}

TEST_F(EngagementTest, AKillBehindTheCommitLosesNothing) {
  std::vector<ports::WriteResult> results;
  ASSERT_TRUE(rig_.store.Commit({Click("b@gmail.test")}, &results).ok());
  rig_.Crash();  // The shard never heard of it.
  ASSERT_TRUE(rig_.Start().ok());
  EXPECT_THAT(Leave(), ElementsAre("b", "d", "a", "c"));
}

TEST_F(EngagementTest, AnEventWhoseAnswerWasLostCountsOnce) {
  const ports::RecordEngagement click = Click("b@gmail.test");
  rig_.engine().RecordEngagement(click, [](auto) {});
  rig_.Crash();
  ASSERT_TRUE(rig_.Start().ok());
  const auto again = Record(click);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->recorded + again->repeated, 1);
  EXPECT_EQ(Record(click)->repeated, 1);
  EXPECT_EQ(rig_.store.GetEngagement("b@gmail.test")->signals.click_count, 1);
  EXPECT_THAT(Leave(), ElementsAre("b", "d", "a", "c"));
}

TEST_F(EngagementTest, AFullDiskRecordsNothingAndHeals) {
  rig_.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  const ports::RecordEngagement click = Click("b@gmail.test");
  EXPECT_TRUE(absl::IsResourceExhausted(Record(click).status()));
  rig_.store.Heal();
  rig_.clock.AdvanceTo(rig_.clock.Now().wall + absl::Minutes(1));
  rig_.engine().Turn();
  EXPECT_EQ(Record(click)->recorded, 1);
  EXPECT_THAT(Leave(), ElementsAre("b", "d", "a", "c"));
}

TEST_F(EngagementTest, NoMoreCallsWaitForTheDiskThanMay) {
  const int most = core::Options().max_queued_chunks;
  int ok = 0, refused = 0;
  for (int i = 0; i < most + 3; ++i) {
    rig_.engine().RecordEngagement(Click("a@gmail.test"), [&](auto outcome) {
      ++(outcome.ok() ? ok : refused);
      if (!outcome.ok()) EXPECT_THAT(outcome.status().message(), HasSubstr("send this one again"));
    });
  }
  EXPECT_EQ(refused, 3) << "at once, without the disk";
  rig_.engine().Turn();
  EXPECT_EQ(ok, most);
  EXPECT_TRUE(Record(Click("a@gmail.test")).ok()) << "there is room again";
}

}  // namespace
}  // namespace crescendo::engine
