#include "store/sqlite/database.h"

#include <errno.h>
#include <malloc.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/check.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {
namespace {

constexpr int kShortWal = 64;  // Pages.

int Primary(int extended_code) { return extended_code & 0xff; }

// ", by process 123 (crescendod)", or "" if the system does not tell. Not by asking for the lock:
// closing a file ends all locks that this process has on it.
std::string LockHolder(const std::string& path) {
  struct stat file;
  if (stat(path.c_str(), &file) != 0) return "";
  std::ifstream locks("/proc/locks");
  std::string line;
  while (std::getline(locks, line)) {
    // "1: POSIX  ADVISORY  WRITE 123 fe:01:4711 1073741826 1073742335"
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    int64_t process = 0;
    if (words.size() < 6 || words[3] != "WRITE" || !absl::SimpleAtoi(words[4], &process) ||
        process <= 0 || !absl::EndsWith(words[5], absl::StrCat(":", file.st_ino))) {
      continue;
    }
    std::ifstream comm(absl::StrCat("/proc/", process, "/comm"));
    std::string name;
    std::getline(comm, name);
    return absl::StrCat(", by process ", process,
                        name.empty() ? "" : absl::StrCat(" (", name, ")"));
  }
  return "";
}

// Why the last failed call on the WAL or on the file itself failed; 0 if that is unknown. EIO wins:
// it must not hide behind an older fault of the other file. (sqlite3_system_errno knows nothing of
// a failed COMMIT.)
int LastErrno(sqlite3* handle) {
  int of_file = 0, of_wal = 0;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_LAST_ERRNO, &of_file);
  sqlite3_file* wal = nullptr;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
  if (wal != nullptr && wal->pMethods != nullptr) {
    wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &of_wal);
  }
  if (of_file == EIO || of_wal == EIO) return EIO;
  return of_wal != 0 ? of_wal : of_file;
}

}  // namespace

absl::StatusCode CodeOfSqliteError(int extended_code, int system_errno) {
  // A quota or a file-size limit is a full disk too, though SQLite calls it an I/O error. Only for
  // writes: after a failed sync nothing is known about what is on disk.
  const bool no_room = system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
  if (extended_code == SQLITE_IOERR_WRITE && no_room) return absl::StatusCode::kResourceExhausted;
  if (extended_code == SQLITE_IOERR_NOMEM) return absl::StatusCode::kResourceExhausted;
  switch (Primary(extended_code)) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const DatabaseOptions& options) {
  sqlite3* handle = nullptr;
  const int rc =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (handle == nullptr) return absl::ResourceExhaustedError("no memory to open a database");
  std::unique_ptr<Database> database(new Database(path, handle, options));
  sqlite3_extended_result_codes(handle, 1);
  if (rc != SQLITE_OK) return database->Fault("opening");
  RETURN_IF_ERROR(database->Configure());
  return database;
}

Database::Database(std::string path, sqlite3* handle, const DatabaseOptions& options)
    : path_(std::move(path)), handle_(handle), options_(options) {}

Database::~Database() { CRESCENDO_CHECK(sqlite3_close(handle_) == SQLITE_OK); }

absl::Status Database::Configure() {
  // The lock first, and before anything is read: whoever gets it keeps it to the end.
  RETURN_IF_ERROR(Exec("PRAGMA locking_mode = EXCLUSIVE"));
  RETURN_IF_ERROR(Exec("PRAGMA mmap_size = 0"));
  RETURN_IF_ERROR(Exec("PRAGMA synchronous = FULL"));
  RETURN_IF_ERROR(Exec("PRAGMA foreign_keys = ON"));
  RETURN_IF_ERROR(Exec("PRAGMA trusted_schema = OFF"));
  RETURN_IF_ERROR(Exec(absl::StrCat("PRAGMA cache_size = -", options_.cache_mib * 1024)));
  RETURN_IF_ERROR(Exec("PRAGMA temp_store = MEMORY"));
  // We checkpoint ourselves, for the automatic one hides its errors.
  sqlite3_wal_hook(
      handle_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Database*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  return absl::OkStatus();
}

absl::Status Database::Fault(absl::string_view doing) const {
  const int code = sqlite3_extended_errcode(handle_);
  const absl::StatusCode status = CodeOfSqliteError(code, LastErrno(handle_));
  if (Primary(code) == SQLITE_BUSY || Primary(code) == SQLITE_LOCKED) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is in use by another process (lock held", LockHolder(path_),
                     "); only one may have it open: stop that one, or give this one another file"
                     " (data_dir)"));
  }
  if (Primary(code) == SQLITE_NOTADB) {
    return absl::DataLossError(
        absl::StrCat(path_,
                     " is not a store of Crescendo, nor any SQLite database, or its first page is"
                     " damaged; name another file, or restore a backup"));
  }
  const char* const fix =
      Primary(code) == SQLITE_CORRUPT ? "; the file is damaged: restore a backup" : "";
  return absl::Status(status, absl::StrCat(path_, ": ", doing, ": ", sqlite3_errmsg(handle_),
                                           " (SQLite code ", code, ")", fix));
}

absl::Status Database::Damaged(absl::string_view what) const {
  if (damage_.ok()) {
    damage_ =
        absl::DataLossError(absl::StrCat(path_, " is damaged: ", what, "; restore a backup of it"));
  }
  return damage_;
}

absl::Status Database::Exec(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) {
    return absl::OkStatus();
  }
  return Fault(sql.substr(0, 60));
}

absl::StatusOr<int64_t> Database::QueryInt(const std::string& sql) {
  Statement statement(this, sql.c_str());
  Rows rows = statement.Query();
  const int64_t value = rows.Next() ? rows.Int(0) : 0;
  RETURN_IF_ERROR(rows.status());
  return value;
}

