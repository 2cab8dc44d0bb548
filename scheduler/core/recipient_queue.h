// recipient_queue.h: the recipients of one pool at one provider, best first.
//
// Two orders at once: by score among those that may go (L5; ties by id, so always the same way),
// and by time among those that wait for a retry. One set per campaign, so that pausing, holding or
// cancelling a campaign of millions costs nothing; and where plans have engagement floors, one per
// floor, so that a lane under a floor need not look at those it may not take:
//
//   campaign ─▶ engaged within 30 days │ within 60 │ within 90 │ the rest, and not known
//                best ... last          │ best ...  │ ...
//                └ reserved ┘ beyond    └ ...
//
// Days pass, so a recipient may stand in a set that it has grown too old for; never in one for
// older ones than it is. It moves on when it is met at the front (Age).
//
// Threads  none of its own: the shard's.
#pragma once

#include <algorithm>
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
#include "scheduler/domain/engaged_day.h"

namespace crescendo::core {

// What the queue keeps of a recipient: 24 bytes.
struct Candidate {
  double score = 0;
  DeliveryId id;
  DomainKey domain;
  EngagedDay engaged_day = 0;

  // True if `a` goes before `b`.
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  }
  friend bool operator==(const Candidate& a, const Candidate& b) { return a.id == b.id; }
};
static_assert(sizeof(Candidate) == 24);

// What a lane may take.
struct Reach {
  int engaged_within = 0;       // Days; only who was engaged in them. 0: everybody.
  bool beyond_reserve = false;  // Only who is not reserved.
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

  // The floors that lanes may have, in days, ascending. Nearly free when there were none.
  void SetFloors(const std::vector<int>& days);
  // From now on floors are measured from this day. Never goes back.
  void SetToday(EngagedDay today) { today_ = std::max(today_, today); }
  // Who has grown too old for the set at whose front it stands moves on; at most `limit` of them.
  // False: there are more.
  bool Age(int limit);

  // From now on, of the campaigns for which `open` is true, the `count` best that were engaged
  // within so many days (0: of all) are reserved, and no others of these campaigns; fewer if there
  // are not so many. Who leaves or comes moves nothing but the count.
  void Reserve(int64_t count, int engaged_within, absl::FunctionRef<bool(CampaignKey)> open);

  // The best one of the campaigns for which `open` is true.
  std::optional<Ranked> Best(absl::FunctionRef<bool(CampaignKey)> open) const;
  // Calls `visit` for the best ones in reach, in order, until it returns false.
  void VisitBest(absl::FunctionRef<bool(CampaignKey)> open,
                 absl::FunctionRef<bool(const Ranked&)> visit, const Reach& reach = {}) const;
  // REQUIRES: it is among those that may go.
  void Remove(const Ranked& ranked);
  // Gives a recipient another place among those that may go, or that wait until `not_before`, and
  // `engaged_day` if that is later. False: it is not in here with that score.
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
  int64_t ready(CampaignKey campaign) const { return ready(campaign, Reach{}); }
  // About so many are in reach: some may have grown too old unseen.
  int64_t ready(CampaignKey campaign, const Reach& reach) const;
  // As above, of all campaigns.
  int64_t in_reach(int engaged_within) const;

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
  using Set = absl::btree_set<Candidate>;
  struct Tier {
    Set ready;
    int64_t reserved = 0;  // The first so many …
    Candidate last;        // … up to this one, which may have left. Of no meaning without any.

    bool Insert(const Candidate& candidate);
    bool Erase(const Candidate& candidate);
    // The first that is not reserved.
    Set::const_iterator Beyond() const;
  };
  using Tiers = std::vector<Tier>;  // By floor, then the rest; short of those that are empty.

  size_t TierOf(const Candidate& candidate) const;
  // So many tiers are in reach of a floor.
  size_t TiersWithin(const Tiers& tiers, int days) const;
  bool Insert(Tiers& tiers, const Candidate& candidate);
  bool Erase(Tiers& tiers, const Candidate& candidate);

  absl::btree_map<CampaignKey, Tiers> ready_;
  absl::btree_map<CampaignKey, absl::btree_set<Later>> waiting_;
  int64_t ready_count_ = 0;
  int64_t waiting_count_ = 0;
  std::vector<int> floors_;
  EngagedDay today_ = 0;
  absl::Time next_ripe_ = absl::InfiniteFuture();
};

}  // namespace crescendo::core
