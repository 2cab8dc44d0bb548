// The ESMTP dialogue of a provider without limits, over a real socket.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sandbox/support.h"

namespace crescendo::sandbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Dialogue, OffersItsExtensions) {
  Sandbox sandbox(OneProvider("banner: 'mx.p.example ESMTP hello' max_message_bytes: 1000"));
  Client client = sandbox.Connect();
  EXPECT_EQ(client.Read(), "220 mx.p.example ESMTP hello");
  EXPECT_THAT(absl::StrSplit(client.Ask("EHLO mta1-a.example"), '\n'),
              ElementsAre("250-mx.p.example at your service, [127.0.10.1]", "250-SIZE 1000",
                          "250-8BITMIME", "250-STARTTLS", "250-PIPELINING", "250-SMTPUTF8",
                          "250-ENHANCEDSTATUSCODES", "250 HELP"));
  EXPECT_EQ(client.Ask("HELO mta1-a.example"), "250 mx.p.example");
  EXPECT_THAT(client.Ask("QUIT"), StartsWith("221 "));
  EXPECT_EQ(client.Read(), "EOF");
  EXPECT_TRUE(sandbox.FinalRecords().empty());
}

TEST(Dialogue, WithholdsExtensions) {
  Sandbox sandbox(OneProvider("without: 'STARTTLS' without: 'SMTPUTF8'"));
  Client client = sandbox.Connect();
  client.Read();
  const std::string extensions = client.Ask("EHLO x.example");
  EXPECT_THAT(extensions, Not(HasSubstr("STARTTLS")));
  EXPECT_THAT(extensions, Not(HasSubstr("SMTPUTF8")));
  EXPECT_THAT(client.Ask("STARTTLS"), StartsWith("502 "));
  EXPECT_THAT(client.Ask("MAIL FROM:<a@b.example> SMTPUTF8"), StartsWith("555 "));
}

TEST(Dialogue, KeepsTheOrderOfCommands) {
  Sandbox sandbox(OneProvider("max_message_bytes: 1000"));
  Client client = sandbox.Connect();
  client.Read();
  struct Case {
    const char* command;
    const char* reply;
  };
  for (const Case& c : {
           Case{"MAIL FROM:<a@b.example>", "503 "},
           Case{"EHLO", "501 "},
           Case{"EHLO x.example", "250-"},
           Case{"RCPT TO:<u@p.example>", "503 "},
           Case{"DATA", "503 "},
           Case{"MAIL TO:<a@b.example>", "501 "},
           Case{"MAIL FROM:a@b.example", "501 "},
           Case{"MAIL FROM:<a@b.example> SIZE=1001", "552 5.3.4"},
           Case{"MAIL FROM:<a@b.example> FOO=1", "555 5.5.4"},
           Case{"MAIL FROM:<a\xc3\xa4@b.example>", "553 5.6.7"},
           Case{"MAIL FROM:<a\xc3\xa4@b.example> SMTPUTF8", "250 "},
           Case{"MAIL FROM:<a@b.example>", "503 "},
           Case{"RSET", "250 "},
           Case{"MAIL FROM:<> SIZE=900 BODY=8BITMIME", "250 "},
           Case{"DATA", "503 "},
           Case{"RCPT TO:<u@elsewhere.example>", "554 5.7.1"},
           Case{"RCPT TO:<u\xc3\xa4@p.example>", "553 5.6.7"},
           Case{"RCPT TO:<u@p.example> NOTIFY=NEVER", "501 "},
           Case{"RCPT TO:<no-at-sign>", "501 "},
           Case{"RCPT TO:<u@P.EXAMPLE>", "250 "},
           Case{"NOOP", "250 "},
           Case{"VRFY u", "252 "},
           Case{"BDAT 3 LAST", "502 "},
           Case{"DATA now", "501 "},
           Case{"bad \x01 bytes", "500 "},
           Case{"data", "354 "},
           Case{"Subject: x\r\n\r\nhi\r\n.", "250 2.0.0"},
           Case{"DATA", "503 "},
       }) {
    SCOPED_TRACE(c.command);
    EXPECT_THAT(client.Ask(c.command), StartsWith(c.reply));
  }
}

