// A backup while many write, one at a time, given up cleanly.
#include "scheduler/engine/backup_runner.h"

#include <atomic>
#include <filesystem>
#include <future>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "store/sqlite/restore.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::engine {
namespace {

using store::NewEvent;
using store::SqliteStore;
using store::TempFolder;

using Result = absl::StatusOr<ports::BackupProgress>;

class BackupRunnerTest : public testing::Test {
 protected:
  void SetUp() override { committer_.Start(); }
  void TearDown() override {
    runner_.Stop();
    committer_.Stop();
  }
  // Some KiB of events; waits until they are acknowledged.
  void Write(int events) {
    std::promise<void> written;
    Job job;
    job.writes.push_back(ports::AppendEvents{std::vector<Event>(
        static_cast<size_t>(events), NewEvent(EventType::kAlert, std::string(800, 'x')))});
    job.done = [&](const absl::Status& status, absl::Span<ports::WriteResult>) {
      EXPECT_TRUE(status.ok()) << status;
      acknowledged_ += events;
      written.set_value();
    };
    committer_.Post(std::move(job));
    written.get_future().wait();
  }
  Result Backup(BackupRunner::Progress progress = [](const auto&) { return true; }) {
    std::promise<Result> result;
    runner_.Start(backup_, std::move(progress),
                  [&](Result done) { result.set_value(std::move(done)); });
    return result.get_future().get();
  }

  TempFolder folder_;
  const std::string backup_ = folder_.Path("backup.db");
  const std::unique_ptr<ports::Store> store_ =
      SqliteStore::Open(folder_.Path("crescendo.db")).value();
  std::atomic<int64_t> acknowledged_ = 0;
  Committer committer_{
      store_.get(), {.committed = [] {}, .accepting = [](bool) {}, .fatal = [](absl::Status) {}}};
  BackupRunner runner_{&committer_};
};

TEST_F(BackupRunnerTest, HoldsWhatWasAcknowledgedBeforeItBegan) {
  for (int i = 0; i < 20; ++i) Write(500);
  std::atomic<bool> over = false;
  std::thread writer([&] {
    while (!over) Write(20);
  });
  const int64_t before = acknowledged_;
  int64_t told = 0;
  const Result result = Backup([&](const ports::BackupProgress& progress) {
    EXPECT_LE(progress.copied_bytes, progress.total_bytes);
    ++told;
    return true;
  });
  over = true;
  writer.join();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(told, 5);
  EXPECT_EQ(result->copied_bytes, result->total_bytes);
  const std::string restored = folder_.Path("restored.db");
  const absl::Status status = store::RestoreStore(backup_, restored, [](int64_t, int64_t) {});
  ASSERT_TRUE(status.ok()) << status;
  const int64_t kept = SqliteStore::Open(restored).value()->LastEvent()->value();
  EXPECT_GE(kept, before);
  EXPECT_LE(kept, acknowledged_);
}

TEST_F(BackupRunnerTest, OneAtATimeAndGivenUpWhenNobodyListens) {
  for (int i = 0; i < 10; ++i) Write(500);
  const Result result = Backup([&](const ports::BackupProgress&) {
    absl::Status second;
    runner_.Start(
        folder_.Path("other.db"), [](const auto&) { return true; },
        [&](const Result& done) { second = done.status(); });
    EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
    return false;
  });
  EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
  EXPECT_FALSE(std::filesystem::exists(backup_));
  EXPECT_FALSE(std::filesystem::exists(backup_ + ".partial"));
  EXPECT_TRUE(Backup().ok()) << "the next one";
  EXPECT_TRUE(absl::IsAlreadyExists(Backup().status()));
}

TEST_F(BackupRunnerTest, IsMadeThoughAsManyReadsWaitAsMayWait) {
  for (int i = 0; i < 10; ++i) Write(500);
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future();
  ASSERT_TRUE(committer_.PostRead([gone](ports::Store&) { gone.wait(); }));
  while (committer_.PostRead([](ports::Store&) {})) {
  }
  std::promise<Result> result;
  runner_.Start(
      backup_, [](const auto&) { return true; },
      [&](Result done) { result.set_value(std::move(done)); });
  go.set_value();
  const Result done = result.get_future().get();
  EXPECT_TRUE(done.ok()) << done.status();
}

TEST_F(BackupRunnerTest, AStopEndsIt) {
  for (int i = 0; i < 10; ++i) Write(500);
  std::promise<void> begun;
  std::promise<Result> result;
  runner_.Start(
      backup_,
      [&, once = true](const ports::BackupProgress&) mutable {
        if (std::exchange(once, false)) begun.set_value();
        return true;
      },
      [&](Result done) { result.set_value(std::move(done)); });
  begun.get_future().wait();
  runner_.Stop();
  const Result ended = result.get_future().get();
  // It may just have been complete.
  if (!ended.ok()) {
    EXPECT_TRUE(absl::IsUnavailable(ended.status())) << ended.status();
  }
  EXPECT_EQ(std::filesystem::exists(backup_), ended.ok());
  EXPECT_FALSE(std::filesystem::exists(backup_ + ".partial"));
  EXPECT_TRUE(absl::IsUnavailable(Backup().status())) << "after the end";
}

}  // namespace
}  // namespace crescendo::engine
