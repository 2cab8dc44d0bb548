// What a store with a file does to live long: gives space back, keeps a reserve.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "store/sqlite/reserve.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/fault_vfs.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::HasSubstr;

class UpkeepTest : public testing::Test {
 protected:
  void Open(const SqliteOptions& options = {}) {
    store_.reset();
    store_ = SqliteStore::Open(path_, options).value();
  }
  void CreateCampaigns() {
    ASSERT_TRUE(CommitOne(*store_, NewIp("mta1-a")).status.ok());
    ASSERT_TRUE(CommitOne(*store_, NewPool("main", {"mta1-a"})).status.ok());
    for (const char* id : {"spring", "autumn"}) {
      ASSERT_TRUE(CommitOne(*store_, NewCampaign(id, "main")).status.ok());
    }
  }
  absl::Status Import(const std::string& campaign, int64_t chunk, int rows) {
    ports::AppendRecipients append;
    append.campaign = CampaignId(campaign);
    append.import = ImportId("list");
    append.chunk = chunk;
    for (int i = 0; i < rows; ++i) {
      append.rows.push_back({absl::StrCat("r", chunk, "-", i, "@x.example"), 0.5, {}});
    }
    append.now = kStart;
    std::vector<ports::WriteResult> results;
    const ports::Write write = append;
    absl::Status status = store_->Commit({&write, 1}, &results);
    return status.ok() ? results.at(0).status : status;
  }
  uintmax_t FileSize() { return std::filesystem::file_size(path_); }

  TempFolder folder_;
  const std::string path_ = folder_.Path("crescendo.db");
  std::unique_ptr<ports::Store> store_;
};

TEST_F(UpkeepTest, GivesThePagesOfWhatIsPrunedBackToTheDisk) {
  Open({.checkpoint_pages = 50});
  CreateCampaigns();
  for (int chunk = 1; chunk <= 10; ++chunk) ASSERT_TRUE(Import("spring", chunk, 2000).ok());
  ASSERT_TRUE(Import("autumn", 1, 1).ok());
  Cancel(*store_, "spring");
  EXPECT_EQ(CancelAll(*store_, "spring", kStart), 20000);
  Open({.checkpoint_pages = 50});
  const uintmax_t full = FileSize();
  ports::Prune prune{.deliveries_before = kStart + absl::Hours(1), .limit = 500};
  int64_t pruned = 0;
  int steps = 0;
  for (bool more = true; more && steps < 1000; ++steps) {
    const auto step = std::get<ports::Pruned>(CommitOne(*store_, prune).value);
    more = step.more;
    pruned += step.deliveries;
    prune.after = step.next;
    if (step.next == DeliveryId()) prune.deliveries_before = absl::InfinitePast();
  }
  EXPECT_EQ(pruned, 20000);
  EXPECT_EQ(RecountFault(*store_), "");
  Open();
  EXPECT_LT(FileSize(), full / 5) << "of " << full;
  EXPECT_EQ(store_->CountDeliveries(CampaignId("spring"))->cancelled, 20000);
  EXPECT_TRUE(Import("autumn", 2, 2000).ok());
  EXPECT_EQ(RecountFault(*store_), "");
}

TEST_F(UpkeepTest, KeepsAReserveAndGivesItUp) {
  FaultVfs disk;
  Open({.reserve_mib = 2});
  CreateCampaigns();
  const std::string reserve = path_ + "-reserve";
  EXPECT_EQ(std::filesystem::file_size(reserve), 2u << 20);
  disk.FillAfter(1);
  EXPECT_TRUE(absl::IsResourceExhausted(Import("spring", 1, 100)));
  EXPECT_TRUE(store_->ReleaseReserve());
  EXPECT_FALSE(std::filesystem::exists(reserve));
  EXPECT_FALSE(store_->ReleaseReserve()) << "once";
  disk.Heal();
  EXPECT_TRUE(Import("spring", 1, 100).ok());
  EXPECT_TRUE(store_->KeepReserve().ok());
  EXPECT_EQ(std::filesystem::file_size(reserve), 2u << 20);
  // Another size at the next start, and none.
  Open({.reserve_mib = 1});
  EXPECT_EQ(std::filesystem::file_size(reserve), 1u << 20);
  Open({.reserve_mib = 0});
  EXPECT_FALSE(std::filesystem::exists(reserve));
  EXPECT_EQ(store_->CountDeliveries(CampaignId("spring"))->queued, 100);
}

TEST_F(UpkeepTest, AReserveThatDoesNotFitIsNotMade) {
  const auto room = static_cast<int64_t>(std::filesystem::space(folder_.Path("")).available);
  Reserve reserve(folder_.Path("reserve"), room + (int64_t{1} << 30));
  EXPECT_TRUE(absl::IsResourceExhausted(reserve.Keep()));
  EXPECT_THAT(std::string(reserve.Keep().message()), HasSubstr("MiB free"));
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("reserve")));
  Reserve nowhere(folder_.Path("no/such/folder"), 1 << 20);
  EXPECT_TRUE(absl::IsUnavailable(nowhere.Keep()));
}

}  // namespace
}  // namespace crescendo::store
