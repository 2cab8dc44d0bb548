#include "smtp_client/wire/capabilities.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace crescendo::smtp {
namespace {

// The smaller of a limit and what `number` names. No number, 0 and one out of range name none.
uint64_t Lowered(uint64_t limit, absl::string_view number) {
  uint64_t named = 0;
  if (!absl::SimpleAtoi(number, &named) || named == 0) return limit;
  return limit == 0 ? named : std::min(limit, named);
}

void TakeSize(const std::vector<absl::string_view>& words, Capabilities* found) {
  found->size = true;
  if (words.size() < 2) return;
  found->max_message_bytes = Lowered(found->max_message_bytes, words[1]);
}

// LIMITS MAILMAX=20 RCPTMAX=100
void TakeLimits(const std::vector<absl::string_view>& words, Capabilities* found) {
  for (const absl::string_view word : words) {
    const std::pair<absl::string_view, absl::string_view> limit =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    if (absl::EqualsIgnoreCase(limit.first, "MAILMAX")) {
      found->max_mails = Lowered(found->max_mails, limit.second);
    }
  }
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
  if (keyword == "LIMITS") TakeLimits(words, found);
}

}  // namespace

Capabilities ParseCapabilities(const Reply& ehlo) {
  Capabilities found;
  // The first line is the server's name and greeting, whatever it looks like.
  for (size_t i = 1; i < ehlo.lines.size(); ++i) TakeKeyword(ehlo.lines[i], &found);
  return found;
}

}  // namespace crescendo::smtp
