// BackupStore: what it tells, what it leaves, and what is in the copy.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "store/sqlite/check.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr size_t kMebibyte = 1 << 20;
constexpr size_t kStoreBytes = 16 * kMebibyte;

// The caller's end of a backup.
class Backup {
 public:
  Backup(Stores& stub, const std::string& path) {
    v1::BackupStoreRequest request;
    request.set_path(path);
    stream_ = stub.BackupStore(&context_, request);
  }
  ~Backup() { context_.TryCancel(); }

  std::optional<v1::BackupStoreResponse> Read() {
    v1::BackupStoreResponse response;
    return stream_->Read(&response) ? std::optional(response) : std::nullopt;
  }
  // What is left unread first.
  absl::Status Finish() {
    for (auto next = Read(); next.has_value(); next = Read()) last_ = *next;
    return FromGrpc(stream_->Finish());
  }
  absl::Status Cancel() {
    context_.TryCancel();
    return Finish();
  }
  const v1::BackupStoreResponse& last() const { return last_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::BackupStoreResponse>> stream_;
  v1::BackupStoreResponse last_;
};

class BackupTest : protected HasFileStore, public ServiceTest {
 protected:
  BackupTest() : ServiceTest(file.get()) {
    Event event;
    event.text = std::string(1000, 'x');
    std::vector<ports::WriteResult> results;
    const absl::Status status = file.get()->Commit(
        {ports::AppendEvents{std::vector<Event>(kStoreBytes / 1000, event)}}, &results);
    EXPECT_TRUE(status.ok()) << status;
  }
  void TearDown() override { StopDaemon(); }

  std::unique_ptr<Backup> Begin(const std::string& path) {
    return std::make_unique<Backup>(StubOf<Stores>(), path);
  }
  absl::Status Suppress(const std::string& address) {
    return Ask(&Suppressions::CreateSuppression,
               absl::StrCat("suppression { address: '", address, "' reason: MANUAL }"))
        .status();
  }
  // Holds the backup that is begun next in its middle, until Release.
  void HoldInTheMiddle() {
    held_ = release_.get_future().share();
    Look();
  }
  void AwaitHeld() { middle_.get_future().wait(); }
  void Release() { release_.set_value(); }
  void AwaitNoStreams() {
    while (server_->open_streams() > 0) std::this_thread::yield();
  }
  // Nothing of a backup is left in the folder.
  bool NothingLeft() const {
    return !std::filesystem::exists(path_) && !std::filesystem::exists(path_ + ".partial");
  }

  const std::string path_ = file.Path("backup.db");

 private:
  // Between two rounds of the committer a backup makes one step of a MiB; it begins to write when
  // it has read 8.
  void Look() {
    ASSERT_TRUE(rig_.engine().Read([this](ports::Store&) {
      std::error_code none;
      const auto size = std::filesystem::file_size(path_ + ".partial", none);
      if (!none && size >= kMebibyte) {
        middle_.set_value();
        return held_.wait();
      }
      Look();
    }));
  }

