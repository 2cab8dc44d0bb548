// What happens to single recipients and single attempts, over a real socket.
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/chance.h"
#include "cmd/crescendo-sandbox/mailbox.h"
#include "cmd/crescendo-sandbox/scenario.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sandbox/support.h"

namespace crescendo::sandbox {
namespace {

using ::testing::StartsWith;

std::string To(int number) { return absl::StrCat("u", number, "@p.example"); }

TEST(Mailboxes, EachFateHasItsReply) {
  struct Case {
    const char* share;
    const char* reply;
    absl::string_view phase;
    RecordOutcome outcome;
  };
  for (const Case& c : {
           Case{"unknown_share: 1", "550 5.1.1 <u1@p.example>", kPhaseRcpt,
                RecordOutcome::kPermanent},
           Case{"disabled_share: 1", "550 5.2.1", kPhaseRcpt, RecordOutcome::kPermanent},
           Case{"full_share: 1", "452 4.2.2", kPhaseRcpt, RecordOutcome::kTemporary},
           Case{"busy_share: 1", "450 4.2.1", kPhaseRcpt, RecordOutcome::kTemporary},
           Case{"policy_share: 1", "550 5.7.1", kPhaseEndOfData, RecordOutcome::kPermanent},
       }) {
    SCOPED_TRACE(c.share);
    Sandbox sandbox(OneProvider(absl::StrCat("mailboxes { ", c.share, " }")));
    Client client = sandbox.Greeted();
    EXPECT_THAT(client.Deliver(To(1)), StartsWith(c.reply));
    EXPECT_THAT(client.Ask("NOOP"), StartsWith("250 ")) << "the connection stays";
    const LedgerRecord record = sandbox.Records().at(0);
    EXPECT_EQ(record.phase, c.phase);
    EXPECT_EQ(record.outcome, c.outcome);
    EXPECT_EQ(record.rcpt_to, To(1));
    EXPECT_FALSE(record.kept);
  }
}

TEST(Mailboxes, FullAndBusyOnesTakeMailLater) {
  struct Case {
    const char* mailboxes;
    absl::Duration after;
    const char* reply;
  };
  for (const Case& c : {
           Case{"full_share: 1 full_for_seconds: 100", absl::Seconds(99), "452 4.2.2"},
           Case{"full_share: 1 full_for_seconds: 100", absl::Seconds(100), "250 "},
           Case{"full_share: 1 full_stays_share: 1 full_for_seconds: 100", absl::Hours(9999),
                "452 4.2.2"},
           Case{"busy_share: 1 busy_for_seconds: 100", absl::Seconds(99), "450 4.2.1"},
           Case{"busy_share: 1 busy_for_seconds: 100", absl::Seconds(100), "250 "},
       }) {
    SCOPED_TRACE(absl::StrCat(c.mailboxes, " after ", absl::FormatDuration(c.after)));
    Sandbox sandbox(OneProvider(absl::StrCat("mailboxes { ", c.mailboxes, " }")));
    Client client = sandbox.Greeted();
    EXPECT_THAT(client.Deliver(To(1)), StartsWith("45"));
    sandbox.clock().Advance(c.after);
    EXPECT_THAT(client.Deliver(To(1)), StartsWith(c.reply));
  }
}

TEST(Mailboxes, FatesFollowFromSeedAndAddress) {
  v1::Mailboxes shares;
  shares.set_unknown_share(0.1);
  shares.set_full_share(0.2);
  shares.set_full_stays_share(0.5);
  std::map<Fate, int> fates;
  int moved = 0;
  for (int i = 0; i < 10000; ++i) {
    const Fate fate = FateOf(To(i), shares, 1);
    EXPECT_EQ(fate, FateOf(To(i), shares, 1));
    if (fate != FateOf(To(i), shares, 2)) ++moved;
    ++fates[fate];
  }
  EXPECT_NEAR(fates[Fate::kUnknown], 1000, 120);
  EXPECT_NEAR(fates[Fate::kFull], 1000, 120);
  EXPECT_NEAR(fates[Fate::kFullForGood], 1000, 120);
  EXPECT_NEAR(fates[Fate::kTakes], 7000, 200);
  EXPECT_GT(moved, 2000) << "another seed, other fates";
}

TEST(Mailboxes, ChanceIsTheSameOnEveryMachine) {
  // Written down once: a change here changes every seeded run there ever was.
  EXPECT_DOUBLE_EQ(Chance(1, "fate", "anna@gmail.com"), 0.5822215635582938);
  EXPECT_NE(Chance(1, "fate", "anna@gmail.com"), Chance(1, "greylisted", "anna@gmail.com"));
  EXPECT_NE(Chance(1, "slow", "anna@gmail.com", 1), Chance(1, "slow", "anna@gmail.com", 2));
  double sum = 0;
  for (int i = 0; i < 10000; ++i) sum += Chance(7, "x", "one@p.example", i);
  EXPECT_NEAR(sum / 10000, 0.5, 0.02) << "attempts of one address are independent";
}

TEST(Trouble, TemporaryErrorsComeAfterTheData) {
  Sandbox sandbox(OneProvider("trouble { temporary_share: 1 }"));
  Client client = sandbox.Greeted();
  EXPECT_THAT(client.Deliver(To(1)), StartsWith("451 4.3.0"));
  EXPECT_EQ(sandbox.Records().at(0).phase, kPhaseEndOfData);
}

TEST(Trouble, AttemptsOfOneRecipientDiffer) {
  Sandbox sandbox(OneProvider("trouble { temporary_share: 0.5 }"));
  Client client = sandbox.Greeted();
  int refused = 0;
  for (int i = 0; i < 40; ++i) refused += client.Deliver(To(1))[0] == '4' ? 1 : 0;
  EXPECT_GT(refused, 8);
  EXPECT_LT(refused, 32);
}

TEST(Trouble, DropsBeforeTheDotKeepNoCopy) {
  Sandbox sandbox(OneProvider("trouble { drop_before_dot_share: 1 }"));
  int at_data = 0;
  for (int i = 0; i < 20; ++i) {
    Client client = sandbox.Greeted();
    client.Ask("MAIL FROM:<news@shop.example>");
    client.Ask("RCPT TO:<" + To(i) + ">");
    const std::string reply = client.Ask("DATA");
    if (reply == "EOF") {
      ++at_data;
      continue;
    }
    EXPECT_THAT(reply, StartsWith("354 "));
    EXPECT_EQ(client.Ask("Subject: x\r\n\r\nhi"), "EOF");
  }
  EXPECT_GT(at_data, 2);
  EXPECT_LT(at_data, 18);
  const std::vector<LedgerRecord> records = sandbox.FinalRecords();
  ASSERT_EQ(records.size(), 20u);
  for (const LedgerRecord& record : records) {
    EXPECT_EQ(record.outcome, RecordOutcome::kDropped);
    EXPECT_EQ(record.phase, kPhaseData);
    EXPECT_EQ(record.dropped_by, "receiver");
    EXPECT_FALSE(record.kept);
    EXPECT_FALSE(record.in_doubt());
  }
}

TEST(Trouble, DropsBehindTheDotAreInDoubtAndSomeKeepACopy) {
  Sandbox sandbox(OneProvider("trouble { drop_after_dot_share: 1 keep_dropped_share: 0.5 }"));
  for (int i = 0; i < 40; ++i) EXPECT_EQ(sandbox.Greeted().Deliver(To(i)), "EOF");
  const std::vector<LedgerRecord> records = sandbox.FinalRecords();
  ASSERT_EQ(records.size(), 40u);
  int kept = 0;
  for (const LedgerRecord& record : records) {
    EXPECT_EQ(record.outcome, RecordOutcome::kDropped);
    EXPECT_EQ(record.phase, kPhaseEndOfData);
    EXPECT_EQ(record.code, 0);
    EXPECT_TRUE(record.in_doubt());
    EXPECT_FALSE(record.digest.empty());
    kept += record.kept ? 1 : 0;
  }
  EXPECT_GT(kept, 8);
  EXPECT_LT(kept, 32);
}

TEST(Trouble, SlowRepliesTakeVirtualTimeAndSaySo) {
  Sandbox sandbox(OneProvider("trouble { slow_share: 1 slow_by_seconds: 20 }"));
  Client client = sandbox.Greeted();
  EXPECT_THAT(client.Deliver(To(1)), StartsWith("250 "));  // After 20 ms of real time.
  const LedgerRecord record = sandbox.Records().at(0);
  EXPECT_EQ(record.end - record.start, absl::Seconds(20));
}

}  // namespace
}  // namespace crescendo::sandbox
