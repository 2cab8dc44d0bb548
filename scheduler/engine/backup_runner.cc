#include "scheduler/engine/backup_runner.h"

#include <future>
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
  std::promise<absl::Status> answer;
  std::future<absl::Status> answered = answer.get_future();
  const bool posted = committer_->PostRead(
      [&step, &answer](ports::Store& store) { answer.set_value(step(store)); });
  if (!posted) return absl::UnavailableError("too many wait for the store; try again later");
  return answered.get();
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
  // It ends on the store's thread. With 10,000 others in front it waits its turn.
  while (backup != nullptr) {
    const absl::Status ended = OnStore([&](ports::Store&) {
      backup.reset();
      return absl::OkStatus();
    });
    if (!ended.ok()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (!status.ok()) return status;
  return reached;
}

}  // namespace crescendo::engine
