// Every delivery is found by its address, waiting, being filed or filed; and after each of them is
// read anew.
#include "store/sqlite/address_index.h"

#include "absl/strings/str_cat.h"
#include "store/sqlite/address_filter.h"
#include "store/sqlite/migrate.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;

TEST(AddressHash, IsStoredAndSoStaysAsItIs) {
  EXPECT_EQ(AddressHash(""), 0xf52a15e9a9b5e89bu);
  EXPECT_EQ(AddressHash("ada@example.com"), 0xe4c46e51eb03aa27u);
}

TEST(AddressFilter, NeverDeniesWhatWasAddedAndSeldomTakesWhatWasNot) {
  AddressFilter filter;
  EXPECT_FALSE(filter.MayContain(AddressHash("nobody")));
  constexpr int kMany = 300'000;  // Several layers.
  for (int i = 0; i < kMany; ++i) filter.Add(AddressHash(absl::StrCat("in", i)));
  int wrong = 0;
  for (int i = 0; i < kMany; ++i) {
    ASSERT_TRUE(filter.MayContain(AddressHash(absl::StrCat("in", i)))) << i;
    wrong += filter.MayContain(AddressHash(absl::StrCat("out", i))) ? 1 : 0;
  }
  EXPECT_LT(wrong, kMany / 30);
}

class AddressIndexTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Migrate(database_.get(), AllMigrations()).ok());
    ASSERT_TRUE(index_.Load(1000).value());
    ASSERT_TRUE(database_->Begin().ok());
  }
  void TearDown() override { ASSERT_TRUE(database_->Commit().ok()); }
  void Add(int64_t id, int64_t campaign, const std::string& address) {
    const absl::Status status = database_->Exec(absl::StrCat(
        "INSERT INTO deliveries (id, campaign, domain, state, score, address) VALUES (", id, ", ",
        campaign, ", 1, 0, 0.5, '", address, "')"));
    ASSERT_TRUE(status.ok()) << status;
    index_.Add(CampaignKey(campaign), AddressHash(address), id);
  }
  std::vector<int64_t> Find(const std::string& address) {
    std::vector<int64_t> ids;
    const auto matches = index_.Find(address).value();
    for (const AddressIndex::Match& match : matches) ids.push_back(match.delivery.value());
    return ids;
  }
  int64_t Filed() { return database_->QueryInt("SELECT count(*) FROM delivery_addresses").value(); }
  int64_t End() {
    return database_->QueryInt("SELECT delivery FROM delivery_addresses_end").value();
  }

  TempFolder folder_;
  const std::unique_ptr<Database> database_ =
      Database::Open(folder_.Path("crescendo.db"), {}).value();
  AddressIndex index_{database_.get(), 100};
};

TEST_F(AddressIndexTest, FindsWhatWaitsWhatIsBeingFiledAndWhatIs) {
  for (int64_t id = 1; id <= 200; ++id) Add(id, 1, absl::StrCat("user", id));
  Add(201, 2, "user7");
  ASSERT_TRUE(index_.File().ok());  // More than a batch waits; so many as were added are filed.
  EXPECT_EQ(Filed(), 201);
  EXPECT_EQ(End(), 201);
  for (int64_t id = 202; id <= 400; ++id) Add(id, 3, absl::StrCat("user", id - 201));
  ASSERT_TRUE(index_.File().ok());
  Add(401, 4, "user7");
  ASSERT_TRUE(index_.File().ok());
  const auto expect_all = [&] {
    for (int i = 1; i <= 199; ++i) {
      if (i == 7) continue;
      EXPECT_THAT(Find(absl::StrCat("user", i)), ElementsAre(i, i + 201)) << i;
    }
    EXPECT_THAT(Find("user7"), ElementsAre(7, 201, 208, 401));
    EXPECT_THAT(Find("user200"), ElementsAre(200));
    EXPECT_THAT(Find("nobody"), ElementsAre());
  };
  expect_all();
  ASSERT_TRUE(index_.Load(1000).value());
  expect_all();
  ASSERT_TRUE(index_.FileAll().ok());
  expect_all();
  EXPECT_EQ(Filed(), 401);
  EXPECT_EQ(End(), 401);
}

