// fault_store.h: a memory store whose disk is full, broken, slow or contrary when told to be.
//
// Threads  the store as every Store; the faults are set from any thread.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/base/mutex.h"
#include "scheduler/ports/store.h"
#include "store/memory/memory_store.h"

namespace crescendo::support {

class FaultStore final : public store::MemoryStore {
 public:
  // Every commit of more than `room` writes fails with `status` and changes nothing.
  void FailCommits(absl::Status status, size_t room = 0) {
    base::MutexLock lock(&mu_);
    fault_ = std::move(status);
    room_ = room;
  }
  void Heal() { FailCommits(absl::OkStatus()); }
  // Every Settle is refused with `status`, alone of its group.
  void RefuseSettles(absl::Status status) {
    base::MutexLock lock(&mu_);
    refusal_ = std::move(status);
  }
  // A commit waits while this is on. AwaitStuck returns when one does.
  void Hold(bool on) {
    base::MutexLock lock(&mu_);
    held_ = on;
    changed_.NotifyAll();
  }
  void AwaitStuck() {
    base::MutexLock lock(&mu_);
    while (!stuck_) changed_.Wait(&mu_);
  }
  // Called before each page of the queue is read, with the number of the page since this was set; a
  // status that is not OK is the answer.
  void OnLoad(std::function<absl::Status(int page)> on_load) {
    base::MutexLock lock(&mu_);
    on_load_ = std::move(on_load);
    pages_ = 0;
  }
  // Writes of each commit that was tried.
  std::vector<size_t> groups() const {
    base::MutexLock lock(&mu_);
    return groups_;
  }

  absl::Status Commit(absl::Span<const ports::Write> writes,
                      std::vector<ports::WriteResult>* results) override {
    absl::Status refusal;
    {
      base::MutexLock lock(&mu_);
      groups_.push_back(writes.size());
      stuck_ = true;
      changed_.NotifyAll();
      while (held_) changed_.Wait(&mu_);
      stuck_ = false;
      if (!fault_.ok() && writes.size() > room_) return fault_;
      refusal = refusal_;
    }
    if (refusal.ok()) return store::MemoryStore::Commit(writes, results);
    std::vector<ports::Write> rest;
    for (const ports::Write& write : writes) {
      if (!std::holds_alternative<ports::Settle>(write)) rest.push_back(write);
    }
    std::vector<ports::WriteResult> rest_results;
    const absl::Status status = store::MemoryStore::Commit(rest, &rest_results);
    auto next = rest_results.begin();
    for (const ports::Write& write : writes) {
      const bool settle = std::holds_alternative<ports::Settle>(write);
      results->push_back(settle ? ports::WriteResult{refusal, {}, false} : std::move(*next++));
    }
    return status;
  }

  absl::StatusOr<ports::QueuedPage> LoadQueued(DeliveryId after, int limit) override {
    std::function<absl::Status(int)> on_load;
    int page = 0;
    {
      base::MutexLock lock(&mu_);
      on_load = on_load_;
      page = ++pages_;
    }
    if (absl::Status status = on_load ? on_load(page) : absl::OkStatus(); !status.ok()) {
      return status;
    }
    return store::MemoryStore::LoadQueued(after, limit);
  }

 private:
  mutable base::Mutex mu_;
  base::CondVar changed_;
  absl::Status fault_ ABSL_GUARDED_BY(mu_);
  size_t room_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status refusal_ ABSL_GUARDED_BY(mu_);
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  bool stuck_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<size_t> groups_ ABSL_GUARDED_BY(mu_);
  std::function<absl::Status(int)> on_load_ ABSL_GUARDED_BY(mu_);
  int pages_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace crescendo::support
