// DKIM against the examples of its RFCs, and its keys against everything that is wrong with a file.
// tests/smtp_client/dkim_verify_test.py has other people's verifiers read what is signed here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "smtp_client/dkim/canonical.h"
#include "smtp_client/dkim/keyring.h"
#include "smtp_client/dkim/signer.h"
#include "tests/support/private_folder.h"

namespace crescendo::smtp::dkim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Relaxed(absl::string_view body, size_t cut) {
  std::string out;
  const auto append = [&out](absl::string_view text) { absl::StrAppend(&out, text); };
  RelaxedBody relaxed;
  for (size_t at = 0; at < body.size(); at += cut) relaxed.Update(body.substr(at, cut), append);
  relaxed.Finish(append);
  return out;
}

// RFC 6376 §3.4.4 in the plainest words, to compare with.
std::string PlainlyRelaxed(absl::string_view body) {
  std::vector<std::string> lines = absl::StrSplit(body, "\r\n");
  for (std::string& line : lines) {
    std::string thin;
    for (const char c : line) {
      const bool blank = c == ' ' || c == '\t';
      if (!blank) thin += c;
      if (blank && (thin.empty() || thin.back() != ' ')) thin += ' ';
    }
    if (!thin.empty() && thin.back() == ' ') thin.pop_back();
    line = thin;
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::string out;
  for (const std::string& line : lines) absl::StrAppend(&out, line, "\r\n");
  return out;
}

TEST(RelaxedBody, FollowsTheRfc) {
  struct Case {
    const char* name;
    std::string body, want;
  };
  for (const Case& c : {
           Case{"RFC 6376 §3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"},
           Case{"nothing", "", ""},
           Case{"one line end", "\r\n", ""},
           Case{"only line ends", "\r\n\r\n\r\n", ""},
           Case{"only blanks", " \t \r\n \r\n", ""},
           Case{"blanks without a line end", "  ", ""},
           Case{"no line end at the end", "a", "a\r\n"},
           Case{"blanks at the end, no line end", "a \t", "a\r\n"},
           Case{"empty lines first and between", "\r\n\r\na\r\n\r\nb\r\n\r\n",
                "\r\n\r\na\r\n\r\nb\r\n"},
           Case{"tabs become spaces", "\ta\tb\r\n", " a b\r\n"},
           Case{"a line of blanks between", "a\r\n \t\r\nb\r\n", "a\r\n\r\nb\r\n"},
           Case{"a bare CR is text", "a\rb\r\n", "a\rb\r\n"},
           Case{"a bare CR at the end", "a\r", "a\r\r\n"},
           Case{"UTF-8", "gr\xC3\xBC\xC3\x9F  dich\r\n", "gr\xC3\xBC\xC3\x9F dich\r\n"},
           Case{"many empty lines between", absl::StrCat("a", std::string(40, '\n'), "b"), ""},
       }) {
    SCOPED_TRACE(c.name);
    const std::string body = absl::StrReplaceAll(c.body, {{"\n\n", "\r\n\r\n"}});
    const std::string want = c.want.empty() ? PlainlyRelaxed(body) : c.want;
    for (const size_t cut : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{4096}}) {
      EXPECT_EQ(Relaxed(body, cut), want) << "in pieces of " << cut;
    }
  }
}

// Every body of up to 8 of these characters, whole and in pieces.
TEST(RelaxedBody, IsTheSameHoweverItIsCut) {
  const std::vector<std::string> alphabet = {"a", " ", "\t", "\r\n"};
  int bodies = 0;
  for (int length = 0; length <= 7; ++length) {
    for (int number = 0; number < 1 << (2 * length); ++number) {
      std::string body;
      for (int i = 0; i < length; ++i) body += alphabet[(number >> (2 * i)) & 3];
      const std::string want = PlainlyRelaxed(body);
      for (const size_t cut : {size_t{1}, size_t{2}, size_t{64}}) {
        ASSERT_EQ(Relaxed(body, cut), want) << absl::CHexEscape(body) << " in pieces of " << cut;
      }
      ++bodies;
    }
  }
  EXPECT_EQ(bodies, 21845);
}

