// Replies, capabilities and data.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "smtp_client/wire/capabilities.h"
#include "smtp_client/wire/data.h"
#include "smtp_client/wire/reply_parser.h"
#include "smtp_client/wire/utf8.h"
#include "tests/fuzz/properties.h"
#include "tests/support/receiver_model.h"

namespace crescendo::fuzz {
namespace {

using smtp::Capabilities;
using smtp::ReplyLimits;
using smtp::ReplyParser;

std::vector<Reply> Parse(const std::vector<absl::string_view>& pieces, const ReplyLimits& limits) {
  ReplyParser parser(limits);
  std::vector<Reply> replies;
  for (const absl::string_view piece : pieces) {
    parser.Feed(piece);
    while (std::optional<Reply> reply = parser.Next()) replies.push_back(*std::move(reply));
  }
  return replies;
}

std::string Wire(const Reply& reply) {
  std::string wire;
  for (size_t i = 0; i < reply.lines.size(); ++i) {
    absl::StrAppend(&wire, reply.code, i + 1 == reply.lines.size() ? " " : "-",
                    reply.enhanced.ToString(), reply.enhanced.present() ? " " : "", reply.lines[i],
                    "\r\n");
  }
  return wire;
}

absl::Status CheckReply(const Reply& reply, const ReplyLimits& limits) {
  RETURN_IF_ERROR(Expect(reply.code == 0 || (reply.code >= 200 && reply.code <= 599),
                         "a code is 0 or 200 to 599", absl::StrCat(reply.code)));
  RETURN_IF_ERROR(Expect(!reply.lines.empty() && reply.lines.size() <= limits.lines,
                         "a reply has lines, and not too many", absl::StrCat(reply.lines.size())));
  for (const std::string& line : reply.lines) {
    // U+FFFD has three bytes for one.
    RETURN_IF_ERROR(
        Expect(line.size() <= 3 * std::max<size_t>(limits.line_bytes, 200), "a line is cut", line));
    RETURN_IF_ERROR(Expect(smtp::IsUtf8(line) && smtp::CleanText(line) == line,
                           "a line is UTF-8 without controls", line));
  }
  if (reply.code == 0) return absl::OkStatus();
  const std::vector<Reply> again =
      Parse({Wire(reply)}, {.line_bytes = 1 << 20, .reply_bytes = 1 << 24, .lines = 1 << 16});
  return Expect(again.size() == 1 && again[0].code == reply.code && again[0].lines == reply.lines &&
                    again[0].enhanced == reply.enhanced,
                "a reply reads the same when it is written again", Wire(reply));
}

}  // namespace

absl::Status CheckReplyParser(absl::string_view input) {
  if (input.empty()) return absl::OkStatus();
  const uint32_t seed = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  for (const ReplyLimits& limits :
       {ReplyLimits{}, ReplyLimits{.line_bytes = 40, .reply_bytes = 200, .lines = 4}}) {
    const std::vector<Reply> whole = Parse({input}, limits);
    for (size_t i = 0; i < whole.size(); ++i) {
      RETURN_IF_ERROR(CheckReply(whole[i], limits));
      RETURN_IF_ERROR(Expect(whole[i].code != 0 || i + 1 == whole.size(),
                             "nothing comes behind what is no reply"));
    }
    const std::vector<Reply> cut = Parse(Cut(input, seed), limits);
    RETURN_IF_ERROR(Expect(cut.size() == whole.size(), "the same replies however they are cut"));
    for (size_t i = 0; i < whole.size(); ++i) {
      // How much is shown of what is no reply depends on how much of it had come.
      RETURN_IF_ERROR(Expect(cut[i].code == whole[i].code &&
                                 (cut[i].code == 0 || cut[i].lines == whole[i].lines) &&
                                 cut[i].enhanced == whole[i].enhanced,
                             "the same reply however it is cut", whole[i].ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCapabilities(absl::string_view input) {
  for (const Reply& reply : Parse({input}, {})) {
    const Capabilities found = smtp::ParseCapabilities(reply);
    RETURN_IF_ERROR(Expect(found.size || found.max_message_bytes == 0, "a limit comes with SIZE"));
    Reply other = reply;
    std::reverse(other.lines.begin() + 1, other.lines.end());
    other.lines.push_back("X-UNKNOWN SIZE PIPELINING");
    other.lines.insert(other.lines.end(), reply.lines.begin() + 1, reply.lines.end());
    other.lines[0] = "STARTTLS";
    for (std::string& line : other.lines) absl::AsciiStrToLower(&line);
    RETURN_IF_ERROR(Expect(smtp::ParseCapabilities(other) == found,
                           "order, repetition, case, the greeting and unknown words are nothing",
                           reply.ToString()));
    for (const auto& [word, offered] :
         {std::pair<absl::string_view, bool>{"PIPELINING", found.pipelining},
          {"8BITMIME", found.eight_bit_mime},
          {"SMTPUTF8", found.smtp_utf8},
          {"STARTTLS", found.start_tls},
          {"CHUNKING", found.chunking},
          {"ENHANCEDSTATUSCODES", found.enhanced_status},
          {"SIZE", found.size}}) {
      const bool named =
          std::any_of(reply.lines.begin() + 1, reply.lines.end(), [&](absl::string_view line) {
            line = absl::StripLeadingAsciiWhitespace(line);
            return absl::EqualsIgnoreCase(line.substr(0, line.find(' ')), word);
          });
      RETURN_IF_ERROR(Expect(named == offered, word, reply.ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckData(absl::string_view input) {
  std::string wire = "354 go\r\n";
  smtp::AppendData(input, &wire);
  RETURN_IF_ERROR(Expect(absl::StartsWith(wire, "354 go\r\n"), "what was there stays"));
  const absl::string_view sent = absl::string_view(wire).substr(8);
  const std::optional<std::string> received = testing::Receive(sent);
  RETURN_IF_ERROR(Expect(received.has_value(), "one end of data, and nothing behind it", sent));
  RETURN_IF_ERROR(
      Expect(*received == testing::Repaired(input), "what arrives is what was sent", sent));
  for (const std::string& end : testing::kLaxEnds) {
    RETURN_IF_ERROR(
        Expect(!testing::EndsEarly(sent, end), "no end of data inside the message", sent));
  }
  std::string chunk;
  smtp::AppendLastChunk(input, &chunk);
  const std::string want = testing::Repaired(input);
  return Expect(chunk == absl::StrCat("BDAT ", want.size(), " LAST\r\n", want),
                "one chunk, of the length that it says", chunk);
}

}  // namespace crescendo::fuzz
