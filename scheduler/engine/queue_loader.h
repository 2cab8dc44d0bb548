// queue_loader.h: reads the store's queue after a start, page by page between the commits, while
// everybody is served already.
//
// What is imported meanwhile has ids above the newest one at the start: whoever imports tells the
// shard of it, and the loader stops before it. So nobody is enqueued twice and nobody is left out.
// Of pages that were read and are not taken yet there are never more than two.
//
// Threads  Start, Taken: the engine's. Stop: any. `deliver` and `fail` run on the committer's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "scheduler/core/shard.h"
#include "scheduler/engine/committer.h"

namespace crescendo::engine {

class QueueLoader {
 public:
  struct Listener {
    std::function<void(std::vector<QueuedDelivery>, core::QueueLoading)> deliver;
    std::function<void(absl::Status)> fail;  // Once: the queue cannot be read; there is no more.
  };

  // `page`: rows that one read looks at.
  QueueLoader(Committer* committer, int page, Listener listener);

  // `directory`: as the store is now; nobody has written since.
  void Start(const ports::Directory& directory);
  // A page that was delivered is taken: reads on.
  void Taken();
  void Stop() { ended_ = true; }

 private:
  void Read(ports::Store& store);

  Committer* const committer_;
  const int page_;
  const Listener listener_;
  std::atomic<bool> ended_ = true;
  // The committer's thread, once it has started.
  DeliveryId after_, last_;
  core::QueueLoading progress_;
};

}  // namespace crescendo::engine
