#include "scheduler/core/reply_classifier.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/core/reply_rule_check.h"
#include "scheduler/core/reply_text.h"

namespace crescendo::core {
namespace {

constexpr char kDefaultProvider[] = "default";

// Memory for the automaton of one provider's patterns. When it is spent, RE2 starts it afresh.
constexpr int64_t kMaxAutomatonBytes = 16 << 20;

RE2::Options PatternOptions() {
  RE2::Options options(RE2::Quiet);
  options.set_case_sensitive(false);
  options.set_max_mem(kMaxAutomatonBytes);
  return options;
}

// --- Defaults -----------------------------------------------------------------------------------

enum class Alert { kNever, kIfPermanent, kAlways };

struct CategoryDefaults {
  ReplyScope scope;
  Disposition if_temporary;
  Disposition if_permanent;
  Alert alert;
};

// DESIGN §4. Retried even after a 5yz: what a server calls permanent but will let pass later.
CategoryDefaults Table(ReplyCategory category) {
  using enum Disposition;
  switch (category) {
    case ReplyCategory::kAccepted:
      return {ReplyScope::kNone, kAccept, kAccept, Alert::kNever};
    case ReplyCategory::kRateLimited:
    case ReplyCategory::kDailyQuota:
    case ReplyCategory::kReputationDeferral:
      return {ReplyScope::kLane, kRetry, kRetry, Alert::kNever};
    case ReplyCategory::kRateLimitedDomain:
      return {ReplyScope::kSendingDomainProvider, kRetry, kRetry, Alert::kNever};
    case ReplyCategory::kTooManyConnections:
      return {ReplyScope::kLaneConnections, kRetry, kRetry, Alert::kNever};
    case ReplyCategory::kMessagesPerConnection:
      return {ReplyScope::kConnection, kRetryNow, kRetryNow, Alert::kNever};
    case ReplyCategory::kRecipientRate:
    case ReplyCategory::kGreylisted:
    case ReplyCategory::kMailboxFull:
      return {ReplyScope::kRecipient, kRetry, kRetry, Alert::kNever};
    case ReplyCategory::kTemporarySystem:
      return {ReplyScope::kMxHost, kRetry, kRetry, Alert::kNever};
    case ReplyCategory::kUnknownRecipient:
    case ReplyCategory::kRecipientDisabled:
    case ReplyCategory::kMoved:
      return {ReplyScope::kRecipient, kRetry, kHardBounce, Alert::kNever};
    case ReplyCategory::kTooLarge:
      return {ReplyScope::kMessage, kRetry, kSoftBounce, Alert::kNever};
    case ReplyCategory::kContent:
      return {ReplyScope::kCampaignProvider, kRetry, kBlocked, Alert::kNever};
    case ReplyCategory::kContentPolicy:
      return {ReplyScope::kCampaignProvider, kRetry, kBlocked, Alert::kAlways};
    case ReplyCategory::kAuthentication:
    case ReplyCategory::kDmarc:
    case ReplyCategory::kSenderDns:
      return {ReplyScope::kSendingDomain, kRetry, kBlocked, Alert::kAlways};
    case ReplyCategory::kReverseDns:
    case ReplyCategory::kBlocklistPublic:
    case ReplyCategory::kBlocklistProvider:
    case ReplyCategory::kReputationBlock:
      return {ReplyScope::kLane, kRetry, kBlocked, Alert::kAlways};
    case ReplyCategory::kTlsRequired:
      return {ReplyScope::kMessage, kRetry, kBlocked, Alert::kAlways};
    case ReplyCategory::kRelayDenied:
      return {ReplyScope::kMessage, kRetry, kSoftBounce, Alert::kAlways};
    case ReplyCategory::kRecipientPolicy:
      return {ReplyScope::kRecipient, kRetry, kBlocked, Alert::kNever};
    case ReplyCategory::kProtocol:
      return {ReplyScope::kMessage, kRetry, kSoftBounce, Alert::kIfPermanent};
    case ReplyCategory::kGivenUp:
      return {ReplyScope::kMessage, kSoftBounce, kSoftBounce, Alert::kNever};
    case ReplyCategory::kOtherPermanent:
    case ReplyCategory::kOtherTemporary:
      return {ReplyScope::kMessage, kRetry, kSoftBounce, Alert::kNever};
  }
  return {ReplyScope::kMessage, kRetry, kSoftBounce, Alert::kNever};
}

Classification ByRule(const ReplyRule& rule, bool permanent) {
  Classification result = DefaultsOf(rule.category, permanent);
  if (rule.scope.has_value()) result.scope = *rule.scope;
  // A 4yz is not final, whatever a rule says of the 5yz with the same words.
  if (rule.disposition.has_value() && (permanent || *rule.disposition == Disposition::kRetry)) {
    result.disposition = *rule.disposition;
  }
  result.suppress =
      permanent && rule.suppress.value_or(result.disposition == Disposition::kHardBounce);
  if (rule.alert.has_value()) result.alert = *rule.alert;
  result.stop_for = rule.stop_for;
  result.rule = rule.name;
  result.hint = rule.hint;
  return result;
}

// --- Matching -----------------------------------------------------------------------------------

// The rules of one provider, with all their patterns compiled into one automaton.
class RuleList {
 public:
  explicit RuleList(std::vector<ReplyRule> rules) : rules_(std::move(rules)) {
    for (size_t i = 0; i < rules_.size(); ++i) {
      of_kind_[static_cast<size_t>(KindOf(rules_[i]))].push_back(i);
    }
    for (const size_t i : Of(RuleKind::kText)) {
      for (const std::string& pattern : rules_[i].match) {
        if (set_.Add(pattern, nullptr) < 0) set_works_ = false;
        patterns_.push_back({std::make_unique<RE2>(pattern, PatternOptions()), i});
      }
    }
    if (patterns_.empty() || !set_.Compile()) set_works_ = false;
  }

