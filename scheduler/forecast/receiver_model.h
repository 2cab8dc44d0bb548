// receiver_model.h: how the receivers of a forecast answer.
//
// A model is shares of attempts, by provider: the rest is accepted. What they say of tomorrow is a
// guess; a forecast's range comes from running the same future with three of them.
//
// Threads  values and pure functions: safe from any thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "scheduler/core/snapshot.h"

namespace crescendo::forecast {

struct ReceiverModel {
  struct Shares {
    double deferred = 0;      // Refused for now, and tried again.
    double refused = 0;       // For good.
    double pushback = 0;      // Of `deferred`, what guardrails count (domain/ledger.h).
    double hard_bounces = 0;  // Of `refused`, what guardrails count.
    double complaints = 0;    // Of accepted messages, not of attempts: within the same day.
  };
  Shares any;  // Where a provider has none of its own.
  absl::flat_hash_map<ProviderId, Shares> at;
  // Of recipients, not of attempts: deferred until their lifetime ends, as a full mailbox is.
  double stubborn = 0;
  // Receivers refuse what is faster. Messages per hour.
  std::map<Lane, double> lane_limit_per_hour;

  const Shares& Of(const ProviderId& provider) const {
    const auto found = at.find(provider);
    return found == at.end() ? any : found->second;
  }
};

// What somebody wants to know the consequences of, instead of what was observed.
struct Assumed {
  // Of attempts. All of it is what guardrails count: pushback, and hard bounces.
  struct Shares {
    double deferred = 0, refused = 0;
  };
  std::optional<Shares> any;  // Of providers that have none of their own here.
  absl::flat_hash_map<ProviderId, Shares> at;
};

// All is accepted: no forecast can be earlier.
ReceiverModel AcceptAll();
// As the lanes have fared on their newest days. A provider with few attempts is taken to be like
// all of them together; a lane that was cut meets the limit again that it met.
ReceiverModel AsObserved(const core::Snapshot& snapshot, const Assumed& assumed = {});
// Twice as much trouble, some where there was none, and lanes that were cut stay at their cut rate.
ReceiverModel Pessimistic(const core::Snapshot& snapshot, const Assumed& assumed = {});

}  // namespace crescendo::forecast
