// kill -9 at any time: everything acknowledged is there, nothing is there twice or by halves.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/database.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/random_writes.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

constexpr int kKills = 60;

std::unique_ptr<ports::Store> OpenSmall(const std::string& path) {
  SqliteOptions options;
  options.checkpoint_pages = 25;  // So that kills hit checkpoints as well.
  options.unfiled_addresses = 50;
  auto store = SqliteStore::Open(path, options);
  return store.ok() ? *std::move(store) : nullptr;
}

// Commits group after group for ever, and tells each one that was acknowledged.
[[noreturn]] void CommitForEver(const std::string& path, MemoryStore* model, RandomWrites* writes,
                                int acknowledgements) {
  std::unique_ptr<ports::Store> store = OpenSmall(path);
  if (store == nullptr) _exit(1);
  std::vector<ports::WriteResult> results, modelled;
  for (;;) {
    const std::vector<ports::Write> group = writes->Next(*model);
    if (!store->Commit(group, &results).ok()) _exit(2);
    const char byte = 1;
    if (write(acknowledgements, &byte, 1) != 1) _exit(3);
    if (!model->Commit(group, &modelled).ok()) _exit(4);
  }
}

// Waits for `wanted` acknowledgements, kills the child at once, and returns how many it had told.
int64_t KillAfter(int64_t wanted, pid_t child, int acknowledgements) {
  int64_t told = 0;
  char bytes[64];
  while (told < wanted) {
    const ssize_t n = read(acknowledgements, bytes, sizeof(bytes));
    if (n <= 0) break;
    told += n;
  }
  kill(child, SIGKILL);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << WEXITSTATUS(status);
  for (;;) {
    const ssize_t n = read(acknowledgements, bytes, sizeof(bytes));
    if (n <= 0) return told;
    told += n;
  }
}

TEST(Crash, NothingAcknowledgedIsLost) {
  TempFolder folder;
  const std::string path = folder.Path("crescendo.db");
  const uint64_t seed = 42;
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  // What the file must hold, step by step: the child starts from copies of these two.
  MemoryStore model;
  RandomWrites writes(seed);
  base::Random random(seed);
  int64_t step = 0, unacknowledged = 0;
  for (int round = 0; round < kKills; ++round) {
    SCOPED_TRACE(absl::StrCat("kill ", round));
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(pipe_ends[0]);
      CommitForEver(path, &model, &writes, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    const int64_t acknowledged =
        step + KillAfter(static_cast<int64_t>(random.Below(16)), child, pipe_ends[0]);
    close(pipe_ends[0]);

    std::unique_ptr<ports::Store> store = OpenSmall(path);
    ASSERT_NE(store, nullptr);
    const int64_t last = LastStep(*store);
    ASSERT_GE(last, acknowledged) << "an acknowledged commit is lost";
    ASSERT_LE(last, acknowledged + 1) << "one commit may have been on its way";
    if (last > acknowledged) ++unacknowledged;
    for (; step < last; ++step) {
      std::vector<ports::WriteResult> results;
      ASSERT_TRUE(model.Commit(writes.Next(model), &results).ok());
    }
    ASSERT_EQ(RecountFault(*store), "");
    if (round % 6 == 5) {
      ASSERT_EQ(DescribeAll(model, 500), DescribeAll(*store, 500));
    }
    store.reset();
    if (round % 10 == 9) {
      auto database = Database::Open(path, {});
      ASSERT_TRUE(database.ok()) << database.status();
      Statement check(database->get(), "PRAGMA integrity_check");
      Rows rows = check.Query();
      ASSERT_TRUE(rows.Next());
      ASSERT_EQ(rows.String(0), "ok");
    }
  }
  EXPECT_GT(step, 3 * kKills) << "the kills left hardly any time to commit";
  RecordProperty("steps", static_cast<int>(step));
  RecordProperty("committed_but_not_acknowledged", static_cast<int>(unacknowledged));
}

}  // namespace
}  // namespace crescendo::store
