// Bytes of the file change by themselves: the store says so, or nothing of what it counts is wrong.
// It never crashes and never hangs.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/scripted_day.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

constexpr uint64_t kSeed = 5;
constexpr size_t kPage = 4096;

// The lines that say how many deliveries are in each state.
std::string CountsIn(const std::string& description) {
  std::string counts;
  for (absl::string_view line : absl::StrSplit(description, '\n')) {
    if (absl::StartsWith(line, "counts ")) absl::StrAppend(&counts, line, "\n");
  }
  return counts;
}

struct Damage {
  const char* name;
  void (*inflict)(base::Random& random, std::string* page);
};
constexpr Damage kDamages[] = {
    {"a bit", [](base::Random& random,
                 std::string* page) { (*page)[random.Below(kPage)] ^= 1 << random.Below(8); }},
    {"a byte of the page's head",
     [](base::Random& random, std::string* page) {
       (*page)[random.Below(24)] = static_cast<char>(random.Next());
     }},
    {"a sector",
     [](base::Random& random, std::string* page) {
       const size_t from = random.Below(8) * 512;
       for (size_t i = 0; i < 512; ++i) (*page)[from + i] = static_cast<char>(random.Next());
     }},
    {"the page is empty", [](base::Random&, std::string* page) { page->assign(kPage, '\0'); }},
};

// What a reader of the damaged store finds out: "" if nothing is amiss.
std::string Complaint(const ScriptedDay& day, std::string* description) {
  {
    auto store = OpenDay();
    if (!store.ok()) return store.status().ToString();
    try {
      *description = DescribeAll(**store, 500);
      if (std::string fault = RecountFault(**store); !fault.empty()) return fault;
    } catch (const absl::BadStatusOrAccess& unreadable) {
      return unreadable.what();
    }
    std::vector<ports::WriteResult> results;
    for (const auto& group : day.groups) {
      if (absl::Status status = (*store)->Commit(group, &results); !status.ok()) {
        return status.ToString();
      }
    }
  }
  const Tables tables = TablesOf(kDayPath);
  return tables.integrity == "ok" ? FaultOfSegments() : tables.integrity;
}

TEST(Damage, IsFoundOrHarmless) {
  SimDisk disk;
  const ScriptedDay day = MakeDay(disk, kSeed, 40);
  const Image sound = disk.Contents();
  const std::string& file = sound.at(kDayPath);
  ASSERT_FALSE(sound.contains(std::string(kDayPath) + "-wal"))
      << "the log must have been copied into the file";
  base::Random random(kSeed);
  int found = 0, harmless = 0, text = 0, wrong = 0;
  for (size_t at = 0; at < file.size(); at += kPage) {
    for (int i = 0; i < 16; ++i) {
      const Damage& damage = kDamages[i % std::size(kDamages)];
      std::string page = file.substr(at, kPage);
      damage.inflict(random, &page);
      Image damaged = sound;
      damaged[kDayPath].replace(at, kPage, page);
      disk.Load(damaged);
      std::string description;
      const std::string complaint = Complaint(day, &description);
      if (!complaint.empty()) {
        ++found;
      } else if (description == day.end) {
        ++harmless;
      } else if (CountsIn(description) == CountsIn(day.end)) {
        ++text;  // Or a ledger row: SQLite keeps no sums of its pages.
      } else if (++wrong <= 5) {
        ADD_FAILURE() << "page " << at / kPage + 1 << ", " << damage.name << ":\n"
                      << CountsIn(description) << "instead of\n"
                      << CountsIn(day.end);
      }
    }
  }
  std::printf(
      "damage: %zu pages, %d found, %d harmless, %d changed a text unseen, %d wrong counts\n",
      file.size() / kPage, found, harmless, text, wrong);
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(found, harmless + text);
}

// Unlike a page, the bytes in a segment have a sum.
TEST(Damage, InASegmentIsAlwaysFound) {
  SimDisk disk;
  const ScriptedDay day = MakeDay(disk, kSeed, 40);
  const Image sound = disk.Contents();
  base::Random random(kSeed);
  int found = 0, free = 0;
  for (const auto& [path, content] : sound) {
    if (path == kDayPath) continue;
    for (size_t at = 0; at < content.size(); at += 400) {
      Image damaged = sound;
      damaged[path][at] ^= static_cast<char>(1 << random.Below(8));
      disk.Load(damaged);
      std::string description;
      ++(Complaint(day, &description).empty() ? free : found);
    }
    Image shorter = sound;
    shorter[path].pop_back();
    disk.Load(shorter);
    std::string description;
    EXPECT_NE(Complaint(day, &description), "") << path << " is shorter";
    shorter.erase(path);
    disk.Load(shorter);
    EXPECT_NE(Complaint(day, &description), "") << path << " is missing";
  }
  EXPECT_GT(found, 50);
  EXPECT_LT(free, found / 2) << "what was pruned, beside what was not";
}

TEST(Damage, ATruncatedFileIsFound) {
  SimDisk disk;
  const ScriptedDay day = MakeDay(disk, kSeed, 20);
  const Image sound = disk.Contents();
  const size_t pages = sound.at(kDayPath).size() / kPage;
  for (size_t kept = 1; kept < pages; ++kept) {
    SCOPED_TRACE(kept);
    Image damaged = sound;
    damaged[kDayPath].resize(kept * kPage);
    disk.Load(damaged);
    std::string description;
    EXPECT_NE(Complaint(day, &description), "");
  }
}

}  // namespace
}  // namespace crescendo::store
