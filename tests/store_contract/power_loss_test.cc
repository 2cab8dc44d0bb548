// The power fails at any moment, and the disk keeps what it likes of what was not synced: every
// acknowledged step is there, whole, and the store goes on from it.
#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/scripted_day.h"
#include "tests/store_contract/store_fixture.h"
#include "tests/support/sanitized.h"

namespace crescendo::store {
namespace {

// A day as a disk saw it. `ended[n]`: how long the log was when step n + 1 was acknowledged.
struct Recording {
  DiskLog log;
  std::vector<size_t> ended;
  int refused = 0;  // Steps that had to be tried again, for the disk was full.
};

Recording Record(SimDisk& disk, const ScriptedDay& day) {
  Recording recording;
  disk.Load({});
  {
    auto store = OpenDay();
    EXPECT_TRUE(store.ok()) << store.status();
    for (int64_t step = 1; step <= day.steps(); ++step) {
      const std::vector<ports::Write>& group = day.groups[static_cast<size_t>(step - 1)];
      std::vector<ports::WriteResult> results;
      if (step % 5 == 0) disk.FillAfter(static_cast<int>(step % 11) + 1);
      absl::Status status = (*store)->Commit(group, &results);
      disk.Heal();
      if (!status.ok()) {
        EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
        ++recording.refused;
        status = (*store)->Commit(group, &results);
      }
      EXPECT_TRUE(status.ok()) << status;
      recording.ended.push_back(disk.log().size());
    }
  }
  recording.log = disk.log();
  return recording;
}

struct Tried {
  int64_t images = 0;
  int64_t wrong = 0;
  std::string first;  // What was wrong with the first wrong one.
};

// Cuts the power behind every call of the recording, `each` times; one image in eight is cut again
// while it is being repaired.
Tried CutEverywhere(SimDisk& disk, const ScriptedDay& day, const Recording& recording, int each,
                    uint64_t seed, Liar liar = {}) {
  Tried tried;
  PowerCut power({}, liar);
  base::Random random(seed);
  int64_t acknowledged = 0;
  for (size_t at = 0; at <= recording.log.size(); ++at) {
    while (acknowledged < day.steps() && recording.ended[static_cast<size_t>(acknowledged)] <= at) {
      ++acknowledged;
    }
    const int64_t begun = std::min(acknowledged + 1, day.steps());
    const auto inspect = [&](const Image& image, int64_t least, int64_t most, bool go_on) {
      disk.Load(image);
      const DayFinding finding = InspectDay(day, least, most, go_on);
      ++tried.images;
      if (finding.fault.empty()) return finding.steps;
      if (tried.wrong++ == 0) {
        tried.first = absl::StrCat("call ", at, " of ", recording.log.size(), ": ", finding.fault);
      }
      return int64_t{-1};
    };
    const int cuts = power.anything_unsynced() ? each : 1;
    for (int cut = 0; cut < cuts; ++cut) {
      const Image image = power.Cut(random);
      const bool again = random.Below(8) == 0;
      const int64_t held = inspect(image, acknowledged, begun, !again && random.Below(2) == 0);
      if (!again || held < 0) continue;
      const DiskLog repair = disk.log();
      PowerCut second(image, liar);
      const size_t until = random.Below(repair.size() + 1);
      for (size_t i = 0; i < until; ++i) second.Apply(repair[i]);
      inspect(second.Cut(random), held, held, /*go_on=*/false);
    }
    if (at < recording.log.size()) power.Apply(recording.log[at]);
  }
  return tried;
}

constexpr uint64_t kSeed = 7;
constexpr int kSteps = 40;

TEST(PowerLoss, NothingAcknowledgedIsLost) {
  SimDisk disk;
  const ScriptedDay day = MakeDay(disk, kSeed, kSteps);
  const Recording recording = Record(disk, day);
  EXPECT_GT(recording.refused, 2) << "the disk must have been full now and then";
  EXPECT_GT(std::count_if(recording.log.begin(), recording.log.end(),
                          [](const DiskOp& op) { return op.kind == DiskOp::Kind::kSync; }),
            kSteps + 10)
      << "the log must have been copied into the file now and then";
  const Tried tried =
      CutEverywhere(disk, day, recording, crescendo::testing::kSanitized ? 1 : 6, kSeed);
  std::printf("power loss: %d steps, %zu calls, %lld images, %lld wrong\n", kSteps,
              recording.log.size(), static_cast<long long>(tried.images),
              static_cast<long long>(tried.wrong));
  EXPECT_EQ(tried.wrong, 0) << tried.first;
  EXPECT_GE(tried.images, crescendo::testing::kSanitized ? 1000 : 5000);
}

// What proves the test above: a disk that lies about a sync, as a store without that sync would.
TEST(PowerLoss, AMissingSyncIsNoticed) {
  SimDisk disk;
  const ScriptedDay day = MakeDay(disk, kSeed, kSteps);
  const Recording recording = Record(disk, day);
  struct Case {
    const char* name;
    Liar liar;
  };
  for (const Case& c : {Case{"commits are not synced", {.wal = true}},
                        Case{"checkpoints are not synced", {.database = true}},
                        Case{"segments are not synced", {.segments = true}},
                        Case{"nothing is synced", {true, true, true}}}) {
    SCOPED_TRACE(c.name);
    const Tried tried = CutEverywhere(disk, day, recording, 1, kSeed, c.liar);
    EXPECT_GT(tried.wrong, 10) << "of " << tried.images << " images";
  }
}

// A made-up migration that rewrites every row, on a file of today with rows in it.
TEST(PowerLoss, AMigrationHappensWholeOrNotAtAll) {
  SimDisk disk;
  const ScriptedDay day = MakeDay(disk, kSeed, 12);
  const Image before = disk.Contents();
  std::vector<Migration> migrations(AllMigrations().begin(), AllMigrations().end());
  const int number = static_cast<int>(migrations.size()) + 1;
  migrations.push_back({number, "9999_next.sql", "no sum",
                        "ALTER TABLE deliveries ADD COLUMN next INTEGER NOT NULL DEFAULT 0;"
                        "UPDATE deliveries SET next = id + 1;"
                        "CREATE INDEX deliveries_next ON deliveries (next);"});
  const auto migrate = [&]() -> absl::Status {
    auto database = Database::Open(kDayPath, {});
    return database.ok() ? Migrate(database->get(), migrations) : database.status();
  };
  disk.Load(before);
  ASSERT_TRUE(migrate().ok());
  const DiskLog log = disk.log();
  const size_t want = TablesOf(kDayPath).digest;
  PowerCut power(before);
  base::Random random(kSeed);
  int images = 0, undone = 0;
  for (size_t at = 0; at <= log.size(); ++at) {
    for (int cut = 0; cut < 8; ++cut) {
      SCOPED_TRACE(absl::StrCat("call ", at, ", cut ", cut));
      disk.Load(power.Cut(random));
      const size_t held = TablesOf(kDayPath).digest;
      if (held != want) {
        ++undone;
        ASSERT_EQ(held, day.tables.back());
      }
      const absl::Status status = migrate();
      ASSERT_TRUE(status.ok()) << status;
      const Tables tables = TablesOf(kDayPath);
      ASSERT_EQ(tables.integrity, "ok");
      ASSERT_EQ(tables.digest, want);
      ++images;
    }
    if (at < log.size()) power.Apply(log[at]);
  }
  EXPECT_GT(undone, 20);
  EXPECT_LT(undone, images);
}

}  // namespace
}  // namespace crescendo::store
