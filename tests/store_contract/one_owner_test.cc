// The rule that keeps SQLite before 3.51.3 sound (DESIGN §7): one connection opens the file, holds
// it alone from first to last, maps nothing, syncs every commit and makes every checkpoint itself.
// And what is not a store of ours is refused, with nothing of it changed.
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/scripted_day.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

size_t Count(const DiskLog& log, DiskOp::Kind kind, size_t from = 0) {
  return static_cast<size_t>(std::count_if(log.begin() + static_cast<ptrdiff_t>(from), log.end(),
                                           [&](const DiskOp& op) { return op.kind == kind; }));
}

TEST(OneOwner, OneConnectionDoesItAll) {
  SimDisk disk;
  const ScriptedDay day = MakeDay(disk, /*seed=*/3, /*steps=*/30);
  disk.Load({});
  {
    auto store = OpenDay();
    ASSERT_TRUE(store.ok()) << store.status();
    int checkpoints = 0;
    for (int64_t step = 0; step < day.steps(); ++step) {
      const size_t before = disk.log().size();
      std::vector<ports::WriteResult> results;
      ASSERT_TRUE((*store)->Commit(day.groups[static_cast<size_t>(step)], &results).ok());
      const size_t syncs = Count(disk.log(), DiskOp::Kind::kSync, before);
      ASSERT_GE(syncs, 1u) << "step " << step << " was acknowledged without a sync";
      if (syncs > 1) ++checkpoints;  // The log, the file; and the new log's head.
    }
    EXPECT_GT(checkpoints, 2);
    EXPECT_EQ(disk.unlocks(), 0) << "the lock must be held from first to last";
  }
  EXPECT_EQ(disk.opens("crescendo.db"), 1);
  EXPECT_EQ(disk.opens("crescendo.db-wal"), 1);
  EXPECT_EQ(disk.opens("crescendo.db-shm"), 0);
  EXPECT_EQ(disk.maps(), 0) << "neither shared memory nor a page of the file is mapped";
}

std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(OneOwner, NoSharedMemoryFileOnARealDisk) {
  TempFolder folder;
  std::unique_ptr<ports::Store> store = OpenSqlite(folder.Path("crescendo.db"));
  ASSERT_TRUE(CommitOne(*store, NewIp("mta1-a")).status.ok());
  EXPECT_THAT(FilesIn(folder.Path("")), ElementsAre("crescendo.db", "crescendo.db-wal"));
  std::ifstream maps("/proc/self/maps");
  std::stringstream mapped;
  mapped << maps.rdbuf();
  EXPECT_EQ(mapped.str().find(folder.Path("crescendo.db")), std::string::npos);
}

// `sqlite3 crescendo.db` by an operator while the daemon runs.
TEST(OneOwner, AnotherProgramIsKeptOut) {
  TempFolder folder;
  const std::string path = folder.Path("crescendo.db");
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  const pid_t child = fork();  // Before the file is open: it must share nothing of it.
  ASSERT_GE(child, 0);
  if (child == 0) {
    char byte;
    if (read(go[0], &byte, 1) != 1) _exit(1);
    for (const char* sql : {"SELECT count(*) FROM egress_ips", "PRAGMA wal_checkpoint(TRUNCATE)",
                            "DELETE FROM egress_ips", "PRAGMA journal_mode = DELETE", "VACUUM"}) {
      sqlite3* database = nullptr;
      if (sqlite3_open(path.c_str(), &database) != SQLITE_OK) _exit(2);
      if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_BUSY) _exit(3);
      sqlite3_close(database);
    }
    _exit(0);
  }
  std::unique_ptr<ports::Store> store = OpenSqlite(path);
  ASSERT_TRUE(CommitOne(*store, NewIp("mta1-a")).status.ok());
  ASSERT_EQ(write(go[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "it got in";
  close(go[0]);
  close(go[1]);
  EXPECT_EQ(store->LoadDirectory()->egress_ips.size(), 1u);
}

// A closed store's file, with something of it replaced.
std::string StoreFile(SimDisk& disk, size_t at, const std::string& bytes) {
  disk.Load({});
  OpenDay().IgnoreError();
  std::string file = disk.Contents().at(kDayPath);
  return file.replace(at, bytes.size(), bytes);
}

// A file that another program made with this SQL, from a closed store or from nothing.
std::string MadeBy(SimDisk& disk, const char* sql, bool from_a_store) {
  disk.Load({});
  if (from_a_store) OpenDay().IgnoreError();
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open(kDayPath, &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE", nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
  sqlite3_close(database);
  return disk.Contents().at(kDayPath);
}

TEST(OneOwner, WhatIsNotOursIsRefusedAndLeftAsItIs) {
  SimDisk disk;
  struct Case {
    const char* name;
    std::string file;
    absl::StatusCode code;
    const char* says;
  };
  const Case cases[] = {
      {"a text", std::string(9000, 'x'), absl::StatusCode::kDataLoss,
       "is not a store of Crescendo"},
      {"another program's database", MadeBy(disk, "CREATE TABLE mine (x)", false),
       absl::StatusCode::kFailedPrecondition, "is a database of another program"},
      {"another program's, with its mark", MadeBy(disk, "PRAGMA application_id = 7", false),
       absl::StatusCode::kFailedPrecondition, "is a database of another program"},
      {"of a newer Crescendo",
       MadeBy(disk, "INSERT INTO migrations VALUES (9999, '9999_next.sql', 'sum')", true),
       absl::StatusCode::kFailedPrecondition, "was written by a newer version of Crescendo"},
      {"made with another text of a migration",
       MadeBy(disk, "UPDATE migrations SET sha256 = 'sum' WHERE number = 1", true),
       absl::StatusCode::kFailedPrecondition, "was made with another text of migration"},
      {"its first page is damaged", StoreFile(disk, 100, std::string(300, '\x7f')),
       absl::StatusCode::kDataLoss, "malformed"},
      {"its head is damaged", StoreFile(disk, 0, "not a store"), absl::StatusCode::kDataLoss,
       "is not a store of Crescendo"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Image before = {{kDayPath, c.file}};
    disk.Load(before);
    const absl::Status status = OpenDay().status();
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.says));
    EXPECT_THAT(std::string(status.message()), HasSubstr(kDayPath)) << "which file?";
    EXPECT_EQ(disk.Contents(), before) << "it was changed";
  }
}

}  // namespace
}  // namespace crescendo::store
