// Dialogues as they happen: who is told what, and what a slow reader misses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "smtp_client/delivery/trace_hub.h"
#include "smtp_client/session/transcript.h"
#include "tests/support/sim_clock.h"
#include "tests/support/smtp_harness.h"
#include "tests/support/smtp_script_server.h"

namespace crescendo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Lane kGmail{EgressIpId("mta1-a"), ProviderId("gmail")};
const Lane kYahoo{EgressIpId("mta1-a"), ProviderId("yahoo")};
const absl::Time kStart = absl::FromCivil(absl::CivilHour(2026, 3, 4, 12), absl::UTCTimeZone());

std::vector<std::string> Texts(const std::vector<ports::TraceLine>& lines) {
  std::vector<std::string> texts;
  for (const ports::TraceLine& line : lines) {
    texts.push_back(absl::StrCat(line.earlier ? "before " : "",
                                 line.delivery == DeliveryId() ? "" : "7 ", line.text));
  }
  return texts;
}

TEST(Trace, TellsALaneOrARecipient) {
  support::SimClock clock(kStart);
  smtp::TraceHub hub(&clock);
  SmtpScriptServer server({Greeting({"PIPELINING"}) +
                           SmtpScript{Read("MAIL"), Read("RCPT"), Read("DATA"),
                                      Say("250 2.1.0 ok\r\n550 5.1.1 no such user\r\n503 no\r\n"),
                                      Read("QUIT"), Say("221 bye\r\n"), Cut()}});
  smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
  options.traces = &hub;
  SmtpHarness smtp(options);
  const int64_t lane = hub.Watch({.lane = kGmail}, [] {}).value();
  const int64_t other_lane = hub.Watch({.lane = kYahoo}, [] {}).value();
  const int64_t ann = hub.Watch({.recipient = "ANN@example.net"}, [] {}).value();
  const int64_t bob = hub.Watch({.recipient = "bob@example.net"}, [] {}).value();

  ports::OpenConnection open = smtp.OpenTo(server.port(), 1, TlsPolicy::kOpportunistic);
  open.lane = kGmail;
  smtp.transport().Open(open);
  EXPECT_EQ(Describe(smtp.Next()), "opened");
  const std::string peer = absl::StrCat("* mx.test [127.0.0.1]:", server.port(), " from 127.0.0.1");
  const std::vector<ports::TraceLine> opening = hub.Take(lane);
  EXPECT_THAT(Texts(opening),
              ElementsAre(peer, "* connected", "< 220 mx.test ESMTP", "> EHLO mta1.example.com",
                          "< 250-mx.test", "< 250-PIPELINING", "< 250 HELP"));
  EXPECT_EQ(opening[0].time, kStart);
  EXPECT_EQ(opening[0].lane, kGmail);
  EXPECT_EQ(opening[0].host, absl::StrCat("mx.test [127.0.0.1]:", server.port()));

  smtp.Send(1, 7);
  EXPECT_EQ(Describe(smtp.Next()), "sent, reply 550 at RCPT, usable");
  EXPECT_THAT(
      Texts(hub.Take(lane)),
      ElementsAre("7 > MAIL FROM:<news@example.com>", "7 > RCPT TO:<ann@example.net>", "7 > DATA",
                  "7 < 250 2.1.0 ok", "7 < 550 5.1.1 no such user", "7 < 503 no"));
  // It had not seen this session: its opening comes first.
  EXPECT_THAT(
      Texts(hub.Take(ann)),
      ElementsAre("before 7 " + peer, "before 7 < 220 mx.test ESMTP",
                  "before 7 > EHLO mta1.example.com", "before 7 < 250-mx.test",
                  "before 7 < 250-PIPELINING", "before 7 < 250 HELP",
                  "7 > MAIL FROM:<news@example.com>", "7 > RCPT TO:<ann@example.net>", "7 > DATA",
                  "7 < 250 2.1.0 ok", "7 < 550 5.1.1 no such user", "7 < 503 no"));
  smtp.transport().Close(ConnectionId(1));
  EXPECT_EQ(Describe(smtp.Next()), "closed");
  EXPECT_THAT(Texts(hub.Take(lane)), ElementsAre("> QUIT", "< 221 bye", "* closed"));
  EXPECT_THAT(hub.Take(ann), IsEmpty());
  EXPECT_THAT(hub.Take(other_lane), IsEmpty());
  EXPECT_THAT(hub.Take(bob), IsEmpty());
}

