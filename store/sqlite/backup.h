// backup.h: ports::Backup of an SQLite file, by SQLite's own backup interface.
//
// The source is the store's one connection: no second one ever opens the file. Pages that change
// after they were copied are copied again by SQLite in the commit that changes them.
//
// Threads  as ports::Backup says. Closing the copy's file from another thread is safe: it is
// another
//          file than the store's.
#pragma once

#include <memory>
#include <string>

#include "scheduler/ports/store.h"
#include "store/sqlite/database.h"

struct sqlite3_backup;

namespace crescendo::store {

class SqliteBackup final : public ports::Backup {
 public:
  static absl::StatusOr<std::unique_ptr<ports::Backup>> Begin(Database* source,
                                                              const std::string& path);
  ~SqliteBackup() override;

  absl::StatusOr<bool> Step(int64_t bytes) override;
  ports::BackupProgress progress() const override { return progress_; }
  absl::Status Sync() override;
  absl::Status Finish() override;

 private:
  SqliteBackup(Database* source, std::string path) : source_(source), path_(std::move(path)) {}
  absl::Status OpenCopy();
  absl::Status Fault(int code);
  int CloseCopy();

  Database* const source_;
  const std::string path_;
  sqlite3* copy_ = nullptr;
  sqlite3_backup* backup_ = nullptr;
  int64_t page_size_ = 4096;
  bool finished_ = false;
  ports::BackupProgress progress_;
};

}  // namespace crescendo::store
