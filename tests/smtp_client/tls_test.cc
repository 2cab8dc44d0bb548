// STARTTLS against servers that strip it, inject into it or break it, under every policy; and
// sessions that are resumed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "smtp_client/net/tls_sessions.h"
#include "tests/support/smtp_harness.h"
#include "tests/support/smtp_script_server.h"

namespace crescendo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const SmtpScript kOffer = Greeting({"STARTTLS", "PIPELINING"}) + SmtpScript{Read("STARTTLS")};
const SmtpScript kGo = kOffer + SmtpScript{Say("220 go\r\n")};
const SmtpScript kEnd = {Read("QUIT"), Say("221 bye\r\n"), Cut()};
const SmtpScript kTls = SmtpScript{StartTls(), Read("EHLO "), Say("250 mx.test\r\n")} + kEnd;
const SmtpScript kClear = Greeting({"PIPELINING"}) + kEnd;

class TlsTest : public ::testing::Test {
 protected:
  ~TlsTest() override { std::remove(ca_file_.c_str()); }

  // Those of a client that trusts it.
  smtp::SmtpTransportOptions Trusting(const TestCertificate& certificate) const {
    std::ofstream(ca_file_) << certificate.certificate;
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
    options.ca_file = ca_file_;
    return options;
  }

  const TestCertificate good_ = MakeCertificate("mx.test");
  const TestCertificate other_name_ = MakeCertificate("mx.example");
  const TestCertificate expired_ = MakeCertificate("mx.test", -60);
  const TestCertificate unknown_ = MakeCertificate("mx.test");
  const std::string ca_file_ = ::testing::TempDir() + "tls_test_ca_" + std::to_string(::getpid());
};

constexpr char kEncrypted[] = "opened with TLS";
constexpr char kPlain[] = "opened";
constexpr char kDowngraded[] = "opened after a downgrade";
constexpr char kWithout[] = "closed without TLS";
constexpr char kInjected[] = "closed: bytes after the reply to STARTTLS: injected?";

TEST_F(TlsTest, OpensAsThePolicyAllowsWhateverTheServerDoes) {
  struct Case {
    const char* name;
    SmtpScript script;  // Of the first connection; a second one is served in the clear.
    const TestCertificate* certificate;
    int version;
    std::string opportunistic, required, verified;
    const char* why;  // In the detail of those that got no TLS.
  };
  const SmtpScript works = kGo + kTls;
  const Case cases[] = {
      {"it works", works, &good_, 0, kEncrypted, kEncrypted, kEncrypted, ""},
      {"not offered", kClear, &good_, 0, kPlain, kWithout, kWithout, "does not offer STARTTLS"},
      {"refused for now", kOffer + SmtpScript{Say("454 4.7.0 no\r\n")} + kEnd, &good_, 0, kPlain,
       kWithout, kWithout, ""},
      {"refused for good", kOffer + SmtpScript{Say("501 5.5.4 no\r\n")} + kEnd, &good_, 0, kPlain,
       kWithout, kWithout, ""},
      {"421 ends it", kOffer + SmtpScript{Say("421 4.7.0 no\r\n")}, &good_, 0, "closed after 421",
       "closed after 421", "closed after 421", ""},
      {"250 is not 220", kOffer + SmtpScript{Say("250 go\r\n"), Hang()}, &good_, 0,
       "closed: unexpected reply to STARTTLS", "closed: unexpected reply to STARTTLS",
       "closed: unexpected reply to STARTTLS", ""},
      {"a reply behind the 220",
       kOffer + SmtpScript{Say("220 go\r\n250-mx.test\r\n250 SIZE 1\r\n")} + kTls, &good_, 0,
       kInjected, kInjected, kInjected, ""},
      {"half a line behind the 220", kOffer + SmtpScript{Say("220 go\r\n2")} + kTls, &good_, 0,
       kInjected, kInjected, kInjected, ""},
      {"replies in a later packet", kGo + SmtpScript{Say("250-mx.test\r\n250 SIZE 1\r\n"), Hang()},
       &good_, 0, kInjected, kInjected, kInjected, ""},
      {"garbage for a ServerHello", kGo + SmtpScript{Say("\x7f\x45LF\x02\x01\x01 garbage"), Hang()},
       &good_, 0, kInjected, kInjected, kInjected, ""},
      {"closed after the 220", kGo + SmtpScript{Cut()}, &good_, 0, kDowngraded, kWithout, kWithout,
       "TLS handshake: "},
      {"reset after the 220", kGo + SmtpScript{Reset()}, &good_, 0, kDowngraded, kWithout, kWithout,
       "TLS handshake: "},
      {"no certificate", works, nullptr, 0, kDowngraded, kWithout, kWithout, "TLS handshake: "},
      {"TLS 1.0 alone", works, &good_, TLS1_VERSION, kDowngraded, kWithout, kWithout,
       "TLS handshake: "},
      {"TLS 1.2 alone", works, &good_, TLS1_2_VERSION, kEncrypted, kEncrypted, kEncrypted, ""},
      {"a certificate for another name", works, &other_name_, 0, kEncrypted, kEncrypted, kWithout,
       "TLS handshake: hostname mismatch"},
      {"a certificate of nobody we know", works, &unknown_, 0, kEncrypted, kEncrypted, kWithout,
       "TLS handshake: self-signed certificate"},
      {"a certificate that has run out", works, &expired_, 0, kEncrypted, kEncrypted, kWithout,
       "TLS handshake: certificate has expired"},
  };
  for (const Case& c : cases) {
    const std::pair<TlsPolicy, std::string> wants[] = {{TlsPolicy::kNever, kPlain},
                                                       {TlsPolicy::kOpportunistic, c.opportunistic},
                                                       {TlsPolicy::kRequired, c.required},
                                                       {TlsPolicy::kVerified, c.verified}};
    for (const auto& [policy, want] : wants) {
      SCOPED_TRACE(absl::StrCat(c.name, ", policy ", static_cast<int>(policy)));
      SmtpScriptServer server({policy == TlsPolicy::kNever ? kClear : c.script, kClear},
                              c.certificate, c.version);
      const bool stranger = c.certificate == nullptr || c.certificate == &unknown_;
      SmtpHarness smtp(Trusting(stranger ? good_ : *c.certificate));
      smtp.Open(server.port(), 1, policy);
      const ports::TransportEvent event = smtp.Next();
      EXPECT_THAT(Describe(event), StartsWith(want));
      if (event.tls_failed || event.downgraded) {
        EXPECT_THAT(event.detail, HasSubstr(c.why));
      }
      EXPECT_EQ(server.clients().size(), event.downgraded ? 2u : 1u);
    }
  }
}

