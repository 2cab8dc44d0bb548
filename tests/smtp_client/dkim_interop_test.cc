// What we sign, read by verifiers nobody here wrote: libopendkim and python3-dkim.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/random.h"
#include "smtp_client/dkim/signer.h"
#include "smtp_client/message/campaign_composer.h"
#include "smtp_client/message/encode.h"
#include "tests/support/private_folder.h"

// The header is C's, which has another word for bool.
#define _Bool bool
extern "C" {
#include <opendkim/dkim.h>
}
#undef _Bool

namespace crescendo::smtp {
namespace {

constexpr char kDomain[] = "shop.example";
// Verifiers ask the machine's clock whether a signature is from the future.
const absl::Time kSigned = absl::FromUnixSeconds(1700000000);

std::string Header() {
  return "From: \"Shop\" <news@shop.example>\r\nTo: <ann@example.net>\r\nSubject: Spring\r\n"
         "Date: Mon, 24 Nov 2025 03:04:05 +0000\r\nMessage-ID: <spring.7@shop.example>\r\n";
}

// Bodies and headers where canonical forms have been got wrong before, and `count` by chance.
std::vector<std::string> Messages(int count) {
  std::vector<std::string> all;
  for (const std::string& body :
       {std::string(), std::string("\r\n"), std::string("\r\n\r\n\r\n"), std::string("a"),
        std::string("a\r\n\r\n\r\n"), std::string("a \t\r\n \t \r\n\r\n"),
        std::string(" a\r\n\tb\r\n"), std::string("\r\n\r\na"), std::string(".\r\n..\r\n.a\r\n"),
        std::string("  "), std::string("gr\xC3\xBC\xC3\x9F  dich \r\n"),
        std::string("From here\r\n")}) {
    all.push_back(absl::StrCat(Header(), "\r\n", body));
  }
  // Around the sizes in which readers take bytes.
  for (const size_t size :
       {510, 511, 512, 513, 1023, 1024, 1025, 4094, 4095, 4096, 4097, 65535, 65536}) {
    std::string body;
    while (body.size() < size) body += "word \r\n"[body.size() % 7];
    all.push_back(absl::StrCat(Header(), "\r\n", body.substr(0, size)));
    all.push_back(absl::StrCat(Header(), "\r\n", std::string(900, 'x'), "\r\n",
                               body.substr(0, size), "\r\n \r\n\r\n"));
  }
  for (const char* field :
       {"X-Note:\r\n", "Reply-To: a@shop.example,\r\n\t b@shop.example\r\n", "Subject: again\r\n",
        "References: <a@b>\r\n <c@d>\r\n  <e@f> \r\n", "Cc:   spaced   out  <c@example.net>  \r\n",
        "List-Unsubscribe: <https://shop.example/u?t=1>,\r\n <mailto:u@shop.example>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "Content-Type: text/plain;\r\n charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
        "Feedback-ID: spring:main:shop.example:shop1\r\n"}) {
    all.push_back(absl::StrCat(field, Header(), "\r\nbody\r\n"));
    all.push_back(absl::StrCat(Header(), field, "\r\nbody\r\n"));
  }
  base::Random random(6376);
  const std::vector<std::string> pieces = {"a",    "word", " ",        "\t",
                                           "\r\n", "\r\n", ".",        "\xC3\xA9",
                                           "  ",   "=",    "\r\n\r\n", std::string(600, 'y')};
  while (count-- > 0) {
    std::string message = Header() + "\r\n";
    for (int length = random.Below(60); length > 0; --length)
      message += pieces[random.Below(pieces.size())];
    all.push_back(message);
  }
  // SMTP carries nothing else; of what it cannot carry, verifiers make this and that.
  for (std::string& message : all) {
    message = StrictText(message);
    if (!absl::EndsWith(message, "\r\n")) message += "\r\n";
  }
  return all;
}

// As campaigns make them: encoded, folded, in parts.
std::vector<std::string> Composed(const dkim::Keyring& keyring) {
  CampaignComposer composer({.keyring = &keyring});
  std::vector<std::string> all;
  for (const std::string& text :
       {std::string("Hi {{name}},\n.\n..\nbye  \n\n\n"), std::string("{{name}}"),
        std::string(1200, 'x'), absl::StrReplaceAll(std::string(90, 'x'), {{"x", "\xCE\xBA "}})}) {
    for (const std::string& html : {std::string(), std::string("<p>{{name}} caf\xC3\xA9</p>")}) {
      Campaign campaign;
      campaign.id = CampaignId("spring");
      campaign.pool = PoolId("main");
      campaign.from_name = "Sch\xC3\xB6ner Laden, der mit dem langen Namen im alten Hafenviertel";
      campaign.from_address = "news@Shop.Example";
      campaign.subject = "{{name}}: " + text.substr(0, 200);
      campaign.text_body = text;
      campaign.html_body = html;
      campaign.headers = {{"Reply-To", "Zo\xC3\xAB <zoe@shop.example>"}};
      campaign.list_unsubscribe = "<https://shop.example/u?{{name}}>, <mailto:u@shop.example>";
      campaign.feedback_sender_id = "shop1";
      for (const char* name : {"Ann", "", "Zo\xC3\xAB\r\n.\r\nX", " a \t b "}) {
        all.push_back(
            composer.Compose(campaign, DeliveryId(7), "ann@example.net", {{"name", name}}, kSigned)
                ->message);
      }
    }
  }
  return all;
}

class DkimInterop : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<dkim::KeySpec> specs;
    for (const auto& [selector, how] :
         {std::pair("rsa", "rsa -pkeyopt rsa_keygen_bits:2048"), std::pair("ed", "ed25519")}) {
      const std::string file = folder_.file(selector);
      ASSERT_EQ(std::system(absl::StrCat("openssl genpkey -algorithm ", how, " -out ", file,
                                         " 2>/dev/null && chmod 600 ", file)
                                .c_str()),
                0);
      specs.push_back({kDomain, selector, file});
    }
    const auto table = dkim::KeyTable::Load(specs);
    ASSERT_TRUE(table.ok()) << table.status();
    keyring_.Replace(*table);
    std::ofstream records(folder_.file("records"));
    for (const auto& key : (*table)->Find(kDomain)) {
      records << key->selector() << "._domainkey." << kDomain << " " << key->PublicRecord() << "\n";
    }
  }

