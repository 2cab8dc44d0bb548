// Old files with rows in them, upgraded: also when it is cut off at any write, and tried again.
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "store/sqlite/check.h"
#include "store/sqlite/database.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/fault_vfs.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

// A small cache and checkpoints often, so that there are many points to fail at.
const SqliteOptions kOptions = {.cache_mib = 1, .checkpoint_pages = 10, .unfiled_addresses = 50};
constexpr int kMostPoints = 5000;

class MigrationTest : public testing::TestWithParam<size_t> {
 protected:
  // A file of version `param`, with its testdata and enough rows to make each migration long.
  void SetUp() override {
    auto database = Database::Open(old_, {}).value();
    ASSERT_TRUE(Migrate(database.get(), AllMigrations().first(GetParam())).ok());
    std::ifstream rows(absl::StrCat(CRESCENDO_SOURCE_DIR, "/tests/store_contract/testdata/",
                                    absl::Dec(GetParam(), absl::kZeroPad4), ".sql"));
    std::stringstream sql;
    sql << rows.rdbuf();
    ASSERT_TRUE(database->Exec(sql.str()).ok());
    const absl::Status many = database->Exec(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
        " INSERT INTO import_chunks (campaign, import, chunk, fingerprint, added, duplicates,"
        " suppressed) SELECT 1, 'list', i, i, 0, 0, 0 FROM n;"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
        " INSERT INTO ledger (egress_ip, provider, day, claimed, accepted, refused, in_doubt,"
        " deferred, carried) SELECT 1, 2, i, 0, 0, 0, 0, 0, 0 FROM n");
    ASSERT_TRUE(many.ok()) << many;
    // And recipients that were cancelled.
    const absl::Status more = database->Exec(
        "WITH RECURSIVE n(i) AS (SELECT 101 UNION ALL SELECT i + 1 FROM n WHERE i < 250)"
        " INSERT INTO deliveries (id, campaign, domain, state, score, address)"
        " SELECT i, 1, 1, 8, 0.5, 'user' || i || '@x.example' FROM n;"
        "UPDATE campaign_counts SET cancelled = cancelled + 150, last_delivery = 250");
    ASSERT_TRUE(more.ok()) << more;
  }
  void StartAnew() {
    std::filesystem::remove(path_ + "-wal");
    std::filesystem::copy_file(old_, path_, std::filesystem::copy_options::overwrite_existing);
  }
  // Opens, as a start after the trouble does, and looks at everything.
  void ExpectSound() {
    {
      auto opened = SqliteStore::Open(path_, kOptions);
      ASSERT_TRUE(opened.ok()) << opened.status();
      ports::Store& store = **opened;
      EXPECT_EQ(store.GetDelivery(DeliveryId(1))->address, "a@x.example");
      EXPECT_EQ(store.GetDelivery(DeliveryId(2))->state, DeliveryState::kClaimed);
      EXPECT_EQ(store.LastChunk(CampaignId("spring"), ImportId("list")).value(), 900);
      EXPECT_EQ(RecountFault(store), "");
    }
    const std::vector<CheckResult> results = CheckStore(path_).value();
    for (const CheckResult& result : results) {
      EXPECT_TRUE(result.ok) << result.check << ": " << result.detail;
    }
    EXPECT_EQ(results.at(0).detail,
              absl::StrCat("schema ", AllMigrations().size(), " of ", AllMigrations().size()));
  }

  TempFolder folder_;
  const std::string old_ = folder_.Path("old.db");
  const std::string path_ = folder_.Path("crescendo.db");
};

INSTANTIATE_TEST_SUITE_P(Versions, MigrationTest,
                         testing::Range<size_t>(1, AllMigrations().size()));

TEST_P(MigrationTest, AKillAtAnyWriteOrSync) {
  int points = 0;
  for (bool killed = true; killed && points < kMostPoints;) {
    SCOPED_TRACE(absl::StrCat("killed at call ", points + 1));
    StartAnew();
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      FaultVfs disk;
      disk.KillAfter(points + 1);
      auto store = SqliteStore::Open(path_, kOptions);
      if (!store.ok()) _exit(1);
      store->reset();  // Its last checkpoint.
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    killed = WIFSIGNALED(status);
    ASSERT_TRUE(killed || WEXITSTATUS(status) == 0);
    ASSERT_NO_FATAL_FAILURE(ExpectSound());
    if (killed) ++points;
  }
  EXPECT_GT(points, 8);
  RecordProperty("points", points);
}

TEST_P(MigrationTest, AFaultAtAnyWriteOrSync) {
  struct Case {
    const char* name;
    std::function<void(FaultVfs&, int)> set;
    absl::StatusCode code;
    int least;
  };
  for (const Case& c : {Case{"full", [](FaultVfs&disk, int n) { disk.FillAfter(n); },
                             absl::StatusCode::kResourceExhausted, 8},
                        Case{"failed sync", [](FaultVfs&disk, int n) { disk.FailSyncs(n); },
                             absl::StatusCode::kDataLoss, 1}}) {
    SCOPED_TRACE(c.name);
    int points = 0;
    for (bool struck = true; struck && points < kMostPoints;) {
      SCOPED_TRACE(absl::StrCat("at ", points + 1));
      StartAnew();
      {
        FaultVfs disk;
        c.set(disk, points + 1);
        absl::Status status = SqliteStore::Open(path_, kOptions).status();
        struck = disk.struck();
        // A fault in the checkpoint of the close is nobody's trouble: the WAL has it all.
        if (!status.ok()) {
          EXPECT_EQ(status.code(), c.code) << status;
        }
        if (!struck) {
          EXPECT_TRUE(status.ok()) << status;
        }
      }
      ASSERT_NO_FATAL_FAILURE(ExpectSound());
      if (struck) ++points;
    }
    EXPECT_GE(points, c.least);
  }
}

}  // namespace
}  // namespace crescendo::store
