// recipient_queue.h: the recipients of one pool at one provider, best first.
//
// Two orders at once: by score among those that may go (L5; ties by id, so always the same way),
// and by time among those that wait for a retry. One set per campaign, so that pausing, holding or
// cancelling a campaign of millions costs nothing.
//
// Threads  none of its own: the shard's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "scheduler/domain/campaign.h"

namespace crescendo::core {

// What the queue keeps of a recipient: 24 bytes.
struct Candidate {
  double score = 0;
  DeliveryId id;
  DomainKey domain;

  // True if `a` goes before `b`.
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  }
  friend bool operator==(const Candidate& a, const Candidate& b) { return a.id == b.id; }
};

class RecipientQueue {
 public:
  struct Ranked {
    CampaignKey campaign;
    Candidate candidate;
  };

  void Add(CampaignKey campaign, const Candidate& candidate);
  void AddLater(absl::Time not_before, CampaignKey campaign, const Candidate& candidate);
  // Those whose time has come may go. True if there were any.
  bool Ripen(absl::Time now);
  // When the next one ripens, or earlier; InfiniteFuture if none waits.
  absl::Time NextRipe() const { return next_ripe_; }

  // The best one of the campaigns for which `open` is true.
  std::optional<Ranked> Best(absl::FunctionRef<bool(CampaignKey)> open) const;
  // Calls `visit` for the best ones, in order, until it returns false.
  void VisitBest(absl::FunctionRef<bool(CampaignKey)> open,
                 absl::FunctionRef<bool(const Ranked&)> visit) const;
  // REQUIRES: it is among those that may go.
  void Remove(const Ranked& ranked);
  // Gives a recipient another place among those that may go, or that wait until `not_before`.
  // False: it is not in here with that score.
  bool Rescore(CampaignKey campaign, const Candidate& candidate, absl::Time not_before,
               double score);
  // Forgets all of a campaign.
  void Drop(CampaignKey campaign);
  // Takes everything out, e.g. when its provider has changed.
  void Clear(absl::FunctionRef<void(absl::Time not_before, const Ranked&)> each);

  int64_t ready() const { return ready_count_; }
  int64_t waiting() const { return waiting_count_; }
  int64_t size() const { return ready_count_ + waiting_count_; }
  // May go, of one campaign.
  int64_t ready(CampaignKey campaign) const;

  // Of each campaign with any in here.
  struct Count {
    CampaignKey campaign;
    int64_t ready = 0;
    int64_t waiting = 0;
    absl::Time first_retry, last_retry;  // Of those that wait.
  };
  std::vector<Count> Counts() const;
  // Goes on adding every `stride`-th of a campaign's that may go to `sample`, best first, and looks
  // at no more than `limit` of them. True: that was the last. What changes meanwhile may be missed.
  struct Sampling {
    std::optional<Candidate> last;
    int64_t skip = 0;
  };
  bool Sample(CampaignKey campaign, int64_t stride, int64_t limit, Sampling* sampling,
              std::vector<Candidate>* sample) const;

 private:
  using Later = std::pair<absl::Time, Candidate>;

  absl::btree_map<CampaignKey, absl::btree_set<Candidate>> ready_;
  absl::btree_map<CampaignKey, absl::btree_set<Later>> waiting_;
  int64_t ready_count_ = 0;
  int64_t waiting_count_ = 0;
  absl::Time next_ripe_ = absl::InfiniteFuture();
};

}  // namespace crescendo::core