TEST_F(AddressIndexTest, AFilingThatWasCutIsDoneAgain) {
  for (int64_t id = 1; id <= 300; ++id) Add(id, 1, absl::StrCat("user", id));
  ASSERT_TRUE(index_.File().ok());
  for (int64_t id = 301; id <= 400; ++id) Add(id, 1, absl::StrCat("user", id));
  ASSERT_TRUE(index_.File().ok());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(index_.Load(1000).value());
    ASSERT_TRUE(index_.File().ok());  // Not all of them: nothing was added.
  }
  for (int64_t id = 1; id <= 400; ++id) {
    EXPECT_THAT(Find(absl::StrCat("user", id)), ElementsAre(id));
  }
}

TEST_F(AddressIndexTest, LoadsAndFilesAStoreThatHasNoneFiledAPartAtATime) {
  for (int64_t id = 1; id <= 250; ++id) Add(id, 1, absl::StrCat("user", id));
  int parts = 0;
  for (; !index_.Load(60).value(); ++parts) ASSERT_TRUE(index_.FileAll().ok());
  EXPECT_EQ(parts, 4);
  for (int64_t id = 1; id <= 250; ++id) {
    EXPECT_THAT(Find(absl::StrCat("user", id)), ElementsAre(id));
  }
}

TEST_F(AddressIndexTest, WhatIsRemovedIsGoneWhereverItIs) {
  for (int64_t id = 1; id <= 150; ++id) Add(id, 1, absl::StrCat("user", id));
  Add(151, 2, "user20");
  ASSERT_TRUE(index_.File().ok());
  for (int64_t id = 152; id <= 260; ++id) Add(id, 3, absl::StrCat("user", id - 151));
  Add(261, 4, "user20");
  Add(262, 5, "user20");
  ASSERT_TRUE(index_.Remove("user20", 171).ok());  // The first of its hash among those that wait.
  EXPECT_THAT(Find("user20"), ElementsAre(20, 151, 261, 262));
  ASSERT_TRUE(index_.Remove("user20", 262).ok());
  ASSERT_TRUE(index_.Remove("user20", 20).ok());
  EXPECT_THAT(Find("user20"), ElementsAre(151, 261));
  ASSERT_TRUE(index_.File().ok());
  ASSERT_TRUE(index_.Remove("user20", 151).ok());
  ASSERT_TRUE(index_.Remove("user20", 261).ok());
  EXPECT_THAT(Find("user20"), ElementsAre());
  ASSERT_TRUE(index_.Remove("user21", 172).ok());
  EXPECT_THAT(Find("user21"), ElementsAre(21));
}

TEST_F(AddressIndexTest, KnowsWhoIsInACampaignWithAndWithoutAFilter) {
  const auto contains = [&](int64_t campaign, bool fresh, const std::string& address) {
    return index_.Contains(CampaignKey(campaign), fresh, AddressHash(address), address).value();
  };
  for (const bool filter : {true, false}) {
    const int64_t campaign = filter ? 1 : 2;
    if (filter) {
      EXPECT_FALSE(contains(campaign, true, "ada"));
    }
    for (int64_t i = 1; i <= 150; ++i) Add(1000 * campaign + i, campaign, absl::StrCat("user", i));
    for (int64_t i = 1; i <= 150; ++i) {
      EXPECT_TRUE(contains(campaign, false, absl::StrCat("user", i))) << i;
      EXPECT_FALSE(contains(campaign, false, absl::StrCat("other", i))) << i;
    }
  }
  EXPECT_FALSE(contains(3, false, "user1"));
  // More campaigns than filters: those of old ones are dropped, and the answers are the same.
  for (int64_t campaign = 10; campaign < 30; ++campaign) {
    EXPECT_FALSE(contains(campaign, true, "user1"));
    Add(10'000 + campaign, campaign, "user1");
  }
  for (int64_t campaign = 10; campaign < 30; ++campaign) {
    EXPECT_TRUE(contains(campaign, false, "user1"));
    EXPECT_FALSE(contains(campaign, false, "user2"));
  }
  EXPECT_TRUE(contains(1, false, "user1"));
}

}  // namespace
}  // namespace crescendo::store
