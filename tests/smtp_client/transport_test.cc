// The transport over real sockets, against a scripted server on loopback.
#include "smtp_client/delivery/smtp_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/smtp_harness.h"
#include "tests/support/smtp_script_server.h"

namespace crescendo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const SmtpScript kEnvelope = {Read("MAIL FROM:<news@example.com>"), Read("RCPT TO:<ann@"),
                              Read("DATA"), Say("250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n")};
const SmtpScript kBody = {ReadMessage(), Say("250 2.0.0 queued as 1\r\n")};
const SmtpScript kGoodbye = {Read("QUIT"), Say("221 bye\r\n"), Cut()};

// More than the sockets between us hold.
std::string LongMessage() {
  std::string message = "Subject: long\r\n\r\n";
  while (message.size() < (16u << 20)) message += std::string(76, 'x') + "\r\n";
  return message;
}

TEST(SmtpTransport, SendsTwoMessagesOverOneConnection) {
  SmtpScriptServer server(
      {Greeting({"PIPELINING"}) + kEnvelope + kBody + kEnvelope + kBody + kGoodbye});
  SmtpHarness smtp;
  smtp.Open(server.port());
  EXPECT_EQ(Describe(smtp.Next()), "opened");
  for (const int delivery : {7, 8}) {
    smtp.Send(1, delivery, "Subject: hi\r\n\r\n.dot\r\n");
    const ports::TransportEvent sent = smtp.Next();
    EXPECT_EQ(Describe(sent), "sent, reply 250 at end of data, usable");
    EXPECT_EQ(sent.delivery, DeliveryId(delivery));
    EXPECT_EQ(sent.reply.enhanced, (EnhancedStatus{2, 0, 0}));
  }
  smtp.transport().Close(ConnectionId(1));
  EXPECT_EQ(Describe(smtp.Next()), "closed");
  EXPECT_THAT(server.messages(), ElementsAre("Subject: hi\r\n\r\n..dot\r\n.\r\n",
                                             "Subject: hi\r\n\r\n..dot\r\n.\r\n"));
  EXPECT_THAT(server.clients(), ElementsAre("127.0.0.1"));
}

TEST(SmtpTransport, KeepsTranscriptsOfTheLastDeliveries) {
  SmtpScriptServer server({Greeting({"PIPELINING"}) + kEnvelope + kBody + kEnvelope + kBody +
                           kEnvelope + kBody + kGoodbye});
  smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
  options.accepted_transcripts.count = 2;
  SmtpHarness smtp(options);
  smtp.Open(server.port());
  smtp.Next();
  for (const int delivery : {7, 8, 9}) {
    smtp.Send(1, delivery, "Subject: private\r\n\r\nbody\r\n");
    smtp.Next();
  }
  EXPECT_EQ(smtp.transport().Transcript(DeliveryId(7)), "");
  // The session's opening stands before each of its messages.
  EXPECT_EQ(smtp.transport().Transcript(DeliveryId(9)),
            absl::StrCat("* mx.test [127.0.0.1]:", server.port(), " from 127.0.0.1\n",
                         "< 220 mx.test ESMTP\n> EHLO mta1.example.com\n"
                         "< 250-mx.test\n< 250-PIPELINING\n< 250 HELP\n"
                         "* message 3 of this connection\n"
                         "> MAIL FROM:<news@example.com>\n> RCPT TO:<ann@example.net>\n> DATA\n"
                         "< 250 2.1.0 ok\n< 250 2.1.5 ok\n< 354 go\n"
                         "* message of 26 bytes, then a dot\n< 250 2.0.0 queued as 1\n"));
}