  // The first text rule that matches; nullptr if none does.
  const ReplyRule* ByText(const Reply& reply, const std::string& text) const {
    for (const int position : MatchingPatterns(text)) {
      const ReplyRule& rule = rules_[patterns_[position].rule];
      if (ConditionsHold(rule, reply)) return &rule;
    }
    return nullptr;
  }

  // The first rule of `kind` (not kText) that matches; nullptr if none does.
  const ReplyRule* ByCode(const Reply& reply, RuleKind kind) const {
    for (const size_t i : Of(kind)) {
      if (ConditionsHold(rules_[i], reply)) return &rules_[i];
    }
    return nullptr;
  }

  absl::Span<const ReplyRule> rules() const { return rules_; }

 private:
  const std::vector<size_t>& Of(RuleKind kind) const { return of_kind_[static_cast<size_t>(kind)]; }

  // Positions in patterns_, ascending: so the rules come in their order too.
  std::vector<int> MatchingPatterns(const std::string& text) const {
    std::vector<int> found;
    RE2::Set::ErrorInfo error;
    if (set_works_) {
      const bool any = set_.Match(text, &found, &error);
      if (any || error.kind == RE2::Set::kNoError) {
        std::sort(found.begin(), found.end());
        return found;
      }
    }
    // The automaton ran out of memory: slower, and just as right.
    found.clear();
    for (size_t i = 0; i < patterns_.size(); ++i) {
      if (RE2::PartialMatch(text, *patterns_[i].pattern)) found.push_back(static_cast<int>(i));
    }
    return found;
  }

  std::vector<ReplyRule> rules_;
  std::vector<size_t> of_kind_[3];
  RE2::Set set_{PatternOptions(), RE2::UNANCHORED};
  bool set_works_ = true;
  struct Pattern {
    std::unique_ptr<const RE2> pattern;
    size_t rule;
  };
  std::vector<Pattern> patterns_;  // As added to set_.
};

using RuleLists = absl::flat_hash_map<ProviderId, std::unique_ptr<const RuleList>>;

const RuleList* FindList(const RuleLists& lists, const ProviderId& provider) {
  const auto found = lists.find(provider);
  return found == lists.end() ? nullptr : found->second.get();
}

absl::Status CheckAll(const std::vector<ProviderRules>& all) {
  absl::flat_hash_set<std::string> names;
  for (const ProviderRules& provider : all) {
    for (const ReplyRule& rule : provider.rules) {
      RETURN_IF_ERROR(CheckRule(rule));
      if (names.insert(rule.name).second) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(rule.origin, ": rule ", rule.name, ": name: is already taken"));
    }
    RETURN_IF_ERROR(CheckOrder(provider.rules));
  }
  return absl::OkStatus();
}

// `provider`'s own rules, then those of the provider it follows.
absl::StatusOr<std::vector<ReplyRule>> WithFollowed(const ProviderRules& provider,
                                                    const std::vector<ProviderRules>& all) {
  std::vector<ReplyRule> rules = provider.rules;
  if (provider.rules_of.empty()) return rules;
  const auto followed = std::find_if(all.begin(), all.end(), [&](const ProviderRules& other) {
    return other.provider == provider.rules_of;
  });
  const absl::string_view fault =
      followed == all.end()                           ? "there is no such provider"
      : followed->provider == provider.provider       ? "a provider cannot follow itself"
      : followed->provider.text() == kDefaultProvider ? "its rules follow anyway"
      : !followed->rules_of.empty()                   ? "follows another provider itself"
                                                      : "";
  if (!fault.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(provider.origin, ": rules_of: \"", provider.rules_of.text(), "\": ", fault));
  }
  rules.insert(rules.end(), followed->rules.begin(), followed->rules.end());
  return rules;
}

}  // namespace

