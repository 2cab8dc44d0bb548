// Messages that somebody else has written, as campaigns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "smtp_client/message/campaign_composer.h"
#include "smtp_client/message/encode.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Campaign RawCampaign(const std::string& raw) {
  Campaign campaign;
  campaign.id = CampaignId("spring");
  campaign.pool = PoolId("main");
  campaign.from_address = "news@shop.example";
  // As a file has it on this machine, or on another.
  campaign.raw_message = raw;
  return campaign;
}

std::string Compose(const Campaign& campaign, const Variables& variables) {
  CampaignComposer composer;
  const auto composed =
      composer.Compose(campaign, DeliveryId(7), "ann@example.net", variables, absl::UnixEpoch());
  EXPECT_TRUE(composed.ok()) << composed.status();
  if (!composed.ok()) return "";
  EXPECT_TRUE(IsStrictText(composed->message));
  EXPECT_TRUE(IsAscii(composed->message));
  for (const absl::string_view line : absl::StrSplit(composed->message, "\r\n")) {
    EXPECT_LE(line.size(), 998u);
  }
  return composed->message;
}

TEST(RawMessage, IsFilledIn) {
  for (const char* line_end : {"\n", "\r\n"}) {
    const std::string raw = absl::StrReplaceAll(
        "From: other@example.net\nTo: list@example.net\nCc: cc@example.net\n"
        "Bcc: hidden@example.net\nDate: yesterday\nMessage-ID: <x@y>\nReceived: by me\n"
        "DKIM-Signature: v=1\nMIME-Version: 1.0\nReply-To: help@shop.example\n"
        "Subject: For\n {{name|you}}\nX-Mailer: Pen\n\nHello {{name}},\n.\nbye\n",
        {{"\n", line_end}});
    EXPECT_EQ(Compose(RawCampaign(raw), {{"name", "Ann"}}),
              "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
              "From: <news@shop.example>\r\n"
              "To: <ann@example.net>\r\n"
              "Reply-To: help@shop.example\r\n"
              "Subject: For Ann\r\n"
              "X-Mailer: Pen\r\n"
              "Message-ID: <spring.7@shop.example>\r\n"
              "MIME-Version: 1.0\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n"
              "Content-Transfer-Encoding: 7bit\r\n"
              "\r\n"
              "Hello Ann,\r\n.\r\nbye\r\n");
  }
}

// Where a variable hides in an encoding, it is found; and what comes of it is encoded again.
TEST(RawMessage, IsDecodedFirst) {
  struct Case {
    const char *name, *header, *body, *want;
  };
  for (const Case& c : {
           Case{"quoted-printable", "Content-Transfer-Encoding: quoted-printable\n",
                "Hi {{na=\nme}}=2C caf=C3=A9\n", "Hi Zo\xC3\xAB, caf\xC3\xA9\r\n"},
           Case{"base64", "Content-Transfer-Encoding: base64\n", "SGkge3tuYW1lfX0hCg==\n",
                "Hi Zo\xC3\xAB!\r\n"},
           Case{"8bit", "Content-Transfer-Encoding: 8bit\n", "Hi {{name}} \xC3\xA9\n",
                "Hi Zo\xC3\xAB \xC3\xA9\r\n"},
           Case{"Latin 1", "Content-Type: text/plain; charset=iso-8859-1\n", "{{name}} \xE9\n",
                "Zo\xC3\xAB \xC3\xA9\r\n"},
       }) {
    SCOPED_TRACE(c.name);
    const std::string message =
        Compose(RawCampaign(absl::StrCat("Subject: =?UTF-8?Q?F=C3=BCr_{{name}}?=\n", c.header, "\n",
                                         c.body)),
                {{"name", "Zo\xC3\xAB"}});
    EXPECT_THAT(message,
                HasSubstr(absl::StrCat("Subject:\r\n =?UTF-8?B?",
                                       absl::Base64Escape("F\xC3\xBCr Zo\xC3\xAB"), "?=\r\n")));
    std::string encoded;
    AppendQuotedPrintable(c.want, &encoded);
    if (absl::StrContains(message, "Encoding: base64")) {
      encoded.clear();
      AppendBase64(c.want, &encoded);
    }
    EXPECT_THAT(message, HasSubstr(absl::StrCat("charset=utf-8\r\n")));
    EXPECT_EQ(message.substr(message.find("\r\n\r\n") + 4), encoded);
  }
}

constexpr char kParts[] =
    "Subject: s\nContent-Type: multipart/mixed; boundary=outer\n\npreamble\n"
    "--outer\nContent-Type: multipart/alternative; boundary=inner\n\n"
    "--inner\nContent-Type: text/plain\n\nHi {{name}}\n"
    "--inner\nContent-Type: text/html; charset=us-ascii\n\n<p>{{name}}</p>\n--inner--\n"
    "--outer\nContent-Type: application/pdf; name*=UTF-8''Gr%C3%BC%C3%9Fe.pdf\n"
    "Content-Disposition: attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf\n"
    "Content-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n"
    "--outer\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\n"
    "{{name}} stays\n--outer--\n";

