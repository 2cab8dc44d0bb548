// SMTP smuggling: no byte sequence inside a message ends it, for whatever receiver (RELIABILITY
// §6).
#include <gtest/gtest.h>

#include <cstdio>

#include <asio/read_until.hpp>
#include <asio/write.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "smtp_client/message/campaign_composer.h"
#include "smtp_client/wire/data.h"
#include "tests/support/lax_receiver.h"
#include "tests/support/receiver_model.h"
#include "tests/support/smtp_harness.h"

namespace crescendo::testing {
namespace {

constexpr char kSmuggled[] =
    "MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\n"
    "Subject: smuggled\r\n\r\nevil\r\n.\r\n";

// The ten, and the true one.
std::vector<std::string> Ends() {
  std::vector<std::string> ends(std::begin(kLaxEnds), std::end(kLaxEnds));
  ends.push_back("\r\n.\r\n");
  return ends;
}

// `bytes` of lines that go over the wire as they are.
std::string Filler(size_t bytes) {
  std::string text = "Subject: a\r\n\r\n";
  while (text.size() < bytes) text += "0123456789abcdefghijklmnopqrstuvwxyz 0123456789\r\n";
  text.resize(bytes);
  return text;
}

struct Placed {
  std::string name, message;
};
// `end` with a message behind it, in every place that matters: `edges` are offsets at which the
// sender's buffers may be cut, and every cut through `end` is tried at each.
std::vector<Placed> Places(const std::string& end, const std::vector<size_t>& edges) {
  std::vector<Placed> places = {
      {"at the start", end + kSmuggled},
      {"at the start of the body", absl::StrCat("Subject: a\r\n\r\n", end, kSmuggled)},
      {"in the middle", absl::StrCat("Subject: a\r\n\r\nb", end, kSmuggled, "c\r\n")},
      {"at the end", absl::StrCat("Subject: a\r\n\r\nb", end)},
      {"twice", absl::StrCat("Subject: a\r\n\r\nb", end, end, kSmuggled)},
  };
  for (const size_t edge : edges) {
    for (size_t before = 0; before <= end.size(); ++before) {
      places.push_back({absl::StrCat(before, " bytes before ", edge),
                        absl::StrCat(Filler(edge - before), end, kSmuggled)});
    }
  }
  return places;
}

TEST(Smuggling, EndsEarlyForNobodyInTheEncoder) {
  int tried = 0, smuggled = 0;
  for (const std::string& end : Ends()) {
    for (const auto& [name, message] : Places(end, {16, 64, 1024, 4096, 8192, 16384, 65536})) {
      SCOPED_TRACE(absl::StrCat(absl::CHexEscape(end), " ", name));
      std::string wire;
      smtp::AppendData(message, &wire);
      ASSERT_TRUE(Receive(wire) == Repaired(message)) << absl::CHexEscape(wire.substr(0, 500));
      for (const std::string& lax : kLaxEnds) {
        ++tried;
        smuggled += EndsEarly(wire, lax);
      }
    }
  }
  EXPECT_EQ(smuggled, 0);
  std::printf("encoder: %d variant x position x receiver, smuggled %d\n", tried, smuggled);
}

TEST(Smuggling, NoPartOfACampaignEndsAMessage) {
  for (const std::string& end : Ends()) {
    const std::string evil = absl::StrCat("a", end, kSmuggled);
    Campaign campaign;
    campaign.id = CampaignId("spring");
    campaign.pool = PoolId("main");
    campaign.from_address = "news@shop.example";
    campaign.subject = "{{name}}";
    campaign.text_body = absl::StrCat(evil, "{{name}}");
    campaign.html_body = absl::StrCat(evil, "{{name}}");
    campaign.headers = {{"X-Note", "{{name}}"}, {"Reply-To", "{{name}}"}};
    campaign.list_unsubscribe = "<https://shop.example/{{name}}>";
    const auto composed = smtp::CampaignComposer().Compose(
        campaign, DeliveryId(7), "ann@example.net", {{"name", evil}}, absl::UnixEpoch());
    ASSERT_TRUE(composed.ok()) << composed.status();
    std::string wire;
    smtp::AppendData(composed->message, &wire);
    EXPECT_EQ(Receive(wire), composed->message) << "nothing was left to repair";
    for (const std::string& lax : kLaxEnds) EXPECT_FALSE(EndsEarly(wire, lax));
  }
}

// A receiver that is not fooled by what is not repaired would prove nothing.
TEST(Smuggling, WorksWithASenderThatRepairsNothing) {
  using Tcp = asio::ip::tcp;
  for (const std::string& end : kLaxEnds) {
    SCOPED_TRACE(absl::CHexEscape(end));
    LaxReceiver receiver(end);
    asio::io_context io;
    Tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), receiver.port()});
    asio::write(socket, asio::buffer(absl::StrCat("EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
                                                  "DATA\r\nSubject: a\r\n\r\nb",
                                                  end, kSmuggled, "QUIT\r\n")));
    std::string answers;
    asio::error_code error;
    asio::read_until(socket, asio::dynamic_buffer(answers), "221 bye", error);
    ASSERT_EQ(receiver.messages().size(), 2u) << answers;
    EXPECT_EQ(receiver.messages()[1].from, "<evil@example.com>");
  }
}

