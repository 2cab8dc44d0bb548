// What only a store with a file can do wrong: locks, foreign files, full disks, failed syncs.
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/database.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/fault_vfs.h"
#include "tests/store_contract/random_writes.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Runs SQL on the file as another program would. REQUIRES: no store has it open.
std::string RawSql(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  std::string out;
  EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  char* error = nullptr;
  sqlite3_exec(
      database, sql.c_str(),
      [](void* to, int, char** values, char**) {
        absl::StrAppend(static_cast<std::string*>(to), values[0] ? values[0] : "", "\n");
        return 0;
      },
      &out, &error);
  EXPECT_EQ(error, nullptr) << error;
  sqlite3_free(error);
  EXPECT_EQ(sqlite3_close(database), SQLITE_OK);
  return out;
}

absl::Status OpenFault(const std::string& path) { return SqliteStore::Open(path).status(); }

// A group of `rows` recipients, for campaign `spring`.
std::vector<ports::Write> ImportGroup(int64_t chunk, int rows) {
  ports::AppendRecipients append;
  append.campaign = CampaignId("spring");
  append.import = ImportId("list");
  append.chunk = chunk;
  for (int i = 0; i < rows; ++i) {
    append.rows.push_back(
        {absl::StrCat("r", chunk, "-", i, "@d", i % 5, ".example"), 0.5, {{"name", "Zoë"}}});
  }
  append.now = kStart;
  return {append};
}

void CreateCampaign(ports::Store& store) {
  ASSERT_TRUE(CommitOne(store, NewIp("mta1-a")).status.ok());
  ASSERT_TRUE(CommitOne(store, NewPool("main", {"mta1-a"})).status.ok());
  ASSERT_TRUE(CommitOne(store, NewCampaign("spring", "main")).status.ok());
}