  // Each corpus message, signed with both keys.
  std::vector<std::string> Signed() {
    std::vector<std::string> all = Composed(keyring_);
    dkim::Signer signer(&keyring_);
    for (const std::string& message : Messages(150)) {
      all.push_back(signer.Sign(kDomain, message, kSigned, absl::InfiniteFuture()) + message);
    }
    return all;
  }

  // One line a message.
  std::vector<std::string> AskPython(const std::vector<std::string>& messages) {
    std::string command = absl::StrCat("/usr/bin/python3 -B ", CRESCENDO_SOURCE_DIR,
                                       "/tests/support/verify_dkim.py ", folder_.file("records"));
    for (size_t i = 0; i < messages.size(); ++i) {
      const std::string path = folder_.file(absl::StrCat(i, ".eml"));
      std::ofstream(path, std::ios::binary) << messages[i];
      absl::StrAppend(&command, " ", path);
    }
    const std::string out = folder_.file("verdicts");
    EXPECT_EQ(std::system(absl::StrCat(command, " >", out, " 2>", out, ".err").c_str()), 0)
        << "is python3-dkim there? cmd/setup.sh --tests installs it";
    std::ifstream in(out);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  support::PrivateFolder folder_;
  dkim::Keyring keyring_;
};

// Behind what a signature does not allow for: another text, and a second one of what a reader sees.
std::vector<std::string> Forgeries(const std::string& message) {
  return {message + "more\r\n",
          absl::StrReplaceAll(message, {{"Spring", "Winter"}}),
          "Subject: Pay here\r\n" + message,
          "From: <boss@shop.example>\r\n" + message,
          "Cc: <all@example.net>\r\n" + message,
          "Reply-To: <thief@example.net>\r\n" + message};
}

TEST_F(DkimInterop, PythonFindsEverySignatureGood) {
  const std::vector<std::string> messages = Signed();
  const std::vector<std::string> verdicts = AskPython(messages);
  ASSERT_EQ(verdicts.size(), messages.size());
  ASSERT_GT(messages.size(), 200u);
  for (size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(verdicts[i], "rsa=good ed=good") << absl::CHexEscape(messages[i].substr(0, 3000));
  }
}

TEST_F(DkimInterop, PythonFindsEveryForgery) {
  const std::string message = Header() + "\r\nHello\r\n";
  const std::string good =
      dkim::Signer(&keyring_).Sign(kDomain, message, kSigned, absl::InfiniteFuture()) + message;
  const std::vector<std::string> forgeries = Forgeries(good);
  const std::vector<std::string> verdicts = AskPython(forgeries);
  ASSERT_EQ(verdicts.size(), forgeries.size());
  for (size_t i = 0; i < forgeries.size(); ++i) {
    EXPECT_EQ(verdicts[i], "rsa=bad ed=bad") << forgeries[i];
  }
}

// --- libopendkim

class OpenDkim {
 public:
  explicit OpenDkim(const std::string& records) : library_(dkim_init(nullptr, nullptr)) {
    dkim_query_t method = DKIM_QUERY_FILE;
    std::string file = records;
    dkim_options(library_, DKIM_OP_SETOPT, DKIM_OPTS_QUERYMETHOD, &method, sizeof(method));
    dkim_options(library_, DKIM_OP_SETOPT, DKIM_OPTS_QUERYINFO, file.data(), file.size() + 1);
  }
  ~OpenDkim() { dkim_close(library_); }