// RFC 7435: a wish that failed once is not tried a third time.
TEST_F(TlsTest, IsDowngradedOnce) {
  SmtpScriptServer server({kGo + SmtpScript{Cut()}, SmtpScript{Cut()}});
  SmtpHarness smtp(Trusting(good_));
  smtp.Open(server.port());
  EXPECT_THAT(Describe(smtp.Next()), StartsWith("closed: connection closed by the server"));
  EXPECT_EQ(server.clients().size(), 2u);
}

TEST_F(TlsTest, SaysWhyItIsInTheClear) {
  struct Case {
    const char* name;
    SmtpScript first;
    const char* want;
    bool slow = false;
  };
  for (const Case& c :
       {Case{"not offered", kClear, "the server does not offer STARTTLS"},
        Case{"refused", kOffer + SmtpScript{Say("454 4.7.0 no\r\n")} + kEnd,
             "STARTTLS refused: 454 4.7.0 no"},
        // A cut before our bytes were read comes as a reset.
        Case{"failed", kGo + SmtpScript{Cut()}, "TLS handshake: "},
        Case{"timed out", kGo + SmtpScript{Hang()}, "TLS handshake not done in 50ms", true}}) {
    SCOPED_TRACE(c.name);
    SmtpScriptServer server({c.first, kClear});
    smtp::SmtpTransportOptions options = Trusting(good_);
    if (c.slow) options.deadlines.handshake = absl::Milliseconds(50);
    SmtpHarness smtp(options);
    smtp.Open(server.port());
    EXPECT_THAT(smtp.Next().detail, StartsWith(c.want));
  }
}

TEST_F(TlsTest, VerifiesTheNamesItIsGiven) {
  SmtpScriptServer server({kGo + kTls}, &other_name_);
  SmtpHarness smtp(Trusting(other_name_));
  ports::OpenConnection open = smtp.OpenTo(server.port(), 1, TlsPolicy::kVerified);
  open.tls_names = {"mx.elsewhere", "mx.example"};
  smtp.transport().Open(open);
  EXPECT_EQ(Describe(smtp.Next()), kEncrypted);
}

// One connection after the other; the script ends each once it is open.
std::vector<std::string> OpenInTurn(SmtpHarness& smtp, uint16_t port,
                                    const std::vector<TlsPolicy>& policies) {
  std::vector<std::string> details;
  for (const TlsPolicy policy : policies) {
    const auto id = static_cast<int64_t>(details.size() + 1);
    smtp.Open(port, id, policy);
    details.push_back(smtp.Next().detail);
    smtp.transport().Close(ConnectionId(id));
    EXPECT_EQ(Describe(smtp.Next()), "closed");
  }
  return details;
}

