// queue_load.h: recipients on their way from the store into the queues, after a start.
//
// They come in the order of their ids and belong into trees in the order of their rank. Put in one
// by one they would each take a cache miss, and leave the nodes two thirds full. So they are sorted
// in runs as they come, and the runs are merged in the end: trees that grow at one side only are
// filled several times as fast, and tightly.
//
// Threads  none of its own: the shard's.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "scheduler/core/recipient_queue.h"

namespace crescendo::core {

class QueueLoad {
 public:
  void Add(CampaignKey campaign, const Candidate& candidate);
  // Takes out campaign after campaign, the best of each first. What is added meanwhile, also of a
  // campaign that has begun, comes in a row of its own.
  std::optional<RecipientQueue::Ranked> Next();

 private:
  // Sorted, but for the last one of a campaign, which grows.
  using Run = std::vector<Candidate>;
  // The best of a run that is being merged.
  struct Head {
    Candidate candidate;
    size_t run = 0;
    size_t at = 0;
  };
  // So that the best one is on top of a heap.
  static bool Below(const Head& a, const Head& b) { return b.candidate < a.candidate; }
  bool BeginNext();

  absl::btree_map<CampaignKey, std::vector<Run>> campaigns_;
  CampaignKey merged_;
  std::vector<Run> runs_;
  std::vector<Head> heads_;  // A heap.
};

}  // namespace crescendo::core
