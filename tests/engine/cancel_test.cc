// Cancelling a campaign of many: in force with the answer, the recipients follow in small steps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/rig.h"

namespace crescendo::engine {
namespace {

using support::Rig;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kMany = 2600;

std::vector<std::string> Many() {
  std::vector<std::string> addresses;
  for (int i = 0; i < kMany; ++i) addresses.push_back(absl::StrCat("u", i, "@gmail.test"));
  return addresses;
}

class CancelTest : public testing::Test {
 protected:
  explicit CancelTest(const core::Options& options = {}) : rig_(Threads::kNone, options) {}
  void SetUp() override {
    ASSERT_TRUE(rig_.Start().ok());
    rig_.MakePool();
  }
  void Pass(absl::Duration time) {
    const absl::Time until = rig_.clock.Now().wall + time;
    for (absl::Time wake; (wake = rig_.engine().Turn()) < until;) {
      rig_.clock.AdvanceTo(std::max(wake, rig_.clock.Now().wall + absl::Milliseconds(1)));
    }
    rig_.clock.AdvanceTo(until);
    rig_.engine().Turn();
  }
  void Cancel(const std::string& campaign) {
    const auto cancelled = rig_.Change(campaign, CampaignVerb::kCancel);
    ASSERT_TRUE(cancelled.ok()) << cancelled.status();
    EXPECT_EQ(cancelled->state, CampaignState::kCancelled);
  }

  Rig rig_;
};

TEST_F(CancelTest, AnswersAtOnceAndTakesTheRecipientsOffBehind) {
  rig_.MakeCampaign("spring", Many());
  rig_.MakeCampaign("autumn", {"later@gmail.test"});
  ASSERT_TRUE(rig_.Change("autumn", CampaignVerb::kPause).ok());
  const size_t out = rig_.transport.sent().size();
  Cancel("spring");
  const CampaignCounts first = rig_.Counts("spring");
  EXPECT_GT(first.cancelled, 0) << "the first step comes with the answer";
  EXPECT_LE(first.cancelled, 1000) << "a commit is never long";
  EXPECT_GT(first.queued, 0);
  ASSERT_TRUE(rig_.Change("autumn", CampaignVerb::kResume).ok());
  Pass(absl::Seconds(5));
  const CampaignCounts counts = rig_.Counts("spring");
  EXPECT_EQ(counts.queued, 0);
  EXPECT_EQ(counts.cancelled, kMany - static_cast<int>(out));
  const std::vector<ports::SendMessage> sent = rig_.transport.sent();
  for (size_t i = out; i < sent.size(); ++i) EXPECT_EQ(sent[i].rcpt_to, "later@gmail.test");
  EXPECT_THAT(rig_.Events(EventType::kAlert), IsEmpty());
}

TEST_F(CancelTest, OfFewIsDoneWithTheAnswer) {
  rig_.MakeCampaign("spring", {"a@lost.test", "b@lost.test"});
  Cancel("spring");
  EXPECT_EQ(rig_.Counts("spring").cancelled, 2);
}

TEST_F(CancelTest, GoesOnAfterARestart) {
  rig_.MakeCampaign("spring", Many());
  Cancel("spring");
  rig_.Crash();
  ASSERT_TRUE(rig_.Start().ok());
  const size_t out = rig_.transport.sent().size();
  Pass(absl::Seconds(5));
  const CampaignCounts counts = rig_.Counts("spring");
  EXPECT_EQ(counts.queued + counts.deferred + counts.in_doubt + counts.claimed, 0)
      << "also who was out when it ended";
  EXPECT_EQ(counts.cancelled, kMany);
  EXPECT_THAT(rig_.transport.sent(), SizeIs(out));
}

TEST_F(CancelTest, GoesOnWhenTheDiskHasRoomAgain) {
  rig_.MakeCampaign("spring", Many());
  Cancel("spring");
  rig_.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  Pass(absl::Seconds(5));
  rig_.store.Heal();
  EXPECT_GT(rig_.Counts("spring").queued, 0);
  Pass(absl::Minutes(2));
  EXPECT_EQ(rig_.Counts("spring").queued, 0);
}

class CancelHoldTest : public CancelTest {
 protected:
  CancelHoldTest() : CancelTest({.in_doubt = core::InDoubtPolicy::kHold}) {}
};

TEST_F(CancelHoldTest, EndsWhatComesBackInDoubt) {
  rig_.MakeCampaign("spring", {"ann@gmail.test", "bob@gmail.test"});
  Pass(absl::Minutes(1));
  const std::vector<ports::SendMessage> out = rig_.transport.sent();
  ASSERT_FALSE(out.empty());
  Cancel("spring");
  for (const ports::SendMessage& message : out) rig_.transport.Lose(message);
  Pass(absl::Minutes(1));
  EXPECT_EQ(rig_.Counts("spring").cancelled, 2);
  EXPECT_THAT(rig_.Events(EventType::kInDoubt), SizeIs(out.size())) << "what happened is recorded";
  EXPECT_THAT(rig_.Events(EventType::kAlert), IsEmpty());
}

}  // namespace
}  // namespace crescendo::engine