Classification DefaultsOf(ReplyCategory category, bool permanent) {
  const CategoryDefaults defaults = Table(category);
  Classification result;
  result.category = category;
  result.scope = defaults.scope;
  result.disposition = permanent ? defaults.if_permanent : defaults.if_temporary;
  result.suppress = result.disposition == Disposition::kHardBounce;
  result.alert =
      defaults.alert == Alert::kAlways || (defaults.alert == Alert::kIfPermanent && permanent);
  return result;
}

struct ReplyClassifier::State {
  RuleLists lists;
  ReplyText text;

  const ReplyRule* Find(const Reply& reply, const std::string& normalised,
                        const ProviderId& provider) const;
};

absl::StatusOr<ReplyClassifier> ReplyClassifier::Create(std::vector<ProviderRules> rules) {
  RETURN_IF_ERROR(CheckAll(rules));
  auto state = std::make_shared<State>();
  for (const ProviderRules& provider : rules) {
    ASSIGN_OR_RETURN(std::vector<ReplyRule> list, WithFollowed(provider, rules));
    auto compiled = std::make_unique<const RuleList>(std::move(list));
    if (state->lists.emplace(provider.provider, std::move(compiled)).second) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("provider ", provider.provider.text(), ": has two lists of rules"));
  }
  return ReplyClassifier(std::move(state));
}

const ReplyRule* ReplyClassifier::State::Find(const Reply& reply, const std::string& normalised,
                                              const ProviderId& provider) const {
  const RuleList* general = FindList(lists, ProviderId(kDefaultProvider));
  const RuleList* own = provider.text() == kDefaultProvider ? nullptr : FindList(lists, provider);
  for (const RuleList* list : {own, general}) {
    if (list == nullptr) continue;
    if (const ReplyRule* rule = list->ByText(reply, normalised)) return rule;
  }
  for (const RuleKind kind : {RuleKind::kEnhanced, RuleKind::kCode}) {
    for (const RuleList* list : {own, general}) {
      if (list == nullptr) continue;
      if (const ReplyRule* rule = list->ByCode(reply, kind)) return rule;
    }
  }
  return nullptr;
}

Classification ReplyClassifier::Classify(const Reply& reply, const ProviderId& provider) const {
  if (reply.code >= 200 && reply.code < 300) return DefaultsOf(ReplyCategory::kAccepted, false);
  // No reply, or a 1yz or 3yz where an answer was due: broken, so neither delivered nor refused.
  if (!reply.temporary() && !reply.permanent()) return DefaultsOf(ReplyCategory::kProtocol, false);

  const std::string normalised = state_->text.Normalise(reply);
  const ReplyRule* rule = state_->Find(reply, normalised, provider);
  if (rule == nullptr) {
    return DefaultsOf(
        reply.permanent() ? ReplyCategory::kOtherPermanent : ReplyCategory::kOtherTemporary,
        reply.permanent());
  }
  Classification result = ByRule(*rule, reply.permanent());
  if (result.disposition == Disposition::kRetry || result.scope == ReplyScope::kLane) {
    result.stop_for = std::max(result.stop_for, state_->text.NamedWait(normalised));
  }
  if (result.category == ReplyCategory::kMoved) {
    result.forward_address = state_->text.ForwardAddress(reply);
  }
  return result;
}

absl::Span<const ReplyRule> ReplyClassifier::RulesOf(const ProviderId& provider) const {
  const RuleList* list = FindList(state_->lists, provider);
  return list == nullptr ? absl::Span<const ReplyRule>() : list->rules();
}

}  // namespace crescendo::core
