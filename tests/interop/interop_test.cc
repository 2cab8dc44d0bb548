// Our transport against whole mail servers nobody here wrote: feature × receiver, each result as it
// must be. What a server does in a way of its own is named where it differs.
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "smtp_client/message/campaign_composer.h"
#include "tests/interop/receiver.h"
#include "tests/interop/table.h"
#include "tests/support/smtp_harness.h"

namespace crescendo::testing {
namespace {

using ports::TransportEvent;

constexpr char kHeader[] =
    "From: News <news@example.com>\r\nTo: ann@example.net\r\n"
    "Date: Mon, 06 Jan 2025 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nSubject: hi\r\n";

struct Text {
  const char* name;
  std::string message;
};

std::string Composed() {
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

std::vector<Text> AwkwardTexts() {
  std::string long_text;
  while (long_text.size() < 200000) long_text += ".a line of text, and more of it\r\n";
  std::vector<Text> texts = {
      {"plain", "\r\nhello\r\n"},
      {"empty body", "\r\n"},
      {"dots", "\r\n.\r\n..\r\n.a\r\n...\r\n. \r\nb\r\n"},
      {"a dot at the end", "\r\na\r\n.\r\n"},
      {"empty lines at the end", "\r\na\r\n\r\n\r\n\r\n"},
      {"spaces and tabs", "\r\n \r\n\t\r\na \t\r\n  b\r\n"},
      {"8-bit text",
       "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xC3\xA9 \xE9\r\n"},
      {"commands", "\r\nQUIT\r\nMAIL FROM:<a@b>\r\nFrom here\r\n>From there\r\n"},
      {"a line of 998", absl::StrCat("\r\n", std::string(998, 'x'), "\r\nb\r\n")},
      {"200 kB", "\r\n" + long_text},
  };
  for (Text& text : texts) text.message.insert(0, kHeader);
  texts.push_back({"as composed", Composed()});
  return texts;
}

// Everything that stands before what we sent must be a trace of the way it came.
bool IsTrace(absl::string_view text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    bool known = line[0] == ' ' || line[0] == '\t';
    for (const char* name : {"Received:", "Return-Path:", "X-Original-To:", "Delivered-To:",
                             "Envelope-to:", "Delivery-date:"}) {
      known |= absl::StartsWith(line, name);
    }
    if (!known) return false;
  }
  return true;
}

// A folder holds lines that end in LF, or as they came.
bool IsAsSent(const std::string& delivered, const std::string& sent) {
  const std::string got = absl::StrReplaceAll(delivered, {{"\r\n", "\n"}});
  const std::string want = absl::StrReplaceAll(sent, {{"\r\n", "\n"}});
  return absl::EndsWith(got, want) && IsTrace(got.substr(0, got.size() - want.size()));
}

// "250", "550 at RCPT", "not transferred: …": what became of a message.
std::string Brief(const TransportEvent& event) {
  if (event.kind != TransportEvent::Kind::kSent || event.reply.code == 0) return Describe(event);
  if (event.reply.code == 250) return "250";
  return absl::StrCat(event.reply.code, " at ", SmtpStageName(event.reply.stage));
}

// One receiver, as a feature finds it: as it comes, and with limits that are soon reached.
struct Subject {
  explicit Subject(const std::string& name, const Certificates& certificates)
      : normal(name, certificates),
        strict(name, certificates, {"--tls12", "--messages", "2", "--connections", "1"}),
        idle(name, certificates, {"--idle", "1"}),
        ca_file(certificates.ca_file()) {}
  Receiver normal, strict, idle;
  const std::string ca_file;
};

// A connection to one receiver.
class Client {
 public:
  Client(Receiver& receiver, const Subject& subject, bool chunking = false)
      : receiver_(receiver), smtp_(Options(subject, chunking)) {}

