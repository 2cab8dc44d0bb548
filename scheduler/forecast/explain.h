// explain.h: why not now, when does each reason end, and what can be done?
//
// All reasons that stand in the way are told, the one that counts first at the head. Most of them
// know their end; that of a queue is known only by running the core ahead.
//
// Threads  Situate belongs on the shard's thread; the rest are pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "scheduler/core/shard.h"
#include "scheduler/core/wait.h"
#include "scheduler/domain/campaign.h"
#include "scheduler/forecast/forecast.h"

namespace crescendo::forecast {

// What is asked about: one of these.
struct Question {
  EgressIpId egress_ip;
  std::optional<Lane> lane;
  CampaignId campaign;
  std::optional<Delivery> delivery;
};

// One thing that stands in the way.
struct Cause {
  Lane where;  // An empty provider: the whole IP. Both empty: wherever it would leave.
  core::Wait wait;
  std::string remedy;  // What an operator could do. "": wait.
};

struct Situation {
  std::vector<Cause> causes;  // What counts first comes first.
  Subject subject;            // What to run ahead for.
  std::string fact;  // Of a delivery that has ended, or is under way: no forecast is needed.
};

// NOT_FOUND: there is no such IP, lane or campaign.
absl::StatusOr<Situation> Situate(const core::Shard& shard, const Question& question,
                                  absl::Time now);

struct Explanation {
  std::vector<Cause> causes;
  std::string fact;
  // When its next message leaves; of a delivery: when it does; of a campaign: when its last
  // recipient has an outcome.
  Estimate at;
  std::optional<int64_t> ahead;  // Of a delivery: recipients that leave before it, about.
};

absl::StatusOr<Explanation> Explain(Situation situation, const core::Snapshot& snapshot,
                                    const core::Options& options, absl::Duration horizon,
                                    absl::FunctionRef<bool()> cancelled);

// What an operator could do about a reason at this place. "": nothing but wait.
std::string RemedyOf(core::Reason reason, const Lane& where, const PlanId& plan,
                     const CampaignId& campaign);

}  // namespace crescendo::forecast
