#include "store/sqlite/migrate.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {
namespace {

constexpr int64_t kApplicationId = 0x43726573;  // "Cres", in the file's header.

absl::Status Refuse(const Database& database, absl::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat(database.path(), " ", why, "; nothing was changed"));
}

absl::Status CheckIsOurs(Database* database) {
  ASSIGN_OR_RETURN(const int64_t application, database->QueryInt("PRAGMA application_id"));
  if (application == kApplicationId) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t objects, database->QueryInt("SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && objects == 0) return absl::OkStatus();  // New, or cut off when new.
  return Refuse(*database, "is a database of another program, not of Crescendo");
}

// Compares what was applied with what we know; returns how many were.
absl::StatusOr<size_t> CheckApplied(Database* database, absl::Span<const Migration> migrations) {
  ASSIGN_OR_RETURN(
      const int64_t listed,
      database->QueryInt("SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'"));
  if (listed == 0) return 0;
  Statement read(database, "SELECT number, name, sha256 FROM migrations ORDER BY number");
  Rows rows = read.Query();
  size_t applied = 0;
  while (rows.Next()) {
    if (applied == migrations.size()) {
      return Refuse(*database,
                    absl::StrCat("was written by a newer version of Crescendo (schema ",
                                 rows.Int(0), "; this one knows up to ", migrations.size(), ")"));
    }
    const Migration& known = migrations[applied];
    if (rows.Int(0) != known.number || rows.Text(2) != known.sha256) {
      return Refuse(*database, absl::StrCat("was made with another text of migration ", known.name,
                                            " (it lists ", rows.Text(1), " with checksum ",
                                            rows.Text(2), ")"));
    }
    ++applied;
  }
  RETURN_IF_ERROR(rows.status());
  return applied;
}

absl::Status ApplyOne(Database* database, const Migration& migration) {
  RETURN_IF_ERROR(database->Exec(migration.sql));
  Statement note(database, "INSERT INTO migrations VALUES (?1, ?2, ?3)");
  RETURN_IF_ERROR(note.Run(migration.number, absl::string_view(migration.name),
                           absl::string_view(migration.sha256)));
  return database->Exec(absl::StrCat("PRAGMA application_id = ", kApplicationId));
}

}  // namespace

absl::StatusOr<SchemaState> ReadSchema(Database* database, absl::Span<const Migration> migrations) {
  RETURN_IF_ERROR(CheckIsOurs(database));
  ASSIGN_OR_RETURN(const size_t applied, CheckApplied(database, migrations));
  return SchemaState{applied, migrations.size()};
}

absl::Status Migrate(Database* database, absl::Span<const Migration> migrations) {
  ASSIGN_OR_RETURN(const SchemaState schema, ReadSchema(database, migrations));
  // Of a new file only, and before its first page is written.
  RETURN_IF_ERROR(database->Exec("PRAGMA auto_vacuum = INCREMENTAL"));
  RETURN_IF_ERROR(database->Exec("PRAGMA journal_mode = WAL"));
  for (const Migration& migration : migrations.subspan(schema.applied)) {
    absl::Status status = database->Begin();
    if (status.ok()) status = ApplyOne(database, migration);
    if (status.ok()) status = database->Commit();
    if (!status.ok()) {
      RETURN_IF_ERROR(database->Rollback());
      return status;
    }
  }
  // A commit of nothing: takes the lock of a file that needed no migration, before anyone is told
  // that the store is open.
  RETURN_IF_ERROR(database->Begin());
  return database->Commit();
}

}  // namespace crescendo::store
