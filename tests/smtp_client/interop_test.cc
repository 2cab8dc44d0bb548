// The transport against receivers nobody here wrote: Postfix's smtp-sink and aiosmtpd.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "smtp_client/message/campaign_composer.h"
#include "tests/support/smtp_harness.h"
#include "tests/support/smtp_receivers.h"
#include "tests/support/smtp_script_server.h"

namespace crescendo::testing {
namespace {

// Opens, sends two messages as far as that goes, and closes: what happened, without the details,
// joined by "; ".
std::string SendTwo(uint16_t port) {
  SmtpHarness smtp;
  smtp.Open(port);
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
      smtp.Send(1, ++sent);
    }
  }
}

// "opened; sent, <reply>, usable; sent, <reply>, usable; closed".
std::string BothAnswered(absl::string_view reply) {
  return absl::StrCat("opened; sent, ", reply, ", usable; sent, ", reply, ", usable; closed");
}

// Every command refused, cut off or answered by 421, with and without PIPELINING.
TEST(SmtpSinkInterop, FailsAtEachCommandAsItShould) {
  struct Case {
    const char* command;
    std::string drop, close, defer, refuse;  // -q, -Q, -r, -f
  };
  const std::string fine = BothAnswered("reply 250 at end of data");
  const std::string dropped = "opened; not transferred; closed";
  for (const Case& c : {
           Case{"CONNECT", "closed", "closed after 421 4.0.0 Server closing connection",
                "closed after 450 4.3.0 Error", "closed after 500 5.3.0 Error"},
           // A refused EHLO is followed by HELO, which this sink takes.
           Case{"EHLO", "closed", "closed after 421 4.0.0 Server closing connection",
                "closed after 450 4.3.0 Error", fine},
           Case{"MAIL", dropped, "opened; sent, reply 421 at MAIL; closed",
                BothAnswered("reply 450 at MAIL"), BothAnswered("reply 500 at MAIL")},
           Case{"RCPT", dropped, "opened; sent, reply 421 at RCPT; closed",
                BothAnswered("reply 450 at RCPT"), BothAnswered("reply 500 at RCPT")},
           Case{"DATA", dropped, "opened; sent, reply 421 at DATA; closed",
                BothAnswered("reply 450 at DATA"), BothAnswered("reply 500 at DATA")},
           Case{".", "opened; in doubt; closed", "opened; sent, reply 421 at end of data; closed",
                BothAnswered("reply 450 at end of data"), BothAnswered("reply 500 at end of data")},
           // Between two accepted messages none is needed, and nothing hangs on QUIT's answer.
           Case{"RSET", fine, fine, fine, fine},
           Case{"QUIT", fine, fine, fine, fine},
       }) {
    for (const bool pipelining : {true, false}) {
      const auto run = [&](const char* mode) {
        std::vector<std::string> arguments = {mode, c.command};
        if (!pipelining) arguments.push_back("-p");
        return SendTwo(SmtpSink(arguments).port());
      };
      SCOPED_TRACE(absl::StrCat(c.command, pipelining ? " with" : " without", " PIPELINING"));
      EXPECT_EQ(run("-q"), c.drop);
      EXPECT_EQ(run("-Q"), c.close);
      EXPECT_EQ(run("-r"), c.defer);
      EXPECT_EQ(run("-f"), c.refuse);
    }
  }
}

TEST(SmtpSinkInterop, ResetsAfterARefusedRecipient) {
  const std::string refused = "opened; sent, reply 500 at RCPT, usable; ";
  EXPECT_EQ(SendTwo(SmtpSink({"-f", "RCPT", "-f", "RSET"}).port()),
            refused + "not transferred; closed");
  EXPECT_EQ(SendTwo(SmtpSink({"-f", "RCPT", "-q", "RSET"}).port()),
            refused + "not transferred; closed");
  EXPECT_EQ(SendTwo(SmtpSink({"-f", "RCPT", "-Q", "RSET"}).port()),
            refused + "sent, reply 421 at RSET; closed");
}

TEST(SmtpSinkInterop, DoesWithoutExtensions) {
  const std::string fine = BothAnswered("reply 250 at end of data");
  EXPECT_EQ(SendTwo(SmtpSink({"-e"}).port()), fine) << "HELO only";
  EXPECT_EQ(SendTwo(SmtpSink({"-8", "-E", "-p"}).port()), fine);
}

