#include "scheduler/core/reply_rule_check.h"

#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::core {
namespace {

absl::Status Fault(const ReplyRule& rule, absl::string_view field, absl::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrCat(rule.origin, ": rule ", rule.name, ": ", field, ": ", fault));
}

bool BlamesRecipient(ReplyCategory category) {
  return category == ReplyCategory::kUnknownRecipient ||
         category == ReplyCategory::kRecipientDisabled || category == ReplyCategory::kMoved;
}

// --- One rule -----------------------------------------------------------------------------------

absl::Status CheckPattern(const ReplyRule& rule, const std::string& text) {
  const RE2 pattern(text, RE2::Quiet);
  const auto fault = [&](absl::string_view what) {
    return Fault(rule, "match", absl::StrCat("\"", text, "\" ", what));
  };
  if (!pattern.ok()) return fault(absl::StrCat("is no regular expression: ", pattern.error()));
  if (RE2::PartialMatch("", pattern)) return fault("matches every text; give codes instead");
  if (absl::StrContains(text, "@")) {
    return fault("can never match: the text has <addr> in place of mail addresses");
  }
  for (const absl::string_view blank : {"  ", "\\t", "\\n", "\\r"}) {
    if (absl::StrContains(text, blank))
      return fault("can never match: the text has single blanks only");
  }
  return absl::OkStatus();
}

absl::Status CheckPatterns(const ReplyRule& rule) {
  for (const std::string& pattern : rule.match) RETURN_IF_ERROR(CheckPattern(rule, pattern));
  return absl::OkStatus();
}

absl::Status CheckCodes(const ReplyRule& rule) {
  bool temporary = rule.codes.empty(), permanent = rule.codes.empty();
  for (const CodeRange& range : rule.codes) {
    if (range.low < 400 || range.high > 599) {
      return Fault(
          rule, "code",
          absl::StrCat("can never match: rules are asked for 4yz and 5yz only, not ", range.low));
    }
    temporary |= range.low < 500;
    permanent |= range.high >= 500;
  }
  for (const EnhancedPattern& pattern : rule.enhanced) {
    if ((pattern.klass == 4 && !temporary) || (pattern.klass == 5 && !permanent)) {
      return Fault(rule, "enhanced",
                   absl::StrCat("contradicts `code`: class ", pattern.klass,
                                " does not go with these basic codes (RFC 2034 §4)"));
    }
  }
  if (rule.match.empty() && rule.codes.empty() && rule.enhanced.empty()) {
    return Fault(rule, "match", "required: a rule needs `match`, `code` or `enhanced`");
  }
  return absl::OkStatus();
}

absl::Status CheckOutcome(const ReplyRule& rule) {
  if (rule.category == ReplyCategory::kAccepted) {
    return Fault(rule, "category", "can never match: a 2yz is accepted without asking rules");
  }
  if (rule.scope == ReplyScope::kNone) return Fault(rule, "scope", "must not be none");
  if (rule.disposition == Disposition::kAccept) {
    return Fault(rule, "disposition", "a refusal is never an acceptance");
  }
  if (rule.disposition == Disposition::kRetryNow &&
      rule.category != ReplyCategory::kMessagesPerConnection) {
    return Fault(rule, "disposition",
                 "RETRY_NOW goes with MESSAGES_PER_CONNECTION only: it uses up no attempt");
  }
  if (rule.disposition == Disposition::kHardBounce && !BlamesRecipient(rule.category)) {
    return Fault(rule, "disposition", "HARD_BOUNCE needs a category that blames the recipient");
  }
  if (rule.suppress.value_or(false) && !BlamesRecipient(rule.category) &&
      rule.category != ReplyCategory::kRecipientPolicy) {
    return Fault(rule, "suppress", "needs a category that is about the recipient");
  }
  if (rule.stop_for < absl::ZeroDuration())
    return Fault(rule, "stop_minutes", "must not be negative");
  return absl::OkStatus();
}

// --- Their order --------------------------------------------------------------------------------

// The words of a pattern that is made of nothing but words, one entry per alternative; empty for
// any other pattern.
std::vector<std::string> PlainAlternatives(absl::string_view pattern) {
  std::vector<std::string> alternatives(1);
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '|') {
      alternatives.emplace_back();
    } else if (c == '\\' && i + 1 < pattern.size() && absl::ascii_ispunct(pattern[i + 1])) {
      alternatives.back().push_back(pattern[++i]);
    } else if (absl::StrContains("\\.+*?()[]{}^$", absl::string_view(&c, 1))) {
      return {};
    } else {
      alternatives.back().push_back(c);
    }
  }
  return alternatives;
}

