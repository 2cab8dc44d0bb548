#include "scheduler/service/store_backup.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/errors.h"

namespace crescendo::service {
namespace {

constexpr size_t kLongestPath = 4000;

absl::Status CheckPath(const std::string& path) {
  if (path.size() > kLongestPath) {
    return Fault("path", absl::StrCat("is ", path.size(), " bytes long; at most ", kLongestPath));
  }
  if (!absl::StartsWith(path, "/") || absl::EndsWith(path, "/")) {
    return Fault("path", absl::StrCat("is ", Quoted(path),
                                      "; name a file by its absolute path on the daemon's host"));
  }
  return CheckFreeText("path", path, kLongestPath);
}

}  // namespace

StoreBackup* StoreBackup::Start(engine::Engine* engine, Streams* streams,
                                const v1::BackupStoreRequest& request) {
  std::shared_ptr<StoreBackup> backup(new StoreBackup(streams));
  backup->self_ = backup;
  const absl::Status status = backup->Begin(request);
  if (!status.ok()) {
    backup->End(status);
    return backup.get();
  }
  engine->Backup(
      backup->path_,
      [backup](const ports::BackupProgress& progress) { return backup->Progressed(progress); },
      [backup](const absl::StatusOr<ports::BackupProgress>& result) { backup->Done(result); });
  return backup.get();
}

absl::Status StoreBackup::Begin(const v1::BackupStoreRequest& request) {
  RETURN_IF_ERROR(CheckPath(request.path()));
  path_ = request.path();
  return streams_->Add(shared_from_this());
}

bool StoreBackup::Progressed(const ports::BackupProgress& progress) {
  base::MutexLock lock(&mu_);
  if (!ended_ && !writing_) Write(progress, /*complete=*/false);
  return !ended_;
}

void StoreBackup::Done(const absl::StatusOr<ports::BackupProgress>& result) {
  base::MutexLock lock(&mu_);
  if (!result.ok()) return EndLocked(result.status());
  if (ended_) return;
  if (writing_) {
    last_ = *result;
  } else {
    Write(*result, /*complete=*/true);
  }
}

void StoreBackup::Write(const ports::BackupProgress& progress, bool complete) {
  response_.set_path(path_);
  response_.set_copied_bytes(progress.copied_bytes);
  response_.set_total_bytes(progress.total_bytes);
  response_.set_complete(complete);
  writing_ = true;
  StartWrite(&response_);
}

void StoreBackup::OnWriteDone(bool ok) {
  base::MutexLock lock(&mu_);
  writing_ = false;
  if (!ok) EndLocked(absl::CancelledError("the caller has gone"));
  if (ended_) {
    if (!std::exchange(finished_, true)) Finish(ToGrpc(status_));
  } else if (last_.has_value()) {
    const ports::BackupProgress last = *std::exchange(last_, std::nullopt);
    Write(last, /*complete=*/true);
  } else if (response_.complete()) {
    EndLocked(absl::OkStatus());
  }
}

void StoreBackup::End(const absl::Status& status) {
  base::MutexLock lock(&mu_);
  EndLocked(status);
}

void StoreBackup::EndLocked(const absl::Status& status) {
  if (ended_) return;
  ended_ = true;
  status_ = status;
  // A write that is under way ends first.
  if (!writing_ && !std::exchange(finished_, true)) Finish(ToGrpc(status_));
}

void StoreBackup::OnCancel() { End(absl::CancelledError("the caller has gone")); }

void StoreBackup::OnDone() {
  streams_->Remove(shared_from_this());
  const std::shared_ptr<StoreBackup> last = std::move(self_);
}

}  // namespace crescendo::service