  std::string Open(TlsPolicy tls = TlsPolicy::kNever, const char* address = "127.0.0.1",
                   const char* name = "mx.test") {
    ports::OpenConnection request = smtp_.OpenTo(receiver_.port(), ++id_, tls);
    request.source_address = request.host.address = address;
    request.host.name = name;
    smtp_.transport().Open(request);
    return Describe(smtp_.Next());
  }
  TransportEvent Send(const std::string& message, const std::string& to = "ann@example.net") {
    smtp_.Send(id_, ++delivery_, message, to);
    return smtp_.Next();
  }
  // "250" if it was taken and arrived as it was sent.
  std::string Deliver(const std::string& message, const std::string& to = "ann@example.net") {
    const std::string said = Brief(Send(message, to));
    if (said != "250") return said;
    const std::optional<std::string> delivered = receiver_.NextMessage();
    if (!delivered) return "250, never delivered";
    return IsAsSent(*delivered, message) ? said : "250, altered";
  }
  std::string Transcript() { return smtp_.transport().Transcript(DeliveryId(delivery_)); }
  std::string Close() {
    smtp_.transport().Close(ConnectionId(id_));
    return Describe(smtp_.Next());
  }
  TransportEvent Next() { return smtp_.Next(); }

 private:
  static smtp::SmtpTransportOptions Options(const Subject& subject, bool chunking) {
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
    options.ca_file = subject.ca_file;
    options.chunking = chunking;
    return options;
  }

