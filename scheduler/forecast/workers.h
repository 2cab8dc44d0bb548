// workers.h: the few threads that long computations run on, beside the daemon's own work.
//
// Threads  safe from any thread, but for the destructor.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"

namespace crescendo::forecast {

class Workers {
 public:
  // Asked by the work now and then: shall it end?
  using Ended = absl::AnyInvocable<bool()>;
  // Gives the answer: it is called when the slot is free again, so that who has it may ask for the
  // next one.
  using Answer = absl::AnyInvocable<void()>;
  using Work = absl::AnyInvocable<Answer(Ended ended)>;

  // At most `most` at once, each for at most `limit` of the real clock's time.
  Workers(int most, absl::Duration limit);
  // Ends what runs, and waits for it. Works that were not begun are dropped.
  ~Workers();

  // The right to run one. It may be kept while the work is prepared.
  class Slot {
   public:
    Slot(Slot&& other) noexcept : workers_(std::exchange(other.workers_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot();
    // On a thread of the workers, of low priority.
    void Run(Work work) &&;

   private:
    friend class Workers;
    explicit Slot(Workers* workers) : workers_(workers) {}
    Workers* workers_;
  };
  // RESOURCE_EXHAUSTED: as many as may run do.
  absl::StatusOr<Slot> Reserve() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration limit() const { return limit_; }

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  void Free() ABSL_LOCKS_EXCLUDED(mu_);

  const int most_;
  const absl::Duration limit_;
  const std::unique_ptr<base::Clock> clock_;
  std::atomic<bool> stopping_{false};
  base::Mutex mu_;
  base::CondVar wake_;
  int reserved_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Work> works_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> threads_;
};

}  // namespace crescendo::forecast
