// Our transport against Postfix's smtp-sink in all its failure modes.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/interop/table.h"
#include "tests/support/smtp_harness.h"
#include "tests/support/smtp_receivers.h"

namespace crescendo::testing {
namespace {

using Arguments = std::vector<std::string>;

// Opens, sends two messages as far as that goes, and closes: what happened, without the details,
// joined by "; ".
std::string SendTwo(const Arguments& sink_arguments, size_t size = 10,
                    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions()) {
  SmtpSink sink(sink_arguments);
  SmtpHarness smtp(std::move(options));
  smtp.Open(sink.port());
  std::vector<std::string> seen;
  int64_t sent = 0;
  while (true) {
    const ports::TransportEvent event = smtp.Next();
    const std::string what = Describe(event);
    seen.push_back(what.substr(0, what.find(": ")));
    if (event.kind == ports::TransportEvent::Kind::kClosed) return absl::StrJoin(seen, "; ");
    if (event.kind == ports::TransportEvent::Kind::kSent && !event.connection_usable) continue;
    if (sent == 2) {
      smtp.transport().Close(ConnectionId(1));
    } else {
      std::string message = "Subject: s\r\n\r\n";
      while (message.size() < size) message += "a line of text\r\n";
      smtp.Send(1, ++sent, message);
    }
  }
}

// "opened; sent, <reply>, usable; sent, <reply>, usable; closed".
std::string BothAnswered(absl::string_view reply) {
  return absl::StrCat("opened; sent, ", reply, ", usable; sent, ", reply, ", usable; closed");
}

const std::string& Fine() {
  static const auto* const fine = new std::string(BothAnswered("reply 250 at end of data"));
  return *fine;
}

class SmtpSinkInterop : public ::testing::Test {
 protected:
  static void Check(ResultTable* table, absl::string_view row, absl::string_view column,
                    const std::string& seen, const std::string& want) {
    EXPECT_EQ(seen, want) << row << ", " << column;
    table->Put(row, column, seen == Fine() ? "both taken" : seen, seen == want);
  }
};

// Every command refused, cut off or answered by 421, with and without PIPELINING.
TEST_F(SmtpSinkInterop, FailsAtEachCommandAsItShould) {
  struct Case {
    const char* command;
    std::string drop, close, defer, refuse;  // -q, -Q, -r, -f
  };
  ResultTable table("smtp-sink: failing command × failure", "command", "interop-sink.md");
  const std::string dropped = "opened; not transferred; closed";
  for (const Case& c : {
           Case{"CONNECT", "closed", "closed after 421 4.0.0 Server closing connection",
                "closed after 450 4.3.0 Error", "closed after 500 5.3.0 Error"},
           // A refused EHLO is followed by HELO, which this sink takes.
           Case{"EHLO", "closed", "closed after 421 4.0.0 Server closing connection",
                "closed after 450 4.3.0 Error", Fine()},
           Case{"MAIL", dropped, "opened; sent, reply 421 at MAIL; closed",
                BothAnswered("reply 450 at MAIL"), BothAnswered("reply 500 at MAIL")},
           Case{"RCPT", dropped, "opened; sent, reply 421 at RCPT; closed",
                BothAnswered("reply 450 at RCPT"), BothAnswered("reply 500 at RCPT")},
           Case{"DATA", dropped, "opened; sent, reply 421 at DATA; closed",
                BothAnswered("reply 450 at DATA"), BothAnswered("reply 500 at DATA")},
           Case{".", "opened; in doubt; closed", "opened; sent, reply 421 at end of data; closed",
                BothAnswered("reply 450 at end of data"), BothAnswered("reply 500 at end of data")},
           // Between two accepted messages none is needed, and nothing hangs on QUIT's answer.
           Case{"RSET", Fine(), Fine(), Fine(), Fine()},
           Case{"QUIT", Fine(), Fine(), Fine(), Fine()},
       }) {
    for (const bool pipelining : {true, false}) {
      const auto run = [&](const char* mode) {
        Arguments arguments = {mode, c.command};
        if (!pipelining) arguments.push_back("-p");
        return SendTwo(arguments);
      };
      const std::string row = absl::StrCat(c.command, pipelining ? "" : ", one by one");
      Check(&table, row, "disconnects (-q)", run("-q"), c.drop);
      Check(&table, row, "421 and disconnects (-Q)", run("-Q"), c.close);
      Check(&table, row, "4yz (-r)", run("-r"), c.defer);
      Check(&table, row, "5yz (-f)", run("-f"), c.refuse);
    }
  }
  table.Publish();
}

TEST_F(SmtpSinkInterop, DoesAsItShouldWithEachOption) {
  const auto impatient = [](absl::Duration smtp::Deadlines::*limit) {
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
    options.deadlines.*limit = absl::Milliseconds(100);
    return options;
  };
  using D = smtp::Deadlines;
  struct Case {
    Arguments arguments;
    std::string want = Fine();
    size_t size = 10;
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
  };
  const std::string kept = "opened; not transferred; closed";
  const std::string refused = "opened; sent, reply 500 at RCPT, usable; ";
  constexpr size_t kLarge = 4 << 20;
  ResultTable table("smtp-sink: options", "options", "interop-sink-options.md");
  for (const Case& c : {
           Case{{}},
           Case{{"-8"}},
           Case{{"-a"}},
           Case{{"-C"}},
           Case{{"-E"}},
           Case{{"-F"}},
           Case{{"-N"}},
           Case{{"-p"}},
           Case{{"-8", "-a", "-C", "-E", "-F", "-N", "-p"}},
           Case{{"-e"}},  // HELO only.
           Case{{"-P"}},  // A firewall's banner of stars.
           Case{{"-c"}},
           Case{{"-h", "\xC3\xA9.example"}},
           Case{{"-m", "1"}},
           Case{{"-L"}, "closed after 500 5.5.1 Error"},  // LMTP knows no HELO.
           Case{{"-M", "1"}, "opened; in doubt; closed"},
           Case{{"-r", "RCPT", "-b", "452 4.2.2 full"}, BothAnswered("reply 452 at RCPT")},
           Case{{"-f", "RCPT", "-B", "551 5.1.6 moved"}, BothAnswered("reply 551 at RCPT")},
           // After a refused recipient comes RSET.
           Case{{"-f", "RCPT", "-f", "RSET"}, refused + "not transferred; closed"},
           Case{{"-f", "RCPT", "-q", "RSET"}, refused + "not transferred; closed"},
           Case{{"-f", "RCPT", "-Q", "RSET"}, refused + "sent, reply 421 at RSET; closed"},
           // 550 in the middle of the body, of which it reads nothing.
           Case{{"-A", "1"}, "opened; sent, reply 550 at end of data; closed", kLarge},
           // A window of 1 KiB: the body trickles.
           Case{{"-T", "1024"}, Fine(), 200000},
           Case{{"-H", "1", "-T", "1024"}, Fine(), 200000},
           // It takes its time, which we have, or have not.
           Case{{"-w", "1"}},
           Case{{"-p", "-W", "MAIL:1"}},
           Case{{"-W", "CONNECT:9"}, "closed", 10, impatient(&D::banner)},
           Case{{"-W", "EHLO:9"}, "closed", 10, impatient(&D::ehlo)},
           Case{{"-p", "-W", "MAIL:9"}, kept, 10, impatient(&D::mail)},
           Case{{"-p", "-W", "RCPT:9"}, kept, 10, impatient(&D::rcpt)},
           Case{{"-p", "-W", "DATA:9"}, kept, 10, impatient(&D::data)},
           Case{{"-H", "9", "-T", "1024"}, kept, kLarge, impatient(&D::data_block)},
           Case{{"-p", "-w", "9"}, kept, 10, impatient(&D::data)},
           // In a pipelined group it holds the replies before that one back, too.
           Case{{"-w", "9"}, kept, 10, impatient(&D::mail)},
           Case{{"-W", ".:9"}, "opened; in doubt; closed", 10, impatient(&D::final_dot)},
           Case{{"-W", "QUIT:9"}, Fine(), 10, impatient(&D::quit)},
           // Its delay lets the reply to RCPT overtake the one to MAIL: a 503 for the wrong
           // command.
           Case{{"-W", "MAIL:1"}, "opened; sent, reply 503 at MAIL; closed"},
       }) {
    const std::string name = c.arguments.empty() ? "none" : absl::StrJoin(c.arguments, " ");
    Check(&table, name, "two messages", SendTwo(c.arguments, c.size, c.options), c.want);
  }
  table.Publish();
}

// It closes a session on which nothing happens for a second.
TEST_F(SmtpSinkInterop, NoticesThatAnIdleConnectionIsGone) {
  SmtpSink sink({"-t", "1"});
  SmtpHarness smtp;
  smtp.Open(sink.port());
  EXPECT_EQ(Describe(smtp.Next()), "opened");
  EXPECT_TRUE(absl::StartsWith(Describe(smtp.Next()), "closed"));
  smtp.Send(1, 1);
  EXPECT_TRUE(absl::StartsWith(Describe(smtp.Next()), "not transferred"));
}

}  // namespace
}  // namespace crescendo::testing
