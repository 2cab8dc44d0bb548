#include "store/sqlite/backup.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "store/sqlite/files.h"

namespace crescendo::store {

namespace {

constexpr int kRowsPerStep = 1000;

}  // namespace

absl::StatusOr<std::unique_ptr<ports::Backup>> SqliteBackup::Begin(Database* source,
                                                                   Segments* segments,
                                                                   const std::string& path) {
  RETURN_IF_ERROR(CreatePartial(path));
  std::unique_ptr<SqliteBackup> backup(new SqliteBackup(source, segments, path));
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
  RETURN_IF_ERROR(
      RunOnCopy("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF;"
                "PRAGMA synchronous = OFF; PRAGMA cache_size = -8192"));
  ASSIGN_OR_RETURN(page_size_, source_->QueryInt("PRAGMA page_size"));
  backup_ = sqlite3_backup_init(copy_, "main", source_->handle_, "main");
  return backup_ == nullptr ? Fault(sqlite3_errcode(copy_)) : absl::OkStatus();
}

SqliteBackup::~SqliteBackup() {
  CloseCopy();
  if (!finished_) unlink(PartialPath(path_).c_str());
}

int SqliteBackup::CloseCopy() {
  int rc = sqlite3_backup_finish(backup_);
  backup_ = nullptr;
  for (sqlite3_stmt** statement : {&next_variables_, &put_variables_}) {
    sqlite3_finalize(*statement);
    *statement = nullptr;
  }
  if (const int closed = sqlite3_close(copy_); rc == SQLITE_OK) rc = closed;
  copy_ = nullptr;
  return rc;
}

absl::Status SqliteBackup::RunOnCopy(const char* sql) {
  const int rc = sqlite3_exec(copy_, sql, nullptr, nullptr, nullptr);
  return rc == SQLITE_OK ? absl::OkStatus() : Fault(rc);
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
  if (backup_ == nullptr) return StepVariables(bytes);
  const auto pages = static_cast<int>(std::clamp<int64_t>(bytes / page_size_, 1, 1 << 20));
  int rc = sqlite3_backup_step(backup_, pages);
  if (rc != SQLITE_OK && rc != SQLITE_DONE) return Fault(rc);
  progress_.copied_bytes =
      (sqlite3_backup_pagecount(backup_) - sqlite3_backup_remaining(backup_)) * page_size_;
  progress_.total_bytes = sqlite3_backup_pagecount(backup_) * page_size_ + segments_->bytes();
  if (rc == SQLITE_OK) return false;
  rc = sqlite3_backup_finish(backup_);
  backup_ = nullptr;
  if (rc != SQLITE_OK) return Fault(rc);
  if (segments_->bytes() == 0) return Finished();
  RETURN_IF_ERROR(BeginVariables());
  return false;
}

absl::StatusOr<bool> SqliteBackup::Finished() {
  const int rc = CloseCopy();
  if (rc != SQLITE_OK) return Fault(rc);
  progress_.copied_bytes = progress_.total_bytes;
  return true;
}

absl::Status SqliteBackup::BeginVariables() {
  // The pages have brought the source's WAL mode with them.
  RETURN_IF_ERROR(RunOnCopy("PRAGMA journal_mode = OFF"));
  int rc = sqlite3_prepare_v2(copy_,
                              "SELECT delivery, segment, position, length, checksum"
                              " FROM delivery_variables WHERE delivery > ?1"
                              " ORDER BY delivery LIMIT ?2",
                              -1, &next_variables_, nullptr);
  if (rc == SQLITE_OK) {
    rc = sqlite3_prepare_v2(copy_,
                            "UPDATE delivery_variables SET variables = ?2, segment = NULL,"
                            " position = NULL, length = NULL WHERE delivery = ?1",
                            -1, &put_variables_, nullptr);
  }
  return rc == SQLITE_OK ? absl::OkStatus() : Fault(rc);
}

absl::StatusOr<bool> SqliteBackup::StepVariables(int64_t bytes) {
  RETURN_IF_ERROR(RunOnCopy("BEGIN"));
  std::vector<std::pair<int64_t, SegmentPlace>> places;  // By delivery.
  int looked_at = 0;
  sqlite3_stmt* const next = next_variables_;
  sqlite3_bind_int64(next, 1, last_delivery_);
  sqlite3_bind_int(next, 2, kRowsPerStep);
  int rc = SQLITE_ROW;
  for (int64_t left = bytes; left > 0 && (rc = sqlite3_step(next)) == SQLITE_ROW; ++looked_at) {
    last_delivery_ = sqlite3_column_int64(next, 0);
    if (sqlite3_column_type(next, 1) == SQLITE_NULL) continue;
    const SegmentPlace place = {sqlite3_column_int64(next, 1), sqlite3_column_int64(next, 2),
                                sqlite3_column_int64(next, 3), sqlite3_column_int64(next, 4)};
    places.emplace_back(last_delivery_, place);
    left -= place.length;
  }
  sqlite3_reset(next);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return Fault(rc);
  const bool last = rc == SQLITE_DONE && looked_at < kRowsPerStep;

  std::string variables;
  for (const auto& [delivery, place] : places) {
    RETURN_IF_ERROR(segments_->Read(place, &variables));
    sqlite3_bind_int64(put_variables_, 1, delivery);
    sqlite3_bind_blob64(put_variables_, 2, variables.data(), variables.size(), SQLITE_STATIC);
    rc = sqlite3_step(put_variables_);
    sqlite3_reset(put_variables_);
    if (rc != SQLITE_DONE) return Fault(rc);
    progress_.copied_bytes += place.length;
  }
  if (last) RETURN_IF_ERROR(RunOnCopy("DELETE FROM variable_segments"));
  RETURN_IF_ERROR(RunOnCopy("COMMIT"));
  return last ? Finished() : false;
}

absl::Status SqliteBackup::Sync() { return SyncFile(PartialPath(path_)); }

absl::Status SqliteBackup::Finish() {
  RETURN_IF_ERROR(PublishPartial(path_));
  finished_ = true;
  return absl::OkStatus();
}

}  // namespace crescendo::store
