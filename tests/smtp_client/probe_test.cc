// A probe's session: what is sent, what is told, and that it always ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/rig.h"
#include "tests/support/smtp_harness.h"
#include "tests/support/smtp_script_server.h"

namespace crescendo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using Step = ports::ProbeStep;

std::string Describe(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kConnected:
      return "connected";
    case Step::Kind::kReply:
      return absl::StrCat(absl::StrJoin(step.sent, " | "), step.sent.empty() ? "" : " = ",
                          step.reply.code, " at ", SmtpStageName(step.reply.stage));
    case Step::Kind::kTls:
      return absl::StrCat("TLS ", step.tls.protocol, ": ", step.tls.chain_fault, "; ",
                          step.tls.name_fault);
    case Step::Kind::kNote:
      return absl::StrCat("note: ", step.detail);
    case Step::Kind::kEnded:
      return absl::StrCat("ended", step.local_failure ? " by us" : "",
                          step.detail.empty() ? "" : ": ", step.detail);
  }
  return "";
}

ports::Probe ProbeOf(uint16_t port) {
  ports::Probe probe;
  probe.source_address = "127.0.0.1";
  probe.ehlo_name = "mta1.example.com";
  probe.host = {.name = "mx.test", .address = "127.0.0.1", .port = port, .trusted = true};
  probe.mail_from = "news@example.com";
  probe.rcpt_to = "ann@example.net";
  probe.limit = absl::Seconds(20);
  return probe;
}

std::vector<Step> Walk(SmtpHarness& smtp, ports::Probe probe) {
  support::Promise<std::vector<Step>> done;
  auto steps = std::make_shared<std::vector<Step>>();
  smtp.transport().StartProbe(std::move(probe), [&done, steps](Step step) {
    steps->push_back(std::move(step));
    if (steps->back().kind == Step::Kind::kEnded) done.Set(*steps);
  });
  return done.Get().value();
}

std::vector<std::string> Texts(const std::vector<Step>& steps) {
  std::vector<std::string> texts;
  for (const Step& step : steps) texts.push_back(Describe(step));
  return texts;
}

const SmtpScript kMail = {Read("MAIL FROM:<news@example.com>"), Say("250 2.1.0 ok\r\n")};
const SmtpScript kRcpt = {Read("RCPT TO:<ann@example.net>"), Say("250 2.1.5 ok\r\n")};
const SmtpScript kReset = {Read("RSET"), Say("250 2.0.0 ok\r\n")};
const SmtpScript kQuit = {Read("QUIT"), Say("221 bye\r\n"), Cut()};

// Each command waits for the reply to the last though PIPELINING is offered, and nothing is
// delivered.
TEST(Probe, EndsBehindRcptWithRset) {
  SmtpScriptServer server({Greeting({"PIPELINING", "SIZE 1000"}) + kMail + kRcpt + kReset + kQuit});
  SmtpHarness smtp;
  EXPECT_THAT(Texts(Walk(smtp, ProbeOf(server.port()))),
              ElementsAre("connected", "220 at connect", "EHLO mta1.example.com = 250 at EHLO",
                          "MAIL FROM:<news@example.com> = 250 at MAIL",
                          "RCPT TO:<ann@example.net> = 250 at RCPT", "RSET = 250 at RSET",
                          "QUIT = 221 at QUIT", "ended"));
  EXPECT_THAT(server.lines(), ElementsAre(StartsWith("EHLO"), "MAIL FROM:<news@example.com>",
                                          "RCPT TO:<ann@example.net>", "RSET", "QUIT"));
  EXPECT_THAT(server.messages(), IsEmpty());
}

TEST(Probe, EndsBehindMailWithoutARecipient) {
  SmtpScriptServer server({Greeting({}) + kMail + kReset + kQuit});
  SmtpHarness smtp;
  ports::Probe probe = ProbeOf(server.port());
  probe.rcpt_to = std::nullopt;
  Walk(smtp, probe);
  EXPECT_THAT(server.lines(),
              ElementsAre(StartsWith("EHLO"), "MAIL FROM:<news@example.com>", "RSET", "QUIT"));
}

TEST(Probe, SendsAMessageWhenToldTo) {
  SmtpScriptServer server(
      {Greeting({"PIPELINING"}) + kMail + kRcpt +
       SmtpScript{Read("DATA"), Say("354 go\r\n"), ReadMessage(), Say("250 2.0.0 queued\r\n")} +
       kQuit});
  SmtpHarness smtp;
  ports::Probe probe = ProbeOf(server.port());
  probe.message = "Subject: probe\r\n\r\nhello\r\n";
  const std::vector<std::string> texts = Texts(Walk(smtp, probe));
  EXPECT_THAT(texts, ::testing::Contains("(message of 25 bytes) = 250 at end of data"));
  EXPECT_THAT(server.messages(), ElementsAre("Subject: probe\r\n\r\nhello\r\n.\r\n"));
}