// A match inside a part is a match in the whole, unless the pattern looks at what stands around it.
bool LooksAround(absl::string_view pattern) {
  for (const absl::string_view assertion : {"^", "$", "\\b", "\\B", "\\A", "\\z"}) {
    if (absl::StrContains(pattern, assertion)) return true;
  }
  return false;
}

bool PatternCovers(const std::string& earlier, const std::string& later) {
  if (earlier == later) return true;
  if (LooksAround(earlier)) return false;
  const std::vector<std::string> words = PlainAlternatives(later);
  if (words.empty()) return false;
  RE2::Options options(RE2::Quiet);
  options.set_case_sensitive(false);
  const RE2 pattern(earlier, options);
  return std::all_of(words.begin(), words.end(),
                     [&](const std::string& w) { return RE2::PartialMatch(w, pattern); });
}

// Every item of `later` lies within one of `earlier`; an empty list stands for everything.
template <class T>
bool ListCovers(const std::vector<T>& earlier, const std::vector<T>& later) {
  if (earlier.empty()) return true;
  if (later.empty()) return false;
  return std::all_of(later.begin(), later.end(), [&](const T& item) {
    return std::any_of(earlier.begin(), earlier.end(), [&](const T& e) { return e.Covers(item); });
  });
}

bool StagesCover(const std::vector<SmtpStage>& earlier, const std::vector<SmtpStage>& later) {
  if (earlier.empty()) return true;
  if (later.empty()) return false;
  return std::all_of(later.begin(), later.end(), [&](SmtpStage stage) {
    return std::find(earlier.begin(), earlier.end(), stage) != earlier.end();
  });
}

// All but the text.
bool ConditionsCover(const ReplyRule& earlier, const ReplyRule& later) {
  return KindOf(earlier) == KindOf(later) && ListCovers(earlier.codes, later.codes) &&
         ListCovers(earlier.enhanced, later.enhanced) && StagesCover(earlier.stages, later.stages);
}

absl::Status Hidden(const ReplyRule& earlier, const ReplyRule& later, absl::string_view field,
                    absl::string_view what) {
  return Fault(later, field,
               absl::StrCat(what, "can never match: rule ", earlier.name, " (", earlier.origin,
                            ") stands before it and takes all of it"));
}

absl::Status CheckNotHidden(const ReplyRule& earlier, const ReplyRule& later) {
  if (!ConditionsCover(earlier, later)) return absl::OkStatus();
  if (later.match.empty()) return Hidden(earlier, later, "code", "");
  for (const std::string& pattern : later.match) {
    for (const std::string& before : earlier.match) {
      if (PatternCovers(before, pattern)) {
        return Hidden(earlier, later, "match", absl::StrCat("\"", pattern, "\" "));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

RuleKind KindOf(const ReplyRule& rule) {
  if (!rule.match.empty()) return RuleKind::kText;
  return rule.enhanced.empty() ? RuleKind::kCode : RuleKind::kEnhanced;
}

bool ConditionsHold(const ReplyRule& rule, const Reply& reply) {
  const auto has_code = [&](const CodeRange& range) { return range.Contains(reply.code); };
  const auto has_enhanced = [&](const EnhancedPattern& p) { return p.Matches(reply.enhanced); };
  return (rule.codes.empty() || std::any_of(rule.codes.begin(), rule.codes.end(), has_code)) &&
         (rule.enhanced.empty() ||
          std::any_of(rule.enhanced.begin(), rule.enhanced.end(), has_enhanced)) &&
         (rule.stages.empty() ||
          std::find(rule.stages.begin(), rule.stages.end(), reply.stage) != rule.stages.end());
}

absl::Status CheckRule(const ReplyRule& rule) {
  for (const auto check : {CheckPatterns, CheckCodes, CheckOutcome}) {
    RETURN_IF_ERROR(check(rule));
  }
  return absl::OkStatus();
}

absl::Status CheckOrder(absl::Span<const ReplyRule> rules) {
  for (size_t later = 1; later < rules.size(); ++later) {
    for (size_t earlier = 0; earlier < later; ++earlier) {
      RETURN_IF_ERROR(CheckNotHidden(rules[earlier], rules[later]));
    }
  }
  return absl::OkStatus();
}

}  // namespace crescendo::core