absl::Status Database::Begin() { return Exec("BEGIN IMMEDIATE"); }
absl::Status Database::Commit() { return Exec("COMMIT"); }

absl::Status Database::Rollback() {
  // A full disk may have rolled it back already.
  return sqlite3_get_autocommit(handle_) != 0 ? absl::OkStatus() : Exec("ROLLBACK");
}

absl::Status Database::MaybeCheckpoint() {
  const int longest =
      short_wal_ ? std::min(kShortWal, options_.checkpoint_pages) : options_.checkpoint_pages;
  if (wal_pages_ < longest) return absl::OkStatus();
  int left = 0, done = 0;
  const int rc =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &left, &done);
  if (rc == SQLITE_OK) {
    wal_pages_ = left - done;
    return absl::OkStatus();
  }
  const absl::Status fault = Fault("copying the WAL into the file");
  return absl::IsResourceExhausted(fault) ? absl::OkStatus() : fault;
}

sqlite3_vfs* Database::vfs() const {
  sqlite3_vfs* vfs = nullptr;
  sqlite3_file_control(handle_, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
  return vfs;
}

void Database::ReleaseMemory() {
  sqlite3_db_release_memory(handle_);
  malloc_trim(0);  // The pages were many small pieces: glibc keeps them otherwise.
}

void Database::KeepWalOnClose() {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

int64_t Database::changes() const { return sqlite3_changes64(handle_); }
int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

Rows::~Rows() {
  if (statement_ != nullptr) sqlite3_reset(statement_);
}

bool Rows::Next() {
  if (!status_.ok()) return false;
  const int rc = sqlite3_step(statement_);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) status_ = database_->Fault("reading");
  return rc == SQLITE_ROW;
}

bool Rows::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
int64_t Rows::Int(int column) const { return sqlite3_column_int64(statement_, column); }
double Rows::Real(int column) const { return sqlite3_column_double(statement_, column); }

absl::string_view Rows::Text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  if (bytes == nullptr) return "";
  return {static_cast<const char*>(bytes),
          static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

absl::Time Rows::Time(int column) const {
  if (IsNull(column)) return absl::InfinitePast();
  const int64_t micros = Int(column);
  return micros == INT64_MAX ? absl::InfiniteFuture() : absl::FromUnixMicros(micros);
}

absl::CivilDay Rows::Day(int column) const {
  constexpr int64_t kMost = 4'000'000;  // Some ten thousand years.
  const int64_t day = Int(column);
  if (day >= -kMost && day <= kMost) return absl::CivilDay() + day;
  database_->Damaged("a day is out of its range").IgnoreError();
  return absl::CivilDay();
}

Statement::~Statement() { sqlite3_finalize(statement_); }

absl::Status Statement::Prepare() {
  if (statement_ != nullptr) return absl::OkStatus();
  if (sqlite3_prepare_v3(database_->handle_, sql_, -1, SQLITE_PREPARE_PERSISTENT, &statement_,
                         nullptr) == SQLITE_OK) {
    return absl::OkStatus();
  }
  return database_->Fault(absl::StrCat("preparing ", absl::string_view(sql_).substr(0, 60)));
}

absl::Status Statement::Finish() {
  int rc = sqlite3_step(statement_);
  while (rc == SQLITE_ROW) rc = sqlite3_step(statement_);
  if (rc == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return absl::OkStatus();
  }
  absl::Status fault = database_->Fault(absl::string_view(sql_).substr(0, 60));
  sqlite3_reset(statement_);
  return fault;
}

// A bind fails only for a wrong index or a running statement, which is our bug, or for want of
// memory, which the step then reports.
void Statement::Bind(int index, int64_t value, bool) {
  sqlite3_bind_int64(statement_, index, value);
}
void Statement::Bind(int index, double value, bool) {
  sqlite3_bind_double(statement_, index, value);
}
void Statement::Bind(int index, absl::string_view value, bool copy) {
  // A null pointer would bind NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  sqlite3_bind_text64(statement_, index, data, value.size(),
                      copy ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8);
}
void Statement::Bind(int index, KeyOrNull value, bool copy) {
  if (value.key == 0) {
    sqlite3_bind_null(statement_, index);
  } else {
    Bind(index, value.key, copy);
  }
}
void Statement::Bind(int index, TextOrNull value, bool copy) {
  if (value.text.empty()) {
    sqlite3_bind_null(statement_, index);
  } else {
    Bind(index, value.text, copy);
  }
}
void Statement::Bind(int index, BlobOrNull value, bool copy) {
  if (value.bytes.empty()) {
    sqlite3_bind_null(statement_, index);
  } else {
    sqlite3_bind_blob64(statement_, index, value.bytes.data(), value.bytes.size(),
                        copy ? SQLITE_TRANSIENT : SQLITE_STATIC);
  }
}
void Statement::Bind(int index, absl::Time value, bool copy) {
  if (value == absl::InfinitePast()) {
    sqlite3_bind_null(statement_, index);
  } else {
    Bind(index, absl::ToUnixMicros(value), copy);
  }
}
void Statement::Bind(int index, absl::CivilDay value, bool copy) {
  Bind(index, static_cast<int64_t>(value - absl::CivilDay()), copy);
}
void Statement::Bind(int index, absl::Duration value, bool copy) {
  Bind(index, absl::ToInt64Microseconds(value), copy);
}
void Statement::Bind(int index, std::optional<int64_t> value, bool copy) {
  if (value) {
    Bind(index, *value, copy);
  } else {
    sqlite3_bind_null(statement_, index);
  }
}

}  // namespace crescendo::store
