// The strongest case: random writes applied to both stores, and everything they say compared.
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "store/memory/memory_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/random_writes.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

class AgreementTest : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, AgreementTest, testing::Range<uint64_t>(1, 5));

TEST_P(AgreementTest, RandomWritesLeaveBothStoresAlike) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  TempFolder folder;
  const std::string path = folder.Path("crescendo.db");
  MemoryStore memory;
  std::unique_ptr<ports::Store> sqlite = OpenSqlite(path);
  ASSERT_NE(sqlite, nullptr);
  RandomWrites writes(GetParam());
  base::Random random(GetParam() + 1000);
  std::map<size_t, int> applied, refused;  // By kind of write.
  for (int step = 1; step <= 500; ++step) {
    const std::vector<ports::Write> group = writes.Next(memory);
    std::vector<ports::WriteResult> in_memory, in_sqlite;
    ASSERT_TRUE(memory.Commit(group, &in_memory).ok());
    const absl::Status status = sqlite->Commit(group, &in_sqlite);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(Describe(in_memory), Describe(in_sqlite)) << "step " << step;
    for (size_t i = 0; i < group.size(); ++i) {
      ++(in_memory[i].status.ok() ? applied : refused)[group[i].index()];
    }
    if (random.Below(40) == 0) {
      sqlite.reset();
      sqlite = OpenSqlite(path);
      ASSERT_NE(sqlite, nullptr);
    }
    if (random.Below(20) == 0 || step == 500) {
      const int page = 1 + static_cast<int>(random.Below(50));
      ASSERT_EQ(DescribeAll(memory, page), DescribeAll(*sqlite, page)) << "step " << step;
      ASSERT_EQ(RecountFault(*sqlite), "") << "step " << step;
    }
  }
  // That the sequence is worth its name.
  for (size_t kind = 0; kind < std::variant_size_v<ports::Write>; ++kind) {
    EXPECT_GT(applied[kind], 0) << "kind of write " << kind << " never worked";
  }
  EXPECT_GE(refused.size(), 10u) << "hardly any kind of write was ever refused";
  EXPECT_EQ(LastStep(*sqlite), 500);
}

}  // namespace
}  // namespace crescendo::store