// What no test of ours would notice until the power fails.
TEST(SqliteStore, SyncsEveryCommitOfAnExclusiveWal) {
  TempFolder folder;
  auto database = Database::Open(folder.Path("crescendo.db"), {});
  ASSERT_TRUE(database.ok()) << database.status();
  ASSERT_TRUE(Migrate(database->get(), AllMigrations()).ok());
  const auto text = [&](const char* sql) {
    Statement pragma(database->get(), sql);
    Rows rows = pragma.Query();
    return rows.Next() ? rows.String(0) : "";
  };
  EXPECT_EQ(text("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(text("PRAGMA synchronous"), "2") << "FULL";
  EXPECT_EQ(text("PRAGMA locking_mode"), "exclusive");
  EXPECT_EQ(text("PRAGMA mmap_size"), "0");
  EXPECT_EQ(text("PRAGMA foreign_keys"), "1");
  EXPECT_EQ(text("PRAGMA wal_autocheckpoint"), "0") << "its errors would be lost";
}

TEST(SqliteStore, RefusesASecondOwner) {
  TempFolder folder;
  const std::string path = folder.Path("crescendo.db");
  std::unique_ptr<ports::Store> store = OpenSqlite(path);
  const absl::Status fault = OpenFault(path);
  EXPECT_EQ(fault.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(fault.message()), HasSubstr("is in use by another process (lock held"));
  store.reset();
  EXPECT_TRUE(OpenFault(path).ok());
}

TEST(SqliteStore, RefusesASecondProcess) {
  TempFolder folder;
  const std::string path = folder.Path("crescendo.db");
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  const pid_t child = fork();  // Before the file is open: the child must share nothing of it.
  ASSERT_GE(child, 0);
  if (child == 0) {
    char byte;
    if (read(go[0], &byte, 1) != 1) _exit(2);
    const absl::Status fault = OpenFault(path);
    const bool named = absl::StrContains(fault.message(), absl::StrCat("process ", getppid()));
    const bool fixed = absl::StrContains(fault.message(), "stop that one, or give this one");
    _exit(!absl::IsFailedPrecondition(fault) ? 1 : !named ? 3 : fixed ? 0 : 4);
  }
  std::unique_ptr<ports::Store> store = OpenSqlite(path);
  ASSERT_EQ(write(go[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  close(go[0]);
  close(go[1]);
}

TEST(SqliteStore, RefusesWhatItDidNotWrite) {
  TempFolder folder;
  const std::string foreign = folder.Path("foreign.db");
  RawSql(foreign, "CREATE TABLE mine (x); INSERT INTO mine VALUES (7)");
  EXPECT_EQ(OpenFault(foreign).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(OpenFault(foreign).message()), HasSubstr("of another program"));
  EXPECT_EQ(RawSql(foreign, "SELECT x FROM mine; PRAGMA journal_mode"), "7\ndelete\n");

  const std::string text = folder.Path("letter.txt");
  std::ofstream(text) << std::string(5000, 'x');
  EXPECT_EQ(OpenFault(text).code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(OpenFault(text).message()), HasSubstr("is not a store of Crescendo"));

  EXPECT_EQ(OpenFault(folder.Path("no/such/folder.db")).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(SqliteStore, RefusesANewerOrAnEditedSchema) {
  TempFolder folder;
  const std::string newer = folder.Path("newer.db");
  OpenSqlite(newer).reset();
  RawSql(newer, "INSERT INTO migrations VALUES (99, '0099_later.sql', 'abc')");
  EXPECT_THAT(std::string(OpenFault(newer).message()), HasSubstr("by a newer version"));
  EXPECT_EQ(OpenFault(newer).code(), absl::StatusCode::kFailedPrecondition);

  const std::string edited = folder.Path("edited.db");
  OpenSqlite(edited).reset();
  RawSql(edited, "UPDATE migrations SET sha256 = 'abc' WHERE number = 1");
  EXPECT_THAT(std::string(OpenFault(edited).message()),
              HasSubstr("another text of migration 0001_first.sql"));
}

// A file of every earlier version, with rows in it, opens and answers.
TEST(SqliteStore, OpensEveryEarlierVersionWithItsRows) {
  const absl::Span<const Migration> all = AllMigrations();
  ASSERT_FALSE(all.empty());
  for (size_t version = 1; version <= all.size(); ++version) {
    SCOPED_TRACE(version);
    TempFolder folder;
    const std::string path = folder.Path("crescendo.db");
    {
      auto database = Database::Open(path, {});
      ASSERT_TRUE(database.ok()) << database.status();
      ASSERT_TRUE(Migrate(database->get(), all.first(version)).ok());
      std::ifstream rows(absl::StrCat(CRESCENDO_SOURCE_DIR, "/tests/store_contract/testdata/",
                                      absl::Dec(version, absl::kZeroPad4), ".sql"));
      ASSERT_TRUE(rows.good()) << "each version needs rows of its own";
      std::stringstream sql;
      sql << rows.rdbuf();
      const absl::Status status = (*database)->Exec(sql.str());
      ASSERT_TRUE(status.ok()) << status;
    }
    std::unique_ptr<ports::Store> store = OpenSqlite(path);
    ASSERT_NE(store, nullptr);
    EXPECT_EQ(store->LoadDirectory()->campaigns.at(0).id.text(), "spring");
    EXPECT_EQ(store->GetDelivery(DeliveryId(1))->address, "a@x.example");
    EXPECT_EQ(store->GetDelivery(DeliveryId(2))->state, DeliveryState::kClaimed);
    EXPECT_EQ(store->ListEvents({}, EventId(0), 10)->at(0).text, "250 ok");
    EXPECT_EQ(RecountFault(*store), "");
    // What a message is made from has come along.
    const std::vector<ports::OpenClaim> claims = store->LoadOpenClaims().value();
    ASSERT_EQ(claims.size(), 1u);
    std::vector<ports::WriteResult> results;
    ASSERT_TRUE(store
                    ->Commit({ports::Release{claims[0].lane, claims[0].day, {DeliveryId(2)}},
                              ports::Claim{claims[0].lane,
                                           claims[0].day,
                                           {DeliveryId(2)},
                                           absl::FromUnixSeconds(1772409600)}},
                             &results)
                    .ok());
    const auto& again = std::get<std::vector<ports::ClaimedDelivery>>(results[1].value);
    ASSERT_EQ(again.size(), 1u);
    using Variables = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(again[0].variables, (Variables{{"name", "Bob"}}));
  }
}

TEST(SqliteStore, SurvivesADiskThatFillsAtAnyWrite) {
  TempFolder folder;
  std::optional<FaultVfs> fault;
  FaultVfs& disk = fault.emplace();
  SqliteOptions options;
  options.cache_mib = 1;
  options.checkpoint_pages = 30;  // Checkpoints fail too.
  options.unfiled_addresses = 10;
  std::unique_ptr<ports::Store> store =
      SqliteStore::Open(folder.Path("crescendo.db"), options).value();
  MemoryStore model;
  for (ports::Store* each : {store.get(), static_cast<ports::Store*>(&model)}) {
    CreateCampaign(*each);
  }
  int refused = 0;
  int64_t chunk = 1;
  for (int after = 1; after <= 120; after += 3) {
    SCOPED_TRACE(after);
    const std::vector<ports::Write> group = ImportGroup(chunk, 120);
    std::vector<ports::WriteResult> results, wanted;
    disk.FillAfter(after);
    absl::Status status = store->Commit(group, &results);
    if (!status.ok()) {
      ++refused;
      ASSERT_TRUE(absl::IsResourceExhausted(status)) << status;
      ASSERT_THAT(results, IsEmpty());
      ASSERT_EQ(store->LastChunk(CampaignId("spring"), ImportId("list")).value(), chunk - 1);
      disk.Heal();
      status = store->Commit(group, &results);
    }
    disk.Heal();
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_TRUE(model.Commit(group, &wanted).ok());
    ASSERT_EQ(Describe(results), Describe(wanted));
    ++chunk;
  }
  EXPECT_GT(refused, 5);
  EXPECT_LT(refused, 40) << "some groups must have fitted, with only the checkpoint failing";
  EXPECT_EQ(DescribeAll(*store, 500), DescribeAll(model, 500));
  store.reset();
  fault.reset();
  EXPECT_EQ(RawSql(folder.Path("crescendo.db"), "PRAGMA integrity_check"), "ok\n");
}

TEST(SqliteStore, TrustsNothingAfterAFailedSync) {
  TempFolder folder;
  FaultVfs disk;
  std::unique_ptr<ports::Store> store = SqliteStore::Open(folder.Path("crescendo.db")).value();
  CreateCampaign(*store);
  std::vector<ports::WriteResult> results;
  disk.FailSyncs();
  EXPECT_EQ(store->Commit(ImportGroup(1, 10), &results).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(disk.struck());
  disk.Heal();
  EXPECT_EQ(store->Commit(ImportGroup(1, 10), &results).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store->LoadDirectory().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store->LastEvent().status().code(), absl::StatusCode::kDataLoss);
  store.reset();
  store = OpenSqlite(folder.Path("crescendo.db"));
  ASSERT_NE(store, nullptr);
  ASSERT_TRUE(store->Commit(ImportGroup(1, 10), &results).ok());
  EXPECT_TRUE(results.at(0).status.ok()) << "applied before or now, never half";
  EXPECT_EQ(store->CountDeliveries(CampaignId("spring"))->queued, 10);
}

TEST(SqliteStore, AFailedCheckpointKeepsWhatWasAcknowledgedAndEndsTheStore) {
  TempFolder folder;
  FaultVfs disk;
  SqliteOptions options;
  options.checkpoint_pages = 1;
  const std::string path = folder.Path("crescendo.db");
  std::unique_ptr<ports::Store> store = SqliteStore::Open(path, options).value();
  CreateCampaign(*store);
  std::vector<ports::WriteResult> results;
  disk.FailSyncs(/*after=*/3);  // The first two are of the new WAL's header and content.
  EXPECT_TRUE(store->Commit(ImportGroup(1, 10), &results).ok()) << "it is in the WAL, synced";
  EXPECT_TRUE(disk.struck());
  disk.Heal();
  EXPECT_EQ(store->Commit(ImportGroup(2, 10), &results).code(), absl::StatusCode::kDataLoss);
  store.reset();
  store = OpenSqlite(path);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->CountDeliveries(CampaignId("spring"))->queued, 10);
}

TEST(SqliteStore, FindsADamagedFile) {
  TempFolder folder;
  const std::string path = folder.Path("crescendo.db");
  std::unique_ptr<ports::Store> store = OpenSqlite(path);
  CreateCampaign(*store);
  store.reset();
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto pages = static_cast<std::streamoff>(std::filesystem::file_size(path) / 4096);
  for (std::streamoff page = 1; page < pages; ++page) {
    file.seekp(page * 4096);
    file << std::string(4096, 'x');
  }
  file.close();
  EXPECT_EQ(OpenFault(path).code(), absl::StatusCode::kDataLoss);
}

// The file-size limit stands for a quota: EFBIG, which SQLite calls an I/O error.
TEST(SqliteStore, AFileSizeLimitIsAFullDisk) {
  TempFolder folder;
  std::unique_ptr<ports::Store> store = OpenSqlite(folder.Path("crescendo.db"));
  ASSERT_NE(store, nullptr);
  CreateCampaign(*store);
  rlimit old_limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  rlimit limit = old_limit;
  limit.rlim_cur = 1 << 20;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  absl::Status status;
  std::vector<ports::WriteResult> results;
  int64_t chunk = 0;
  while (status.ok() && chunk < 200) status = store->Commit(ImportGroup(++chunk, 500), &results);
  setrlimit(RLIMIT_FSIZE, &old_limit);
  signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  ASSERT_TRUE(store->Commit(ImportGroup(chunk, 500), &results).ok()) << "there is room again";
  EXPECT_TRUE(results.at(0).status.ok()) << results.at(0).status;
  EXPECT_EQ(store->CountDeliveries(CampaignId("spring"))->queued, chunk * 500);
  EXPECT_EQ(RecountFault(*store), "");
}

TEST(SqliteStore, ARealFullDiskHeals) {
  TempFolder folder;
  const std::string mount_point = folder.Path("disk");
  std::filesystem::create_directory(mount_point);
  if (mount("none", mount_point.c_str(), "tmpfs", 0, "size=2m") != 0) {
    GTEST_SKIP() << "needs the right to mount a small disk";
  }
  const std::string ballast = mount_point + "/ballast";
  {
    std::ofstream(ballast) << std::string(1 << 20, 'x');
    std::unique_ptr<ports::Store> store = OpenSqlite(mount_point + "/crescendo.db");
    ASSERT_NE(store, nullptr);
    CreateCampaign(*store);
    absl::Status status;
    std::vector<ports::WriteResult> results;
    int64_t chunk = 0;
    while (status.ok() && chunk < 1000) status = store->Commit(ImportGroup(++chunk, 100), &results);
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_EQ(store->CountDeliveries(CampaignId("spring"))->queued, (chunk - 1) * 100);
    std::filesystem::remove(ballast);
    status = store->Commit(ImportGroup(chunk, 100), &results);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(store->CountDeliveries(CampaignId("spring"))->queued, chunk * 100);
    EXPECT_EQ(RecountFault(*store), "");
  }
  EXPECT_EQ(umount(mount_point.c_str()), 0);
}

TEST(SqliteStore, MapsTheErrorsOfTheDisk) {
  struct Case {
    int code;
    int system_errno;
    absl::StatusCode want;
  };
  for (const Case& c : {Case{SQLITE_FULL, ENOSPC, absl::StatusCode::kResourceExhausted},
                        Case{SQLITE_IOERR_WRITE, EDQUOT, absl::StatusCode::kResourceExhausted},
                        Case{SQLITE_IOERR_WRITE, EIO, absl::StatusCode::kDataLoss},
                        Case{SQLITE_IOERR_FSYNC, ENOSPC, absl::StatusCode::kDataLoss},
                        Case{SQLITE_IOERR_NOMEM, 0, absl::StatusCode::kResourceExhausted},
                        Case{SQLITE_CORRUPT_INDEX, 0, absl::StatusCode::kDataLoss},
                        Case{SQLITE_NOTADB, 0, absl::StatusCode::kDataLoss},
                        Case{SQLITE_BUSY, 0, absl::StatusCode::kFailedPrecondition},
                        Case{SQLITE_CONSTRAINT_UNIQUE, 0, absl::StatusCode::kInternal}}) {
    SCOPED_TRACE(c.code);
    EXPECT_EQ(CodeOfSqliteError(c.code, c.system_errno), c.want);
  }
}

TEST(SqliteStore, WarnsOfLibrariesWithTheWalFault) {
  for (const int affected : {3007000, 3040001, 3044005, 3050006, 3051002}) {
    EXPECT_THAT(LibraryWarning(affected), HasSubstr("can corrupt")) << affected;
  }
  for (const int sound : {3006023, 3044006, 3050007, 3051003, 3053002}) {
    EXPECT_EQ(LibraryWarning(sound), "") << sound;
  }
  EXPECT_THAT(LibraryWarning(3040001), HasSubstr("SQLite 3.40.1 "));
}

}  // namespace
}  // namespace crescendo::store