TEST(Dialogue, EndsALineThatNeverEnds) {
  Sandbox sandbox(OneProvider(""));
  Client client = sandbox.Greeted();
  client.Send(std::string(5000, 'x'));
  EXPECT_THAT(client.Read(), StartsWith("500 5.5.2"));
  EXPECT_EQ(client.Read(), "EOF");
}

TEST(Dialogue, WritesALineForEachRecipient) {
  Sandbox sandbox(OneProvider(""));
  Client client = sandbox.Greeted();
  sandbox.clock().Advance(absl::Seconds(90));
  client.Ask("MAIL FROM:<news@shop.example>");
  client.Ask("RCPT TO:<a@p.example>");
  client.Ask("RCPT TO:<b@p.example>");
  client.Ask("DATA");
  sandbox.clock().Advance(absl::Milliseconds(1));
  const std::string reply =
      client.Ask("Subject: x\r\nMessage-ID:\r\n <1@shop.example>\r\n\r\n..dot\r\n.");
  const std::vector<LedgerRecord> records = sandbox.Records();
  ASSERT_EQ(records.size(), 2u);
  for (const LedgerRecord& record : records) {
    EXPECT_EQ(record.kind, RecordKind::kTransaction);
    EXPECT_EQ(record.outcome, RecordOutcome::kAccepted);
    EXPECT_EQ(record.connected, StartTime());
    EXPECT_EQ(record.start, StartTime() + absl::Seconds(90));
    EXPECT_EQ(record.end, StartTime() + absl::Seconds(90) + absl::Milliseconds(1));
    EXPECT_EQ(record.provider, "p");
    EXPECT_EQ(record.source_ip, kIpA);
    EXPECT_EQ(record.ehlo_name, "mta1-a.example");
    EXPECT_EQ(record.mail_from, "news@shop.example");
    EXPECT_EQ(record.message_id, "<1@shop.example>");
    EXPECT_EQ(record.size, 52);  // Without the stuffed dot.
    EXPECT_EQ(record.reply, reply);
    EXPECT_EQ(record.code, 250);
    EXPECT_EQ(record.phase, kPhaseEndOfData);
    EXPECT_TRUE(record.kept);
    EXPECT_FALSE(record.tls);
  }
  EXPECT_EQ(records[0].rcpt_to, "a@p.example");
  EXPECT_EQ(records[1].rcpt_to, "b@p.example");
}

TEST(Dialogue, OnlyCrLfDotCrLfEndsTheData) {
  Sandbox sandbox(OneProvider(""));
  Client client = sandbox.Greeted();
  client.Ask("MAIL FROM:<a@b.example>");
  client.Ask("RCPT TO:<u@p.example>");
  client.Ask("DATA");
  // Each would smuggle the second transaction past a lax receiver.
  for (const absl::string_view end :
       {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\n\n.\r\n", "\r\n.\r.\r\n"}) {
    client.Send(absl::StrCat("text", end, "MAIL FROM:<evil@b.example>\r\n"));
  }
  EXPECT_THAT(client.Ask("."), StartsWith("250 2.0.0"));
  const std::vector<LedgerRecord> records = sandbox.Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].mail_from, "a@b.example");
}

TEST(Dialogue, TheSameBytesHaveTheSameDigest) {
  Sandbox sandbox(OneProvider(""));
  Client client = sandbox.Greeted();
  const std::string big(3000, 'x');  // One line, longer than the reader keeps.
  client.Deliver("a@p.example", absl::StrCat("S: x\r\n\r\n", big, "\r\n"));
  client.Ask("MAIL FROM:<news@shop.example>");
  client.Ask("RCPT TO:<a@p.example>");
  client.Ask("DATA");
  client.Send("S: x\r\n\r");
  client.Send(absl::StrCat("\n", big.substr(0, 1500)));
  client.Send(absl::StrCat(big.substr(1500), "\r"));
  client.Ask("\n.");
  client.Deliver("a@p.example", absl::StrCat("S: y\r\n\r\n", big, "\r\n"));
  const std::vector<LedgerRecord> records = sandbox.Records();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].size, 3010);
  EXPECT_EQ(records[1].size, 3010);
  EXPECT_EQ(records[0].digest.size(), 16u);
  EXPECT_EQ(records[0].digest, records[1].digest);
  EXPECT_NE(records[0].digest, records[2].digest);
}