// A folder that goes when the test does.
class TempFolder {
 public:
  TempFolder() : path_(::testing::TempDir() + "crescendo_smtp_XXXXXX") {
    made_ = mkdtemp(&path_[0]);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string Write(const std::string& name, const std::string& text) const {
    EXPECT_NE(made_, nullptr) << path_;
    const std::string file = absl::StrCat(path_, "/", name);
    std::ofstream(file) << text;
    return file;
  }

 private:
  std::string path_;
  const char* made_;
};

std::string AwkwardMessage() {
  Campaign campaign;
  campaign.id = CampaignId("spring");
  campaign.from_name = "Zo\xC3\xAB";
  campaign.from_address = "news@example.com";
  campaign.subject = "Caf\xC3\xA9 \xE2\x80\xA6";
  campaign.text_body = "one\n.\n..two\n.three\n\n" + std::string(5000, 'x') + "\n.";
  campaign.html_body = "<p>\xC3\xA9</p>\n.";
  smtp::CampaignComposer composer;
  return composer.Compose(campaign, DeliveryId(7), "ann@example.net", {}, absl::UnixEpoch())
      ->message;
}

TEST(AiosmtpdInterop, TakesTheBytesWeComposedThroughTls) {
  const TempFolder folder;
  const TestCertificate made = MakeCertificate("mx.test");
  const std::string certificate = folder.Write("cert.pem", made.certificate);
  const std::string key = folder.Write("key.pem", made.key);
  const std::string message = AwkwardMessage();
  for (const TlsPolicy policy :
       {TlsPolicy::kNever, TlsPolicy::kOpportunistic, TlsPolicy::kRequired, TlsPolicy::kVerified}) {
    const bool tls = policy != TlsPolicy::kNever;
    Aiosmtpd receiver({"--tls", certificate, key});
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
    options.ca_file = certificate;
    SmtpHarness smtp(options);
    smtp.Open(receiver.port(), 1, policy);
    EXPECT_EQ(Describe(smtp.Next()), tls ? "opened with TLS" : "opened");
    for (const int delivery : {7, 8}) {
      smtp.Send(1, delivery, message);
      EXPECT_EQ(Describe(smtp.Next()), "sent, reply 250 at end of data, usable");
      const nlohmann::json taken = nlohmann::json::parse(receiver.NextMessage(), nullptr, false);
      ASSERT_TRUE(taken.is_object());
      EXPECT_EQ(taken["tls"], tls);
      EXPECT_EQ(taken["from"], "news@example.com");
      EXPECT_EQ(taken["to"], nlohmann::json({"ann@example.net"}));
      EXPECT_EQ(taken["data"], message);
    }
    smtp.transport().Close(ConnectionId(1));
    EXPECT_EQ(Describe(smtp.Next()), "closed");
  }
}

TEST(AiosmtpdInterop, RefusesAndGoesOn) {
  Aiosmtpd receiver({"--size", "2000"});
  SmtpHarness smtp;
  smtp.Open(receiver.port());
  EXPECT_EQ(Describe(smtp.Next()), "opened");
  struct Case {
    const char* to;
    size_t size;
    const char* want;
  };
  int64_t delivery = 0;
  for (const Case& c : {
           Case{"unknown@example.net", 10, "sent, reply 550 at RCPT, usable"},
           Case{"ann@example.net", 10, "sent, reply 250 at end of data, usable"},
           Case{"full@example.net", 10, "sent, reply 452 at RCPT, usable"},
           Case{"spam@example.net", 10, "sent, reply 554 at end of data, usable"},
           Case{"bob@example.net", 3000, "sent, reply 552 at MAIL, usable"},
           Case{"bob@example.net", 10, "sent, reply 250 at end of data, usable"},
           Case{"\xC3\xA9@example.net", 10, "sent, reply 250 at end of data, usable"},
       }) {
    smtp.Send(1, ++delivery, "Subject: s\r\n\r\n" + std::string(c.size, 'x') + "\r\n", c.to);
    EXPECT_EQ(Describe(smtp.Next()), c.want) << c.to;
  }
  for (const char* to : {"ann@example.net", "bob@example.net", "\xC3\xA9@example.net"}) {
    const nlohmann::json taken = nlohmann::json::parse(receiver.NextMessage(), nullptr, false);
    ASSERT_TRUE(taken.is_object());
    EXPECT_EQ(taken["to"], nlohmann::json({to}));
  }
}

TEST(AiosmtpdInterop, InsistsOnTls) {
  const TempFolder folder;
  const TestCertificate made = MakeCertificate("mx.test");
  Aiosmtpd receiver({"--require-tls", "--tls", folder.Write("cert.pem", made.certificate),
                     folder.Write("key.pem", made.key)});
  SmtpHarness smtp;
  smtp.Open(receiver.port(), 1, TlsPolicy::kNever);
  EXPECT_EQ(Describe(smtp.Next()), "opened");
  smtp.Send(1, 7);
  EXPECT_EQ(Describe(smtp.Next()), "sent, reply 530 at MAIL, usable");
}

}  // namespace
}  // namespace crescendo::testing