// The end of the last line belongs to the true end, and to a lax one in part.
std::string WithoutLastLineEnds(std::string text) {
  while (absl::EndsWith(text, "\r") || absl::EndsWith(text, "\n")) text.pop_back();
  return text;
}

std::string Unstuffed(const std::string& wire) {
  return Receive(absl::StrCat(wire, "\r\n.\r\n")).value_or("no message");
}

// Sends all `places` through the transport and counts them, and what came otherwise.
void SendAll(const std::vector<Placed>& places, const std::string& lax,
             const TestCertificate* certificate, int* tried, int* smuggled) {
  LaxReceiver receiver(lax, certificate);
  SmtpHarness smtp;
  smtp.Open(receiver.port());
  ASSERT_EQ(Describe(smtp.Next()), certificate == nullptr ? "opened" : "opened with TLS");
  for (size_t i = 0; i < places.size(); ++i) {
    SCOPED_TRACE(absl::StrCat(absl::CHexEscape(lax), " ", places[i].name));
    smtp.Send(1, static_cast<int64_t>(i + 1), places[i].message);
    ASSERT_EQ(Describe(smtp.Next()), "sent, reply 250 at end of data, usable");
    const std::vector<LaxReceiver::Message> got = receiver.messages();
    ++*tried;
    *smuggled += got.size() != i + 1;
    ASSERT_EQ(got.size(), i + 1);
    EXPECT_EQ(got[i].from, "<news@example.com>");
    const std::string want = WithoutLastLineEnds(Repaired(places[i].message));
    EXPECT_TRUE(WithoutLastLineEnds(Unstuffed(got[i].wire)) == want) << got[i].wire.substr(0, 500);
  }
  EXPECT_TRUE(receiver.strays().empty()) << receiver.strays()[0];
}

TEST(Smuggling, OneMessageArrivesWhateverTheReceiver) {
  const TestCertificate certificate = MakeCertificate("lax.test");
  int tried = 0, smuggled = 0;
  // A TLS record, and where the sender's memory and its socket change size.
  const std::vector<size_t> edges = {4096, 16384, 65536, 256 << 10};
  for (const TestCertificate* tls : {static_cast<const TestCertificate*>(nullptr), &certificate}) {
    for (const std::string& end : Ends()) {
      const std::vector<Placed> places = Places(end, edges);
      SendAll(places, /*lax=*/"", tls, &tried, &smuggled);
      if (end != "\r\n.\r\n") SendAll(places, end, tls, &tried, &smuggled);
      if (HasFatalFailure()) return;
    }
  }
  std::printf("transport: %d variant x position x receiver, smuggled %d\n", tried, smuggled);
}

// Wherever the kernel cuts a write, it cuts through the end of some message: they stand at all
// distances from each other.
TEST(Smuggling, NoWriteIsCutInTheRightPlace) {
  const TestCertificate certificate = MakeCertificate("lax.test");
  int tried = 0, smuggled = 0;
  for (const TestCertificate* tls : {static_cast<const TestCertificate*>(nullptr), &certificate}) {
    for (const std::string& end : kLaxEnds) {
      std::string message = "Subject: a\r\n\r\n";
      for (size_t i = 0; message.size() < (3u << 20); ++i) {
        absl::StrAppend(&message, std::string(i % 7, 'x'), end, i % 64 == 0 ? kSmuggled : "");
      }
      SendAll({{"everywhere", std::move(message)}}, end, tls, &tried, &smuggled);
      if (HasFatalFailure()) return;
    }
  }
  std::printf("long messages: %d variant x receiver, smuggled %d\n", tried, smuggled);
}

}  // namespace
}  // namespace crescendo::testing
