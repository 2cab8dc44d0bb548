// database.h: one SQLite connection, and the statements prepared on it.
//
// The connection is the only one: it holds the file exclusively, and both writes and checkpoints.
// SQLite before 3.51.3 can corrupt a WAL database when two connections checkpoint at once.
//
// Errors   RESOURCE_EXHAUSTED  the disk is full, or memory: the transaction must be rolled back
//          DATA_LOSS           an I/O error, a failed sync, a damaged file
//          FAILED_PRECONDITION another process holds the file, or it cannot be opened or written
//          INTERNAL            our bug
// Threads  one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

struct sqlite3;
struct sqlite3_stmt;
struct sqlite3_vfs;

namespace crescendo::store {

struct DatabaseOptions {
  int cache_mib = 64;            // Page cache. Range: [1, 65536].
  int checkpoint_pages = 16384;  // WAL pages of 4 KiB that cause a checkpoint. Range: [1, 1000000].
  // Room set aside for a full disk; it should hold a whole WAL, which a checkpoint copies into the
  // file. Range: [0, 65536].
  int reserve_mib = 0;
  // New deliveries that wait in memory before they go into the index by address: 24 bytes each, and
  // a microsecond at the next start. Range: [1, 10000000].
  int unfiled_addresses = 1 << 18;
  // Of a file of large variables (segments.h): its room comes back when all in it are pruned.
  int64_t segment_bytes = 64 << 20;
};

// What an SQLite error means for the caller. `system_errno`: of the failed call, 0 if unknown.
absl::StatusCode CodeOfSqliteError(int extended_code, int system_errno);

class Database {
 public:
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const DatabaseOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs SQL text without parameters; its rows are dropped.
  absl::Status Exec(const std::string& sql);
  absl::StatusOr<int64_t> QueryInt(const std::string& sql);  // The first column of the first row.

  absl::Status Begin();
  // OK: on disk, synced.
  absl::Status Commit();
  // Ends an open transaction, if there is one.
  absl::Status Rollback();
  // Copies the WAL into the file once it is long. Not OK: the copy failed, and no later commit may
  // be trusted. A full disk is OK: the WAL still holds everything, a later call tries again.
  absl::Status MaybeCheckpoint();
  // While the disk is full the WAL is kept short: what it has on the disk is used again and again.
  void set_short_wal(bool on) { short_wal_ = on; }

  // Empties the page cache.
  void ReleaseMemory();
  // The WAL, if there is one, stays as it is: nothing is copied into the file by closing it.
  void KeepWalOnClose();

  int64_t changes() const;  // Rows the last statement changed.
  int64_t last_insert_id() const;
  const std::string& path() const { return path_; }
  const DatabaseOptions& options() const { return options_; }
  // How the file is reached.
  sqlite3_vfs* vfs() const;
  // The last failure of this connection as a status, with what was being done.
  absl::Status Fault(absl::string_view doing) const;

  // The file says what cannot be: "label 7 does not exist". Returns DATA_LOSS, and keeps it.
  absl::Status Damaged(absl::string_view what) const;
  // What readers that answer with a value have found damaged; OK: nothing.
  const absl::Status& damage() const { return damage_; }

 private:
  friend class SqliteBackup;
  friend class Statement;
  Database(std::string path, sqlite3* handle, const DatabaseOptions& options);
  absl::Status Configure();

  const std::string path_;
  sqlite3* const handle_;
  const DatabaseOptions options_;
  int wal_pages_ = 0;  // After the last commit.
  mutable absl::Status damage_;
  bool short_wal_ = false;
};

// Bound as NULL when it is 0 or "".
struct KeyOrNull {
  int64_t key = 0;
};
struct TextOrNull {
  absl::string_view text;
};
struct BlobOrNull {
  absl::string_view bytes;
};

// The rows of a running query. Frees the query when it goes.
class Rows {
 public:
  explicit Rows(const Database* database, sqlite3_stmt* statement, absl::Status status)
      : database_(database), statement_(statement), status_(std::move(status)) {}
  ~Rows();
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  // False at the end, and on a failure: ask status() then.
  bool Next();
  const absl::Status& status() const { return status_; }

  bool IsNull(int column) const;
  int64_t Int(int column) const;  // NULL is 0.
  int Int32(int column) const { return static_cast<int>(Int(column)); }
  double Real(int column) const;
  absl::string_view Text(int column) const;  // Until the next Next(). NULL is "".
  std::string String(int column) const { return std::string(Text(column)); }
  absl::Time Time(int column) const;  // NULL is InfinitePast.
  absl::CivilDay Day(int column) const;
  // An enumerator of which `last` is the last.
  template <class Enum>
  Enum Enumerator(int column, Enum last) const {
    const int64_t number = Int(column);
    if (number >= 0 && number <= static_cast<int64_t>(last)) return static_cast<Enum>(number);
    database_->Damaged("a number is out of its range").IgnoreError();
    return last;
  }
  absl::Duration Span(int column) const { return absl::Microseconds(Int(column)); }

 private:
  const Database* const database_;
  sqlite3_stmt* const statement_;
  absl::Status status_;
};

// A statement, prepared when it is first used and kept. Parameters are ?1, ?2, … in order.
class Statement {
 public:
  // `sql` must outlive the statement (a literal).
  Statement(Database* database, const char* sql) : database_(database), sql_(sql) {}
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Runs it to its end.
  template <class... Args>
  absl::Status Run(const Args&... args) {
    absl::Status status = Prepare();
    if (!status.ok()) return status;
    int index = 0;
    (Bind(++index, args, /*copy=*/false), ...);
    return Finish();
  }
  template <class... Args>
  Rows Query(const Args&... args) {
    absl::Status status = Prepare();
    int index = 0;
    if (status.ok()) (Bind(++index, args, /*copy=*/true), ...);
    return Rows(database_, statement_, std::move(status));
  }

 private:
  absl::Status Prepare();
  absl::Status Finish();
  void Bind(int index, int64_t value, bool copy);
  void Bind(int index, int value, bool copy) { Bind(index, static_cast<int64_t>(value), copy); }
  void Bind(int index, bool value, bool copy) { Bind(index, static_cast<int64_t>(value), copy); }
  void Bind(int index, double value, bool copy);
  void Bind(int index, absl::string_view value, bool copy);
  void Bind(int index, const std::string& value, bool copy) {
    Bind(index, absl::string_view(value), copy);
  }
  void Bind(int index, KeyOrNull value, bool copy);
  void Bind(int index, TextOrNull value, bool copy);
  void Bind(int index, BlobOrNull value, bool copy);
  void Bind(int index, absl::Time value, bool copy);
  void Bind(int index, absl::CivilDay value, bool copy);
  void Bind(int index, absl::Duration value, bool copy);
  void Bind(int index, std::optional<int64_t> value, bool copy);

  Database* const database_;
  const char* const sql_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace crescendo::store
