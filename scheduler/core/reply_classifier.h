// reply_classifier.h: what does this reply mean, and whom may it touch (DESIGN §4)?
//
// Order    1 the provider's text rules, 2 the text rules of `default`, 3 rules by enhanced code, 4
// by
//          basic code (the provider's before the default's in both), 5 the class of the code. Text
//          comes first because providers re-use codes: Gmail's 5.7.26 is not the registry's, and
//          QQ's "550 … frequency limited" is temporary.
// Laws     L10: total. Only a 2yz is accepted. What is no reply at all (code 0) is a protocol error
//          that is retried. A 4yz is always retried, but when the receiver itself gave up.
// Threads  immutable after construction: safe from any thread. Copies share the rules.
// See      RFC 5321 §4.2, RFC 3463.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "scheduler/domain/ids.h"
#include "scheduler/domain/reply.h"
#include "scheduler/domain/reply_rule.h"

namespace crescendo::core {

// The rules of one provider, in the order they are asked.
struct ProviderRules {
  ProviderId provider;  // `default`: for every provider.
  std::vector<ReplyRule> rules;
  ProviderId rules_of;  // Whose rules follow; empty: nobody's.
  std::string origin;   // Where `rules_of` stands, for errors: "laposte.textproto:9".
};

// What follows from `category` when no rule says otherwise: scope, disposition, suppression, alert.
Classification DefaultsOf(ReplyCategory category, bool permanent);

class ReplyClassifier {
 public:
  // INVALID_ARGUMENT, naming file, line and field, if a rule is broken or can never match.
  static absl::StatusOr<ReplyClassifier> Create(std::vector<ProviderRules> rules);

  // A provider without rules of its own gets those of `default`.
  Classification Classify(const Reply& reply, const ProviderId& provider) const;

  // The rules of `provider` and of the one it follows, without those of `default`.
  absl::Span<const ReplyRule> RulesOf(const ProviderId& provider) const;

 private:
  struct State;
  explicit ReplyClassifier(std::shared_ptr<const State> state) : state_(std::move(state)) {}

  std::shared_ptr<const State> state_;
};

}  // namespace crescendo::core
