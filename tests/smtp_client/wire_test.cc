// Commands, capabilities and data: what is not a reply.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "smtp_client/wire/capabilities.h"
#include "smtp_client/wire/command.h"
#include "smtp_client/wire/data.h"

namespace crescendo::smtp {
namespace {

TEST(Capabilities, AreReadFromTheLinesAfterTheFirst) {
  struct Case {
    const char* name;
    std::vector<std::string> lines;
    Capabilities want;
  };
  const Capabilities none;
  const Case cases[] = {
      {"none", {"mx"}, none},
      {"no lines at all", {}, none},
      {"the greeting offers nothing", {"PIPELINING"}, none},
      {"all of them, in any case",
       {"mx", "pipelining", "8BITMIME", "SmtpUtf8", "STARTTLS", "CHUNKING", "ENHANCEDSTATUSCODES",
        "SIZE 1000"},
       {true, true, true, true, true, true, true, 1000}},
      {"SIZE alone", {"mx", "SIZE"}, {.size = true}},
      {"SIZE 0 is no limit", {"mx", "SIZE 0"}, {.size = true}},
      {"SIZE -1", {"mx", "SIZE -1"}, {.size = true}},
      {"SIZE 2^64", {"mx", "SIZE 18446744073709551616"}, {.size = true}},
      {"SIZE twice",
       {"mx", "SIZE 500", "SIZE 9", "SIZE 0"},
       {.size = true, .max_message_bytes = 9}},
      {"MAILMAX", {"mx", "LIMITS RCPTMAX=1 MAILMAX=20 RCPTDOMAINMAX=1"}, {.max_mails = 20}},
      {"MAILMAX in any case, twice", {"mx", "limits mailmax=9 MailMax=7"}, {.max_mails = 7}},
      {"MAILMAX without a number",
       {"mx", "LIMITS MAILMAX MAILMAX= MAILMAX=0 MAILMAX=x XMAILMAX=1"},
       none},
      {"MAILMAX outside LIMITS", {"mx", "MAILMAX=1", "LIMITS"}, none},
      {"a keyword inside another", {"mx", "XPIPELINING", "PIPELININGX"}, none},
      {"empty lines", {"mx", "", "  "}, none},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Reply reply;
    reply.lines = c.lines;
    EXPECT_EQ(ParseCapabilities(reply), c.want);
  }
}

TEST(Command, CarriesItsParameters) {
  EXPECT_EQ(EhloCommand("mta1.example.com").value(), "EHLO mta1.example.com\r\n");
  EXPECT_EQ(HeloCommand("[192.0.2.1]").value(), "HELO [192.0.2.1]\r\n");
  EXPECT_EQ(MailCommand("", {}).value(), "MAIL FROM:<>\r\n");
  EXPECT_EQ(MailCommand("a@b.example", {12, true, true}).value(),
            "MAIL FROM:<a@b.example> SIZE=12 BODY=8BITMIME SMTPUTF8\r\n");
  EXPECT_EQ(RcptCommand("\"a > b\"@c.example").value(), "RCPT TO:<\"a > b\"@c.example>\r\n");
}

TEST(Command, RefusesWhatWouldBreakOut) {
  const std::string nul("a\0@b", 4);
  for (const std::string& address :
       {std::string("a@b\r\nRCPT TO:<c@d>"), std::string("a@b\n"), std::string("a@b\r"), nul,
        std::string("a@b> SIZE=1"), std::string("<a@b"), std::string("a b@c"), std::string("\"a@b"),
        std::string("\"a\r\"@b"), std::string("\"a\\\n\"@b"), std::string("\"a\\"),
        std::string("@b"), std::string("a@"), std::string(65, 'a') + "@b",
        "a@" + std::string(253, 'b')}) {
    SCOPED_TRACE(address);
    EXPECT_EQ(RcptCommand(address).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(MailCommand(address, {}).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(RcptCommand("").ok());
  EXPECT_TRUE(RcptCommand(std::string(64, 'a') + "@b").ok());
  for (const char* name : {"", "a b", "a\r\nMAIL", "a>"}) EXPECT_FALSE(EhloCommand(name).ok());
}

std::string Data(absl::string_view message) {
  std::string out;
  AppendData(message, &out);
  return out;
}

TEST(Data, StuffsDotsAndEndsLines) {
  struct Case {
    absl::string_view name, message, want;
  };
  for (const Case& c : {
           Case{"plain", "a\r\nb\r\n", "a\r\nb\r\n.\r\n"},
           Case{"no last line end", "a", "a\r\n.\r\n"},
           Case{"nothing", "", ".\r\n"},
           Case{"only a dot", ".", "..\r\n.\r\n"},
           Case{"dots lead lines", ".a\r\n..b\r\nc.\r\n", "..a\r\n...b\r\nc.\r\n.\r\n"},
           Case{"an end of data inside", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"},
           Case{"bare LF", "a\nb\n", "a\r\nb\r\n.\r\n"},
           Case{"bare CR", "a\rb\r", "a\r\nb\r\n.\r\n"},
           Case{"LF CR", "a\n\rb", "a\r\n\r\nb\r\n.\r\n"},
           Case{"CR CR LF", "a\r\r\nb", "a\r\n\r\nb\r\n.\r\n"},
           Case{"empty lines", "\r\n\r\n", "\r\n\r\n.\r\n"},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Data(c.message), std::string(c.want));
  }
}

TEST(Data, MakesOneChunkOfStrictLines) {
  struct Case {
    absl::string_view name, message, want;
  };
  for (const Case& c : {
           Case{"plain", "a\r\nb\r\n", "BDAT 6 LAST\r\na\r\nb\r\n"},
           Case{"no last line end", "a", "BDAT 3 LAST\r\na\r\n"},
           Case{"nothing", "", "BDAT 0 LAST\r\n"},
           Case{"dots as they are", ".\r\n..b\r\n", "BDAT 8 LAST\r\n.\r\n..b\r\n"},
           Case{"bare LF, bare CR", "a\nb\rc", "BDAT 9 LAST\r\na\r\nb\r\nc\r\n"},
       }) {
    SCOPED_TRACE(c.name);
    std::string out = "";
    AppendLastChunk(c.message, &out);
    EXPECT_EQ(out, std::string(c.want));
  }
}

// RELIABILITY §6: what some receivers take for an end of data. None may reach them.
TEST(Data, SmugglesNothing) {
  using std::string_literals::operator""s;
  const std::string smuggled = "MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.net>\r\n";
  for (const std::string& end :
       {"\n.\n"s, "\r.\r"s, "\r.\n"s, "\n.\r"s, "\n.\r\n"s, "\r\n.\n"s, "\r.\r\n"s, "\r\n.\r"s,
        "\r\n\0.\r\n"s, "\r\n.\0\r\n"s, "\r\n.\r\n"s}) {
    for (const std::string& message :
         {end + smuggled, "Subject: a\r\n\r\nb" + end + smuggled, "Subject: a\r\n\r\nb" + end}) {
      SCOPED_TRACE(message);
      const std::string wire = Data(message);
      EXPECT_EQ(wire.find('\0'), std::string::npos);
      ASSERT_TRUE(absl::EndsWith(wire, "\r\n.\r\n"));
      // Every CR and LF is half of a CRLF, and no line but the last is a lone dot.
      const std::string no_crlf = absl::StrReplaceAll(wire, {{"\r\n", ""}});
      EXPECT_EQ(no_crlf.find_first_of("\r\n"), std::string::npos);
      const std::vector<std::string> lines = absl::StrSplit(wire, "\r\n");
      EXPECT_EQ(std::count(lines.begin(), lines.end(), "."), 1);
    }
  }
}

TEST(Data, KnowsAnEightBitHeader) {
  EXPECT_FALSE(HeaderIsEightBit("Subject: a\r\n\r\n\xC3\xA9"));
  EXPECT_TRUE(HeaderIsEightBit("Subject: \xC3\xA9\r\n\r\na"));
}

}  // namespace
}  // namespace crescendo::smtp
