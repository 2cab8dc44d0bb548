// backup_runner.h: one backup at a time, on a thread of its own: it asks the committer for one
// short step after the other, between commits, and waits for the disk itself, so that no commit
// waits for the copy.
//
// Threads  Start and Stop: any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "scheduler/base/mutex.h"
#include "scheduler/engine/committer.h"
#include "scheduler/ports/store.h"

namespace crescendo::engine {

class BackupRunner {
 public:
  // False: give up.
  using Progress = absl::AnyInvocable<bool(const ports::BackupProgress&)>;
  using Done = absl::AnyInvocable<void(absl::StatusOr<ports::BackupProgress>)>;

  explicit BackupRunner(Committer* committer) : committer_(committer) {}
  ~BackupRunner() { Stop(); }

  // FAILED_PRECONDITION: one is running. UNAVAILABLE: after Stop. `done` may run on this thread.
  void Start(std::string path, Progress progress, Done done) ABSL_LOCKS_EXCLUDED(mu_);
  // Gives up what runs. Before the committer's Stop, for the copy ends on its thread.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::StatusOr<ports::BackupProgress> Run(const std::string& path, Progress& progress);
  absl::Status Copy(std::unique_ptr<ports::Backup>* backup, const std::string& path,
                    Progress& progress);
  // Runs `step` on the committer's thread. UNAVAILABLE: that has ended.
  absl::Status OnStore(const std::function<absl::Status(ports::Store&)>& step);
  bool stopping() const ABSL_LOCKS_EXCLUDED(mu_);

  Committer* const committer_;
  mutable base::Mutex mu_;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace crescendo::engine
