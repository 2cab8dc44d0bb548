#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "smtp_client/message/campaign_composer.h"
#include "smtp_client/message/compose.h"
#include "smtp_client/message/encode.h"
#include "smtp_client/message/template.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

MessageParts Parts() {
  MessageParts parts;
  parts.from_name = "News";
  parts.from_address = "news@example.com";
  parts.to_address = "ann@example.net";
  parts.subject = "Hello";
  parts.message_id = "spring.7@example.com";
  parts.date = absl::FromCivil(absl::CivilSecond(2025, 11, 24, 3, 4, 5), absl::UTCTimeZone());
  parts.text = "Hi\nAnn";
  return parts;
}

TEST(Compose, WritesAPlainMessage) {
  EXPECT_EQ(Compose(Parts()),
            "Date: Mon, 24 Nov 2025 03:04:05 +0000\r\n"
            "From: \"News\" <news@example.com>\r\n"
            "To: <ann@example.net>\r\n"
            "Subject: Hello\r\n"
            "Message-ID: <spring.7@example.com>\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 7bit\r\n"
            "\r\n"
            "Hi\r\nAnn\r\n");
}

TEST(Compose, WritesBothBodiesAsAlternatives) {
  MessageParts parts = Parts();
  parts.html = "<p>caf\xC3\xA9</p>";
  const std::string message = Compose(parts);
  EXPECT_EQ(message, Compose(parts)) << "a retry must be the same to the byte (L4)";
  const size_t at = message.find("boundary=\"") + 10;
  const std::string mark = "--" + message.substr(at, message.find('"', at) - at);
  EXPECT_THAT(message,
              HasSubstr(absl::StrCat(
                  "\r\n\r\n", mark,
                  "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit"
                  "\r\n\r\nHi\r\nAnn\r\n\r\n",
                  mark,
                  "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: "
                  "quoted-printable\r\n\r\n<p>caf=C3=A9</p>\r\n\r\n",
                  mark, "--\r\n")));

  // A body that knows the boundary does not end its part.
  parts.text = absl::StrCat("Hi\n", mark, "--\n");
  const std::string wary = Compose(parts);
  const size_t second = wary.find("boundary=\"") + 10;
  EXPECT_NE("--" + wary.substr(second, wary.find('"', second) - second), mark);
}

TEST(Compose, ChoosesTheEncoding) {
  struct Case {
    const char* name;
    std::string text;
    bool eight_bit;
    const char* encoding;
  };
  for (const Case& c : {
           Case{"ASCII", "a", false, "7bit"},
           Case{"ASCII, 8bit allowed", "a", true, "7bit"},
           Case{"998 bytes in a line", std::string(998, 'a'), false, "7bit"},
           Case{"999 bytes in a line", std::string(999, 'a'), true, "quoted-printable"},
           Case{"UTF-8", "\xC3\xA9", false, "quoted-printable"},
           Case{"UTF-8, 8bit allowed", "\xC3\xA9", true, "8bit"},
       }) {
    SCOPED_TRACE(c.name);
    MessageParts parts = Parts();
    parts.text = c.text;
    parts.eight_bit = c.eight_bit;
    EXPECT_THAT(Compose(parts), HasSubstr(absl::StrCat("Encoding: ", c.encoding, "\r\n")));
  }
}