// Blanks, line ends and cuts on both sides of where the fast path looks again.
TEST(RelaxedBody, HasNoEdges) {
  for (const std::string& mark : {" ", "  ", "\t", " \t ", "\r\n", " \r\n", "\r\n ", "\r\n\r\n"}) {
    for (size_t before = 505; before < 520; ++before) {
      const std::string body =
          absl::StrCat(std::string(before, 'a'), mark, std::string(before, 'b'), mark, "c", mark);
      const std::string want = PlainlyRelaxed(body);
      for (const size_t cut : {size_t{1}, before, before + 1, before + 2, size_t{100000}}) {
        ASSERT_EQ(Relaxed(body, cut), want) << absl::CHexEscape(mark) << " behind " << before;
      }
    }
  }
}

TEST(RelaxedField, FollowsTheRfc) {
  struct Case {
    const char *name, *field, *want;
  };
  for (const Case& c : {
           Case{"RFC 6376 §3.4.5, A", "A: X", "a:X\r\n"},
           Case{"RFC 6376 §3.4.5, B", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
           Case{"no value", "Subject:", "subject:\r\n"},
           Case{"only blanks", "Subject: \r\n \r\n", "subject:\r\n"},
           Case{"a colon in the value", "X:a:b", "x:a:b\r\n"},
           Case{"UTF-8", "Subject: gr\xC3\xBC\xC3\x9F", "subject:gr\xC3\xBC\xC3\x9F\r\n"},
       }) {
    SCOPED_TRACE(c.name);
    std::string out;
    AppendRelaxedField(c.field, &out);
    EXPECT_EQ(out, c.want);
  }
}

// --- Signatures

class DkimTest : public ::testing::Test {
 protected:
  std::string WriteKey(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = folder_.file(name);
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  // openssl writes it, as operators will.
  std::string MakeKey(const std::string& name, const std::string& how) {
    const std::string path = folder_.file(name);
    EXPECT_EQ(std::system(absl::StrCat("openssl genpkey ", how, " -out ", path, " 2>", path,
                                       ".log && chmod 600 ", path)
                              .c_str()),
              0);
    return path;
  }
  std::string Sign(const std::vector<KeySpec>& specs, absl::string_view message,
                   absl::string_view domain = "shop.example",
                   absl::Time expires = absl::InfiniteFuture()) {
    auto table = KeyTable::Load(specs);
    EXPECT_TRUE(table.ok()) << table.status();
    keyring_.Replace(*table);
    return Signer(&keyring_).Sign(domain, message, absl::FromUnixSeconds(1770000000), expires);
  }

  support::PrivateFolder folder_;
  Keyring keyring_;
};

// The secret key of RFC 8463 A.1 in PKCS #8: the prefix is RFC 8410's.
std::string Rfc8463Key() {
  std::string seed;
  EXPECT_TRUE(absl::Base64Unescape("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", &seed));
  const std::string der = absl::HexStringToBytes("302e020100300506032b657004220420") + seed;
  return absl::StrCat("-----BEGIN PRIVATE KEY-----\n", absl::Base64Escape(der),
                      "\n-----END PRIVATE KEY-----\n");
}

constexpr char kRfc8463Message[] =
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "\r\n"
    "Hi.\r\n"
    "\r\n"
    "We lost the game.  Are you hungry yet?\r\n"
    "\r\n"
    "Joe.\r\n";

TEST_F(DkimTest, HasTheBodyHashAndPublicKeyOfRfc8463) {
  const KeySpec spec{"football.example.com", "brisbane", WriteKey("rfc.pem", Rfc8463Key())};
  EXPECT_THAT(Sign({spec}, kRfc8463Message, "football.example.com"),
              HasSubstr(" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"));
  EXPECT_EQ(Key::Load(spec).value()->PublicRecord(),
            "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
}

// A.3's own signature, over its own h=: what OpenSSL signs for us is what the RFC printed.
TEST_F(DkimTest, SignsAsRfc8463Does) {
  std::string data;
  for (const char* field :
       {"From: Joe SixPack <joe@football.example.com>", "To: Suzie Q <suzie@shopping.example.net>",
        "Subject: Is dinner ready?", "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)",
        "Message-ID: <20030712040037.46341.5F8J@football.example.com>"}) {
    AppendRelaxedField(field, &data);
  }
  // From and Subject are named twice there and occur once; Message-ID and Date are named once.
  AppendRelaxedField(
      "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
      " d=football.example.com; i=@football.example.com;\r\n"
      " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
      " subject : date : message-id : from : subject : date;\r\n"
      " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
      " b=",
      &data);
  data.resize(data.size() - 2);
  const auto key =
      Key::Load({"football.example.com", "brisbane", WriteKey("rfc.pem", Rfc8463Key())}).value();
  SigningContexts contexts;
  contexts.Begin();
  contexts.Add(data);
  EXPECT_EQ(
      absl::Base64Escape(contexts.Sign(*key)),
      "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==");
}

TEST_F(DkimTest, WritesOneFieldForEachKey) {
  const std::vector<KeySpec> specs = {
      {"shop.example", "e1", MakeKey("ed.pem", "-algorithm ed25519")},
      {"shop.example", "r1", MakeKey("rsa.pem", "-algorithm rsa -pkeyopt rsa_keygen_bits:2048")}};
  const std::string message =
      "From: a@shop.example\r\nSubject: one\r\nSubject: two\r\nX-Note: n\r\n"
      "List-Unsubscribe: <https://shop.example/u>\r\n\r\nHi\r\n";
  const std::string fields = Sign(specs, message);
  EXPECT_EQ(fields, Sign(specs, message)) << "a retry must be the same to the byte (L4)";
  const std::vector<std::string> each = absl::StrSplit(fields, "DKIM-Signature: ");
  ASSERT_EQ(each.size(), 3u);
  EXPECT_THAT(each[1], HasSubstr("a=rsa-sha256; c=relaxed/relaxed;\r\n d=shop.example;\r\n s=r1; "
                                 "t=1770000000;\r\n"));
  EXPECT_THAT(each[2], HasSubstr("a=ed25519-sha256; c=relaxed/relaxed;\r\n d=shop.example;\r\n "
                                 "s=e1; t=1770000000;\r\n"));
  const std::string flat = absl::StrReplaceAll(fields, {{"\r\n", ""}, {" ", ""}});
  EXPECT_THAT(flat, HasSubstr(";h=from:from:to:cc:subject:subject:subject:date:reply-to:message-id:"
                              "mime-version:list-unsubscribe:list-unsubscribe;"))
      << "each once more than it occurs";
  EXPECT_THAT(flat, Not(HasSubstr("l=")));
  EXPECT_THAT(flat, Not(HasSubstr("x=")));
  EXPECT_THAT(flat, Not(HasSubstr("x-note")));
  for (const absl::string_view line : absl::StrSplit(fields, "\r\n")) EXPECT_LE(line.size(), 78u);
  EXPECT_THAT(Sign(specs, message, "shop.example", absl::FromUnixSeconds(1770000001)),
              HasSubstr(" t=1770000000; x=1770000001;\r\n"));
}

TEST_F(DkimTest, FindsTheKeyOfTheDomainOrTheOneAbove) {
  const std::string key = MakeKey("ed.pem", "-algorithm ed25519");
  const std::vector<KeySpec> specs = {{"shop.example", "top", key},
                                      {"news.shop.example", "news", key}};
  const std::string message = "From: a@shop.example\r\n\r\n";
  struct Case {
    const char *domain, *want;
  };
  for (const Case& c : {Case{"shop.example", "s=top;"}, Case{"news.shop.example", "s=news;"},
                        Case{"a.news.shop.example", "s=news;"}, Case{"a.shop.example", "s=top;"}}) {
    EXPECT_THAT(Sign(specs, message, c.domain), HasSubstr(c.want)) << c.domain;
  }
  for (const char* stranger : {"other.example", "example", "noshop.example", ""}) {
    EXPECT_EQ(Sign(specs, message, stranger), "") << stranger;
  }
}

TEST_F(DkimTest, TakesNewKeysWhileItSigns) {
  const auto table = [&](const char* selector) {
    return KeyTable::Load({{"shop.example", selector,
                            MakeKey(absl::StrCat(selector, ".pem"), "-algorithm ed25519")}})
        .value();
  };
  keyring_.Replace(table("old"));
  Signer signer(&keyring_);
  const auto sign = [&] {
    return signer.Sign("shop.example", "From: a@shop.example\r\n\r\nHi\r\n", absl::UnixEpoch(),
                       absl::InfiniteFuture());
  };
  EXPECT_THAT(sign(), HasSubstr("s=old;"));
  keyring_.Replace(table("new"));
  EXPECT_THAT(sign(), HasSubstr("s=new;"));
  keyring_.Replace(std::make_shared<KeyTable>());
  EXPECT_EQ(sign(), "");
}

// Whatever a file holds, no byte of it is repeated.
TEST_F(DkimTest, RefusesBadKeysWithoutQuotingThem) {
  const std::string good = Rfc8463Key();
  const std::string secret = "nWGxne";
  struct Case {
    const char* name;
    std::string path;
    const char* fault;
  };
  std::filesystem::create_directory(folder_.file("folder"));
  mkfifo(folder_.file("fifo").c_str(), 0600);
  for (const Case& c : {
           Case{"group may read", WriteKey("g.pem", good, 0640), "has mode 0640"},
           Case{"others may read", WriteKey("o.pem", good, 0604), "has mode 0604"},
           Case{"others may write", WriteKey("w.pem", good, 0602), "chmod 600"},
           Case{"not there", folder_.file("none.pem"), "cannot be opened: No such file"},
           Case{"a folder", folder_.file("folder"), "is not a plain file"},
           Case{"a FIFO", folder_.file("fifo"), "is not a plain file"},
           Case{"empty", WriteKey("e.pem", ""), "is empty"},
           Case{"huge", WriteKey("h.pem", std::string(70000, 'x')), "is 70000 bytes long"},
           Case{"no PEM", WriteKey("n.pem", absl::StrCat("BEGIN ", secret)), "openssl genpkey"},
           Case{"a cut key", WriteKey("c.pem", good.substr(0, 60)), "openssl genpkey"},
           Case{"encrypted", MakeKey("p.pem", "-algorithm ed25519 -aes256 -pass pass:hush"),
                "without a passphrase"},
           Case{"a short RSA key", MakeKey("s.pem", "-algorithm rsa -pkeyopt rsa_keygen_bits:1024"),
                "is an RSA key of 1024 bits; use 2048 to 4096"},
           Case{"another kind", MakeKey("x.pem", "-algorithm x25519"),
                "is neither an RSA nor an Ed25519 key"},
       }) {
    SCOPED_TRACE(c.name);
    const absl::Status status = Key::Load({"shop.example", "s", c.path}).status();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.fault));
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.path)) << "it names the file";
    EXPECT_THAT(status.ToString(), Not(HasSubstr(secret)));
  }
  EXPECT_TRUE(Key::Load({"shop.example", "s", WriteKey("good.pem", good, 0400)}).ok());
}

TEST_F(DkimTest, RefusesTwoKeysOfOneKind) {
  const std::string key = MakeKey("ed.pem", "-algorithm ed25519");
  EXPECT_THAT(std::string(KeyTable::Load({{"shop.example", "a", key}, {"shop.example", "b", key}})
                              .status()
                              .message()),
              HasSubstr("shop.example has two ed25519-sha256 keys, a and b; leave one"));
}

}  // namespace
}  // namespace crescendo::smtp::dkim
