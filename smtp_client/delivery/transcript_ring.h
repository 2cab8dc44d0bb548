// transcript_ring.h: the dialogues of the last deliveries, for people.
//
// Threads  safe from any thread.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "scheduler/base/mutex.h"
#include "scheduler/domain/ids.h"

namespace crescendo::smtp {

class TranscriptRing {
 public:
  explicit TranscriptRing(size_t capacity) : capacity_(capacity) {}

  // Keeps the `capacity` latest; an earlier one of the same delivery is replaced.
  void Put(DeliveryId delivery, std::string text) ABSL_LOCKS_EXCLUDED(mu_);
  // "" if it is not kept.
  std::string Find(DeliveryId delivery) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const size_t capacity_;
  mutable base::Mutex mu_;
  std::deque<DeliveryId> order_ ABSL_GUARDED_BY(mu_);  // Oldest first; each is in texts_.
  absl::flat_hash_map<DeliveryId, std::string> texts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace crescendo::smtp
