// campaign_share.h: whose turn it is when campaigns compete for the slots of a cap.
//
// A campaign with a weight takes its turns in proportion to it; campaigns without one form one
// group, which has as many turns as it has campaigns with mail there, and inside which the most
// engaged recipient of all leaves first. So L5 holds over all campaigns as long as none has a
// weight, and within each campaign always. Nobody starves: a turn that came late is not lost, and
// one that was not used, for want of mail, is not saved up.
//
// This is start-time fair queueing with messages of one length. It is not kept over a restart:
// there the turns begin anew.
//
// Threads  none of its own: the shard's.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"
#include "scheduler/domain/campaign.h"

namespace crescendo::core {

// What takes turns: a campaign with a weight, or (key 0) all the others.
struct Contender {
  CampaignKey key;
  double weight = 1;  // > 0.
};

class CampaignShare {
 public:
  // By turn: who leaves next comes first. Ties go to the lower key.
  std::vector<Contender> InTurn(std::vector<Contender> contenders) const;
  // One of it leaves.
  void Took(const Contender& contender);

 private:
  double Turn(CampaignKey key) const;

  double now_ = 0;                              // The turn that was taken last.
  absl::btree_map<CampaignKey, double> turns_;  // Later than now_.
};

// `count` slots by weight; nobody gets more than it `has`, and what that leaves over goes to the
// others.
struct Claimant {
  double weight = 1;  // > 0.
  int64_t has = 0;
};
std::vector<int64_t> ShareOut(int64_t count, const std::vector<Claimant>& claimants);

}  // namespace crescendo::core
