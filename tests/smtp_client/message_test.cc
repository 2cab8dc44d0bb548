#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "smtp_client/message/campaign_composer.h"
#include "smtp_client/message/encode.h"
#include "smtp_client/message/template.h"
#include "smtp_client/message/verp.h"
#include "smtp_client/wire/data.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kDate =
    absl::FromCivil(absl::CivilSecond(2025, 11, 24, 3, 4, 5), absl::UTCTimeZone());

Campaign NewCampaign() {
  Campaign campaign;
  campaign.id = CampaignId("spring");
  campaign.pool = PoolId("main");
  campaign.from_name = "News";
  campaign.from_address = "news@Example.com";
  campaign.subject = "Hello";
  campaign.text_body = "Hi\nAnn";
  return campaign;
}

std::string Compose(const Campaign& campaign, const Variables& variables = {},
                    absl::string_view address = "ann@example.net") {
  CampaignComposer composer;
  auto composed = composer.Compose(campaign, DeliveryId(7), address, variables, kDate);
  EXPECT_TRUE(composed.ok()) << composed.status();
  return composed.ok() ? composed->message : "";
}

std::string Fault(const Campaign& campaign) {
  return std::string(CampaignComposer().Check(campaign).message());
}

std::string HeaderOf(const std::string& message) {
  return message.substr(0, message.find("\r\n\r\n") + 2);
}
TEST(Compose, WritesAPlainMessage) {
  EXPECT_EQ(Compose(NewCampaign()),
            "Date: Mon, 24 Nov 2025 03:04:05 +0000\r\n"
            "From: \"News\" <news@Example.com>\r\n"
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
  Campaign campaign = NewCampaign();
  campaign.text_body = "Hi {{name}}";
  campaign.html_body = "<p>caf\xC3\xA9</p>";
  const std::string message = Compose(campaign, {{"name", "Ann"}});
  EXPECT_EQ(message, Compose(campaign, {{"name", "Ann"}})) << "a retry must be the same (L4)";
  const size_t at = message.find("boundary=\"") + 10;
  const std::string mark = "--" + message.substr(at, message.find('"', at) - at);
  EXPECT_THAT(message,
              HasSubstr(absl::StrCat(
                  "\r\n\r\n", mark,
                  "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit"
                  "\r\n\r\nHi Ann\r\n\r\n",
                  mark,
                  "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: "
                  "quoted-printable\r\n\r\n<p>caf=C3=A9</p>\r\n\r\n",
                  mark, "--\r\n")));

  // A value that knows the boundary does not end its part.
  const std::string wary = Compose(campaign, {{"name", absl::StrCat("\n", mark, "--\n")}});
  EXPECT_THAT(wary, HasSubstr("base64\r\n\r\n"));
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(wary, mark)).size(), 4u);
}

TEST(Compose, ChoosesTheEncoding) {
  struct Case {
    const char* name;
    std::string text;
    const char* encoding;
  };
  const auto times = [](int count, absl::string_view text) {
    std::string out;
    while (count-- > 0) absl::StrAppend(&out, text);
    return out;
  };
  for (const Case& c : {
           Case{"ASCII", "a", "7bit"},
           Case{"998 bytes in a line", std::string(998, 'a'), "7bit"},
           Case{"999 bytes in a line", std::string(999, 'a'), "quoted-printable"},
           Case{"many lines of 998", times(9, std::string(998, 'a') + "\r\n"), "7bit"},
           Case{"one of 999 behind many", times(99, "ab\r\n") + std::string(999, 'a'),
                "quoted-printable"},
           Case{"German", times(40, "sch\xC3\xB6n, dass Sie da sind, "), "quoted-printable"},
           Case{"Greek", times(40, "\xCE\xBA\xCE\xB1\xCE\xBB\xCE\xB7"), "base64"},
       }) {
    SCOPED_TRACE(c.name);
    Campaign campaign = NewCampaign();
    campaign.text_body = c.text;
    const std::string message = Compose(campaign);
    EXPECT_THAT(message, HasSubstr(absl::StrCat("Encoding: ", c.encoding, "\r\n")));
    EXPECT_TRUE(IsAscii(message));
  }
}

