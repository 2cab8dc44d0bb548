#include "scheduler/engine/backup_runner.h"

#include <utility>

#include "scheduler/base/status_macros.h"

namespace crescendo::engine {
namespace {

constexpr int64_t kStepBytes = 1 << 20;
// So much may wait for the disk: a commit that syncs behind it waits too.
constexpr int64_t kSyncEvery = 16 << 20;

}  // namespace

bool BackupRunner::stopping() const {
  base::MutexLock lock(&mu_);
  return stopping_;
}

void BackupRunner::Start(std::string path, Progress progress, Done done) {
  absl::Status fault;
  {
    base::MutexLock lock(&mu_);
    if (stopping_) {
      fault = absl::UnavailableError("the daemon is shutting down; try again later");
    } else if (running_) {
      fault = absl::FailedPreconditionError("a backup is being made; wait until it is done");
    } else {
      if (thread_.joinable()) thread_.join();  // Of the last one, which is over.
      running_ = true;
      thread_ = std::thread([this, path = std::move(path), progress = std::move(progress),
                             done = std::move(done)]() mutable {
        absl::StatusOr<ports::BackupProgress> result = Run(path, progress);
        {
          base::MutexLock running(&mu_);
          running_ = false;
        }
        done(std::move(result));
      });
      return;
    }
  }
  done(fault);
}

void BackupRunner::Stop() {
  std::thread last;
  {
    base::MutexLock lock(&mu_);
    stopping_ = true;
    last.swap(thread_);
  }
  if (last.joinable()) last.join();
}

absl::Status BackupRunner::OnStore(const std::function<absl::Status(ports::Store&)>& step) {
  absl::Status status;
  if (committer_->RunBetween([&](ports::Store& store) { status = step(store); })) return status;
  return absl::UnavailableError("the daemon is shutting down");
}

absl::Status BackupRunner::Copy(std::unique_ptr<ports::Backup>* backup, const std::string& path,
                                Progress& progress) {
  RETURN_IF_ERROR(OnStore([&](ports::Store& store) -> absl::Status {
    ASSIGN_OR_RETURN(*backup, store.BeginBackup(path));
    return absl::OkStatus();
  }));
  int64_t synced = 0;
  for (bool copied = false; !copied;) {
    RETURN_IF_ERROR(OnStore([&](ports::Store&) -> absl::Status {
      ASSIGN_OR_RETURN(copied, (*backup)->Step(kStepBytes));
      return absl::OkStatus();
    }));
    const ports::BackupProgress now = (*backup)->progress();
    if (!progress(now)) return absl::CancelledError("the caller has gone");
    if (stopping()) return absl::UnavailableError("the daemon is shutting down");
    if (now.copied_bytes - synced >= kSyncEvery) {
      RETURN_IF_ERROR((*backup)->Sync());
      synced = now.copied_bytes;
    }
  }
  return (*backup)->Finish();
}

absl::StatusOr<ports::BackupProgress> BackupRunner::Run(const std::string& path,
                                                        Progress& progress) {
  std::unique_ptr<ports::Backup> backup;
  const absl::Status status = Copy(&backup, path, progress);
  if (backup == nullptr) return status;
  const ports::BackupProgress reached = backup->progress();
  // On the store's thread; if that has ended, nobody else has the store.
  if (!committer_->RunBetween([&](ports::Store&) { backup.reset(); })) backup.reset();
  if (!status.ok()) return status;
  return reached;
}

}  // namespace crescendo::engine
