// What a provider refuses per source IP, over a real socket, in virtual time.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sandbox/support.h"

namespace crescendo::sandbox {
namespace {

using ::testing::Each;
using ::testing::StartsWith;

std::string To(int number) { return absl::StrCat("u", number, "@p.example"); }

// How many of `attempts` messages from `ip` are accepted, one connection each.
int Accepted(Sandbox& sandbox, int attempts, const std::string& ip = kIpA) {
  int accepted = 0;
  for (int i = 0; i < attempts; ++i) {
    Client client = sandbox.Greeted(ip);
    if (client.Deliver(To(i))[0] == '2') ++accepted;
  }
  return accepted;
}

TEST(RateLimit, RefusesAtMailAndRefills) {
  Sandbox sandbox(OneProvider(
      "rate { per_hour: 6 burst: 2 phase: MAIL "
      "refusal { lines: '421 4.7.0 [TSS04] Messages from {ip} temporarily deferred' } }"));
  EXPECT_EQ(Accepted(sandbox, 5), 2);
  EXPECT_EQ(Accepted(sandbox, 5, kIpB), 2) << "another source IP has a bucket of its own";
  sandbox.clock().Advance(absl::Minutes(9));
  EXPECT_EQ(Accepted(sandbox, 1), 0);
  sandbox.clock().Advance(absl::Minutes(1));
  EXPECT_EQ(Accepted(sandbox, 2), 1);
  sandbox.clock().Advance(absl::Hours(10));
  EXPECT_EQ(Accepted(sandbox, 5), 2) << "a long rest is capped";
}

TEST(RateLimit, ARefusedMailStillLearnsItsRecipient) {
  Sandbox sandbox(OneProvider(
      "rate { per_hour: 1 refusal { lines: '421 4.7.0 [TSS04] Messages from {ip} deferred' } }"));
  Accepted(sandbox, 1);
  Client client = sandbox.Greeted();
  client.Send("MAIL FROM:<news@shop.example>\r\nRCPT TO:<late@p.example>\r\nDATA\r\n");
  EXPECT_EQ(client.Read(), "421 4.7.0 [TSS04] Messages from 127.0.10.1 deferred");
  EXPECT_THAT(client.Read(), StartsWith("503 "));
  EXPECT_THAT(client.Read(), StartsWith("503 "));
  EXPECT_EQ(client.Read(), "EOF");
  const LedgerRecord record = sandbox.Records().back();
  EXPECT_EQ(record.rcpt_to, "late@p.example");
  EXPECT_EQ(record.code, 421);
  EXPECT_EQ(record.phase, kPhaseMail);
  EXPECT_EQ(record.outcome, RecordOutcome::kTemporary);
  EXPECT_FALSE(record.kept);
}

TEST(RateLimit, ARecipientThatComesALittleLaterIsStillRead) {
  ServerOptions options;
  options.linger = absl::Seconds(10);
  Sandbox sandbox(OneProvider("rate { per_hour: 1 refusal { lines: '421 4.7.0 slow' } }"), options);
  Accepted(sandbox, 1);
  Client client = sandbox.Greeted();
  EXPECT_EQ(client.Ask("MAIL FROM:<news@shop.example>"), "421 4.7.0 slow");
  EXPECT_THAT(client.Ask("RCPT TO:<late@p.example>"), StartsWith("503 "));
  EXPECT_EQ(client.Read(), "EOF");
  EXPECT_EQ(sandbox.Records().back().rcpt_to, "late@p.example");
}

TEST(RateLimit, ARecipientThatNeverComesIsNotWaitedFor) {
  ServerOptions options;
  options.linger = absl::Milliseconds(10);
  Sandbox sandbox(OneProvider("rate { per_hour: 1 refusal { lines: '421 4.7.0 slow' } }"), options);
  Accepted(sandbox, 1);
  Client client = sandbox.Greeted();
  EXPECT_EQ(client.Ask("MAIL FROM:<news@shop.example>"), "421 4.7.0 slow");
  EXPECT_EQ(client.Read(), "EOF");
  EXPECT_EQ(sandbox.Records().back().rcpt_to, "");
  EXPECT_EQ(sandbox.Records().back().code, 421);
}

TEST(RateLimit, A4yzAtMailKeepsTheConnection) {
  Sandbox sandbox(
      OneProvider("rate { per_hour: 1 refusal { lines: '451 4.7.650 limited (S775)' } }"));
  Client client = sandbox.Greeted();
  EXPECT_THAT(client.Deliver(To(1)), StartsWith("250 "));
  EXPECT_EQ(client.Deliver(To(2)), "451 4.7.650 limited (S775)");
  sandbox.clock().Advance(absl::Hours(1));
  EXPECT_THAT(client.Deliver(To(3)), StartsWith("250 "));
  const std::vector<LedgerRecord> records = sandbox.Records();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[1].rcpt_to, To(2));
}

TEST(RateLimit, RefusesAfterTheDataInManyLinesAndCloses) {
  Sandbox sandbox(OneProvider(
      "rate { per_hour: 1 phase: END_OF_DATA refusal { lines: '421-4.7.28 unusual rate' "
      "lines: '421 4.7.28 from {ip} - gsmtp' } }"));
  Client client = sandbox.Greeted();
  EXPECT_THAT(client.Deliver(To(1)), StartsWith("250 "));
  EXPECT_EQ(client.Deliver(To(2)), "421-4.7.28 unusual rate\n421 4.7.28 from 127.0.10.1 - gsmtp");
  EXPECT_EQ(client.Read(), "EOF");
  const LedgerRecord record = sandbox.FinalRecords().back();
  EXPECT_EQ(record.kind, RecordKind::kTransaction) << "a 421 that was sent is not in doubt";
  EXPECT_EQ(record.phase, kPhaseEndOfData);
  EXPECT_EQ(record.reply, "421-4.7.28 unusual rate\n421 4.7.28 from 127.0.10.1 - gsmtp");
}

TEST(RateLimit, RefusesAtRcpt) {
  Sandbox sandbox(OneProvider("rate { per_hour: 1 phase: RCPT }"));
  Client client = sandbox.Greeted();
  EXPECT_THAT(client.Deliver(To(1)), StartsWith("250 "));
  EXPECT_THAT(client.Deliver(To(2)), StartsWith("451 4.7.1"));
  EXPECT_EQ(sandbox.Records().at(1).phase, kPhaseRcpt);
}

TEST(RateLimit, HoldsAQuotaInAnyTwentyFourHours) {
  Sandbox sandbox(OneProvider(
      "rate { per_hour: 1000 burst: 1000 per_day: 3 day_refusal { lines: '450 4.7.1 quota' } }"));
  EXPECT_EQ(Accepted(sandbox, 2), 2);
  sandbox.clock().Advance(absl::Hours(20));  // Over midnight it is the same window.
  EXPECT_EQ(Accepted(sandbox, 3), 1);
  EXPECT_EQ(sandbox.Records().back().reply, "450 4.7.1 quota");
  sandbox.clock().Advance(absl::Hours(4));
  EXPECT_EQ(Accepted(sandbox, 3), 2);
}

TEST(PenaltyBox, ClosesAfterStrikesAndOpensInTime) {
  Sandbox sandbox(
      OneProvider("rate { per_hour: 3600 burst: 1 phase: MAIL refusal { lines: '451 4.7.1 slow' } "
                  "penalty { strikes: 3 within_seconds: 60 refuse_for_seconds: 600 "
                  "refusal { lines: '451 4.7.2 box' } } }"));
  EXPECT_EQ(Accepted(sandbox, 4), 1);  // Three strikes.
  sandbox.clock().Advance(absl::Seconds(599));
  EXPECT_EQ(Accepted(sandbox, 1), 0) << "there is a token, but the box is closed";
  EXPECT_EQ(sandbox.Records().back().reply, "451 4.7.2 box");
  EXPECT_EQ(Accepted(sandbox, 1, kIpB), 1);
  sandbox.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(Accepted(sandbox, 1), 1);
}

TEST(PenaltyBox, OldStrikesAreForgotten) {
  Sandbox sandbox(
      OneProvider("rate { per_hour: 60 burst: 1 penalty { strikes: 2 within_seconds: 30 "
                  "refuse_for_seconds: 6000 refusal { lines: '451 4.7.2 box' } } }"));
  EXPECT_EQ(Accepted(sandbox, 2), 1);  // One strike.
  sandbox.clock().Advance(absl::Seconds(31));
  EXPECT_EQ(Accepted(sandbox, 1), 0);  // Another, too late for the first.
  sandbox.clock().Advance(absl::Seconds(31));
  EXPECT_EQ(Accepted(sandbox, 1), 1);
}

TEST(PenaltyBox, MayGrowWithEachAttempt) {
  Sandbox sandbox(
      OneProvider("rate { per_hour: 3600 burst: 1 penalty { strikes: 1 within_seconds: 60 "
                  "refuse_for_seconds: 600 extended_by_attempts: true } }"));
  EXPECT_EQ(Accepted(sandbox, 2), 1);
  sandbox.clock().Advance(absl::Seconds(500));
  EXPECT_EQ(Accepted(sandbox, 1), 0);
  sandbox.clock().Advance(absl::Seconds(500));
  EXPECT_EQ(Accepted(sandbox, 1), 0) << "the attempt at 500 s started it anew";
  sandbox.clock().Advance(absl::Seconds(600));
  EXPECT_EQ(Accepted(sandbox, 1), 1);
}

TEST(PenaltyBox, MayRefuseAtTheBanner) {
  Sandbox sandbox(
      OneProvider("rate { per_hour: 3600 burst: 1 refusal { lines: '451 4.7.650 limited' } "
                  "penalty { strikes: 1 within_seconds: 60 refuse_for_seconds: 600 phase: CONNECT "
                  "refusal { lines: '421 RP-001 {ip} exceeded the rate limit' } } }"));
  Client open = sandbox.Greeted();
  EXPECT_THAT(open.Deliver(To(1)), StartsWith("250 "));
  EXPECT_THAT(open.Deliver(To(2)), StartsWith("451 4.7.650"));
  Client fresh = sandbox.Connect();
  EXPECT_EQ(fresh.Read(), "421 RP-001 127.0.10.1 exceeded the rate limit");
  EXPECT_EQ(fresh.Read(), "EOF");
  const LedgerRecord record = sandbox.Records().back();
  EXPECT_EQ(record.kind, RecordKind::kConnection);
  EXPECT_EQ(record.phase, kPhaseConnect);
  EXPECT_EQ(record.code, 421);
  sandbox.clock().Advance(absl::Seconds(300));
  EXPECT_THAT(open.Deliver(To(3)), StartsWith("451 4.7.650"));
}

TEST(Growth, FollowsGoodAndBadDays) {
  Sandbox sandbox(
      OneProvider("rate { per_hour: 0.001 burst: 10 growth { per_good_day: 2 per_bad_day: 0.5 "
                  "max_per_hour: 0.002 good_day_messages: 5 } }"));
  EXPECT_EQ(Accepted(sandbox, 5), 5);  // Day 1: good.
  sandbox.clock().Advance(absl::Hours(24 * 1000));
  EXPECT_EQ(Accepted(sandbox, 20), 20);  // The burst grew with the rate.
  sandbox.clock().Advance(absl::Hours(24 * 1000));
  EXPECT_EQ(Accepted(sandbox, 25), 20) << "no growth beyond max_per_hour";  // A bad day.
  sandbox.clock().Advance(absl::Hours(24 * 1000));
  EXPECT_EQ(Accepted(sandbox, 4), 4);  // Too few to count as good.
  sandbox.clock().Advance(absl::Hours(24 * 1000));
  EXPECT_EQ(Accepted(sandbox, 12), 10);
}

TEST(Dip, TrustsLessForAWhile) {
  Sandbox sandbox(
      OneProvider("rate { per_hour: 10 burst: 10 dips { from_seconds: 36000 for_seconds: 7200 "
                  "factor: 0.2 } }"));
  EXPECT_EQ(Accepted(sandbox, 12), 10);
  sandbox.clock().Advance(absl::Hours(10));
  EXPECT_EQ(Accepted(sandbox, 12), 2) << "the burst is a fifth";
  sandbox.clock().Advance(absl::Hours(1));
  EXPECT_EQ(Accepted(sandbox, 12), 2) << "and so is the rate";
  sandbox.clock().Advance(absl::Hours(1));
  EXPECT_EQ(Accepted(sandbox, 12), 10);
}

TEST(ConnectionLimit, RefusesAtTheBannerAndCountsThoseOpen) {
  Sandbox sandbox(
      OneProvider("connections { per_ip: 2 refusal { lines: '421 RP-003 too many' } }"));
  Client a = sandbox.Greeted();
  Client b = sandbox.Greeted();
  {
    Client c = sandbox.Connect();
    EXPECT_EQ(c.Read(), "421 RP-003 too many");
    EXPECT_EQ(c.Read(), "EOF");
  }
  EXPECT_THAT(sandbox.Connect(kIpB).Read(), StartsWith("220 "));
  a.Ask("QUIT");
  EXPECT_EQ(a.Read(), "EOF");
  EXPECT_THAT(sandbox.Connect().Read(), StartsWith("220 "));
}

TEST(MessagesPerConnection, ClosesAtTheNextMailAndTakesItAgainElsewhere) {
  Sandbox sandbox(OneProvider("messages_per_connection { count: 2 }"));
  Client client = sandbox.Greeted();
  EXPECT_THAT(client.Deliver(To(1)), StartsWith("250 "));
  EXPECT_THAT(client.Deliver(To(2)), StartsWith("250 "));
  EXPECT_THAT(client.Deliver(To(3)), StartsWith("421 4.7.0 Max message per connection"));
  EXPECT_EQ(client.Read(), "EOF");
  EXPECT_EQ(sandbox.Records().back().rcpt_to, To(3));
  EXPECT_THAT(sandbox.Greeted().Deliver(To(3)), StartsWith("250 "));
}

TEST(Greylist, PassesTheSameTripletAfterTheDelay) {
  Sandbox sandbox(OneProvider("greylist { delay_seconds: 300 }"));
  EXPECT_THAT(sandbox.Greeted().Deliver(To(1)), StartsWith("450 4.7.1"));
  sandbox.clock().Advance(absl::Seconds(299));
  EXPECT_THAT(sandbox.Greeted().Deliver(To(1)), StartsWith("450 4.7.1"));
  sandbox.clock().Advance(absl::Seconds(1));
  EXPECT_THAT(sandbox.Greeted(kIpB).Deliver(To(1)), StartsWith("450 4.7.1"))
      << "from another IP the wait starts anew";
  EXPECT_THAT(sandbox.Greeted().Deliver(To(2)), StartsWith("450 4.7.1"));
  EXPECT_THAT(sandbox.Greeted().Deliver(To(1)), StartsWith("250 "));
  EXPECT_EQ(sandbox.Records().at(0).phase, kPhaseRcpt);
}

TEST(Greylist, MayBeDoneToAShareOfRecipients) {
  Sandbox sandbox(OneProvider("greylist { delay_seconds: 300 share: 0.3 }"));
  const int passed = Accepted(sandbox, 200);
  EXPECT_GT(passed, 110);
  EXPECT_LT(passed, 170);
}

}  // namespace
}  // namespace crescendo::sandbox
