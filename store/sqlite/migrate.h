// migrate.h: brings a database file to the schema this program knows.
//
// store/sql/NNNN_*.sql are embedded at build, numbered 1, 2, 3 …, forward only, one transaction
// each, and never edited once released: the file's own list of checksums is compared at each start.
#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "store/sqlite/database.h"

namespace crescendo::store {

struct Migration {
  int number;
  const char* name;    // "0001_first.sql"
  const char* sha256;  // Of the file.
  const char* sql;
};

// In order. Generated from store/sql.
absl::Span<const Migration> AllMigrations();

struct SchemaState {
  size_t applied = 0, known = 0;  // Migrations.
};
// Changes nothing. FAILED_PRECONDITION: not ours, or a newer program wrote it; DATA_LOSS: not a
// database, or damaged.
absl::StatusOr<SchemaState> ReadSchema(Database* database, absl::Span<const Migration> migrations);

// Takes the lock, refuses a file that is not ours or that a newer program wrote
// (FAILED_PRECONDITION, nothing changed), switches to WAL, and applies what is missing.
absl::Status Migrate(Database* database, absl::Span<const Migration> migrations);

}  // namespace crescendo::store
