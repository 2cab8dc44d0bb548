// Imports faster than the disk: the caller is slowed down, memory is bounded, nothing is
// lost (L3, L11).
#include <atomic>
#include <fstream>
#include <thread>

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;

using Request = v1::ImportRecipientsRequest;
using Response = v1::ImportRecipientsResponse;

constexpr size_t kMebibyte = 1 << 20;
// Of the process while 160 MiB are offered, which would be held twice: as bytes and as rows.
#if defined(__has_feature) && __has_feature(address_sanitizer)
constexpr size_t kMostGrowth = 1024 * kMebibyte;  // It keeps what is freed for a while.
#else
constexpr size_t kMostGrowth = 160 * kMebibyte;
#endif

// Of this process, which is caller and daemon.
size_t ResidentBytes() {
  size_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Chunk `number` of import `import`: so many recipients, each with variables of so many bytes.
Request Chunk(const std::string& import, int64_t number, int rows, size_t variable_bytes = 0) {
  Request request;
  request.mutable_chunk()->set_number(number);
  for (int i = 0; i < rows; ++i) {
    v1::RecipientInput* recipient = request.mutable_chunk()->add_recipients();
    recipient->set_address(absl::StrCat(import, "-", number, "-", i, "@x.test"));
    recipient->set_score(0.5);
    if (variable_bytes > 0) {
      (*recipient->mutable_variables())["body"] = std::string(variable_bytes, 'x');
    }
  }
  return request;
}

class Caller {
 public:
  Caller(Campaigns& stub, std::string import, bool validate_only = false)
      : import_(std::move(import)) {
    stream_ = stub.ImportRecipients(&context_);
    Request header;
    header.mutable_header()->set_campaign("campaigns/spring");
    header.mutable_header()->set_import_id(import_);
    header.mutable_header()->set_validate_only(validate_only);
    stream_->Write(header);
  }
  ~Caller() { context_.TryCancel(); }

  bool Send(int64_t number, int rows, size_t variable_bytes = 0) {
    return stream_->Write(Chunk(import_, number, rows, variable_bytes));
  }
  void SendEnd() { stream_->WritesDone(); }
  bool Read() {
    Response answer;
    return stream_->Read(&answer);
  }
  // Reads all answers; the last chunk that was acknowledged is `acknowledged`.
  absl::Status Finish() {
    for (Response answer; stream_->Read(&answer);) acknowledged = answer.number();
    return FromGrpc(stream_->Finish());
  }

  int64_t acknowledged = 0;

 private:
  const std::string import_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
};

class ImportPressureTest : public ServiceTest {
 protected:
  ImportPressureTest() : ServiceTest(nullptr, /*most_streams=*/200) {}
  void SetUp() override {
    ServiceTest::SetUp();
    MakeCampaign("spring");
  }
  void TearDown() override { rig_.store.Hold(false); }

  Campaigns& stub() { return StubOf<Campaigns>(); }
  int64_t LastChunk(const std::string& import) {
    return Ask(&Campaigns::GetImport, absl::StrCat("name: 'campaigns/spring/imports/", import, "'"))
        ->last_chunk();
  }
  int64_t Total() {
    return Ask(&Campaigns::GetCampaign, "name: 'campaigns/spring'")->counts().total();
  }
};

TEST_F(ImportPressureTest, ACallerOfLargeChunksWhoReadsNothingIsSlowedDown) {
  constexpr int64_t kChunks = 40;
  constexpr int kRows = 62;
  rig_.store.Hold(true);
  Caller caller(stub(), "large");
  const size_t before = ResidentBytes();
  std::atomic<int64_t> sent = 0;
  std::thread sender([&] {
    // Just under 4 MiB each.
    for (int64_t i = 1; i <= kChunks; ++i) {
      if (caller.Send(i, kRows, 64 << 10)) sent = i;
    }
    caller.SendEnd();
  });
  rig_.store.AwaitStuck();
  // As much again passes in a dry run, which needs no disk.
  Caller dry(stub(), "dry", /*validate_only=*/true);
  for (int64_t i = 1; i <= kChunks; ++i) ASSERT_TRUE(dry.Send(i, kRows, 64 << 10) && dry.Read());
  // Four are unanswered; gRPC's window takes a few more.
  EXPECT_LE(sent, 14);
  const size_t after = ResidentBytes();
  EXPECT_LT(after > before ? after - before : 0, kMostGrowth);
  rig_.store.Hold(false);
  const absl::Status status = caller.Finish();
  sender.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(sent, kChunks);
  EXPECT_EQ(caller.acknowledged, kChunks);
  EXPECT_EQ(Total(), kChunks * kRows);
}

TEST_F(ImportPressureTest, AHundredCallersWhoReadNothingWaitAndLoseNothing) {
  constexpr int kCallers = 100;
  constexpr int64_t kChunks = 6;
  constexpr int kRows = 10;
  rig_.store.Hold(true);
  std::vector<std::unique_ptr<Caller>> callers;
  std::vector<std::thread> senders;
  for (int i = 0; i < kCallers; ++i) {
    callers.push_back(std::make_unique<Caller>(stub(), absl::StrCat("list", i)));
    senders.emplace_back([&caller = *callers.back()] {
      for (int64_t chunk = 1; chunk <= kChunks; ++chunk) caller.Send(chunk, kRows);
      caller.SendEnd();
    });
  }
  for (std::thread& sender : senders) sender.join();
  rig_.store.AwaitStuck();
  // More chunks wait than the engine takes at once.
  Caller last(stub(), "last");
  last.Send(1, kRows);
  last.SendEnd();
  rig_.store.Hold(false);
  EXPECT_TRUE(last.Finish().ok());
  for (int i = 0; i < kCallers; ++i) {
    const absl::Status status = callers[static_cast<size_t>(i)]->Finish();
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(callers[static_cast<size_t>(i)]->acknowledged, kChunks);
    EXPECT_EQ(LastChunk(absl::StrCat("list", i)), kChunks);
  }
  EXPECT_EQ(Total(), kCallers * kChunks * kRows + kRows);
}

}  // namespace
}  // namespace crescendo::service
