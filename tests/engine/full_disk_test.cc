// A full disk: outcomes are recorded, new work is refused, and it heals.
#include "scheduler/engine/committer.h"

#include <sys/mount.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::engine {
namespace {

using store::NewEvent;
using store::TempFolder;
using testing::ElementsAre;
using testing::HasSubstr;

// A store in memory, on a disk with room for so many commits.
class SmallDisk : public store::MemoryStore {
 public:
  absl::Status Commit(absl::Span<const ports::Write> writes,
                      std::vector<ports::WriteResult>* results) override {
    if (room == 0) {
      results->clear();
      return absl::ResourceExhaustedError("database or disk is full");
    }
    --room;
    return MemoryStore::Commit(writes, results);
  }
  bool ReleaseReserve() override {
    if (reserve == 0) return false;
    room += std::exchange(reserve, 0);
    return true;
  }
  absl::Status KeepReserve() override {
    if (reserve > 0 || !wants_reserve) return absl::OkStatus();
    if (room <= 2) return absl::ResourceExhaustedError("no room for a reserve");
    room -= 2;
    reserve = 2;
    return absl::OkStatus();
  }
  std::vector<std::string> Texts() {
    std::vector<std::string> texts;
    const std::vector<Event> events = ListEvents({}, EventId(), 1000).value();
    for (const Event& event : events) texts.push_back(event.text);
    return texts;
  }

  int room = 1000;
  int reserve = 2;
  bool wants_reserve = true;
};

class FullDisk : public testing::Test {
 protected:
  void Post(const std::string& text, bool critical) {
    Job job;
    job.critical = critical;
    job.writes.push_back(ports::AppendEvents{{NewEvent(EventType::kAlert, text)}});
    job.done = [this, text](const absl::Status& status, absl::Span<ports::WriteResult>) {
      if (!status.ok()) refused_.push_back(text);
      last_ = status;
    };
    committer_.Post(std::move(job));
  }
  void Run() { committer_.RunPending(); }