TEST(Compose, SaysHowToLeave) {
  struct Case {
    const char *name, *value, *want;
  };
  for (const Case& c : {
           Case{"none", "", ""},
           Case{"mailto", "<mailto:u@example.com>", "List-Unsubscribe: <mailto:u@example.com>\r\n"},
           Case{"one click for https", "<https://example.com/u?7>,<mailto:u@example.com>",
                "List-Unsubscribe: <https://example.com/u?7>,\r\n <mailto:u@example.com>\r\n"
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"},
           Case{"http", "<http://example.com/u>", "List-Unsubscribe: <http://example.com/u>\r\n"},
           Case{"values are encoded", "<mailto:u+{{odd}}@example.com>",
                "List-Unsubscribe: <mailto:u+a%20b%2F%3E%0D%0A%C3%A9@example.com>\r\n"},
           Case{"a default", "<mailto:u+{{no|all}}@example.com>",
                "List-Unsubscribe: <mailto:u+all@example.com>\r\n"},
           Case{"a value that is the URI", "<{{url}}>",
                "List-Unsubscribe: <https://shop.example/u?a=1&b=%20>\r\n"
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"},
           Case{"no value for the URI", "<{{no}}>, <mailto:u@example.com>",
                "List-Unsubscribe: <mailto:u@example.com>\r\n"},
           Case{"a value that is no such URI", "<{{odd}}>", ""},
           Case{"the address", "<https://example.com/u?e={{address}}>",
                "List-Unsubscribe: <https://example.com/u?e=ann%40example.net>\r\n"
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"},
       }) {
    SCOPED_TRACE(c.name);
    Campaign campaign = NewCampaign();
    campaign.list_unsubscribe = c.value;
    EXPECT_THAT(Compose(campaign,
                        {{"odd", "a b/>\r\n\xC3\xA9"}, {"url", "https://shop.example/u?a=1&b= "}}),
                HasSubstr(absl::StrCat("Message-ID: <spring.7@example.com>\r\n", c.want,
                                       "MIME-Version: 1.0\r\n")));
  }
}

TEST(Compose, WritesMoreHeaders) {
  Campaign campaign = NewCampaign();
  campaign.feedback_sender_id = "shop1";
  campaign.headers = {{"Reply-To", "{{agent|Help}} <help@example.com>"},
                      {"X-Note", "for {{name|you}}"}};
  EXPECT_THAT(Compose(campaign), HasSubstr("Subject: Hello\r\n"
                                           "Reply-To: Help <help@example.com>\r\n"
                                           "X-Note: for you\r\n"
                                           "Message-ID: <spring.7@example.com>\r\n"
                                           "Feedback-ID: spring:main:example.com:shop1\r\n"));
  // The address of a mailbox is never in an encoded word.
  EXPECT_THAT(Compose(campaign, {{"agent", "Zo\xC3\xAB"}}),
              HasSubstr("Reply-To: =?UTF-8?B?Wm/Dqw==?= <help@example.com>\r\n"));
}

// Whatever stands in a value, it starts no field and ends no header.
TEST(Compose, LetsNoValueBreakOut) {
  using std::string_literals::operator""s;
  for (const std::string& evil :
       {"a\r\nBcc: evil@example.com"s, "a\nBcc: evil@example.com"s, "a\rBcc: evil@example.com"s,
        "a\r\n\r\nBcc: evil@example.com"s, "a\0\nBcc: evil@example.com"s,
        "\xC3\xA9\r\nBcc: evil@example.com"s, "a>\r\nBcc: evil@example.com"s,
        "a\r\n Bcc: evil@example.com"s,
        "\xC2\x85"
        "Bcc: evil@example.com"s,
        "\xFF\r\r\n\n"s}) {
    SCOPED_TRACE(absl::CHexEscape(evil));
    Campaign campaign = NewCampaign();
    campaign.subject = campaign.text_body = "{{evil}}";
    campaign.headers = {{"Reply-To", "{{evil}} <{{evil}}>"}, {"X-Note", "{{evil}}"}};
    campaign.list_unsubscribe = "<https://example.com/{{evil}}>, <{{evil}}>";
    // These are checked before they get here; but if they were not:
    campaign.from_name = campaign.from_address = evil;
    const std::string message = Compose(campaign, {{"evil", evil}}, evil);
    EXPECT_THAT(HeaderOf(message), Not(HasSubstr("\nBcc")));
    EXPECT_THAT(HeaderOf(message), HasSubstr("Content-Type: text/plain"))
        << "the header ends where it should";
    EXPECT_TRUE(IsStrictText(message));
    // What the wire would repair would break the signature: so there is nothing to repair.
    std::string data;
    AppendData(message, &data);
    EXPECT_EQ(absl::StrReplaceAll("\r\n" + data, {{"\r\n..", "\r\n."}}),
              "\r\n" + message + ".\r\n");
  }
}

TEST(Compose, KeepsLinesShort) {
  for (const std::string& subject :
       {std::string(2000, 'a'), std::string(500, ' ') + "a", "a" + std::string(3000, ' ') + "b",
        absl::StrReplaceAll(std::string(500, 'x'), {{"x", "word "}}),
        absl::StrReplaceAll(std::string(500, 'x'), {{"x", "\xF0\x9F\x98\x80"}})}) {
    Campaign campaign = NewCampaign();
    campaign.subject = campaign.from_name = campaign.text_body = campaign.html_body = subject;
    campaign.headers = {{"Reply-To", subject + " <a@example.com>"}};
    campaign.list_unsubscribe = "<https://example.com/u?{{token}}>";
    for (const absl::string_view line :
         absl::StrSplit(Compose(campaign, {{"token", subject}}), "\r\n")) {
      EXPECT_LE(line.size(), 998u);
    }
  }
}

TEST(Check, NamesFieldFaultAndPlace) {
  struct Case {
    const char* name;
    std::function<void(Campaign&)> set;
    const char* fault;
  };
  const Case cases[] = {
      {"a {{ without an end", [](Campaign& c) { c.subject = "Hi {{name"; },
       "subject at column 4: {{ has no }} behind it; write {{name}} or {{name|default}}, and "
       "{{|{{}} where two braces are meant"},
      {"on a line of a body", [](Campaign& c) { c.text_body = "a\r\n\xC3\xA9\xC3\xA9 {{x\n"; },
       "text_body at line 2, column 4: {{ has no }}"},
      {"no name", [](Campaign& c) { c.html_body = "{{ }}"; },
       "html_body at column 1: {{}} names no variable"},
      {"a blank in a name", [](Campaign& c) { c.subject = "{{first name}}"; },
       "subject at column 1: the name \"first name\" holds a blank or a control"},
      {"three braces", [](Campaign& c) { c.subject = "{{{name}}}"; },
       "the name \"{name\" holds a brace"},
      {"an endless name",
       [](Campaign& c) { c.subject = absl::StrCat("{{", std::string(65, 'n'), "}}"); },
       "is longer than 64 bytes"},
      {"no brackets", [](Campaign& c) { c.list_unsubscribe = "https://example.com/u"; },
       "list_unsubscribe at column 1: a URI stands in < and >; write '<https://"},
      {"no end", [](Campaign& c) { c.list_unsubscribe = "<https://example.com/u"; },
       "list_unsubscribe at column 1: < has no > behind it"},
      {"another scheme", [](Campaign& c) { c.list_unsubscribe = "<ftp://example.com/u>"; },
       "<ftp://example.com/u> begins with none of https://, http:// and mailto:"},
      {"a scheme alone", [](Campaign& c) { c.list_unsubscribe = "<https://>"; },
       "or has nothing behind it"},
      {"an empty URI", [](Campaign& c) { c.list_unsubscribe = "<mailto:a@b.example>, <>"; },
       "list_unsubscribe at column 23: <> is empty"},
      {"no comma",
       [](Campaign& c) { c.list_unsubscribe = "<https://a.example> <https://b.example>"; },
       "at column 21: between two URIs stands a comma"},
      {"a comma too many", [](Campaign& c) { c.list_unsubscribe = "<https://a.example>,"; },
       "at column 21: a URI is missing"},
      {"a blank in a URI", [](Campaign& c) { c.list_unsubscribe = "<https://a.example/u v>"; },
       "holds \" \", which no URI may; percent-encode it"},
      {"no address", [](Campaign& c) { c.list_unsubscribe = "<mailto:leave>"; },
       "is a mailto: without an address"},
      {"a broken variable in a URI",
       [](Campaign& c) { c.list_unsubscribe = "<https://a.example/{{t>"; },
       "list_unsubscribe at column 1: of the URI, at column 19: {{ has no }}"},
      {"a header of ours",
       [](Campaign& c) {
         c.headers = {{"X-A", "a"}, {"List-Unsubscribe", "<x>"}};
       },
       "headers[1] is List-Unsubscribe, which the sender writes itself; set list_unsubscribe "
       "instead"},
      {"a header nobody sets",
       [](Campaign& c) {
         c.headers = {{"bcc", "a@b.example"}};
       },
       "headers[0] is bcc, which the sender writes itself; leave it out"},
      {"a header twice that may stand there once",
       [](Campaign& c) {
         c.headers = {{"Reply-To", "a@b.example"}, {"X-A", "a"}, {"X-A", "b"}, {"reply-to", "c@d"}};
       },
       "headers[3] (reply-to) is the second reply-to, which may stand there once; remove one"},
      {"a family of ours",
       [](Campaign& c) {
         c.headers = {{"Resent-To", "a@b.example"}};
       },
       "headers[0] is Resent-To, which"},
      {"no field name",
       [](Campaign& c) {
         c.headers = {{"X Note:", "a"}};
       },
       "headers[0] has the name \"X Note:\"; a name is 1 to 76 printable ASCII"},
      {"a broken header",
       [](Campaign& c) {
         c.headers = {{"X-A", "{{a"}};
       },
       "headers[0] (X-A) at column 1: {{ has no }}"},
  };
  EXPECT_EQ(Fault(NewCampaign()), "");
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Campaign campaign = NewCampaign();
    c.set(campaign);
    EXPECT_THAT(Fault(campaign), HasSubstr(c.fault));
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

// Readers built on GMime take the padding of one word for the end of all of them.
TEST(HeaderField, PadsNoEncodedWordButTheLast) {
  std::string smiles, letters = "a";
  for (int i = 0; i < 40; ++i) {
    smiles += "\xF0\x9F\x98\x80";
    letters += "\xE6\xBA\x80";  // Three bytes: none of them ends at a multiple of three.
  }
  for (const std::string& text : {smiles, letters, absl::StrCat(letters, smiles, letters)}) {
    SCOPED_TRACE(text);
    const std::string field = HeaderField("Subject", text);
    const size_t padding = field.find("=?=");
    EXPECT_TRUE(padding == std::string::npos || padding + 5 == field.size()) << field;
    EXPECT_TRUE(absl::EndsWith(field, "?=\r\n")) << field;
  }
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
    std::string out;
    AppendQuotedPrintable(c.text, &out);
    EXPECT_EQ(out, c.want);
  }
}

TEST(StrictText, RepairsWhatRelaysWould) {
  using std::string_literals::operator""s;
  struct Case {
    std::string text, want;
  };
  for (const Case& c : {Case{"", ""}, Case{"a\r\nb\r\n", "a\r\nb\r\n"}, Case{"a\nb", "a\r\nb"},
                        Case{"a\rb\r", "a\r\nb\r\n"}, Case{"\r\r\n\n", "\r\n\r\n\r\n"},
                        Case{"a\0b\0"s, "a b "}, Case{"\0"s, " "},
                        Case{"\xFF"
                             "a\xC3",
                             "\xEF\xBF\xBD"
                             "a\xEF\xBF\xBD"},
                        Case{"\t\x07", "\t\x07"}}) {
    SCOPED_TRACE(absl::CHexEscape(c.text));
    EXPECT_EQ(StrictText(c.text), c.want);
    EXPECT_EQ(IsStrictText(c.text), c.text == c.want);
    EXPECT_TRUE(IsStrictText(c.want));
  }
}

TEST(Template, PutsValuesInOnce) {
  const Variables variables = {
      {"name", "<b>Ann</b>"}, {"loop", "{{name}}"}, {"empty", ""}, {"lines", "a\nb"}};
  struct Case {
    const char* text;
    Escape escape;
    const char* want;
  };
  for (const Case& c : {
           Case{"Hi {{name}}!", Escape::kNone, "Hi <b>Ann</b>!"},
           Case{"Hi {{ name }}!", Escape::kText, "Hi <b>Ann</b>!"},
           Case{"Hi {{name}}!", Escape::kHtml, "Hi &lt;b&gt;Ann&lt;/b&gt;!"},
           Case{"{{loop}}", Escape::kNone, "{{name}}"},
           Case{"Hi {{unknown}}!", Escape::kNone, "Hi !"},
           Case{"Hi {{unknown|dear | friend}}!", Escape::kNone, "Hi dear | friend!"},
           Case{"Hi {{empty| you }}!", Escape::kNone, "Hi you!"},
           Case{"Hi {{name|you}}!", Escape::kNone, "Hi <b>Ann</b>!"},
           Case{"{{no|<i>}}", Escape::kHtml, "<i>"},
           Case{"{{|{{}}name}}", Escape::kNone, "{{name}}"},
           Case{"{{lines}}", Escape::kText, "a\r\nb"},
           Case{"{{address}}", Escape::kNone, "ann@example.net"},
           Case{"name}}", Escape::kNone, "name}}"},
           Case{"{name}", Escape::kNone, "{name}"},
           Case{"", Escape::kNone, ""},
       }) {
    auto parsed = Template::Parse(c.text);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->Fill({variables, "ann@example.net"}, c.escape), c.want) << c.text;
  }
}

TEST(CampaignComposer, FillsInTheRecipient) {
  Campaign campaign = NewCampaign();
  campaign.subject = "For {{name}}";
  campaign.text_body = "";
  campaign.html_body = "<p>{{name}} {{address}}</p>";
  const std::string message = Compose(campaign, {{"name", "A & B\r\nBcc: c@example.net"}});
  EXPECT_THAT(message, HasSubstr("\r\nSubject: For A & B  Bcc: c@example.net\r\n"));
  EXPECT_THAT(message, HasSubstr("<p>A &amp; B\r\nBcc: c@example.net ann@example.net</p>\r\n"));
}

// What it has read of a campaign, it reads again when that has changed.
TEST(CampaignComposer, FollowsTheCampaign) {
  CampaignComposer composer;
  Campaign campaign = NewCampaign();
  campaign.key = CampaignKey(3);
  campaign.revision = 1;
  const auto subject = [&] {
    const auto composed = composer.Compose(campaign, DeliveryId(7), "a@b.example", {}, kDate);
    return composed.ok() ? composed->message.substr(composed->message.find("Subject"), 14) : "";
  };
  EXPECT_EQ(subject(), "Subject: Hello");
  EXPECT_EQ(subject(), "Subject: Hello");
  campaign.subject = "There";
  campaign.revision = 2;
  EXPECT_EQ(subject(), "Subject: There");
}

TEST(CampaignComposer, LetsNothingLeaveWithoutItsKey) {
  const dkim::Keyring keyring;
  Campaign campaign = NewCampaign();
  CampaignComposer strict({.keyring = &keyring});
  EXPECT_TRUE(strict.Check(campaign).ok()) << "a draft may wait for its key";
  const absl::Status missing = strict.CheckReady(campaign);
  EXPECT_EQ(missing.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("from_address: there is no DKIM key for example.com; add one"));
  EXPECT_EQ(strict.Compose(campaign, DeliveryId(7), "a@b.example", {}, kDate).status(), missing);

  CampaignComposer lax({.keyring = &keyring, .allow_unsigned = true});
  EXPECT_TRUE(lax.CheckReady(campaign).ok());
  EXPECT_EQ(lax.Compose(campaign, DeliveryId(7), "ann@example.net", {}, kDate)->message,
            Compose(campaign));
}

TEST(CampaignComposer, AddressesTheBounce) {
  const Verp verp({"0123456789abcdef"});
  CampaignComposer composer({.verp = &verp});
  Campaign campaign = NewCampaign();
  const auto mail_from = [&] {
    return composer.Compose(campaign, DeliveryId(7), "a@b.example", {}, kDate)->mail_from;
  };
  EXPECT_EQ(mail_from(), verp.Address("news@Example.com", DeliveryId(7)));
  campaign.return_path = "bounce@example.com";
  EXPECT_EQ(mail_from(), verp.Address("bounce@example.com", DeliveryId(7)));
  EXPECT_TRUE(composer.Check(campaign).ok());
  campaign.return_path = std::string(Verp::kLongestLocalPart + 1, 'b') + "@example.com";
  EXPECT_THAT(std::string(composer.Check(campaign).message()),
              HasSubstr("return_path has 28 octets before the @; where bounces carry the "
                        "delivery's number (verp.key_files of the daemon) a return path has at "
                        "most 27"));
}

TEST(Verp, ReadsWhatItWroteAndNothingElse) {
  const Verp verp({"new key of many bytes", "old key of many bytes"});
  const std::string address = verp.Address("Bounce+x@Shop.example", DeliveryId(9007199254740993));
  EXPECT_THAT(address,
              ::testing::MatchesRegex("Bounce\\+x\\+9007199254740993-[0-9a-f]{16}@Shop.example"));
  const auto read = verp.Read(address);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->delivery, DeliveryId(9007199254740993));
  EXPECT_EQ(read->return_path, "bounce+x@shop.example");
  EXPECT_TRUE(verp.Read(absl::AsciiStrToUpper(address)).has_value()) << "relays change case";
  EXPECT_TRUE(verp.Read(Verp({"old key of many bytes"}).Address("b@shop.example", DeliveryId(1)))
                  .has_value())
      << "a bounce of before the key changed";

  const std::string good = verp.Address("b@shop.example", DeliveryId(12));
  const std::string hash = good.substr(good.find('-') + 1, 16);
  for (const std::string& forged :
       {std::string(), std::string("@"), std::string("b@shop.example"),
        std::string("b+12@shop.example"), absl::StrCat("b+13-", hash, "@shop.example"),
        absl::StrCat("b+012-", hash, "@shop.example"),
        absl::StrCat("b++12-", hash, "@shop.example"), absl::StrCat("c+12-", hash, "@shop.example"),
        absl::StrCat("b+12-", hash, "@shop.test"),
        absl::StrCat("b+12-", hash.substr(1), "@shop.example"),
        absl::StrCat("b+12-", hash, "0@shop.example"),
        absl::StrCat("b+-12-", hash, "@shop.example"),
        absl::StrCat("b+99999999999999999999-", hash, "@shop.example"), absl::StrCat("b+12-", hash),
        Verp({"another key of many bytes"}).Address("b@shop.example", DeliveryId(12))}) {
    EXPECT_FALSE(verp.Read(forged).has_value()) << forged;
  }
}

}  // namespace
}  // namespace crescendo::smtp
