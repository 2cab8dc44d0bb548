// Large variables lie in files of their own beside the database: they come back as they were, go
// when they are pruned, and nothing of a crash stays.
#include "store/sqlite/segments.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "store/sqlite/check.h"
#include "store/sqlite/restore.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/fault_vfs.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SegmentsTest : public testing::Test {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(CommitOne(*store_, NewIp("mta1-a")).status.ok());
    ASSERT_TRUE(CommitOne(*store_, NewPool("main", {"mta1-a"})).status.ok());
    ASSERT_TRUE(CommitOne(*store_, NewCampaign("spring", "main")).status.ok());
  }
  void Open() {
    store_.reset();
    auto opened = SqliteStore::Open(path_, {.segment_bytes = 10'000});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  static std::string BodyOf(size_t bytes) {
    std::string body;
    while (body.size() < bytes) absl::StrAppend(&body, bytes, " and ", body.size(), "\r\n");
    body.resize(bytes);
    return body;
  }
  // A recipient for each size, as the next chunk.
  ports::AppendRecipients Bodies(const std::vector<size_t>& sizes) {
    ports::AppendRecipients append;
    append.campaign = CampaignId("spring");
    append.import = ImportId("list");
    append.chunk = ++chunk_;
    append.now = kStart;
    for (const size_t bytes : sizes) {
      append.rows.push_back({absl::StrCat("r", chunk_, "-", append.rows.size(), "@x.example"),
                             0.5,
                             {{"name", "Zoë"}, {"body", BodyOf(bytes)}}});
    }
    return append;
  }
  void Import(const std::vector<size_t>& sizes) {
    const ports::WriteResult result = CommitOne(*store_, Bodies(sizes));
    ASSERT_TRUE(result.status.ok()) << result.status;
  }
  // What a claim of it gets as its body.
  std::string Claim(int64_t delivery) {
    const auto claimed = std::get<std::vector<ports::ClaimedDelivery>>(
        CommitOne(*store_, ports::Claim{kLane, kMonday, {DeliveryId(delivery)}, kStart}).value);
    return claimed.at(0).variables.at(1).second;
  }
  void PruneAll() {
    CommitOne(*store_, ports::CancelDeliveries{CampaignId("spring"), kStart});
    CommitOne(*store_, ports::Prune{.deliveries_before = kStart + absl::Hours(1), .limit = 1000});
    CommitOne(*store_, ports::Prune{});  // What is said of a segment goes after its file.
  }
  std::string Segment(int number) const { return absl::StrCat(path_, "-segment", number); }
  std::vector<int> Segments() const {
    std::vector<int> there;
    for (int number = 1; number < 20; ++number) {
      if (std::filesystem::exists(Segment(number))) there.push_back(number);
    }
    return there;
  }
  // What CheckStore finds wrong.
  std::string Faults() {
    store_.reset();
    std::string faults;
    const std::vector<CheckResult> results = CheckStore(path_).value();
    for (const CheckResult& result : results) {
      if (!result.ok) absl::StrAppend(&faults, result.check, ": ", result.detail, "\n");
    }
    return faults;
  }

  TempFolder folder_;
  const std::string path_ = folder_.Path("crescendo.db");
  std::unique_ptr<ports::Store> store_;
  int64_t chunk_ = 0;
};

TEST_F(SegmentsTest, WhatIsLongComesBackAsItWas) {
  const std::vector<size_t> sizes = {1,     900,    1100,    4000,      131'072,
                                     9'000, 10'000, 300'000, 2'097'152, 1001};
  Import(sizes);
  EXPECT_GT(Segments().size(), 4u);
  EXPECT_EQ(Claim(5), BodyOf(131'072));
  Open();
  for (const size_t i : {0, 1, 2, 3, 5, 6, 7, 8, 9}) {
    EXPECT_EQ(Claim(static_cast<int64_t>(i) + 1), BodyOf(sizes[i])) << sizes[i];
  }
  Open();
  EXPECT_LT(std::filesystem::file_size(path_), 300'000u) << "they are not in the database";
  EXPECT_EQ(Faults(), "");
}

TEST_F(SegmentsTest, IsReadInTheGroupThatAppendsIt) {
  std::vector<ports::WriteResult> results;
  ASSERT_TRUE(store_
                  ->Commit({Bodies({5000, 6000}),
                            ports::Claim{kLane, kMonday, {DeliveryId(1), DeliveryId(2)}, kStart}},
                           &results)
                  .ok());
  const auto& claimed = std::get<std::vector<ports::ClaimedDelivery>>(results[1].value);
  ASSERT_EQ(claimed.size(), 2u);
  EXPECT_EQ(claimed[0].variables.at(1).second, BodyOf(5000));
  EXPECT_EQ(claimed[1].variables.at(1).second, BodyOf(6000));
}

TEST_F(SegmentsTest, GoesWhenAllInItIsPruned) {
  Import({4000, 4000, 4000, 4000, 4000});
  ASSERT_THAT(Segments(), ElementsAre(1, 2, 3));
  PruneAll();
  EXPECT_THAT(Segments(), ElementsAre(3)) << "the newest delivery of all stays";
  Import({4000, 4000});
  EXPECT_THAT(Segments(), ElementsAre(3, 4));
  Open();
  PruneAll();
  EXPECT_THAT(Segments(), ElementsAre(4));
  Import({10});
  PruneAll();
  EXPECT_THAT(Segments(), ElementsAre());
  Import({4000});
  EXPECT_THAT(Segments(), ElementsAre(5)) << "no number is given again";
  PruneAll();
  Import({20});
  PruneAll();
  Open();
  Import({4000});
  EXPECT_THAT(Segments(), ElementsAre(6)) << "also not by another process";
  EXPECT_EQ(Faults(), "");
}

TEST_F(SegmentsTest, WhatACrashHasLeftGoesAtTheNextStart) {
  Import({4000, 4000});
  store_.reset();
  std::ofstream(Segment(1), std::ios::app) << "not committed";
  std::ofstream(Segment(2)) << "begun, and not committed";
  EXPECT_EQ(Faults(), "") << "it is nobody's";
  Open();
  EXPECT_LT(std::filesystem::file_size(Segment(1)), 8100u);
  EXPECT_THAT(Segments(), ElementsAre(1));
  Import({1500});
  EXPECT_EQ(Claim(3), BodyOf(1500));
  EXPECT_EQ(Faults(), "");
}

TEST_F(SegmentsTest, WhatAFullDiskRefusedIsWrittenOver) {
  for (int after = 1; after < 12; ++after) {
    SCOPED_TRACE(after);
    const ports::Write write = Bodies({3000, 2000, 5000, 1500});
    FaultVfs disk;
    disk.FillAfter(after);
    std::vector<ports::WriteResult> results;
    const absl::Status full = store_->Commit({&write, 1}, &results);
    if (!disk.struck()) continue;
    EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
    disk.Heal();
    ASSERT_TRUE(store_->Commit({&write, 1}, &results).ok());
  }
  EXPECT_EQ(Faults(), "");
}

TEST_F(SegmentsTest, WhatIsGoneIsNoticed) {
  Import({4000, 4000, 4000});
  store_.reset();
  const std::string aside = folder_.Path("aside");
  std::filesystem::copy_file(Segment(1), aside);
  const auto put_back = [&] {
    std::filesystem::copy_file(aside, Segment(1),
                               std::filesystem::copy_options::overwrite_existing);
  };

  std::filesystem::remove(Segment(1));
  EXPECT_THAT(Faults(), HasSubstr("variables: delivery 1: "));
  absl::Status opened = SqliteStore::Open(path_).status();
  EXPECT_TRUE(absl::IsDataLoss(opened));
  EXPECT_THAT(std::string(opened.message()), HasSubstr("-segment1 is missing"));

  put_back();
  std::filesystem::resize_file(Segment(1), 5000);
  EXPECT_THAT(Faults(), HasSubstr("delivery 2: the bytes of "));
  opened = SqliteStore::Open(path_).status();
  EXPECT_TRUE(absl::IsDataLoss(opened));
  EXPECT_THAT(std::string(opened.message()), HasSubstr("has 5000 bytes of 80"));

  put_back();
  std::fstream(Segment(1)).seekp(4500).put('!');
  EXPECT_THAT(Faults(), HasSubstr("delivery 2: the bytes of "));
  Open();
  EXPECT_EQ(Claim(1), BodyOf(4000));
  std::vector<ports::WriteResult> results;
  const ports::Write claim = ports::Claim{kLane, kMonday, {DeliveryId(2)}, kStart};
  EXPECT_TRUE(absl::IsDataLoss(store_->Commit({&claim, 1}, &results))) << "it is never sent so";
}

TEST_F(SegmentsTest, ABackupHasThemInItsOneFile) {
  const std::string backup_path = folder_.Path("backup.db"), restored = folder_.Path("restored.db");
  Import({4000, 900, 140'000, 4000});
  {
    const std::unique_ptr<ports::Backup> backup = store_->BeginBackup(backup_path).value();
    int steps = 0;
    for (bool done = false; !done; ++steps) {
      const absl::StatusOr<bool> step = backup->Step(16 * 4096);
      ASSERT_TRUE(step.ok()) << step.status();
      done = *step;
      EXPECT_LE(backup->progress().copied_bytes, backup->progress().total_bytes);
      // What it still has to read is pruned meanwhile.
      if (backup->progress().copied_bytes > 150'000 && steps < 100) {
        steps = 100;
        Import({1});
        PruneAll();
      }
    }
    EXPECT_GT(steps, 100) << "it must have been pruned before the end";
    EXPECT_FALSE(Segments().empty()) << "kept for the backup";
    EXPECT_EQ(backup->progress().copied_bytes, backup->progress().total_bytes);
    ASSERT_TRUE(backup->Finish().ok());
  }
  CommitOne(*store_, ports::Prune{});
  EXPECT_THAT(Segments(), ElementsAre()) << "given back after it";

  const absl::Status status = RestoreStore(backup_path, restored, [](int64_t, int64_t) {});
  ASSERT_TRUE(status.ok()) << status;
  store_ = SqliteStore::Open(restored).value();
  EXPECT_EQ(Claim(1), BodyOf(4000));
  EXPECT_EQ(Claim(3), BodyOf(140'000));
  EXPECT_EQ(Claim(4), BodyOf(4000));
  EXPECT_FALSE(std::filesystem::exists(restored + "-segment1"));
  store_.reset();
  auto database = Database::Open(restored, {}).value();
  ASSERT_TRUE(
      database->Exec("UPDATE delivery_variables SET variables = x'00' WHERE delivery = 4").ok());
  database.reset();
  const std::vector<CheckResult> results = CheckStore(restored).value();
  EXPECT_THAT(results.at(results.size() - 2).detail, HasSubstr("delivery 4: its variables are not"))
      << "the checksum is in the backup too";
}

TEST_F(SegmentsTest, ACopyOfTheFileAloneIsNoBackup) {
  Import({4000});
  store_.reset();
  const absl::Status status =
      RestoreStore(path_, folder_.Path("restored.db"), [](int64_t, int64_t) {});
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("variables: delivery 1: "));
}

}  // namespace
}  // namespace crescendo::store