  SmallDisk disk_;
  std::vector<bool> accepting_;
  std::vector<std::string> refused_;
  absl::Status last_;
  Committer committer_{&disk_,
                       {.committed = [] {},
                        .accepting = [this](bool now) { accepting_.push_back(now); },
                        .fatal = [](const absl::Status& why) { ADD_FAILURE() << why; }}};
};

TEST_F(FullDisk, OutcomesGetTheReserveNewWorkDoesNot) {
  disk_.room = 0;
  Post("new work", false);
  Post("outcome", true);
  Run();
  EXPECT_THAT(refused_, ElementsAre("new work"));
  EXPECT_THAT(accepting_, ElementsAre(false));
  EXPECT_THAT(disk_.Texts(), ElementsAre("outcome"));
  Post("more work", false);
  Run();
  EXPECT_TRUE(absl::IsResourceExhausted(last_));
  EXPECT_THAT(std::string(last_.message()), HasSubstr("free some space"));
  EXPECT_EQ(disk_.room, 1) << "what is left of the reserve is for outcomes";
  Post("outcome 2", true);
  Run();
  EXPECT_THAT(disk_.Texts(), ElementsAre("outcome", "outcome 2"));
}

TEST_F(FullDisk, KeepsOutcomesInOrderWhenTheReserveIsUsedUp) {
  disk_.room = 0;
  disk_.reserve = 0;
  for (const char* text : {"a", "b"}) {
    Post(text, true);
    Run();
  }
  EXPECT_THAT(disk_.Texts(), testing::IsEmpty());
  EXPECT_FALSE(committer_.idle());
  disk_.room = 1;
  Post("c", true);
  Run();
  EXPECT_THAT(disk_.Texts(), ElementsAre("a", "b", "c"));
}

TEST_F(FullDisk, TakesNewWorkOnceTheReserveIsSetAsideAgain) {
  disk_.room = 0;
  Post("outcome", true);
  Run();
  disk_.room = 2;
  Post("too early", false);
  Run();
  EXPECT_THAT(refused_, ElementsAre("too early")) << "there is room, but not for the reserve";
  disk_.room = 10;
  Post("new work", false);
  Run();
  EXPECT_THAT(accepting_, ElementsAre(false, true));
  EXPECT_THAT(disk_.Texts(), ElementsAre("outcome", "new work"));
  EXPECT_EQ(disk_.reserve, 2);
}

TEST_F(FullDisk, AStartOnAFullDiskTakesNoNewWork) {
  disk_.room = disk_.reserve = 0;
  committer_.CheckRoom();
  EXPECT_THAT(accepting_, ElementsAre(false));
}

TEST_F(FullDisk, WithoutAReserveItHealsAsWell) {
  disk_.room = disk_.reserve = 0;
  disk_.wants_reserve = false;
  committer_.CheckRoom();
  Post("new work", false);
  Post("outcome", true);
  Run();
  EXPECT_THAT(refused_, ElementsAre("new work"));
  disk_.room = 10;
  Run();
  EXPECT_THAT(disk_.Texts(), ElementsAre("outcome"));
  EXPECT_THAT(accepting_, ElementsAre(false, true));
}

// The same on a real disk of 4 MiB, a quarter of it the reserve.
TEST(RealFullDisk, OutcomesAreRecordedOnARealFullDisk) {
  TempFolder folder;
  const std::string mount_point = folder.Path("disk");
  std::filesystem::create_directory(mount_point);
  if (mount("none", mount_point.c_str(), "tmpfs", 0, "size=4m") != 0) {
    GTEST_SKIP() << "needs the right to mount a small disk";
  }
  {
    auto opened = store::SqliteStore::Open(mount_point + "/crescendo.db",
                                           {.checkpoint_pages = 100, .reserve_mib = 1});
    ASSERT_TRUE(opened.ok()) << opened.status();
    ports::Store& store = **opened;
    const std::string reserve = mount_point + "/crescendo.db-reserve";
    EXPECT_EQ(std::filesystem::file_size(reserve), 1u << 20);
    std::vector<bool> accepting;
    Committer committer(&store, {.committed = [] {},
                                 .accepting = [&](bool now) { accepting.push_back(now); },
                                 .fatal = [](const absl::Status& why) { ADD_FAILURE() << why; }});
    committer.CheckRoom();
    int64_t acknowledged = 0;
    absl::Status last;
    const auto post = [&](bool critical) {
      Job job;
      job.critical = critical;
      const std::string text(900, 'x');
      job.writes.push_back(ports::AppendEvents{
          std::vector<Event>(critical ? 1 : 20, NewEvent(EventType::kAlert, text))});
      job.done = [&, critical](const absl::Status& status, absl::Span<ports::WriteResult>) {
        last = status;
        if (status.ok()) acknowledged += critical ? 1 : 20;
      };
      committer.Post(std::move(job));
      committer.RunPending();
    };
    for (int i = 0; i < 1000 && accepting.empty(); ++i) post(false);
    ASSERT_THAT(accepting, ElementsAre(false)) << "it never filled";
    EXPECT_TRUE(absl::IsResourceExhausted(last)) << last;
    EXPECT_FALSE(std::filesystem::exists(reserve));
    for (int i = 0; i < 400; ++i) {
      const int64_t before = acknowledged;
      post(true);
      ASSERT_EQ(acknowledged, before + 1) << "outcome " << i << " was not recorded";
      post(false);
      ASSERT_TRUE(absl::IsResourceExhausted(last)) << "new work was taken from the reserve";
    }
    EXPECT_EQ(store.LastEvent()->value(), acknowledged);
    // More room, as when somebody frees some.
    ASSERT_EQ(mount("none", mount_point.c_str(), "tmpfs", MS_REMOUNT, "size=8m"), 0);
    post(false);
    EXPECT_TRUE(last.ok()) << last;
    EXPECT_THAT(accepting, ElementsAre(false, true));
    EXPECT_EQ(std::filesystem::file_size(reserve), 1u << 20);
    EXPECT_EQ(store.LastEvent()->value(), acknowledged);
  }
  EXPECT_EQ(umount(mount_point.c_str()), 0);
}

}  // namespace
}  // namespace crescendo::engine
