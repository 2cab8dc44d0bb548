// reply_rule.h: how a reply is recognised, as data.
//
// Rules stand in scheduler/providers/data/*.textproto; providers/ reads them, core/ReplyClassifier
// applies them. See RFC 5321 §4.2 (codes), RFC 3463 and RFC 2034 (enhanced status codes).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/domain/reply.h"

namespace crescendo {

// Basic codes, both ends included.
struct CodeRange {
  int low = 0;
  int high = 0;

  bool Contains(int code) const { return low <= code && code <= high; }
  bool Covers(const CodeRange& other) const { return low <= other.low && other.high <= high; }
};
// "421", "45z" (450-459) or "4yz" (400-499). nullopt: neither.
std::optional<CodeRange> ParseCodeRange(absl::string_view text);

// Enhanced status codes: one class or both, one subject, a range of details.
struct EnhancedPattern {
  int klass = 0;  // 4 or 5; 0: either.
  int subject = 0;
  int detail_low = 0;
  int detail_high = 999;

  bool Matches(const EnhancedStatus& status) const;
  bool Covers(const EnhancedPattern& other) const;
};
// "4.7.28", "x.1.1" (either class), "5.7.x" (any detail) or "4.7.500-699". nullopt: none of these.
std::optional<EnhancedPattern> ParseEnhancedPattern(absl::string_view text);

// Every condition that is given must hold; within one list, any.
struct ReplyRule {
  std::string name;    // Unique, e.g. "gmail/rate-ip".
  std::string origin;  // Where it stands, for errors: "gmail.textproto:41".

  std::vector<std::string> match;  // RE2, found anywhere in the normalised text. Empty: not asked.
  std::vector<CodeRange> codes;    // Empty: any.
  std::vector<EnhancedPattern> enhanced;  // Empty: any, also none.
  std::vector<SmtpStage> stages;          // Empty: any.

  ReplyCategory category = ReplyCategory::kOtherPermanent;
  // Unset: the category's own (DESIGN §4).
  std::optional<ReplyScope> scope;
  std::optional<Disposition> disposition;
  std::optional<bool> suppress;
  std::optional<bool> alert;
  absl::Duration stop_for;  // Zero: the provider's or the category's own.
  std::string hint;         // For people: what to do. May be "".
};

}  // namespace crescendo