TEST(Probe, ShowsTheCertificate) {
  const TestCertificate certificate = MakeCertificate("other.test");
  struct Case {
    const char* name;
    TlsPolicy policy;
    const char* end;
  };
  for (const Case& c :
       {Case{"wished for", TlsPolicy::kOpportunistic, "ended"},
        Case{"required", TlsPolicy::kRequired, "ended"},
        Case{"verified", TlsPolicy::kVerified,
             "ended: the certificate is not to be trusted, as the policy VERIFIED asks: "
             "self-signed certificate"}}) {
    SCOPED_TRACE(c.name);
    SmtpScriptServer server({Greeting({"STARTTLS"}) +
                             SmtpScript{Read("STARTTLS"), Say("220 go\r\n"), StartTls(),
                                        Read("EHLO "), Say("250 mx.test\r\n")} +
                             kMail + kRcpt + kReset + kQuit},
                            &certificate);
    SmtpHarness smtp;
    ports::Probe probe = ProbeOf(server.port());
    probe.tls = c.policy;
    const std::vector<Step> steps = Walk(smtp, probe);
    ASSERT_GT(steps.size(), 4u);
    EXPECT_EQ(Describe(steps[4]), "TLS TLSv1.3: self-signed certificate; it is not for mx.test");
    const ports::TlsFacts& facts = steps[4].tls;
    EXPECT_EQ(facts.subject, "CN = other.test");
    EXPECT_EQ(facts.issuer, "CN = other.test");
    EXPECT_THAT(facts.names, ElementsAre("other.test"));
    EXPECT_EQ(facts.not_after - facts.not_before, absl::Hours(2));
    EXPECT_EQ(Describe(steps.back()), c.end);
    // A server that is not trusted hears no address.
    EXPECT_EQ(server.lines().size() > 4, c.policy != TlsPolicy::kVerified);
  }
}

TEST(Probe, EndsWhereverTheServerDoes) {
  struct Case {
    const char* name;
    SmtpScript script;
    const char* end;
  };
  for (const Case& c :
       {Case{
            "refused banner", {Say("554 5.7.1 no\r\n"), Read("QUIT"), Say("221 bye\r\n")}, "ended"},
        Case{"no banner", {Hang()}, "ended: no banner in 200ms"},
        Case{"no SMTP",
             {Say("HTTP/1.1 400\r\n"), Hang()},
             "ended: no SMTP reply to connect: HTTP/1.1 400"},
        Case{"421 at MAIL",
             Greeting({}) + SmtpScript{Read("MAIL"), Say("421 4.7.28 too fast\r\n"), Cut()},
             "ended: ended with 421 4.7.28 too fast"},
        Case{"cut at RCPT", Greeting({}) + kMail + SmtpScript{Read("RCPT"), Cut()},
             "ended: connection closed by the server, at RCPT"},
        Case{"silence at RCPT", Greeting({}) + kMail + SmtpScript{Read("RCPT"), Hang()},
             "ended: no reply to RCPT in 200ms"}}) {
    SCOPED_TRACE(c.name);
    SmtpScriptServer server({c.script});
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
    options.deadlines.banner = options.deadlines.rcpt = absl::Milliseconds(200);
    SmtpHarness smtp(options);
    EXPECT_EQ(Describe(Walk(smtp, ProbeOf(server.port())).back()), c.end);
  }
}

TEST(Probe, HasATimeForAllOfIt) {
  SmtpScriptServer server({Greeting({}) + kMail + SmtpScript{Hang()}});
  SmtpHarness smtp;
  ports::Probe probe = ProbeOf(server.port());
  probe.limit = absl::Milliseconds(300);
  const std::vector<Step> steps = Walk(smtp, probe);
  EXPECT_EQ(Describe(steps.back()), "ended: the time for the probe is over (300ms)");
}

TEST(Probe, IsCancelled) {
  SmtpScriptServer server({{Say("220 mx\r\n"), Read("EHLO"), Hang()}});
  SmtpHarness smtp;
  support::Promise<std::string> banner, end;
  const int64_t number = smtp.transport().StartProbe(ProbeOf(server.port()), [&](Step step) {
    if (step.kind == Step::Kind::kReply) banner.Set(Describe(step));
    if (step.kind == Step::Kind::kEnded) end.Set(Describe(step));
  });
  EXPECT_EQ(*banner.Get(), "220 at connect");
  smtp.transport().CancelProbe(number);
  EXPECT_EQ(*end.Get(), "ended: the probe was cancelled");
  smtp.transport().CancelProbe(number);
}

TEST(Probe, GoesNowhereThatMailDoesNot) {
  SmtpScriptServer server({Greeting({})});
  SmtpHarness smtp;
  ports::Probe probe = ProbeOf(server.port());
  probe.host.trusted = false;
  const std::vector<Step> steps = Walk(smtp, probe);
  EXPECT_THAT(Texts(steps), ElementsAre(HasSubstr("[127.0.0.1] is loopback, where mail does not")));
  EXPECT_THAT(smtp.transport().Forbidden(probe.host), HasSubstr("is loopback"));
  probe.host.trusted = true;
  EXPECT_EQ(smtp.transport().Forbidden(probe.host), "");
  probe.source_address = "192.0.2.77";
  EXPECT_THAT(Describe(Walk(smtp, probe).back()),
              StartsWith("ended by us: cannot bind 192.0.2.77"));
}

TEST(Probe, LeavesLanesTheirSockets) {
  SmtpScriptServer server({Greeting({}) + SmtpScript{Hang()}});
  smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
  options.max_connections = 1;
  SmtpHarness smtp(options);
  smtp.Open(server.port());
  EXPECT_EQ(testing::Describe(smtp.Next()), "opened");
  EXPECT_EQ(Describe(Walk(smtp, ProbeOf(server.port())).back()),
            "ended by us: all 1 connections (limits.max_connections) are in use");
}

// The transport goes in the middle of a probe, which the sanitizers watch.
TEST(Probe, GoesWithItsTransport) {
  SmtpScriptServer server({{Say("220 mx\r\n"), Read("EHLO"), Hang()}});
  support::Promise<std::string> banner;
  SmtpHarness smtp;
  smtp.transport().StartProbe(ProbeOf(server.port()), [&](Step step) {
    if (step.kind == Step::Kind::kReply) banner.Set(Describe(step));
  });
  EXPECT_EQ(*banner.Get(), "220 at connect");
}

}  // namespace
}  // namespace crescendo::testing
