// CheckStore finds what does not agree, and changes nothing.
#include "store/sqlite/check.h"

#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "store/sqlite/database.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/random_writes.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CheckTest : public testing::Test {
 protected:
  // A store of schema `version` with the rows of its testdata.
  // `old`: as before schema 2, which does not give pages back.
  void Make(size_t version, bool old = false) {
    std::filesystem::remove(path_);
    auto database = Database::Open(path_, {}).value();
    if (old) {
      ASSERT_TRUE(database->Exec("PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = WAL").ok());
    }
    ASSERT_TRUE(Migrate(database.get(), AllMigrations().first(version)).ok());
    std::ifstream rows(absl::StrCat(CRESCENDO_SOURCE_DIR, "/tests/store_contract/testdata/",
                                    absl::Dec(version, absl::kZeroPad4), ".sql"));
    std::stringstream sql;
    sql << rows.rdbuf();
    const absl::Status status = database->Exec(sql.str());
    ASSERT_TRUE(status.ok()) << status;
  }
  void Exec(const std::string& sql) {
    auto database = Database::Open(path_, {}).value();
    ASSERT_TRUE(database->Exec("PRAGMA foreign_keys = OFF").ok());
    const absl::Status status = database->Exec(sql);
    ASSERT_TRUE(status.ok()) << status;
  }
  // The checks that found a fault, and what they say.
  std::vector<std::string> Faulty() {
    const auto results = CheckStore(path_);
    EXPECT_TRUE(results.ok()) << results.status();
    std::vector<std::string> names;
    said_.clear();
    for (const CheckResult& result : *results) {
      if (result.ok) continue;
      names.push_back(result.check);
      absl::StrAppend(&said_, result.check, ": ", result.detail, "\n");
    }
    return names;
  }

  TempFolder folder_;
  const std::string path_ = folder_.Path("crescendo.db");
  std::string said_;
};

TEST_F(CheckTest, EveryVersionsRowsAreSound) {
  for (size_t version = 1; version <= AllMigrations().size(); ++version) {
    SCOPED_TRACE(version);
    Make(version);
    EXPECT_THAT(Faulty(), ElementsAre()) << said_;
    std::unique_ptr<ports::Store> upgraded = OpenSqlite(path_);
    upgraded.reset();
    EXPECT_THAT(Faulty(), ElementsAre()) << said_;
  }
}

TEST_F(CheckTest, FindsWhatDoesNotAgree) {
  struct Case {
    const char* name;
    const char* sql;
    const char* check;
    const char* says;
  };
  for (const Case& c : {
           Case{"a count too many", "UPDATE campaign_counts SET bounced = 1", "counts",
                "campaign 1 counts 1 BOUNCED; there are 0"},
           Case{"a pruned one that is not counted", "UPDATE campaign_counts SET pruned_expired = 1",
                "counts", "counts 0 EXPIRED; there are 1"},
           Case{"a lost delivery",
                "UPDATE deliveries SET address = 'z@x.example', id = 3, state = 5"
                " WHERE id = 1",
                "counts", "ACCEPTED"},
           Case{"an orphan claim", "DELETE FROM deliveries WHERE id = 2", "claims",
                "delivery 2 is claimed but does not exist"},
           Case{"a claim of what has ended", "UPDATE deliveries SET state = 6 WHERE id = 2",
                "claims", "delivery 2 is claimed but has ended"},
           Case{"a claim without a slot", "UPDATE ledger SET claimed = 0", "ledger",
                "day 2026-03-02 says 0 in flight; there are 1"},
           Case{"a day that is not there", "UPDATE ledger SET day = 1", "ledger",
                "its day is not in the ledger"},
           Case{"an acceptance that the ledger lacks", "UPDATE ledger SET accepted = 0", "ledger",
                "lane mta1-a × gmail has 1 accepted deliveries; the ledger says 0"},
           Case{"an acceptance too many", "UPDATE ledger SET accepted = 9", "ledger",
                "the ledger says 9 accepted; the campaigns count 3"},
           Case{"a doubt that the ledger lacks", "UPDATE deliveries SET in_doubt_count = 1",
                "ledger", "0 in doubt"},
           Case{"a delivery outside its campaign's ids",
                "UPDATE campaign_counts SET"
                " first_delivery = 2",
                "deliveries", "delivery 1 is not among the ids"},
           Case{"a delivery of no campaign", "UPDATE deliveries SET campaign = 7 WHERE id = 1",
                "deliveries", "campaign 7, which is missing"},
           Case{"a delivery of no domain", "UPDATE deliveries SET domain = 7", "deliveries",
                "domain 7, which is missing"},
           Case{"an event that is gone",
                "INSERT INTO events SELECT 11, time_us, type, 1, 2, NULL,"
                " NULL, 3, 1, 9, 0, NULL, '', NULL FROM events",
                "events", "events 9 to 11 are 2 events"},
           Case{"a history of another delivery", "UPDATE events SET delivery = 2", "events",
                "delivery 1 names event 9, which is not about it"},
           Case{"a history that goes in circles", "UPDATE events SET previous = 9", "events",
                "event 9 follows event 9"},
           Case{"an event number given twice", "UPDATE sqlite_sequence SET seq = 5", "events",
                "event 9 is newer than the last one given, 5"},
           Case{"a hole in the labels", "UPDATE labels SET key = 9 WHERE key = 3", "names",
                "label 9 has place 3"},
           Case{"a label that is not there", "UPDATE deliveries SET pinned_ip = 44", "names",
                "deliveries use label 44 of 3"},
           Case{"an event's label that is not there", "UPDATE events SET pool = 44", "names",
                "events use label 44"},
           Case{"a recipient that no address leads to", "DELETE FROM delivery_addresses",
                "addresses", "delivery 1 is not in the index by address"},
           Case{"an address of another", "UPDATE deliveries SET address = 'c@x.example' WHERE id = 1",
                "addresses", "delivery 1 is not in the index by address"},
           Case{"an address of nothing", "INSERT INTO delivery_addresses VALUES (7, 44)",
                "addresses", "names delivery 44, which does not exist"},
           Case{"the same recipient twice",
                "UPDATE deliveries SET address = 'a@x.example'",
                "addresses", "deliveries 1 and 2 of campaign 1 have the same address"},
           Case{"a segment that is not there",
                "UPDATE delivery_variables SET segment = 7, position = 0, length = 9", "variables",
                "delivery 2: variables are to be in"},
           Case{"more in a segment than there is", "INSERT INTO variable_segments VALUES (1, 0, 2)",
                "variables", "segment 1 counts 2; there are 0"},
           Case{"a reference to nothing", "DELETE FROM pools", "references",
                "campaigns refers to a row of pools that is missing"},
       }) {
    SCOPED_TRACE(c.name);
    Make(AllMigrations().size());
    Exec(c.sql);
    EXPECT_THAT(Faulty(), testing::Contains(c.check)) << said_;
    EXPECT_THAT(said_, HasSubstr(c.says));
  }
}

