#include "smtp_client/wire/reply_parser.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "scheduler/base/random.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

// "250 2.1.0 a|b" for code, enhanced code and lines; "garbage" for code 0.
std::string Show(const Reply& reply) {
  if (reply.code == 0) return "garbage";
  return absl::StrCat(reply.code, reply.enhanced.present() ? " " : "", reply.enhanced.ToString(),
                      " ", absl::StrJoin(reply.lines, "|"));
}

std::string Parse(absl::string_view bytes, size_t piece) {
  ReplyParser parser;
  std::vector<std::string> replies;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    parser.Feed(bytes.substr(at, piece));
    while (std::optional<Reply> reply = parser.Next()) replies.push_back(Show(*reply));
  }
  if (parser.has_pending()) replies.push_back("pending");
  return absl::StrJoin(replies, " / ");
}

TEST(ReplyParser, ReadsRepliesWhateverTheyAre) {
  struct Case {
    absl::string_view name, bytes, want;
  };
  const std::string nul("250 a\0b\r\n", 9);
  for (const Case& c : {
           Case{"one line", "250 ok\r\n", "250 ok"},
           Case{"no text", "250\r\n", "250 "},
           Case{"empty text", "250 \r\n", "250 "},
           Case{"two lines", "250-a\r\n250 b\r\n", "250 a|b"},
           Case{"two replies in one piece", "250 a\r\n354 b\r\n", "250 a / 354 b"},
           Case{"LF only", "250-a\n250 b\n", "250 a|b"},
           Case{"CR CR LF", "250 a\r\r\n", "250 a"},
           Case{"half a reply", "250-a\r\n", "pending"},
           Case{"half a line", "250 a", "pending"},
           Case{"CR only", "250 a\r250 b\r", "pending"},
           Case{"an enhanced code", "550 5.1.1 no such user\r\n", "550 5.1.1 no such user"},
           Case{"on every line", "421-4.7.28 a\r\n421 4.7.28 b\r\n", "421 4.7.28 a|b"},
           Case{"on the first line", "550-5.1.1 a\r\n550 b\r\n", "550 5.1.1 a|b"},
           Case{"on a later line", "550-a\r\n550 5.1.1 b\r\n", "550 5.1.1 a|b"},
           Case{"two that differ", "550-5.1.1 a\r\n550 5.7.1 b\r\n", "550 5.1.1 a|5.7.1 b"},
           Case{"code and nothing else", "250 2.0.0\r\n", "250 2.0.0 "},
           Case{"that contradicts", "550 4.7.1 a\r\n", "550 4.7.1 a"},
           Case{"an address is none", "554 5.6.7.8 is listed\r\n", "554 5.6.7.8 is listed"},
           Case{"a long number is none", "550 5.7.1234 a\r\n", "550 5.7.1234 a"},
           Case{"class 3 is none", "550 3.1.1 a\r\n", "550 3.1.1 a"},
           Case{"NUL in the text", nul, "250 a b"},
           Case{"an escape sequence", "250 \x1b[31mred\r\n", "250  [31mred"},
           Case{"a C1 control",
                "250 a\xC2\x9B"
                "b\r\n",
                "250 a b"},
           Case{"not UTF-8", "250 a\xFF\r\n", "250 a\xEF\xBF\xBD"},
           Case{"UTF-8", "250 \xC3\xA9\r\n", "250 \xC3\xA9"},
           Case{"an overlong form", "250 \xC0\xAF\r\n", "250 \xEF\xBF\xBD\xEF\xBF\xBD"},
           Case{"an empty line", "\r\n", "garbage"},
           Case{"two digits", "25\r\n", "garbage"},
           Case{"four digits", "2500\r\n", "garbage"},
           Case{"a letter behind", "250x\r\n", "garbage"},
           Case{"above the codes", "999 a\r\n", "garbage"},
           Case{"below the codes", "199 a\r\n", "garbage"},
           Case{"a space before", " 250 a\r\n", "garbage"},
           Case{"another code inside", "250-a\r\n550 b\r\n", "garbage"},
           Case{"nothing counts after garbage", "HTTP/1.1 400\r\n250 ok\r\n", "garbage"},
       }) {
    SCOPED_TRACE(c.name);
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, c.bytes.size()}) {
      SCOPED_TRACE(absl::StrCat("in pieces of ", piece));
      EXPECT_EQ(Parse(c.bytes, piece), std::string(c.want));
    }
  }
}

TEST(ReplyParser, KeepsItsLimits) {
  const auto feed = [](const std::string& piece, int times) {
    ReplyParser parser;
    for (int i = 0; i < times; ++i) {
      parser.Feed(piece);
      if (std::optional<Reply> reply = parser.Next()) return *reply;
    }
    return Reply{-1, {}, {}, {}};
  };
  EXPECT_EQ(feed("250-more\r\n", 1000000).code, 0) << "250- for ever";
  EXPECT_EQ(feed(std::string(4096, 'a'), 1000000).code, 0) << "a line without an end";
  EXPECT_EQ(feed("250-" + std::string(9000, 'a') + "\r\n", 1000).code, 0) << "long lines for ever";

  const Reply cut = feed("550 " + std::string(30000, 'a') + "\r\n", 1);
  EXPECT_EQ(cut.code, 550);
  EXPECT_EQ(cut.lines.at(0).size(), 2048u);
}

// L10: no bytes crash it, none become text that could hurt, and pieces do not matter.
TEST(ReplyParser, TakesAnyBytes) {
  base::Random random(20250101);
  const std::string alphabet = "0123456789 -.\r\n\t\xFF\xC3\xA9" + std::string(1, '\0') + "ab";
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    const size_t size = random.Below(60);
    for (size_t i = 0; i < size; ++i) bytes += alphabet[random.Below(alphabet.size())];
    if (round % 2 == 0) bytes = "250-" + bytes + "\r\n250 " + bytes + "\r\n";
    SCOPED_TRACE(absl::StrCat("round ", round));
    ASSERT_EQ(Parse(bytes, 1), Parse(bytes, std::max<size_t>(1, bytes.size())));

    ReplyParser parser;
    parser.Feed(bytes);
    while (std::optional<Reply> reply = parser.Next()) {
      ASSERT_TRUE(reply->code == 0 || (reply->code >= 200 && reply->code <= 599));
      for (const std::string& line : reply->lines) {
        ASSERT_TRUE(IsUtf8(line));
        ASSERT_EQ(line, CleanText(line)) << "cleaning twice changes nothing";
        ASSERT_TRUE(std::all_of(line.begin(), line.end(),
                                [](unsigned char ch) { return ch >= 0x20 && ch != 0x7F; }));
      }
    }
  }
}

}  // namespace
}  // namespace crescendo::smtp
