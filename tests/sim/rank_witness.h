// rank_witness.h: who should go next, by the store's own answers (L5).
//
// Keeps whoever was never tried, by domain and campaign, in the order of the scores of now. A claim
// must take the first of them: also when events have just re-ranked them. Pauses and holds are of a
// whole campaign; retries and those that were claimed and given back have clocks of their own. An
// IP that has graduated beside one that warms up leaves it the best.
//
// Threads  one thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "scheduler/ports/store.h"

namespace crescendo::sim {

class RankWitness {
 public:
  // A commit and its results.
  void Saw(absl::Span<const ports::Write> writes, absl::Span<const ports::WriteResult> results);
  // Of its pool's queue: it warms up, or no other one does.
  bool TakesTheBest(const EgressIpId& ip) const;
  // Took somebody though another one was before them.
  const std::vector<std::string>& violations() const { return violations_; }
  int64_t claims() const { return claims_; }      // Of recipients that were never tried.
  int64_t reranked() const { return reranked_; }  // Of those, by events or an import.

 private:
  using Rank = std::pair<double, int64_t>;  // -score, delivery: ascending is best first.
  using Group = std::pair<DomainKey, CampaignKey>;
  struct Place {
    Group group;
    Rank rank;
  };
  void Put(DeliveryId id, const Group& group, double score);
  void Take(DeliveryId id);
  void Saw(const ports::AppendOutcome& outcome);
  void Move(const std::vector<Rescored>& rescored);
  void Saw(const EgressIpId& ip, const std::vector<ports::ClaimedDelivery>& claimed);

  std::map<EgressIpId, PlanState> plans_;  // By their IP.
  std::map<Group, std::set<Rank>> waiting_;
  std::unordered_map<int64_t, Place> places_;  // By delivery.
  std::vector<std::string> violations_;
  int64_t claims_ = 0, reranked_ = 0;
};

}  // namespace crescendo::sim
