// committer.h: the one who touches the store: groups the writes of all callers into synced commits.
//
// Jobs are committed in the order they were posted, but imports have an order of their own: some of
// their rows go with each commit, so that outcomes never wait for a list of millions. When the disk
// is full, an ordinary job fails with RESOURCE_EXHAUSTED; a critical one (an outcome that has
// happened) is tried without the ordinary ones beside it and gets the store's reserve, and when
// that is used up too it is kept, in order, and tried again until it is down. Ordinary jobs are
// taken again once the reserve can be set aside anew. Any other failure of a commit is the end:
// every job then fails with it.
//
// Threads  Post, PostRead, RunBetween, Stop: any. `done`, reads and steps run on the committer's
//          thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "scheduler/base/mutex.h"
#include "scheduler/ports/store.h"

namespace crescendo::engine {

struct Job {
  std::vector<ports::Write> writes;
  bool critical = false;
  size_t rows = 0;  // Of an import; 0: it is none.
  // One result per write when the status is OK, else none.
  absl::AnyInvocable<void(absl::Status, absl::Span<ports::WriteResult>)> done;
};

class Committer {
 public:
  struct Listener {
    std::function<void()> committed;                // After each commit.
    std::function<void(bool accepting)> accepting;  // The disk became full, or has room again.
    std::function<void(absl::Status)> fatal;        // Once.
  };

  Committer(ports::Store* store, Listener listener);
  ~Committer();

  // Before Start: is there room, or did the process end on a full disk?
  void CheckRoom() ABSL_LOCKS_EXCLUDED(mu_);
  void Start();
  // Commits what waits (critical jobs fail with RESOURCE_EXHAUSTED after one more try on a full
  // disk), then ends. Jobs posted later fail with UNAVAILABLE.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // `done` is called once, in any case.
  void Post(Job job) ABSL_LOCKS_EXCLUDED(mu_);
  // False when too many reads wait, or after Stop.
  bool PostRead(absl::AnyInvocable<void(ports::Store&)> read) ABSL_LOCKS_EXCLUDED(mu_);
  // Runs a step of long work and returns when it has run: of all steps that wait, one after each
  // round of commits and reads, however many of those wait. False: after Stop, it has not run.
  [[nodiscard]] bool RunBetween(const std::function<void(ports::Store&)>& step)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Without Start: does what waits. False when nothing waits but what a full disk still holds back.
  bool RunPending() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status health() const ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing waits and nothing is being done.
  bool idle() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Reads = std::deque<absl::AnyInvocable<void(ports::Store&)>>;
  struct Step {
    const std::function<void(ports::Store&)>& run;
    bool over = false;
  };

  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  void Work(std::deque<Job> jobs, Reads reads) ABSL_LOCKS_EXCLUDED(mu_);
  // What was posted meanwhile.
  void TakeMore(std::deque<Job>* jobs, Reads* reads) ABSL_LOCKS_EXCLUDED(mu_);
  // The next jobs to commit together. While the disk is full ordinary ones fail instead.
  std::vector<Job> NextGroup(std::deque<Job>* jobs, std::deque<Job>* imports)
      ABSL_LOCKS_EXCLUDED(mu_);
  void RunStep() ABSL_LOCKS_EXCLUDED(mu_);
  // Commits the jobs as one group and calls their `done`; on a full disk neither.
  absl::Status CommitGroup(std::vector<Job>& jobs) ABSL_LOCKS_EXCLUDED(mu_);
  void SetAccepting(bool accepting) ABSL_LOCKS_EXCLUDED(mu_);
  void Fail(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  ports::Store* const store_;
  const Listener listener_;
  bool full_ = false;  // The reserve is given up, or cannot be made.

  mutable base::Mutex mu_;
  base::CondVar wake_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mu_);
  Reads reads_ ABSL_GUARDED_BY(mu_);
  std::deque<Step*> steps_ ABSL_GUARDED_BY(mu_);
  base::CondVar stepped_;
  std::deque<Job> kept_ ABSL_GUARDED_BY(mu_);  // Critical, waiting for room on the disk.
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool accepting_ ABSL_GUARDED_BY(mu_) = true;
  absl::Status health_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace crescendo::engine
