// L11 over real sockets: servers that drip, sip or flood. Whatever they do, a session ends in time
// and takes no more memory than it may.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "absl/strings/str_cat.h"
#include "tests/support/sanitized.h"
#include "tests/support/smtp_harness.h"
#include "tests/support/smtp_script_server.h"

namespace crescendo::testing {
namespace {

using ::testing::StartsWith;
using D = smtp::Deadlines;

const SmtpScript kCommands = {Read("MAIL"), Read("RCPT"), Read("DATA")};
const SmtpScript kGoAhead = kCommands + SmtpScript{Say("250 ok\r\n250 ok\r\n354 go\r\n")};

SmtpScript Open() { return Greeting({"PIPELINING"}); }
SmtpScript Tls() { return Greeting({"STARTTLS"}) + SmtpScript{Read("STARTTLS")}; }

// More than the sockets between us hold.
std::string LongMessage() {
  std::string message = "Subject: long\r\n\r\n";
  while (message.size() < (16u << 20)) message += std::string(76, 'x') + "\r\n";
  return message;
}

// Each byte, or each line, comes in time; the reply does not.
TEST(SlowServer, GainsNothingByDrippingItsReplies) {
  struct Case {
    const char* name;
    absl::Duration D::*limit;
    SmtpScript script;
    std::vector<const char*> want;
  };
  for (const Case& c : {
           Case{"banner", &D::banner, {Drip("2")}, {"closed: no banner in 50ms"}},
           Case{"banner, in lines", &D::banner, {Drip("220-a\r\n")}, {"closed: no banner in 50ms"}},
           Case{"EHLO",
                &D::ehlo,
                {Say("220 mx\r\n"), Read("EHLO"), Drip("250-a\r\n")},
                {"closed: no reply to EHLO in 50ms"}},
           Case{"STARTTLS",
                &D::start_tls,
                Tls() + SmtpScript{Drip("220-a\r\n")},
                {"closed: no reply to STARTTLS in 50ms"}},
           Case{"MAIL",
                &D::mail,
                Open() + kCommands + SmtpScript{Drip("2")},
                {"opened", "not transferred: no reply to MAIL in 50ms", "closed: "}},
           Case{"end of data",
                &D::final_dot,
                Open() + kGoAhead + SmtpScript{ReadMessage(), Drip("250-a\r\n")},
                {"opened", "in doubt: no reply to end of data in 50ms", "closed: "}},
           Case{"the whole opening, at its banner",
                &D::opening,
                {Drip("2")},
                {"closed: not opened in 50ms, at banner"}},
           Case{"the whole opening, at EHLO",
                &D::opening,
                {Say("220 mx\r\n"), Read("EHLO"), Drip("250-a\r\n")},
                {"closed: not opened in 50ms, at EHLO"}},
           Case{"the whole opening, in a handshake: not once more in the clear",
                &D::opening,
                Tls() + SmtpScript{Say("220 go\r\n"), Hang()},
                {"closed: not opened in 50ms, at TLS handshake"}},
       }) {
    SCOPED_TRACE(c.name);
    SmtpScriptServer server({c.script});
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
    options.deadlines.*c.limit = absl::Milliseconds(50);
    SmtpHarness smtp(options);
    smtp.Open(server.port());
    for (const char* want : c.want) {
      const ports::TransportEvent event = smtp.Next();
      EXPECT_THAT(Describe(event), StartsWith(want));
      EXPECT_FALSE(event.local_failure);
      if (event.kind == ports::TransportEvent::Kind::kOpened) smtp.Send(1, 7);
    }
    EXPECT_EQ(server.clients().size(), 1u);
  }
}

// The deadline of the opening ends with it: when the second connection has missed its own, the first
// is as old, and idle.
TEST(SlowServer, MayBeIdleForLongerThanAnOpeningTakes) {
  SmtpScriptServer idle({Open() + kGoAhead + SmtpScript{ReadMessage(), Say("250 ok\r\n")}});
  SmtpScriptServer silent({{Hang()}});
  smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
  options.deadlines.opening = absl::Milliseconds(500);
  SmtpHarness smtp(options);
  smtp.Open(idle.port(), 1);
  EXPECT_EQ(Describe(smtp.Next()), "opened");
  smtp.Open(silent.port(), 2);
  EXPECT_EQ(Describe(smtp.Next()), "closed: not opened in 500ms, at banner");
  smtp.Send(1, 7);
  EXPECT_EQ(Describe(smtp.Next()), "sent, reply 250 at end of data, usable");
}

TEST(SlowServer, GainsNothingBySippingAMessage) {
  struct Case {
    size_t bytes_a_millisecond;
    absl::Duration block_deadline;
    const char* want;
  };
  for (const Case& c : {
           Case{1000, absl::Milliseconds(100),
                "not transferred: no block of the message taken in 100ms"},
           Case{1 << 17, absl::Seconds(10), "sent, reply 250 at end of data, usable"},
       }) {
    SCOPED_TRACE(c.bytes_a_millisecond);
    SmtpScriptServer server(
        {Open() + kGoAhead + SmtpScript{SipMessage(c.bytes_a_millisecond), Say("250 ok\r\n")}});
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
    options.deadlines.data_block = c.block_deadline;
    options.deadlines.block_bytes = 1 << 20;
    SmtpHarness smtp(options);
    smtp.Open(server.port());
    EXPECT_EQ(Describe(smtp.Next()), "opened");
    smtp.Send(1, 7, LongMessage());
    EXPECT_EQ(Describe(smtp.Next()), c.want);
  }
}

int64_t PeakMemoryKiB() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_maxrss;
}

// 100 MB are on offer at each step.
TEST(SlowServer, GainsNoMemoryByFlooding) {
  struct Step {
    const char* name;
    SmtpScript script;
  };
  const Step steps[] = {
      {"banner", {}},
      {"EHLO", {Say("220 mx\r\n"), Read("EHLO")}},
      {"STARTTLS", Tls()},
      {"TLS handshake", Tls() + SmtpScript{Say("220 go\r\n")}},
      {"idle", Open()},
      {"MAIL", Open() + kCommands},
      {"DATA", Open() + kCommands + SmtpScript{Say("250 ok\r\n250 ok\r\n")}},
      {"message", Open() + kGoAhead},
      {"end of data", Open() + kGoAhead + SmtpScript{ReadMessage()}},
  };
  const std::string long_line = "250-" + std::string(900, 'a') + "\r\n";
  const int64_t before = PeakMemoryKiB();
  for (const Step& step : steps) {
    for (const std::string& endless : {std::string("a"), std::string("250-\r\n"), long_line,
                                       std::string("250 ok\r\n"), std::string("\n")}) {
      SCOPED_TRACE(absl::StrCat(endless.substr(0, 10), " at ", step.name));
      SmtpScriptServer server({step.script + SmtpScript{Flood(endless)}, SmtpScript{Cut()}});
      SmtpHarness smtp;
      smtp.Open(server.port());
      ports::TransportEvent event = smtp.Next();
      if (event.kind == ports::TransportEvent::Kind::kOpened) {
        smtp.Send(1, 7);
        event = smtp.Next();
      }
      while (event.kind != ports::TransportEvent::Kind::kClosed) event = smtp.Next();
      EXPECT_LT(server.flooded(), 20u << 20) << "what lies in sockets, and little more";
    }
  }
  if (!kSanitized) EXPECT_LT(PeakMemoryKiB() - before, 8 << 10);
}

}  // namespace
}  // namespace crescendo::testing