TEST_F(TlsTest, ResumesSessions) {
  const SmtpScript script = kGo + kTls;
  struct Case {
    const char* name;
    int version;
    const char* full;
  };
  constexpr auto kWish = TlsPolicy::kOpportunistic, kNeed = TlsPolicy::kRequired,
                 kCheck = TlsPolicy::kVerified;
  for (const Case& c : {Case{"1.2", TLS1_2_VERSION, "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384"},
                        Case{"1.3", TLS1_3_VERSION, "TLSv1.3 TLS_AES_256_GCM_SHA384"}}) {
    SCOPED_TRACE(c.name);
    const std::string full = c.full, resumed = absl::StrCat(full, ", resumed");
    {
      SmtpScriptServer server({script}, &good_, c.version);
      SmtpHarness smtp(Trusting(good_));
      EXPECT_THAT(OpenInTurn(smtp, server.port(), {kWish, kNeed, kCheck, kCheck, kWish}),
                  ElementsAre(full, resumed, full, resumed, resumed))
          << "nothing that was not verified becomes so";
      SmtpScriptServer another({script}, &good_, c.version);
      EXPECT_THAT(OpenInTurn(smtp, another.port(), {kWish}), ElementsAre(full));
    }
    {
      SmtpScriptServer server({script}, &good_, c.version);
      smtp::SmtpTransportOptions options = Trusting(good_);
      options.tls_sessions = 0;
      SmtpHarness smtp(options);
      EXPECT_THAT(OpenInTurn(smtp, server.port(), {kWish, kWish}), ElementsAre(full, full));
    }
  }
}

TEST_F(TlsTest, ResumesNothingAfterAFailure) {
  SmtpScriptServer server({kGo + kTls, kGo + SmtpScript{Cut()}, kGo + kTls}, &good_,
                          TLS1_2_VERSION);
  SmtpHarness smtp(Trusting(good_));
  const std::vector<std::string> details = OpenInTurn(smtp, server.port(), {TlsPolicy::kRequired});
  smtp.Open(server.port(), 2, TlsPolicy::kRequired);
  EXPECT_THAT(Describe(smtp.Next()), StartsWith(kWithout));
  EXPECT_EQ(OpenInTurn(smtp, server.port(), {TlsPolicy::kRequired}), details) << "not resumed";
}

smtp::TlsSessions::Session NewSession(int version) {
  smtp::TlsSessions::Session session(SSL_SESSION_new(), &SSL_SESSION_free);
  SSL_SESSION_set_protocol_version(session.get(), version);
  const unsigned char id[] = {1, 2, 3};
  SSL_SESSION_set1_id(session.get(), id, sizeof(id));
  return session;
}

TEST(TlsSessions, KeepsNoMoreThanItMay) {
  const auto session = NewSession(TLS1_3_VERSION);
  smtp::TlsSessions sessions(100);
  for (int i = 0; i < 50; ++i) sessions.Put("one", session.get());
  EXPECT_EQ(sessions.size(), smtp::TlsSessions::kPerKey);
  for (int i = 0; i < 1000; ++i) sessions.Put(absl::StrCat("host", i), session.get());
  EXPECT_EQ(sessions.size(), 100u);
  EXPECT_EQ(sessions.Take("one"), nullptr) << "the oldest gave way";
  EXPECT_EQ(sessions.Take("host899"), nullptr);
  EXPECT_NE(sessions.Take("host900"), nullptr);
  EXPECT_NE(sessions.Take("host999"), nullptr);
  EXPECT_EQ(sessions.size(), 98u);
}

TEST(TlsSessions, GivesATicketOfTls13Once) {
  smtp::TlsSessions sessions(10);
  sessions.Put("old", NewSession(TLS1_2_VERSION).get());
  sessions.Put("new", NewSession(TLS1_3_VERSION).get());
  EXPECT_NE(sessions.Take("old"), nullptr);
  EXPECT_NE(sessions.Take("old"), nullptr);
  EXPECT_NE(sessions.Take("new"), nullptr);
  EXPECT_EQ(sessions.Take("new"), nullptr);
  sessions.Forget("old");
  EXPECT_EQ(sessions.Take("old"), nullptr);
  EXPECT_EQ(sessions.size(), 0u);
}

}  // namespace
}  // namespace crescendo::testing
