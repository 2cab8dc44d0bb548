// Backups of a store in use, and what may be restored.
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "store/sqlite/backup.h"
#include "store/sqlite/check.h"
#include "store/sqlite/restore.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/fault_vfs.h"
#include "tests/store_contract/random_writes.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::HasSubstr;

constexpr int64_t kPage = 4096;

absl::Status Restore(const std::string& backup, const std::string& path) {
  return RestoreStore(backup, path, [](int64_t, int64_t) {});
}

class BackupTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    store_.reset();
    store_ = SqliteStore::Open(path_, {.checkpoint_pages = 40}).value();
  }
  void Write(int groups) {
    for (int i = 0; i < groups; ++i) {
      std::vector<ports::WriteResult> results;
      const absl::Status status = store_->Commit(writes_.Next(*store_), &results);
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  std::unique_ptr<ports::Backup> Begin() {
    auto backup = store_->BeginBackup(backup_);
    EXPECT_TRUE(backup.ok()) << backup.status();
    return backup.ok() ? *std::move(backup) : nullptr;
  }
  void TakeBackup() {
    const std::unique_ptr<ports::Backup> backup = Begin();
    ASSERT_NE(backup, nullptr);
    while (!backup->Step(64 * kPage).value()) {
    }
    ASSERT_TRUE(backup->Finish().ok());
  }
  static std::string Bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempFolder folder_;
  const std::string path_ = folder_.Path("crescendo.db");
  const std::string backup_ = folder_.Path("backup.db");
  const std::string restored_ = folder_.Path("restored.db");
  std::unique_ptr<ports::Store> store_;
  RandomWrites writes_{7};
};

TEST_F(BackupTest, HoldsEveryCommitUpToOneOfItsSteps) {
  Write(400);
  std::unique_ptr<ports::Backup> backup = Begin();
  ASSERT_NE(backup, nullptr);
  std::vector<std::string> before;  // Each step.
  int steps = 0;
  for (bool done = false; !done; ++steps) {
    Write(3);  // Pages that were copied change, and the file grows.
    before.push_back(DescribeAll(*store_, 500));
    const absl::StatusOr<bool> step = backup->Step(2 * kPage);
    ASSERT_TRUE(step.ok()) << step.status();
    done = *step;
    EXPECT_FALSE(std::filesystem::exists(backup_)) << "it has no name before it is complete";
    EXPECT_LE(backup->progress().copied_bytes, backup->progress().total_bytes);
  }
  EXPECT_GT(steps, 20);
  EXPECT_EQ(backup->progress().copied_bytes, backup->progress().total_bytes);
  Write(3);
  ASSERT_TRUE(backup->Sync().ok());
  const absl::Status finished = backup->Finish();
  ASSERT_TRUE(finished.ok()) << finished;
  EXPECT_FALSE(std::filesystem::exists(backup_ + ".partial"));
  EXPECT_EQ(std::filesystem::status(backup_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
      << "it holds addresses";
  backup.reset();
  Write(3);

  const absl::Status restored = Restore(backup_, restored_);
  ASSERT_TRUE(restored.ok()) << restored;
  const std::unique_ptr<ports::Store> copy = OpenSqlite(restored_);
  ASSERT_NE(copy, nullptr);
  // By the end of the pages; then come the long variables, which are some three pages in four here.
  const auto held = std::find(before.begin(), before.end(), DescribeAll(*copy, 500));
  ASSERT_NE(held, before.end());
  EXPECT_GT(held - before.begin(), steps / 8);
  EXPECT_EQ(RecountFault(*copy), "");
}

TEST_F(BackupTest, SurvivesPagesThatAreGivenBackMeanwhile) {
  Write(300);
  const std::unique_ptr<ports::Backup> backup = Begin();
  ASSERT_NE(backup, nullptr);
  ASSERT_FALSE(backup->Step(20 * kPage).value());
  ports::Prune prune{.events_before = absl::InfiniteFuture(), .limit = 10000};
  for (int i = 0; i < 20; ++i) CommitOne(*store_, prune);
  while (!backup->Step(20 * kPage).value()) {
  }
  ASSERT_TRUE(backup->Finish().ok());
  const std::string expected = DescribeAll(*store_, 500);
  ASSERT_TRUE(Restore(backup_, restored_).ok());
  EXPECT_EQ(DescribeAll(*OpenSqlite(restored_), 500), expected);
}

TEST_F(BackupTest, OverwritesNothing) {
  Write(5);
  std::ofstream(backup_) << "mine";
  EXPECT_TRUE(absl::IsAlreadyExists(store_->BeginBackup(backup_).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(store_->BeginBackup(path_).status())) << "not the store itself";
  std::filesystem::remove(backup_);
  {
    const std::unique_ptr<ports::Backup> backup = Begin();
    const absl::Status second = store_->BeginBackup(backup_).status();
    EXPECT_TRUE(absl::IsAlreadyExists(second));
    EXPECT_THAT(std::string(second.message()), HasSubstr("was left unfinished; if so, remove it"));
    while (!backup->Step(64 * kPage).value()) {
    }
    // Somebody was quicker.
    std::ofstream(backup_) << "mine";
    EXPECT_TRUE(absl::IsAlreadyExists(backup->Finish()));
  }
  EXPECT_EQ(Bytes(backup_), "mine");
  EXPECT_FALSE(std::filesystem::exists(backup_ + ".partial"));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      store_->BeginBackup(folder_.Path("no/such/folder/backup.db")).status()));
}

TEST_F(BackupTest, AnUnfinishedOneLeavesNothing) {
  Write(100);
  {
    const std::unique_ptr<ports::Backup> backup = Begin();
    ASSERT_FALSE(backup->Step(kPage).value());
    EXPECT_TRUE(std::filesystem::exists(backup_ + ".partial"));
  }
  EXPECT_FALSE(std::filesystem::exists(backup_ + ".partial"));
  Write(3);
  TakeBackup();
}

TEST_F(BackupTest, AFullDiskEndsTheBackupAndNotTheStore) {
  Write(300);
  store_.reset();
  {
    FaultVfs disk;
    Open();
    std::unique_ptr<ports::Backup> backup = Begin();
    disk.FillAfter(1);
    absl::StatusOr<bool> step = false;
    while (step.ok() && !*step) step = backup->Step(1000 * kPage);
    EXPECT_TRUE(absl::IsResourceExhausted(step.status())) << step.status();
    EXPECT_THAT(std::string(step.status().message()), HasSubstr(".partial"));
    disk.Heal();
    Write(3);
    backup.reset();
    store_.reset();
  }
  EXPECT_EQ(RecountFault(*OpenSqlite(path_)), "");
}

TEST_F(BackupTest, RefusesAnIncompleteOrDamagedOne) {
  Write(300);
  TakeBackup();
  const std::string whole = Bytes(backup_);
  const std::string bad = folder_.Path("bad.db");
  const auto restore = [&](const std::string& bytes) {
    std::ofstream(bad, std::ios::binary) << bytes;
    const absl::Status status = Restore(bad, restored_);
    if (!status.ok()) {
      EXPECT_FALSE(std::filesystem::exists(restored_)) << status;
    }
    EXPECT_FALSE(std::filesystem::exists(restored_ + ".partial"));
    return status;
  };
  for (const size_t size : {size_t{0}, size_t{50}, size_t{5000}, whole.size() / 2, whole.size() - 1,
                            whole.size() - kPage}) {
    SCOPED_TRACE(absl::StrCat("cut to ", size, " of ", whole.size()));
    const absl::Status status = restore(whole.substr(0, size));
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("incomplete or damaged"));
  }
  for (size_t page = 0; page * kPage < whole.size(); page += 3) {
    SCOPED_TRACE(absl::StrCat("page ", page, " zeroed"));
    std::string bytes = whole;
    if (bytes.substr(page * kPage, kPage) == std::string(kPage, '\0')) continue;
    bytes.replace(page * kPage, kPage, std::string(kPage, '\0'));
    const absl::Status status = restore(bytes);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  }
  EXPECT_TRUE(restore(whole).ok()) << "and only those";
}

TEST_F(BackupTest, RestoresOnlyWhereNothingIs) {
  Write(50);
  TakeBackup();
  absl::Status status = Restore(backup_, path_);
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("stop the daemon"));
  std::ofstream(restored_ + "-wal") << "of another store";
  EXPECT_TRUE(absl::IsAlreadyExists(Restore(backup_, restored_)));
  std::filesystem::remove(restored_ + "-wal");
  EXPECT_TRUE(absl::IsNotFound(Restore(folder_.Path("none.db"), restored_)));
  // A store that is in use is no backup.
  status = Restore(path_, restored_);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("crescendo store backup"));
}

TEST(Backup, AStoreInMemoryHasNoFile) {
  const StoreKind memory = AllStores()[0];
  EXPECT_TRUE(absl::IsFailedPrecondition(memory.open("")->BeginBackup("copy.db").status()));
}

}  // namespace
}  // namespace crescendo::store