TEST(Compose, OffersOneClickForHttpsOnly) {
  MessageParts parts = Parts();
  EXPECT_THAT(Compose(parts), Not(HasSubstr("List-")));
  parts.list_unsubscribe = "<mailto:u@example.com>";
  EXPECT_THAT(Compose(parts), HasSubstr("\r\nList-Unsubscribe: <mailto:u@example.com>\r\nMIME"));
  parts.list_unsubscribe = "<https://example.com/u?7>, <mailto:u@example.com>";
  EXPECT_THAT(Compose(parts), HasSubstr("\r\nList-Unsubscribe: <https://example.com/u?7>,\r\n "
                                        "<mailto:u@example.com>\r\n"
                                        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
}

// Whatever stands in a header value, it starts no field and ends no header.
TEST(Compose, LetsNoValueBreakOut) {
  using std::string_literals::operator""s;
  for (const std::string& evil :
       {"a\r\nBcc: evil@example.com"s, "a\nBcc: evil@example.com"s, "a\rBcc: evil@example.com"s,
        "a\r\n\r\nBcc: evil@example.com"s, "a\0\nBcc: evil@example.com"s,
        "\xC3\xA9\r\nBcc: evil@example.com"s, "a>\r\nBcc: evil@example.com"s}) {
    SCOPED_TRACE(evil);
    MessageParts parts = Parts();
    parts.from_name = parts.from_address = parts.to_address = parts.subject = parts.message_id =
        parts.list_unsubscribe = evil;
    const std::string message = Compose(parts);
    const std::string header = message.substr(0, message.find("\r\n\r\n"));
    EXPECT_THAT(header, Not(HasSubstr("\nBcc")));
    EXPECT_THAT(header, Not(HasSubstr("\rBcc")));
    EXPECT_THAT(header, HasSubstr("Content-Type: text/plain")) << "the header ends where it should";
    EXPECT_EQ(absl::StrReplaceAll(message, {{"\r\n", ""}}).find_first_of("\r\n"),
              std::string::npos);
  }
}

TEST(Compose, KeepsLinesShort) {
  for (const std::string& subject :
       {std::string(2000, 'a'), std::string(500, ' ') + "a", "a" + std::string(3000, ' ') + "b",
        absl::StrReplaceAll(std::string(500, 'x'), {{"x", "word "}}),
        absl::StrReplaceAll(std::string(500, 'x'), {{"x", "\xF0\x9F\x98\x80"}})}) {
    MessageParts parts = Parts();
    parts.subject = parts.from_name = subject;
    parts.text = subject;
    for (const absl::string_view line : absl::StrSplit(Compose(parts), "\r\n")) {
      EXPECT_LE(line.size(), 998u);
    }
  }
}

TEST(HeaderField, FoldsAndEncodes) {
  EXPECT_EQ(HeaderField("Subject", "  plain \t"), "Subject: plain\r\n");
  EXPECT_EQ(HeaderField("Subject", ""), "Subject: \r\n");
  EXPECT_EQ(HeaderField("Subject", "caf\xC3\xA9"), "Subject:\r\n =?UTF-8?B?Y2Fmw6k=?=\r\n");
  EXPECT_EQ(HeaderField("Subject", "=?UTF-8?B?YQ==?="),
            "Subject:\r\n =?UTF-8?B?PT9VVEYtOD9CP1lRPT0/PQ==?=\r\n")
      << "text that looks encoded is text";
  const std::string word(30, 'w');
  EXPECT_EQ(HeaderField("Subject", absl::StrCat(word, " ", word, " ", word)),
            absl::StrCat("Subject: ", word, " ", word, "\r\n ", word, "\r\n"));

  // No encoded word cuts a character in two, and none is longer than RFC 2047 allows.
  std::string smile;
  for (int i = 0; i < 40; ++i) smile += "a\xF0\x9F\x98\x80";
  std::string decoded;
  for (absl::string_view line : absl::StrSplit(HeaderField("Subject", smile), "\r\n ")) {
    EXPECT_LE(line.size(), 76u);
    if (!absl::ConsumePrefix(&line, "=?UTF-8?B?")) continue;
    std::string part;
    ASSERT_TRUE(absl::Base64Unescape(line.substr(0, line.find("?=")), &part));
    EXPECT_TRUE(IsUtf8(part));
    decoded += part;
  }
  EXPECT_EQ(decoded, smile);
}

TEST(Phrase, Quotes) {
  EXPECT_EQ(Phrase(""), "");
  EXPECT_EQ(Phrase("Ann, \"the\" \\ Bee"), "\"Ann, \\\"the\\\" \\\\ Bee\"");
  EXPECT_EQ(Phrase("Zo\xC3\xAB"), "=?UTF-8?B?Wm/Dqw==?=");
}

TEST(QuotedPrintable, FollowsRfc2045) {
  struct Case {
    const char* name;
    std::string text, want;
  };
  for (const Case& c : {
           Case{"plain", "a b\r\n", "a b\r\n"},
           Case{"equals sign", "a=b", "a=3Db"},
           Case{"blanks at the end", "a \r\nb\t\r\n", "a=20\r\nb=09\r\n"},
           Case{"UTF-8", "\xC3\xA9", "=C3=A9"},
           Case{"a line of 76", std::string(76, 'a'), std::string(76, 'a')},
           Case{"a line of 77", std::string(77, 'a'), std::string(75, 'a') + "=\r\naa"},
           Case{"no escape is cut", std::string(74, 'a') + "\xC3",
                std::string(74, 'a') + "=\r\n=C3"},
           Case{"empty lines", "\r\n\r\n", "\r\n\r\n"},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(QuotedPrintable(c.text), c.want);
  }
}

TEST(Substitute, PutsValuesInOnce) {
  const Variables variables = {{"name", "<b>Ann</b>"}, {"loop", "{{name}}"}, {"", "empty"}};
  struct Case {
    const char* text;
    Escape escape;
    const char* want;
  };
  for (const Case& c : {
           Case{"Hi {{name}}!", Escape::kNone, "Hi <b>Ann</b>!"},
           Case{"Hi {{ name }}!", Escape::kNone, "Hi <b>Ann</b>!"},
           Case{"Hi {{name}}!", Escape::kHtml, "Hi &lt;b&gt;Ann&lt;/b&gt;!"},
           Case{"{{loop}}", Escape::kNone, "{{name}}"},
           Case{"Hi {{unknown}}!", Escape::kNone, "Hi !"},
           Case{"{{name", Escape::kNone, "{{name"},
           Case{"name}}", Escape::kNone, "name}}"},
           Case{"{name}", Escape::kNone, "{name}"},
           Case{"", Escape::kNone, ""},
       }) {
    EXPECT_EQ(Substitute(c.text, variables, c.escape), c.want) << c.text;
  }
}

TEST(CampaignComposer, FillsInTheRecipient) {
  Campaign campaign;
  campaign.id = CampaignId("spring");
  campaign.from_address = "news@Example.com";
  campaign.subject = "For {{name}}";
  campaign.html_body = "<p>{{name}} {{address}}</p>";
  campaign.list_unsubscribe = "<https://example.com/u?{{token}}>";
  CampaignComposer composer;
  const std::string message = composer.Compose(
      campaign, DeliveryId(7), "ann@example.net",
      {{"name", "A & B\r\nBcc: c@example.net"}, {"token", "t7"}}, absl::UnixEpoch());
  EXPECT_THAT(message, HasSubstr("\r\nMessage-ID: <spring.7@example.com>\r\n"));
  EXPECT_THAT(message, HasSubstr("\r\nSubject: For A & B  Bcc: c@example.net\r\n"));
  EXPECT_THAT(message, HasSubstr("<p>A &amp; B\r\nBcc: c@example.net ann@example.net</p>\r\n"));
  EXPECT_THAT(message, HasSubstr("<https://example.com/u?t7>"));
}

}  // namespace
}  // namespace crescendo::smtp