TEST(Dialogue, RefusesWhatIsLargerThanAnnounced) {
  Sandbox sandbox(OneProvider("max_message_bytes: 100"));
  Client client = sandbox.Greeted();
  EXPECT_THAT(client.Deliver("a@p.example", std::string(200, 'x') + "\r\n"),
              StartsWith("552 5.3.4"));
  EXPECT_EQ(sandbox.Records().at(0).outcome, RecordOutcome::kPermanent);
}

TEST(Dialogue, SpeaksTlsAfterStartTls) {
  Sandbox sandbox(OneProvider(""));
  Client client = sandbox.Greeted();
  // What follows STARTTLS in plain text must not be obeyed under TLS (RFC 3207 §4.2).
  EXPECT_THAT(client.Ask("STARTTLS\r\nNOOP"), StartsWith("220 "));
  ASSERT_TRUE(client.ShakeHands());
  EXPECT_THAT(client.Ask("MAIL FROM:<a@b.example>"), StartsWith("503 ")) << "EHLO is forgotten";
  EXPECT_THAT(client.Ask("EHLO mta1-a.example"), Not(HasSubstr("STARTTLS")));
  EXPECT_THAT(client.Ask("STARTTLS"), StartsWith("503 "));
  EXPECT_THAT(client.Deliver("a@p.example"), StartsWith("250 "));
  EXPECT_TRUE(sandbox.Records().at(0).tls);
  EXPECT_THAT(client.Ask("QUIT"), StartsWith("221 "));
}

TEST(Dialogue, ASilentSenderIsToldAndClosed) {
  ServerOptions options;
  options.idle_timeout = absl::Milliseconds(30);
  Sandbox sandbox(OneProvider(""), options);
  Client client = sandbox.Greeted();
  EXPECT_THAT(client.Read(), StartsWith("421 4.4.2"));
  EXPECT_EQ(client.Read(), "EOF");
}

TEST(Dialogue, TheLedgerTellsWhatTheSenderBrokeOff) {
  Sandbox sandbox(OneProvider(""));
  Client reset = sandbox.Greeted();
  reset.Ask("MAIL FROM:<a@b.example>");
  reset.Ask("RCPT TO:<reset@p.example>");
  reset.Ask("RSET");
  Client closed = sandbox.Greeted();
  closed.Ask("MAIL FROM:<a@b.example>");
  closed.Ask("RCPT TO:<closed@p.example>");
  closed.Ask("DATA");
  closed.Send("Subject: x\r\n");
  closed.Close();
  const std::vector<LedgerRecord> records = sandbox.RecordsOnce(2);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].rcpt_to, "reset@p.example");
  EXPECT_EQ(records[0].outcome, RecordOutcome::kDropped);
  EXPECT_EQ(records[0].phase, kPhaseRcpt);
  EXPECT_EQ(records[1].rcpt_to, "closed@p.example");
  EXPECT_EQ(records[1].outcome, RecordOutcome::kDropped);
  EXPECT_EQ(records[1].phase, kPhaseData);
  EXPECT_EQ(records[1].dropped_by, "sender");
  EXPECT_FALSE(records[1].in_doubt());
}

TEST(Dialogue, AReplyNobodyTookIsInDoubt) {
  Sandbox sandbox(OneProvider(""));
  Client polite = sandbox.Greeted();
  polite.Deliver("polite@p.example");
  polite.Ask("QUIT");
  Client gone = sandbox.Greeted();
  gone.Deliver("gone@p.example");
  gone.Close();
  sandbox.RecordsOnce(3);
  const std::vector<LedgerRecord> records = sandbox.FinalRecords();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[2].kind, RecordKind::kUnconfirmed);
  EXPECT_EQ(records[2].rcpt_to, "gone@p.example");
  EXPECT_TRUE(records[2].in_doubt());
}

TEST(Dialogue, ClosesWhatIsBeyondItsConnections) {
  Sandbox sandbox("max_connections: 1 " + OneProvider(""));
  Client first = sandbox.Greeted();
  Client second = sandbox.Connect();
  EXPECT_EQ(second.Read(), "EOF");
  EXPECT_THAT(first.Ask("NOOP"), StartsWith("250 "));
}

}  // namespace
}  // namespace crescendo::sandbox