  std::promise<void> middle_, release_;
  std::shared_future<void> held_;
};

TEST_F(BackupTest, TellsHowFarItIsAndHoldsWhatWasAcknowledged) {
  std::set<std::string> before;
  for (int i = 0; i < 20; ++i) {
    const std::string address = absl::StrCat("early", i, "@x.test");
    ASSERT_TRUE(Suppress(address).ok());
    before.insert(address);
  }
  std::atomic<bool> over = false;
  std::thread writer([&] {
    for (int i = 0; !over; ++i) ASSERT_TRUE(Suppress(absl::StrCat("late", i, "@x.test")).ok());
  });
  const auto backup = Begin(path_);
  int64_t told = 0, copied = 0;
  v1::BackupStoreResponse last;
  for (auto next = backup->Read(); next.has_value(); next = backup->Read()) {
    EXPECT_FALSE(last.complete()) << "the last answer";
    last = *next;
    ++told;
    EXPECT_EQ(last.path(), path_);
    EXPECT_GE(last.copied_bytes(), copied);
    EXPECT_LE(last.copied_bytes(), last.total_bytes());
    EXPECT_EQ(std::filesystem::exists(path_), last.complete()) << "named when it is complete";
    copied = last.copied_bytes();
  }
  over = true;
  writer.join();
  const absl::Status status = backup->Finish();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(last.complete());
  EXPECT_EQ(last.copied_bytes(), last.total_bytes());
  EXPECT_GT(last.total_bytes(), static_cast<int64_t>(kStoreBytes));
  EXPECT_GE(told, 2) << "a slow caller sees fewer than one a MiB, but some";

  const auto checks = store::CheckStore(path_).value();
  for (const store::CheckResult& check : checks) {
    EXPECT_TRUE(check.ok) << check.check << ": " << check.detail;
  }
  const auto copy = store::SqliteStore::Open(path_);
  ASSERT_TRUE(copy.ok()) << copy.status();
  const auto suppressions = (*copy)->ListSuppressions("", 100'000).value();
  for (const Suppression& one : suppressions) before.erase(one.address);
  EXPECT_TRUE(before.empty()) << before.size() << " acknowledged ones are not in it";
  EXPECT_EQ((*copy)->LoadDirectory()->egress_ips.size(), 2u);
}

TEST_F(BackupTest, NothingIsOverwritten) {
  for (const char* end : {"", ".partial"}) {
    SCOPED_TRACE(end);
    std::ofstream(path_ + end) << "mine";
    const absl::Status status = Begin(path_)->Finish();
    EXPECT_EQ(status.code(), StatusCode::kAlreadyExists) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
    EXPECT_EQ(std::filesystem::file_size(path_ + end), 4u);
    std::filesystem::remove(path_ + end);
    EXPECT_TRUE(NothingLeft());
  }
  EXPECT_TRUE(Begin(path_)->Finish().ok());
  EXPECT_EQ(Begin(path_)->Finish().code(), StatusCode::kAlreadyExists);
  EXPECT_TRUE(store::SqliteStore::Open(path_).ok()) << "the first one is as it was";
}

TEST_F(BackupTest, ABadPathIsRefused) {
  struct Case {
    const char* name;
    std::string path;
    StatusCode code;
    const char* says;
  };
  const std::string folder = file.Path("");
  for (const Case& c :
       {Case{"none", "", StatusCode::kInvalidArgument, "path is \"\"; name a file"},
        Case{"a relative one", "backup.db", StatusCode::kInvalidArgument, "absolute path"},
        Case{"a folder's", folder, StatusCode::kInvalidArgument, "name a file"},
        Case{"a NUL", folder + std::string("a\0b", 3), StatusCode::kInvalidArgument, "path"},
        Case{"no text", folder + "\xff", StatusCode::kInvalidArgument, "not UTF-8"},
        Case{"a long one", "/" + std::string(4000, 'x'), StatusCode::kInvalidArgument,
             "is 4001 bytes long; at most 4000"},
        Case{"a folder that is not there", folder + "none/b.db", StatusCode::kFailedPrecondition,
             "none/b.db"},
        Case{"an existing folder", file.Path("."), StatusCode::kAlreadyExists, ""}}) {
    SCOPED_TRACE(c.name);
    const absl::Status status = Begin(c.path)->Finish();
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.says));
  }
  AwaitNoStreams();
  EXPECT_TRUE(Begin(path_)->Finish().ok()) << "the next one";
}

TEST_F(BackupTest, ACallerWhoLeavesTakesTheCopyAway) {
  HoldInTheMiddle();
  const auto backup = Begin(path_);
  const auto first = backup->Read();
  ASSERT_TRUE(first.has_value());
  AwaitHeld();
  EXPECT_FALSE(first->complete());
  EXPECT_EQ(backup->Cancel().code(), StatusCode::kCancelled);
  AwaitNoStreams();
  EXPECT_TRUE(std::filesystem::exists(path_ + ".partial")) << "it was in the middle";
  Release();
  // While the last one is being ended, another is refused.
  absl::Status next;
  do {
    next = Begin(path_)->Finish();
  } while (absl::IsFailedPrecondition(next));
  EXPECT_TRUE(next.ok()) << next;
}

TEST_F(BackupTest, OneAtATime) {
  HoldInTheMiddle();
  const auto first = Begin(path_);
  ASSERT_TRUE(first->Read().has_value());
  AwaitHeld();
  const absl::Status second = Begin(file.Path("other.db"))->Finish();
  EXPECT_EQ(second.code(), StatusCode::kFailedPrecondition) << second;
  EXPECT_THAT(std::string(second.message()), HasSubstr("a backup is being made"));
  Release();
  EXPECT_TRUE(first->Finish().ok());
  EXPECT_TRUE(first->last().complete());
  EXPECT_FALSE(std::filesystem::exists(file.Path("other.db")));
}

TEST_F(BackupTest, TheDaemonsEndEndsIt) {
  HoldInTheMiddle();
  const auto backup = Begin(path_);
  ASSERT_TRUE(backup->Read().has_value());
  AwaitHeld();
  server_->BeginStop();
  EXPECT_EQ(backup->Finish().code(), StatusCode::kUnavailable);
  Release();
  StopDaemon();
  EXPECT_TRUE(NothingLeft());
}

}  // namespace
}  // namespace crescendo::service