// L4 over real sockets: wherever the connection ends, the core learns whether a copy may exist.
TEST(SmtpTransport, TellsWhereTheConnectionEnded) {
  struct Case {
    const char* name;
    SmtpScript after_greeting;
    const char* want;
  };
  const SmtpScript open = Greeting({"PIPELINING"});
  const Case cases[] = {
      {"before MAIL", {Cut()}, ""},
      {"after the commands", {Read("MAIL"), Read("RCPT"), Read("DATA")}, "not transferred: "},
      {"after the reply to MAIL",
       {Read("MAIL"), Read("RCPT"), Read("DATA"), Say("250 ok\r\n")},
       "not transferred: "},
      {"after the reply to RCPT",
       {Read("MAIL"), Read("RCPT"), Read("DATA"), Say("250 ok\r\n250 ok\r\n")},
       "not transferred: "},
      {"after the message", kEnvelope + SmtpScript{ReadMessage()}, "in doubt: "},
      {"in the reply to the message", kEnvelope + SmtpScript{ReadMessage(), Say("250-half\r\n25")},
       "in doubt: "},
      {"after the reply", kEnvelope + kBody, "sent, reply 250 at end of data, usable"},
  };
  for (const ScriptStep& end : {Cut(), Reset()}) {
    for (const Case& c : cases) {
      SCOPED_TRACE(absl::StrCat(c.name, end.kind == ScriptStep::Kind::kCut ? ", FIN" : ", RST"));
      SmtpScriptServer server({open + c.after_greeting + SmtpScript{end}});
      SmtpHarness smtp;
      smtp.Open(server.port());
      EXPECT_EQ(Describe(smtp.Next()), "opened");
      if (*c.want != '\0') {
        smtp.Send(1, 7);
        EXPECT_THAT(Describe(smtp.Next()), StartsWith(c.want));
      }
      const ports::TransportEvent closed = smtp.Next();
      EXPECT_THAT(Describe(closed), StartsWith("closed: "));
      EXPECT_FALSE(closed.local_failure);
    }
  }
}

// The server goes while most of a long message is still on our side: no dot has left.
TEST(SmtpTransport, IsNotInDoubtInTheMiddleOfAMessage) {
  const std::string message = LongMessage();
  for (const ScriptStep& end : {Cut(), Reset()}) {
    SmtpScriptServer server({Greeting({"PIPELINING"}) + kEnvelope + SmtpScript{end}});
    SmtpHarness smtp;
    smtp.Open(server.port());
    smtp.Next();
    smtp.Send(1, 7, message);
    EXPECT_THAT(Describe(smtp.Next()), StartsWith("not transferred: "));
    EXPECT_THAT(Describe(smtp.Next()), StartsWith("closed: "));
  }
}

// It says why before it stops reading, and the reason must not drown in the failed write.
TEST(SmtpTransport, HearsARefusalInTheMiddleOfAMessage) {
  for (const ScriptStep& then : {Hang(), Cut()}) {
    SmtpScriptServer server({Greeting({"PIPELINING"}) + kEnvelope +
                             SmtpScript{Read("Subject"), Say("552 5.3.4 too long\r\n"), then}});
    SmtpHarness smtp;
    smtp.Open(server.port());
    smtp.Next();
    smtp.Send(1, 7, LongMessage());
    EXPECT_EQ(Describe(smtp.Next()), "sent, reply 552 at end of data");
    EXPECT_THAT(Describe(smtp.Next()), StartsWith("closed: ended with 552 5.3.4"));
  }
}