TEST(RawMessage, KeepsItsParts) {
  const std::string message = Compose(RawCampaign(kParts), {{"name", "A & B"}});
  EXPECT_THAT(message, HasSubstr("Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n"
                                 "Content-Type: multipart/alternative; boundary=inner\r\n\r\n"
                                 "--inner\r\n"));
  EXPECT_THAT(message, HasSubstr("\r\n\r\nHi A & B\r\n"));
  EXPECT_THAT(message, HasSubstr("\r\n\r\n<p>A &amp; B</p>\r\n"));
  EXPECT_THAT(message, HasSubstr("JVBERi0xLjQK\r\n")) << "attachments are not looked into";
  EXPECT_THAT(message, HasSubstr("{{name}} stays\r\n"));
  EXPECT_THAT(message, HasSubstr("filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf")) << "RFC 2231";
  EXPECT_TRUE(absl::EndsWith(message, "\r\n--outer--\r\n"));
  EXPECT_EQ(message, Compose(RawCampaign(kParts), {{"name", "A & B"}}));

  // No value ends a part.
  for (const char* evil :
       {"\n--inner--\n--outer--\n", "\r\n--outer\r\nContent-Type: text/html\r\n"}) {
    const std::string wary = Compose(RawCampaign(kParts), {{"name", evil}});
    EXPECT_EQ(std::vector<std::string>(absl::StrSplit(wary, "--inner")).size(), 4u) << wary;
    EXPECT_EQ(std::vector<std::string>(absl::StrSplit(wary, "--outer")).size(), 5u) << wary;
  }
}

TEST(RawMessage, HasItsOwnWayToLeave) {
  const std::string raw = "List-Unsubscribe: <https://a.example/{{t}}>\nSubject: s\n\nb\n";
  EXPECT_THAT(Compose(RawCampaign(raw), {{"t", "1"}}),
              HasSubstr("List-Unsubscribe: <https://a.example/1>\r\nList-Unsubscribe-Post"));
  Campaign campaign = RawCampaign(raw);
  campaign.list_unsubscribe = "<mailto:u@shop.example>";
  const std::string message = Compose(campaign, {});
  EXPECT_THAT(message, HasSubstr("List-Unsubscribe: <mailto:u@shop.example>\r\n"));
  EXPECT_THAT(message, Not(HasSubstr("a.example")));
}

TEST(RawMessage, IsCheckedWhenItComes) {
  struct Case {
    const char *name, *raw, *fault;
  };
  for (const Case& c : {
           Case{"a broken variable in a text", "Subject: s\n\nHi\n{{name\n",
                "raw_message cannot be used: its text part, at line 2, column 1: {{ has no }}"},
           Case{"in the HTML", "Subject: s\nContent-Type: text/html\n\n<p>{{ }}</p>\n",
                "its HTML part, at line 1, column 4: {{}} names no variable"},
           Case{"in the subject", "Subject: {{s\n\nb\n",
                "raw_message: its Subject field, at column 1: {{ has"},
           Case{"a broken way to leave", "List-Unsubscribe: here\n\nb\n",
                "raw_message: its List-Unsubscribe field, at column 1: a URI stands in < and >"},
           Case{"no boundary", "Content-Type: multipart/mixed\n\nb\n",
                "a multipart without a boundary"},
           Case{"no parts", "Content-Type: multipart/mixed; boundary=a\n\nb\n", "a multipart"},
           Case{"a field's name", "Caf\xC3\xA9: x\n\nb\n",
                "raw_message has a field named \"Caf\xC3\xA9\"; a name is 1 to 76"},
           Case{"a stray CR in a part's header",
                "Content-Type: multipart/mixed; boundary=a\n\n--a\nX-A: b\rX-B: c\n\nb\n--a--\n",
                "it has a part whose header holds a CR that ends no line; remove it"},
           Case{
               "two subjects", "Subject: a\nsubject: a\n\nb\n",
               "raw_message: its subject field, is the second subject, which may stand there once"},
           Case{"two types", "Content-Type: text/html\nContent-type: text/html\n\nb\n",
                "it has a part with two Content-type fields; remove one"},
           Case{"no fields", "\xFF\xFE\x01\n\xFF\n", "raw_message"},
       }) {
    SCOPED_TRACE(c.name);
    const absl::Status status = CampaignComposer().Check(RawCampaign(c.raw));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.fault));
  }
  EXPECT_THAT(
      std::string(
          CampaignComposer().Check(RawCampaign(std::string("Subject: s\n\na\0b\n", 16))).message()),
      HasSubstr("raw_message cannot be used: at line 3, column 2: it holds a NUL"));
  std::string deep = "\nb\n";
  for (int i = 0; i < 12; ++i) {
    deep = absl::StrCat("Content-Type: multipart/mixed; boundary=b", i, "\n\n--b", i, "\n", deep,
                        "\n--b", i, "--\n");
  }
  EXPECT_THAT(std::string(CampaignComposer().Check(RawCampaign(deep)).message()),
              HasSubstr("deep inside each other"));
}

}  // namespace
}  // namespace crescendo::smtp
