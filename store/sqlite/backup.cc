#include "store/sqlite/backup.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "store/sqlite/files.h"

namespace crescendo::store {

absl::StatusOr<std::unique_ptr<ports::Backup>> SqliteBackup::Begin(Database* source,
                                                                   const std::string& path) {
  RETURN_IF_ERROR(CreatePartial(path));
  std::unique_ptr<SqliteBackup> backup(new SqliteBackup(source, path));
  RETURN_IF_ERROR(backup->OpenCopy());
  return std::unique_ptr<ports::Backup>(std::move(backup));
}

absl::Status SqliteBackup::OpenCopy() {
  const int rc =
      sqlite3_open_v2(PartialPath(path_).c_str(), &copy_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (rc != SQLITE_OK) return Fault(rc);
  sqlite3_extended_result_codes(copy_, 1);
  // It has no name until it is synced, so it needs neither a journal nor syncs on the way.
  const int set = sqlite3_exec(copy_,
                               "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF;"
                               "PRAGMA synchronous = OFF; PRAGMA cache_size = -8192",
                               nullptr, nullptr, nullptr);
  if (set != SQLITE_OK) return Fault(set);
  ASSIGN_OR_RETURN(page_size_, source_->QueryInt("PRAGMA page_size"));
  backup_ = sqlite3_backup_init(copy_, "main", source_->handle_, "main");
  return backup_ == nullptr ? Fault(sqlite3_errcode(copy_)) : absl::OkStatus();
}

SqliteBackup::~SqliteBackup() {
  CloseCopy();
  if (!finished_) unlink(PartialPath(path_).c_str());
}

int SqliteBackup::CloseCopy() {
  const int rc = sqlite3_backup_finish(backup_);
  backup_ = nullptr;
  sqlite3_close(copy_);
  copy_ = nullptr;
  return rc;
}

absl::Status SqliteBackup::Fault(int code) {
  const std::string text =
      absl::StrCat(PartialPath(path_), ": ", copy_ == nullptr ? "no memory" : sqlite3_errmsg(copy_),
                   " (SQLite code ", code, ")");
  int system_errno = 0;
  if (copy_ != nullptr) {
    sqlite3_file_control(copy_, "main", SQLITE_FCNTL_LAST_ERRNO, &system_errno);
  }
  const bool full = CodeOfSqliteError(code, system_errno) == absl::StatusCode::kResourceExhausted;
  return full ? absl::ResourceExhaustedError(text) : absl::UnavailableError(text);
}

absl::StatusOr<bool> SqliteBackup::Step(int64_t bytes) {
  const auto pages = static_cast<int>(std::clamp<int64_t>(bytes / page_size_, 1, 1 << 20));
  int rc = sqlite3_backup_step(backup_, pages);
  if (rc != SQLITE_OK && rc != SQLITE_DONE) return Fault(rc);
  progress_.total_bytes = sqlite3_backup_pagecount(backup_) * page_size_;
  progress_.copied_bytes = progress_.total_bytes - sqlite3_backup_remaining(backup_) * page_size_;
  if (rc == SQLITE_OK) return false;
  rc = CloseCopy();
  if (rc != SQLITE_OK) return Fault(rc);
  return true;
}

absl::Status SqliteBackup::Sync() { return SyncFile(PartialPath(path_)); }

absl::Status SqliteBackup::Finish() {
  RETURN_IF_ERROR(PublishPartial(path_));
  finished_ = true;
  return absl::OkStatus();
}

}  // namespace crescendo::store
