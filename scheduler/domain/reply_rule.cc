#include "scheduler/domain/reply_rule.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace crescendo {
namespace {

// Enhanced codes have at most three digits a part (RFC 3463 §2).
bool ParsePart(absl::string_view text, int& value) {
  if (text.empty() || text.size() > 3) return false;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return absl::SimpleAtoi(text, &value);
}

}  // namespace

std::optional<CodeRange> ParseCodeRange(absl::string_view text) {
  if (text.size() != 3) return std::nullopt;
  CodeRange range;
  if (absl::EndsWith(text, "yz")) {
    if (!ParsePart(text.substr(0, 1), range.low)) return std::nullopt;
    range.low *= 100;
    range.high = range.low + 99;
  } else if (absl::EndsWith(text, "z")) {
    if (!ParsePart(text.substr(0, 2), range.low)) return std::nullopt;
    range.low *= 10;
    range.high = range.low + 9;
  } else {
    if (!ParsePart(text, range.low)) return std::nullopt;
    range.high = range.low;
  }
  return range;
}

bool EnhancedPattern::Matches(const EnhancedStatus& status) const {
  return status.present() && (klass == 0 || klass == status.klass) && subject == status.subject &&
         detail_low <= status.detail && status.detail <= detail_high;
}

bool EnhancedPattern::Covers(const EnhancedPattern& other) const {
  return (klass == 0 || klass == other.klass) && subject == other.subject &&
         detail_low <= other.detail_low && other.detail_high <= detail_high;
}

std::optional<EnhancedPattern> ParseEnhancedPattern(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() != 3) return std::nullopt;
  EnhancedPattern pattern;
  if (parts[0] != "x" && !ParsePart(parts[0], pattern.klass)) return std::nullopt;
  if (parts[0] != "x" && pattern.klass != 4 && pattern.klass != 5) return std::nullopt;
  if (!ParsePart(parts[1], pattern.subject)) return std::nullopt;
  if (parts[2] == "x") return pattern;
  const std::vector<absl::string_view> ends = absl::StrSplit(parts[2], '-');
  if (ends.size() > 2 || !ParsePart(ends.front(), pattern.detail_low) ||
      !ParsePart(ends.back(), pattern.detail_high) || pattern.detail_low > pattern.detail_high) {
    return std::nullopt;
  }
  return pattern;
}

}  // namespace crescendo
