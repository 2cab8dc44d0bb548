// reply_rule_check.h: finds rules that can never match, or that would break a law if they did.
//
// Errors   INVALID_ARGUMENT "gmail.textproto:41: rule gmail/x: <field>: <fault>".
// Threads  pure functions, safe from any thread.
#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "scheduler/domain/reply_rule.h"

namespace crescendo::core {

// Replies are asked for in this order, within each kind in the order the rules stand.
enum class RuleKind { kText, kEnhanced, kCode };
RuleKind KindOf(const ReplyRule& rule);

// True if every condition but `match` holds.
bool ConditionsHold(const ReplyRule& rule, const Reply& reply);

// One rule by itself: its pattern compiles and can occur in normalised text, its codes are 4yz or
// 5yz and agree with its enhanced codes, and its outcome fits its category (a rate limit never
// suppresses a recipient).
absl::Status CheckRule(const ReplyRule& rule);

// The rules of one provider, in order: none is hidden by an earlier one. Found are equal patterns
// and patterns made of plain words that an earlier pattern already matches.
// REQUIRES: each passed CheckRule.
absl::Status CheckOrder(absl::Span<const ReplyRule> rules);

}  // namespace crescendo::core