TEST(SmtpTransport, KeepsADeadlineForEachStep) {
  struct Case {
    const char* name;
    absl::Duration smtp::Deadlines::*limit;
    SmtpScript script;
    std::vector<const char*> want;
  };
  const SmtpScript open = Greeting({"PIPELINING"});
  const SmtpScript commands = {Read("MAIL"), Read("RCPT"), Read("DATA")};
  using D = smtp::Deadlines;
  const Case cases[] = {
      {"banner", &D::banner, {Hang()}, {"closed: no banner in 50ms"}},
      {"a banner drop by drop", &D::banner, {Say("220-"), Hang()}, {"closed: no banner in 50ms"}},
      {"EHLO", &D::ehlo, {Say("220 mx\r\n"), Hang()}, {"closed: no reply to EHLO in 50ms"}},
      {"STARTTLS",
       &D::start_tls,
       Greeting({"STARTTLS"}) + SmtpScript{Hang()},
       {"closed: no reply to STARTTLS in 50ms"}},
      {"handshake",
       &D::handshake,
       Greeting({"STARTTLS"}) + SmtpScript{Read("STARTTLS"), Say("220 go\r\n"), Hang()},
       {"closed without TLS: TLS handshake not done in 50ms"}},
      {"MAIL",
       &D::mail,
       open + commands + SmtpScript{Hang()},
       {"opened", "not transferred: no reply to MAIL in 50ms", "closed: "}},
      {"RCPT",
       &D::rcpt,
       open + commands + SmtpScript{Say("250 ok\r\n"), Hang()},
       {"opened", "not transferred: no reply to RCPT in 50ms", "closed: "}},
      {"DATA",
       &D::data,
       open + commands + SmtpScript{Say("250 ok\r\n250 ok\r\n"), Hang()},
       {"opened", "not transferred: no reply to DATA in 50ms", "closed: "}},
      {"final dot",
       &D::final_dot,
       open + kEnvelope + SmtpScript{Hang()},
       {"opened", "in doubt: no reply to end of data in 50ms", "closed: "}},
      {"the whole transaction",
       &D::transaction,
       open + kEnvelope + SmtpScript{Hang()},
       {"opened", "in doubt: transaction not done in 50ms, at end of data", "closed: "}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    SmtpScriptServer server({c.script});
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
    options.deadlines.*c.limit = absl::Milliseconds(50);
    SmtpHarness smtp(options);
    // Required, so that a handshake that hangs is not made up for in the clear.
    smtp.Open(server.port(), 1,
              c.limit == &D::handshake ? TlsPolicy::kRequired : TlsPolicy::kOpportunistic);
    for (const char* want : c.want) {
      const ports::TransportEvent event = smtp.Next();
      EXPECT_THAT(Describe(event), StartsWith(want));
      if (event.kind == ports::TransportEvent::Kind::kOpened) smtp.Send(1, 7);
    }
  }
}

TEST(SmtpTransport, GivesUpOnAServerThatStopsReading) {
  const std::string message = LongMessage();
  SmtpScriptServer server({Greeting({"PIPELINING"}) + kEnvelope + SmtpScript{Stall()}});
  smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
  options.deadlines.data_block = absl::Milliseconds(100);
  SmtpHarness smtp(options);
  smtp.Open(server.port());
  smtp.Next();
  smtp.Send(1, 7, message);
  EXPECT_EQ(Describe(smtp.Next()), "not transferred: no block of the message taken in 100ms");
  EXPECT_THAT(Describe(smtp.Next()), StartsWith("closed: "));
}

TEST(SmtpTransport, LeavesOnlyFromTheSourceAddress) {
  SmtpScriptServer server({Greeting({}) + kGoodbye});
  SmtpHarness smtp;
  ports::OpenConnection request = smtp.OpenTo(server.port(), 1, TlsPolicy::kOpportunistic);
  request.source_address = "127.0.0.2";
  smtp.transport().Open(request);
  EXPECT_EQ(Describe(smtp.Next()), "opened");
  EXPECT_THAT(server.clients(), ElementsAre("127.0.0.2"));
}

// L8: never the default route, and never a reason to throttle the receiver.
TEST(SmtpTransport, NeverLeavesFromAnywhereElse) {
  SmtpScriptServer server({Greeting({}) + kGoodbye});
  struct Case {
    const char* source;
    const char* want;
  };
  int64_t id = 0;
  SmtpHarness smtp;
  for (const Case& c : {
           Case{"192.0.2.1",
                "closed by us: cannot bind 192.0.2.1: Cannot assign requested address"},
           Case{"::1", "closed by us: cannot bind ::1: "},
           Case{"", "closed by us: \"\" is no source address"},
           Case{"eth0", "closed by us: \"eth0\" is no source address"},
       }) {
    SCOPED_TRACE(c.source);
    ports::OpenConnection request = smtp.OpenTo(server.port(), ++id, TlsPolicy::kOpportunistic);
    request.source_address = c.source;
    smtp.transport().Open(request);
    EXPECT_THAT(Describe(smtp.Next()), StartsWith(c.want));
  }
  ports::OpenConnection request = smtp.OpenTo(server.port(), ++id, TlsPolicy::kOpportunistic);
  request.ehlo_name = "mta1\r\nMAIL FROM:<>";
  smtp.transport().Open(request);
  EXPECT_THAT(Describe(smtp.Next()), StartsWith("closed by us: the EHLO name"));
  EXPECT_THAT(server.clients(), ElementsAre("127.0.0.1")) << "only the last one connected";
}

TEST(SmtpTransport, ReportsARefusedConnection) {
  uint16_t port = 0;
  {
    SmtpScriptServer gone({SmtpScript{}});
    port = gone.port();
  }
  SmtpHarness smtp;
  smtp.Open(port);
  const ports::TransportEvent closed = smtp.Next();
  EXPECT_THAT(closed.detail, HasSubstr("Connection refused"));
  EXPECT_FALSE(closed.local_failure);
}

TEST(SmtpTransport, HoldsNoMoreSocketsThanAllowed) {
  SmtpScriptServer server({Greeting({}) + SmtpScript{Hang()}});
  smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
  options.max_connections = 1;
  SmtpHarness smtp(options);
  smtp.Open(server.port(), 1);
  EXPECT_EQ(Describe(smtp.Next()), "opened");
  smtp.Open(server.port(), 2);
  EXPECT_EQ(Describe(smtp.Next()), "closed by us: all 1 connections are in use");
}

TEST(SmtpTransport, AnswersASendThatMeetsAClosedConnection) {
  SmtpScriptServer server({Greeting({}) + SmtpScript{Say("421 4.4.2 idle\r\n"), Hang()}});
  SmtpHarness smtp;
  smtp.Open(server.port());
  std::string seen = Describe(smtp.Next());
  EXPECT_EQ(seen, "opened");
  EXPECT_EQ(Describe(smtp.Next()), "closed after 421 4.4.2 idle");
  smtp.Send(1, 7);
  const ports::TransportEvent sent = smtp.Next();
  EXPECT_THAT(Describe(sent), StartsWith("not transferred: the connection closed before"));
  EXPECT_EQ(sent.delivery, DeliveryId(7));
}

TEST(SmtpTransport, GoesAwayWithConnectionsOpen) {
  SmtpScriptServer server({Greeting({}) + SmtpScript{Hang()}});
  SmtpHarness smtp;
  smtp.Open(server.port(), 1);
  EXPECT_EQ(Describe(smtp.Next()), "opened");
  smtp.Send(1, 7);
  smtp.Open(server.port(), 2);
}

TEST(SmtpTransport, RefusesOptionsOutOfRange) {
  smtp::SmtpTransportOptions none;
  none.max_connections = 0;
  EXPECT_EQ(smtp::SmtpTransport::Create(none).status().message(),
            "max_connections is 0; use 1 to 1000000");
  smtp::SmtpTransportOptions lost;
  lost.ca_file = "/nonexistent/ca.pem";
  EXPECT_THAT(std::string(smtp::SmtpTransport::Create(lost).status().message()),
              StartsWith("cannot read the CA certificates /nonexistent/ca.pem: "));
}

SmtpScript TlsGreeting() {
  return Greeting({"STARTTLS", "SIZE 1"}) +
         SmtpScript{Read("STARTTLS"), Say("220 go\r\n"), StartTls(), Read("EHLO "),
                    Say("250-mx.test\r\n250-STARTTLS\r\n250 PIPELINING\r\n")};
}

TEST(SmtpTransport, SendsThroughTls) {
  const TestCertificate certificate = MakeCertificate("mx.test");
  for (const TlsPolicy policy : {TlsPolicy::kOpportunistic, TlsPolicy::kRequired}) {
    SmtpScriptServer server({TlsGreeting() + kEnvelope + kBody + kEnvelope + kBody + kGoodbye},
                            &certificate);
    SmtpHarness smtp;
    smtp.Open(server.port(), 1, policy);
    EXPECT_EQ(Describe(smtp.Next()), "opened with TLS");
    for (const int delivery : {7, 8}) {
      smtp.Send(1, delivery, "Subject: hi\r\n\r\n" + std::string(40000, 'x') + "\r\n");
      EXPECT_EQ(Describe(smtp.Next()), "sent, reply 250 at end of data, usable");
    }
    EXPECT_THAT(smtp.transport().Transcript(DeliveryId(7)), HasSubstr("* TLSv1.3 TLS_"));
    smtp.transport().Close(ConnectionId(1));
    EXPECT_EQ(Describe(smtp.Next()), "closed");
  }
}

TEST(SmtpTransport, IsInDoubtThroughTlsToo) {
  const TestCertificate certificate = MakeCertificate("mx.test");
  for (const bool dot : {false, true}) {
    SmtpScript script = TlsGreeting() + kEnvelope;
    if (dot) script.push_back(ReadMessage());
    script.push_back(Reset());
    SmtpScriptServer server({script}, &certificate);
    SmtpHarness smtp;
    smtp.Open(server.port());
    smtp.Next();
    smtp.Send(1, 7, dot ? "Subject: hi\r\n\r\nx\r\n" : LongMessage());
    EXPECT_THAT(Describe(smtp.Next()), StartsWith(dot ? "in doubt: " : "not transferred: "));
  }
}

TEST(SmtpTransport, VerifiesTheCertificateWhereAskedTo) {
  const TestCertificate good = MakeCertificate("mx.test");
  const TestCertificate other_name = MakeCertificate("mx.example");
  const TestCertificate unknown = MakeCertificate("mx.test");
  const std::string ca_file = ::testing::TempDir() + "smtp_ca_" + std::to_string(::getpid());
  std::ofstream(ca_file) << good.certificate << other_name.certificate;
  smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
  options.ca_file = ca_file;
  SmtpHarness smtp(options);
  struct Case {
    const char* name;
    const TestCertificate& certificate;
    const char* want;
  };
  int64_t id = 0;
  for (const Case& c : {
           Case{"its name, a known issuer", good, "opened with TLS"},
           Case{"another name", other_name, "closed without TLS: TLS handshake: "},
           Case{"an unknown issuer", unknown, "closed without TLS: TLS handshake: "},
       }) {
    SCOPED_TRACE(c.name);
    SmtpScriptServer server({TlsGreeting() + kGoodbye}, &c.certificate);
    smtp.Open(server.port(), ++id, TlsPolicy::kVerified);
    EXPECT_THAT(Describe(smtp.Next()), StartsWith(c.want));
    EXPECT_EQ(server.clients().size(), 1u) << "no second try in the clear";
    smtp.transport().Close(ConnectionId(id));
    if (id == 1) {
      EXPECT_EQ(Describe(smtp.Next()), "closed");
    }
  }
  std::remove(ca_file.c_str());
}

TEST(SmtpTransport, FallsBackToTheClearOnlyWhereTlsIsAWish) {
  const SmtpScript start = Greeting({"STARTTLS"}) + SmtpScript{Read("STARTTLS"), Say("220 go\r\n")};
  const SmtpScript clear = Greeting({"STARTTLS", "PIPELINING"}) + kEnvelope + kBody + kGoodbye;
  // Without a certificate the server's handshake fails; or it does not answer at all.
  for (const SmtpScript& handshake : {SmtpScript{StartTls()}, SmtpScript{Hang()}}) {
    for (const TlsPolicy policy : {TlsPolicy::kOpportunistic, TlsPolicy::kRequired}) {
      SmtpScriptServer server({start + handshake, clear});
      smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
      options.deadlines.handshake = absl::Milliseconds(50);
      SmtpHarness smtp(options);
      smtp.Open(server.port(), 1, policy);
      if (policy == TlsPolicy::kRequired) {
        EXPECT_THAT(Describe(smtp.Next()), StartsWith("closed without TLS: TLS handshake"));
        EXPECT_EQ(server.clients().size(), 1u);
        continue;
      }
      EXPECT_EQ(Describe(smtp.Next()), "opened after a downgrade");
      smtp.Send(1, 7);
      EXPECT_EQ(Describe(smtp.Next()), "sent, reply 250 at end of data, usable");
      EXPECT_THAT(smtp.transport().Transcript(DeliveryId(7)),
                  HasSubstr("* in the clear after TLS handshake"));
      EXPECT_EQ(server.clients().size(), 2u);
    }
  }
}

// RFC 3207 §6, CVE-2011-0411 the other way round.
TEST(SmtpTransport, FailsOnBytesAfterTheReplyToStartTls) {
  const TestCertificate certificate = MakeCertificate("mx.test");
  SmtpScriptServer server({Greeting({"STARTTLS"}) +
                           SmtpScript{Read("STARTTLS"), Say("220 go\r\n250-evil\r\n250 SIZE 1\r\n"),
                                      StartTls(), Read("EHLO "), Say("250 mx.test\r\n"), Hang()}},
                          &certificate);
  SmtpHarness smtp;
  smtp.Open(server.port());
  EXPECT_EQ(Describe(smtp.Next()), "closed: bytes after the reply to STARTTLS: injected?");
  EXPECT_EQ(server.clients().size(), 1u);
}

TEST(SmtpTransport, ConnectsToNothingPrivateThatTheDnsNames) {
  SmtpScriptServer server({Greeting({}) + kGoodbye, Greeting({}) + kGoodbye});
  struct Case {
    const char* name;
    const char* address;
    bool trusted;
    bool allowed;
    const char* fault;  // "": it opens.
  };
  int64_t id = 0;
  for (const Case& c : {
           Case{"named by the DNS", "127.0.0.1", false, false,
                "mx.test [127.0.0.1] is loopback, where mail does not go unless "
                "allowed_destinations lists it"},
           Case{"in another spelling", "::ffff:127.0.0.1", false, false,
                "mx.test [::ffff:127.0.0.1] is an IPv4 address inside IPv6 (mapped), where mail "
                "does "
                "not go unless allowed_destinations lists it"},
           Case{"as no host", "0.0.0.0", false, false,
                "mx.test [0.0.0.0] is no host's address, where mail does not go unless "
                "allowed_destinations lists it"},
           Case{"of a route file", "127.0.0.1", true, false, ""},
           Case{"allowed", "127.0.0.1", false, true, ""},
       }) {
    SCOPED_TRACE(c.name);
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
    if (c.allowed) {
      options.destinations =
          smtp::DestinationGuard({smtp::AddressRange::Parse("127.0.0.0/8").value()});
    }
    SmtpHarness harness(options);
    ports::OpenConnection open = harness.OpenTo(server.port(), ++id, TlsPolicy::kNever);
    open.host.address = c.address;
    open.host.trusted = c.trusted;
    harness.transport().Open(open);
    const ports::TransportEvent event = harness.Next();
    EXPECT_EQ(event.detail, c.fault);
    EXPECT_EQ(event.forbidden, *c.fault != '\0');
    EXPECT_FALSE(event.local_failure) << "the domain is at fault, not this machine";
    using Kind = ports::TransportEvent::Kind;
    EXPECT_EQ(event.kind, *c.fault != '\0' ? Kind::kClosed : Kind::kOpened);
  }
  EXPECT_EQ(server.clients().size(), 2u) << "the three refused ones never knocked";
}

}  // namespace
}  // namespace crescendo::testing
