// guardrails.h: what the evidence of a plan day says of a lane, and of the IP as a whole.
//
// A share above a threshold is a breach. One that was breached before stays so until a day with
// enough messages is below `clear_at` of the threshold (hysteresis); a day with too few says
// nothing.
//
// Units    messages; shares in [0, 1].
// Errors   none. REQUIRES: ValidateShape is OK of the plan.
// Threads  pure functions.
// See      DESIGN §3; PRACTICE §3 for whose thresholds they are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "scheduler/domain/ledger.h"
#include "scheduler/domain/plan.h"

namespace crescendo::core {

// A lane's counts of one plan day.
struct Evidence {
  ProviderId provider;
  int64_t accepted = 0, refused = 0, hard_bounces = 0, complaints = 0, deferred = 0, pushback = 0;
};
Evidence EvidenceOf(const LedgerRow& row);
// Of the IP: no provider.
Evidence SumOf(absl::Span<const Evidence> lanes);

enum class Severity { kNone, kHold, kStepBack, kPause };

struct Finding {
  Breach breach;
  Severity severity = Severity::kNone;
  std::string text;  // "hard bounces at gmail: 5 of 200 (2.5 %), above 2 %".
};

struct Judgement {
  std::vector<Finding> findings;  // Of this day: the IP's, then the lanes'. None: all is well.
  std::vector<Breach> breaches;   // These, and those of before that were not seen clear.
};

// `before`: the breaches that stood when the day began.
Judgement Judge(const Guardrails& guardrails, absl::Span<const Evidence> lanes,
                absl::Span<const Breach> before);

// What need not wait for the day's end: findings that pause, with early_sample messages and more.
std::vector<Finding> JudgeEarly(const Guardrails& guardrails, absl::Span<const Evidence> lanes);

}  // namespace crescendo::core