  Receiver& receiver_;
  SmtpHarness smtp_;
  int64_t id_ = 0, delivery_ = 0;
};

std::string Plain() { return absl::StrCat(kHeader, "\r\nhello\r\n"); }

std::string Offers(Subject& subject) { return subject.normal.offers(); }

// All of them over one connection: "10 of 10", or what went wrong.
std::string DeliverTexts(Client& client) {
  int same = 0;
  std::vector<std::string> faults;
  const std::vector<Text> texts = AwkwardTexts();
  for (const Text& text : texts) {
    const std::string said = client.Deliver(text.message);
    if (said == "250") {
      ++same;
    } else {
      faults.push_back(absl::StrCat(text.name, ": ", said));
    }
  }
  return absl::StrCat(same, " of ", texts.size(), faults.empty() ? "" : "; ",
                      absl::StrJoin(faults, "; "));
}

std::string Texts(Subject& subject) {
  Client client(subject.normal, subject);
  client.Open();
  return DeliverTexts(client);
}

std::string Chunks(Subject& subject) {
  Client client(subject.normal, subject, /*chunking=*/true);
  client.Open();
  const std::string same = DeliverTexts(client);
  return absl::StrContains(client.Transcript(), "bytes, by BDAT") ? same : "not offered";
}

std::string LongLine(Subject& subject) {
  Client client(subject.normal, subject);
  client.Open();
  return client.Deliver(absl::StrCat(kHeader, "\r\n", std::string(5000, 'x'), "\r\nb\r\n"));
}

// Do the three commands leave together?
std::string Pipelining(Subject& subject) {
  Client client(subject.normal, subject);
  client.Open();
  const std::string said = client.Deliver(Plain());
  if (said != "250") return said;
  return absl::StrContains(client.Transcript(), "<ann@example.net>\n> DATA\n") ? "yes"
                                                                               : "not offered";
}

std::string Size(Subject& subject) {
  Client client(subject.normal, subject);
  client.Open();
  const std::string large = Plain() + std::string(400000, 'x') + "\r\n";
  return absl::StrCat(Brief(client.Send(large)), ", then ", client.Deliver(Plain()));
}

std::string Utf8(Subject& subject) {
  Client client(subject.normal, subject);
  client.Open();
  return absl::StrCat(client.Deliver(Plain(), "\xC3\xA9@example.net"), ", then ",
                      client.Deliver(Plain()));
}

// "TLSv1.3", "clear" or how it closed.
std::string Protocol(Client& client, TlsPolicy tls, const char* name = "mx.test") {
  const std::string opened = client.Open(tls, "127.0.0.1", name);
  if (!absl::StartsWith(opened, "opened")) return "closed";
  const std::string said = client.Deliver(Plain());
  if (said != "250") return said;
  const std::string transcript = client.Transcript();
  const size_t at = transcript.find("* TLSv");
  return at == std::string::npos ? "clear" : transcript.substr(at + 2, 7);
}

template <TlsPolicy policy>
std::string Tls(Subject& subject) {
  Client client(subject.normal, subject);
  return Protocol(client, policy);
}

std::string OtherName(Subject& subject) {
  Client client(subject.normal, subject);
  return Protocol(client, TlsPolicy::kVerified, "mx.example");
}

std::string Reuse(Subject& subject) {
  Client client(subject.normal, subject);
  client.Open();
  int same = 0;
  while (same < 20 && client.Deliver(Plain()) == "250") ++same;
  return absl::StrCat(same, " of 20");
}

// Refused, and the next one, after the RSET it may take, is not.
std::string RefusedThenTaken(Subject& subject, const std::string& message, const char* to) {
  Client client(subject.normal, subject);
  client.Open();
  const std::string refused = Brief(client.Send(message, to));
  return absl::StrCat(refused, ", then ", client.Deliver(Plain()));
}

std::string Unknown(Subject& subject) {
  return RefusedThenTaken(subject, Plain(), "unknown@example.net");
}

std::string Full(Subject& subject) {
  return RefusedThenTaken(subject, Plain(), "full@example.net");
}

// A message that has come through 120 hosts goes round in a loop.
std::string Loop(Subject& subject) {
  std::string hops;
  for (int i = 0; i < 120; ++i) {
    absl::StrAppend(&hops, "Received: from h", i, ".example by h", i + 1,
                    ".example; Mon, 06 Jan 2025 10:00:00 +0000\r\n");
  }
  return RefusedThenTaken(subject, hops + Plain(), "ann@example.net");
}

// Two connections where one is allowed, and three messages where two are; in TLS 1.2.
std::string Limits(Subject& subject) {
  Client client(subject.strict, subject), second(subject.strict, subject);
  std::string protocol;
  // The connection that asked whether it is up may still be counted.
  for (int tries = 0; tries < 1000 && (protocol.empty() || protocol == "closed"); ++tries) {
    protocol = Protocol(client, TlsPolicy::kOpportunistic);
  }
  const std::string other = second.Open();
  std::string third = client.Deliver(Plain());
  if (third == "250") third = Brief(client.Send(Plain()));
  return absl::StrCat(protocol, "; ", other.substr(0, 16), "; ", third);
}

// It closes while nothing goes on, and the next message meets that.
std::string Idle(Subject& subject) {
  Client client(subject.idle, subject);
  client.Open();
  const std::string first = client.Deliver(Plain());
  if (first != "250") return first;
  const TransportEvent closed = client.Next();
  if (closed.kind != TransportEvent::Kind::kClosed) return Describe(closed);
  const std::string how = closed.reply.code == 0 ? "closed" : absl::StrCat(closed.reply.code);
  const TransportEvent late = client.Send(Plain());
  const bool kept = late.result == TransportEvent::SentResult::kNotTransferred;
  return absl::StrCat(how, "; ", kept ? "not transferred" : Describe(late));
}

std::string Quit(Subject& subject) {
  Client client(subject.normal, subject);
  client.Open();
  return client.Close();
}

std::string Ipv6(Subject& subject) {
  Client client(subject.normal, subject);
  if (const std::string opened = client.Open(TlsPolicy::kNever, "::1"); opened != "opened") {
    return absl::StrContains(opened, "cannot bind") ? "no IPv6 here" : opened;
  }
  return client.Deliver(Plain());
}

struct Feature {
  const char* name;
  std::string (*see)(Subject&);
  std::string want;
  // Where a server differs from what most of them do.
  std::map<std::string, std::string> differs;
};

constexpr char kNotSettable[] = "–";

const Feature kFeatures[] = {
    {"offers",
     Offers,
     "8BITMIME PIPELINING SIZE SMTPUTF8 STARTTLS",
     {{"postfix",
       "8BITMIME CHUNKING DSN ENHANCEDSTATUSCODES ETRN PIPELINING SIZE SMTPUTF8 STARTTLS VRFY"},
      {"exim", "8BITMIME CHUNKING HELP PIPECONNECT PIPELINING SIZE SMTPUTF8 STARTTLS"},
      {"opensmtpd", "8BITMIME DSN ENHANCEDSTATUSCODES HELP SIZE STARTTLS"},
      {"aiosmtpd", "8BITMIME HELP SIZE SMTPUTF8 STARTTLS"}}},
    // Haraka folds lines at 992 octets, where RFC 5322 allows 998: a signature over such a line
    // breaks there.
    {"awkward texts, as sent",
     Texts,
     "11 of 11",
     {{"haraka", "10 of 11; a line of 998: 250, altered"}}},
    {"the same by BDAT", Chunks, "not offered", {{"postfix", "11 of 11"}, {"exim", "11 of 11"}}},
    {"a line of 5,000 octets",
     LongLine,
     "250",
     {{"aiosmtpd", "500 at end of data"}, {"haraka", "250, altered"}}},
    {"PIPELINING", Pipelining, "yes", {{"opensmtpd", "not offered"}, {"aiosmtpd", "not offered"}}},
    {"over SIZE", Size, "552 at MAIL, then 250", {}},
    // Where it is not offered, the refusal is our own.
    {"SMTPUTF8 address", Utf8, "250, then 250", {{"opensmtpd", "553 at RCPT, then 250"}}},
    // Debian 12's OpenSMTPD offers STARTTLS and fails every handshake, for it does not go with
    // OpenSSL 3 (its issues 1171 and 1239): mail to such a host leaves in the clear or not at all.
    {"TLS wished for", Tls<TlsPolicy::kOpportunistic>, "TLSv1.3", {{"opensmtpd", "clear"}}},
    {"TLS required", Tls<TlsPolicy::kRequired>, "TLSv1.3", {{"opensmtpd", "closed"}}},
    {"TLS verified", Tls<TlsPolicy::kVerified>, "TLSv1.3", {{"opensmtpd", "closed"}}},
    {"TLS verified, other name", OtherName, "closed", {}},
    {"20 on a connection", Reuse, "20 of 20", {}},
    {"unknown recipient", Unknown, "550 at RCPT, then 250", {}},
    {"full mailbox", Full, "452 at RCPT, then 250", {{"haraka", "450 at RCPT, then 250"}}},
    {"a mail loop",
     Loop,
     "554 at end of data, then 250",
     {{"opensmtpd", "500 at end of data, then 250"}, {"haraka", "550 at end of data, then 250"}}},
    {"TLS 1.2; 2nd connection; 3rd message",
     Limits,
     "TLSv1.2; closed after 421; 421 at MAIL",
     {{"postfix", "TLSv1.2; closed after 421; 450 at MAIL"},
      {"opensmtpd", "clear; opened; 452 at MAIL"},
      {"aiosmtpd", "TLSv1.2; opened; 421 at MAIL"},
      {"haraka", "TLSv1.2; opened; 450 at MAIL"}}},
    {"closes when idle",
     Idle,
     "421; not transferred",
     {{"opensmtpd", kNotSettable}, {"aiosmtpd", "closed; not transferred"}}},
    {"QUIT", Quit, "closed", {}},
    {"IPv6", Ipv6, "250", {}},
};

ResultTable& Results() {
  static auto* const table =
      new ResultTable("Interoperability: feature × receiver", "feature", "interop.md");
  return *table;
}

class Interop : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { certificates_ = new Certificates; }
  static void TearDownTestSuite() {
    delete std::exchange(certificates_, nullptr);
    Results().Publish();
  }
  static Certificates* certificates_;
};
Certificates* Interop::certificates_ = nullptr;

TEST_P(Interop, DoesAsItShould) {
  const std::string name = GetParam();
  Subject subject(name, *certificates_);
  if (const std::string& why = subject.normal.not_run(); !why.empty()) {
    Results().Put("offers", name, "NOT RUN: " + why, true);
    GTEST_SKIP() << name << " is not run: " << why;
  }
  for (const Feature& feature : kFeatures) {
    SCOPED_TRACE(feature.name);
    const auto own = feature.differs.find(name);
    const std::string want = own != feature.differs.end() ? own->second : feature.want;
    const std::string seen = want == kNotSettable ? want : feature.see(subject);
    const bool right = seen == want || seen == "no IPv6 here";
    EXPECT_TRUE(right) << "want " << want << "\nseen " << seen;
    Results().Put(feature.name, subject.normal.version(), seen, right);
  }
}

std::string NameOf(const ::testing::TestParamInfo<const char*>& info) {
  return absl::StrReplaceAll(info.param, {{"-", "_"}});
}

INSTANTIATE_TEST_SUITE_P(Receivers, Interop,
                         ::testing::Values("postfix", "exim", "opensmtpd", "aiosmtpd",
                                           "smtp-server", "haraka"),
                         NameOf);

}  // namespace
}  // namespace crescendo::testing