TEST_F(CheckTest, RandomWritesLeaveNothingToFind) {
  std::unique_ptr<ports::Store> store = OpenSqlite(path_);
  RandomWrites writes(3);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 60; ++i) {
      std::vector<ports::WriteResult> results;
      ASSERT_TRUE(store->Commit(writes.Next(*store), &results).ok());
    }
    store.reset();
    EXPECT_THAT(Faulty(), ElementsAre()) << said_;
    store = OpenSqlite(path_);
  }
}

TEST_F(CheckTest, ChangesNothingNotEvenWhatACrashLeft) {
  Make(AllMigrations().size());
  std::unique_ptr<ports::Store> store = OpenSqlite(path_);
  ASSERT_TRUE(CommitOne(*store, NewIp("mta1-b")).status.ok());
  // What a crash leaves: the file and its WAL.
  const std::string crashed = folder_.Path("crashed.db");
  std::filesystem::copy_file(path_, crashed);
  std::filesystem::copy_file(path_ + "-wal", crashed + "-wal");
  store.reset();
  const auto bytes = [](const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string file = bytes(crashed), wal = bytes(crashed + "-wal");
  ASSERT_GT(wal.size(), 0u);
  const std::vector<CheckResult> results = CheckStore(crashed).value();
  for (const CheckResult& result : results) EXPECT_TRUE(result.ok) << result.detail;
  EXPECT_EQ(bytes(crashed), file);
  EXPECT_EQ(bytes(crashed + "-wal"), wal);
  EXPECT_TRUE(CheckStore(path_).ok());
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));
}

TEST_F(CheckTest, RefusesWhatIsInUseOrNotThereOrNotOurs) {
  EXPECT_TRUE(absl::IsNotFound(CheckStore(path_).status()));
  EXPECT_FALSE(std::filesystem::exists(path_)) << "it was made";
  std::unique_ptr<ports::Store> store = OpenSqlite(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckStore(path_).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(CompactStore(path_)));
  store.reset();
  const std::string text = folder_.Path("letter.txt");
  std::ofstream(text) << std::string(9000, 'x');
  const auto results = CheckStore(text);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_FALSE(results->at(0).ok);
  EXPECT_THAT(results->at(0).detail, HasSubstr("nor any SQLite database"));
}

TEST_F(CheckTest, CompactsAFileThatDidNotGivePagesBack) {
  const auto pragma = [&](const std::string& name) {
    return Database::Open(path_, {}).value()->QueryInt("PRAGMA " + name).value();
  };
  Make(1, /*old=*/true);
  Exec("CREATE TABLE filler (x); INSERT INTO filler VALUES (zeroblob(1000000)); DROP TABLE filler");
  OpenSqlite(path_).reset();
  ASSERT_EQ(pragma("auto_vacuum"), 0) << "an upgrade does not rewrite the file";
  ASSERT_GT(pragma("freelist_count"), 200);
  const absl::Status compacted = CompactStore(path_);
  ASSERT_TRUE(compacted.ok()) << compacted;
  EXPECT_EQ(pragma("auto_vacuum"), 2);
  EXPECT_EQ(pragma("freelist_count"), 0);
  EXPECT_LT(std::filesystem::file_size(path_), 400'000u);
  EXPECT_THAT(Faulty(), ElementsAre()) << said_;
  EXPECT_EQ(RecountFault(*OpenSqlite(path_)), "");
}

}  // namespace
}  // namespace crescendo::store
