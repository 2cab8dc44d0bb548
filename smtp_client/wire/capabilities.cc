#include "smtp_client/wire/capabilities.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace crescendo::smtp {
namespace {

void TakeSize(const std::vector<absl::string_view>& words, Capabilities* found) {
  found->size = true;
  uint64_t limit = 0;
  // SIZE alone, SIZE=0 and a number out of range all mean that we know no limit.
  if (words.size() < 2 || !absl::SimpleAtoi(words[1], &limit) || limit == 0) return;
  const bool first = found->max_message_bytes == 0;
  found->max_message_bytes = first ? limit : std::min(found->max_message_bytes, limit);
}

void TakeKeyword(absl::string_view line, Capabilities* found) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  if (words.empty()) return;
  const std::string keyword = absl::AsciiStrToUpper(words[0]);
  if (keyword == "PIPELINING") found->pipelining = true;
  if (keyword == "8BITMIME") found->eight_bit_mime = true;
  if (keyword == "SMTPUTF8") found->smtp_utf8 = true;
  if (keyword == "STARTTLS") found->start_tls = true;
  if (keyword == "CHUNKING") found->chunking = true;
  if (keyword == "ENHANCEDSTATUSCODES") found->enhanced_status = true;
  if (keyword == "SIZE") TakeSize(words, found);
}

}  // namespace

Capabilities ParseCapabilities(const Reply& ehlo) {
  Capabilities found;
  // The first line is the server's name and greeting, whatever it looks like.
  for (size_t i = 1; i < ehlo.lines.size(); ++i) TakeKeyword(ehlo.lines[i], &found);
  return found;
}

}  // namespace crescendo::smtp