  bool KnowsEd25519() const { return dkim_libfeature(library_, DKIM_FEATURE_ED25519); }

  // "good good": each signature, from the top.
  std::string Verify(const std::string& message) {
    DKIM_STAT status = DKIM_STAT_OK;
    DKIM* dkim = dkim_verify(library_, Bytes("test"), nullptr, &status);
    // In odd pieces: its own reader must not be what makes them right.
    for (size_t at = 0; at < message.size() && status == DKIM_STAT_OK; at += 777) {
      std::string piece = message.substr(at, 777);
      status = dkim_chunk(dkim, reinterpret_cast<u_char*>(piece.data()), piece.size());
    }
    dkim_chunk(dkim, nullptr, 0);
    bool test_key = false;
    dkim_eom(dkim, &test_key);
    DKIM_SIGINFO** signatures = nullptr;
    int count = 0;
    std::string out;
    if (dkim_getsiglist(dkim, &signatures, &count) == DKIM_STAT_OK) {
      for (int i = 0; i < count; ++i) {
        dkim_sig_process(dkim, signatures[i]);
        absl::StrAppend(&out, i == 0 ? "" : " ", DKIM_SIG_CHECK(signatures[i]) ? "good" : "bad");
      }
    }
    dkim_free(dkim);
    return out;
  }

 private:
  static const u_char* Bytes(const char* text) { return reinterpret_cast<const u_char*>(text); }
  DKIM_LIB* const library_;
};

TEST_F(DkimInterop, OpendkimFindsEverySignatureGood) {
  OpenDkim open_dkim(folder_.file("records"));
  const std::string want = open_dkim.KnowsEd25519() ? "good good" : "good bad";
  for (const std::string& message : Signed()) {
    EXPECT_EQ(open_dkim.Verify(message), want) << absl::CHexEscape(message.substr(0, 3000));
  }
}

TEST_F(DkimInterop, OpendkimFindsEveryForgery) {
  OpenDkim open_dkim(folder_.file("records"));
  const std::string message = Header() + "\r\nHello\r\n";
  const std::string good =
      dkim::Signer(&keyring_).Sign(kDomain, message, kSigned, absl::InfiniteFuture()) + message;
  for (const std::string& forgery : Forgeries(good)) {
    EXPECT_EQ(open_dkim.Verify(forgery), "bad bad") << forgery;
  }
}

}  // namespace
}  // namespace crescendo::smtp