TEST(Trace, TellsWhyAConnectionWasNotOpened) {
  support::SimClock clock(kStart);
  smtp::TraceHub hub(&clock);
  smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
  options.traces = &hub;
  SmtpHarness smtp(options);
  const int64_t lane = hub.Watch({.lane = kGmail}, [] {}).value();
  ports::OpenConnection open = smtp.OpenTo(25, 1, TlsPolicy::kOpportunistic);
  open.lane = kGmail;
  open.host.trusted = false;
  smtp.transport().Open(open);
  smtp.Next();
  EXPECT_THAT(
      Texts(hub.Take(lane)),
      ElementsAre("* closed: mx.test [127.0.0.1] is loopback, where mail does not go unless "
                  "allowed_destinations lists it"));
}

TEST(Trace, TellsASlowReaderWhatItMissed) {
  support::SimClock clock(kStart);
  smtp::TraceHub hub(&clock);
  int wakes = 0;
  const int64_t watcher = hub.Watch({.lane = kGmail}, [&] { ++wakes; }).value();
  smtp::Tap tap(&hub, {.connection = ConnectionId(1), .lane = kGmail});
  for (size_t i = 0; i < smtp::TraceHub::kMostLines + 5; ++i) tap.OnNote(absl::StrCat(i));
  EXPECT_EQ(wakes, 1) << "once, until it takes";
  std::vector<ports::TraceLine> lines = hub.Take(watcher);
  ASSERT_THAT(lines, SizeIs(smtp::TraceHub::kMostLines + 1));
  EXPECT_EQ(lines[0].text, "* 0");
  EXPECT_EQ(lines.back().text, "");
  EXPECT_EQ(lines.back().missed, 5);
  tap.OnNote("after");
  EXPECT_EQ(wakes, 2);
  EXPECT_THAT(Texts(hub.Take(watcher)), ElementsAre("* after"));

  const std::string wide(2000, 'x');
  for (int i = 0; i < 200; ++i) tap.OnNote(wide);
  lines = hub.Take(watcher);
  size_t bytes = 0;
  for (const ports::TraceLine& line : lines) bytes += line.text.size();
  EXPECT_LE(bytes, smtp::TraceHub::kMostBytes);
  EXPECT_EQ(lines.size() - 1 + static_cast<size_t>(lines.back().missed), 200u);
}

TEST(Transcript, KeepsTheProofOfAReturnPathToItself) {
  struct Case {
    const char* line;
    const char* want;
  };
  for (const Case& c : {
           Case{"MAIL FROM:<bounce+7-9f86d081884c7d65@shop.example> SIZE=10",
                "MAIL FROM:<bounce+7-...@shop.example> SIZE=10"},
           Case{"MAIL FROM:<bounce+7-9f86d081884c7d6@shop.example>",
                "MAIL FROM:<bounce+7-9f86d081884c7d6@shop.example>"},
           Case{"MAIL FROM:<news+spring@shop.example>", "MAIL FROM:<news+spring@shop.example>"},
           Case{"RCPT TO:<ann+7-9f86d081884c7d65@shop.example>",
                "RCPT TO:<ann+7-9f86d081884c7d65@shop.example>"},
           Case{"MAIL FROM:<+>", "MAIL FROM:<+>"},
       }) {
    support::SimClock clock(kStart);
    smtp::TraceHub hub(&clock);
    const int64_t watcher = hub.Watch({.lane = kGmail}, [] {}).value();
    smtp::Tap tap(&hub, {.connection = ConnectionId(1), .lane = kGmail});
    smtp::Transcript transcript(1000, &tap);
    transcript.Sent(absl::StrCat(c.line, "\r\n"));
    EXPECT_EQ(transcript.text(), absl::StrCat("> ", c.want, "\n"));
    EXPECT_THAT(Texts(hub.Take(watcher)), ElementsAre(absl::StrCat("> ", c.want)));
  }
}

TEST(Trace, HasABoundOfWatchers) {
  support::SimClock clock(kStart);
  smtp::TraceHub hub(&clock);
  EXPECT_FALSE(hub.watched());
  int64_t last = 0;
  for (size_t i = 0; i < smtp::TraceHub::kMostWatchers; ++i) {
    last = hub.Watch({.lane = kGmail}, [] {}).value();
  }
  EXPECT_EQ(hub.Watch({.lane = kGmail}, [] {}).status(),
            absl::ResourceExhaustedError(
                "8 traces are running, which is the most; end one, or try again later"));
  hub.Unwatch(last);
  EXPECT_TRUE(hub.Watch({.lane = kGmail}, [] {}).ok());
  EXPECT_TRUE(hub.watched());
}

}  // namespace
}  // namespace crescendo::testing
