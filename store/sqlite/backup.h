// backup.h: ports::Backup of an SQLite file, by SQLite's own backup interface.
//
// The source is the store's one connection: no second one ever opens the file. Pages that change
// after they were copied are copied again by SQLite in the commit that changes them. Then what is
// in segments goes into the rows of the copy, which is so one file.
//
// Threads  as ports::Backup says. Closing the copy's file from another thread is safe: it is
// another
//          file than the store's.
#pragma once

#include <memory>
#include <string>

#include "scheduler/ports/store.h"
#include "store/sqlite/database.h"
#include "store/sqlite/segments.h"

struct sqlite3_backup;
struct sqlite3_stmt;

namespace crescendo::store {

class SqliteBackup final : public ports::Backup {
 public:
  static absl::StatusOr<std::unique_ptr<ports::Backup>> Begin(Database* source, Segments* segments,
                                                              const std::string& path);
  ~SqliteBackup() override;

  absl::StatusOr<bool> Step(int64_t bytes) override;
  ports::BackupProgress progress() const override { return progress_; }
  absl::Status Sync() override;
  absl::Status Finish() override;

 private:
  SqliteBackup(Database* source, Segments* segments, std::string path)
      : source_(source), segments_(segments), pin_(segments), path_(std::move(path)) {}
  absl::Status OpenCopy();
  absl::Status BeginVariables();
  absl::StatusOr<bool> Finished();
  // Moves about so many bytes out of segments into the copy. True: there are no more.
  absl::StatusOr<bool> StepVariables(int64_t bytes);
  absl::Status RunOnCopy(const char* sql);
  absl::Status Fault(int code);
  int CloseCopy();

  Database* const source_;
  Segments* const segments_;
  const Segments::Pin pin_;  // The copy's rows name places in them until it is done.
  const std::string path_;
  sqlite3* copy_ = nullptr;
  sqlite3_backup* backup_ = nullptr;        // Until all pages are copied.
  sqlite3_stmt* next_variables_ = nullptr;  // Then these two.
  sqlite3_stmt* put_variables_ = nullptr;
  int64_t last_delivery_ = 0;  // That was looked at.
  int64_t page_size_ = 4096;
  bool finished_ = false;
  ports::BackupProgress progress_;
};

}  // namespace crescendo::store
