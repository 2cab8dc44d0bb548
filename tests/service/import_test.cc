// One import stream: acknowledged in order, resumed after a cut, and never half stored.
#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

using Request = v1::ImportRecipientsRequest;
using Response = v1::ImportRecipientsResponse;

Request Chunk(int64_t number, const std::vector<std::string>& addresses) {
  Request request;
  request.mutable_chunk()->set_number(number);
  for (const std::string& address : addresses) {
    v1::RecipientInput* recipient = request.mutable_chunk()->add_recipients();
    recipient->set_address(address);
    recipient->set_score(0.5);
  }
  return request;
}

// The caller's end of a stream.
class Import {
 public:
  explicit Import(Campaigns& stub, const std::string& header = "",
                  gpr_timespec* deadline = nullptr) {
    if (deadline != nullptr) context_.set_deadline(*deadline);
    stream_ = stub.ImportRecipients(&context_);
    if (header != "none") {
      Send(Parse<Request>(
          absl::StrCat("header { campaign: 'campaigns/spring' import_id: 'list' ", header, " }")));
    }
  }
  // It ended unread: as after a cut of the line.
  ~Import() { context_.TryCancel(); }

  bool Send(const Request& request) { return stream_->Write(request); }
  void SendEnd() { stream_->WritesDone(); }
  std::optional<Response> Read() {
    Response response;
    return stream_->Read(&response) ? std::optional(response) : std::nullopt;
  }
  // Reads what is left first.
  absl::Status Finish() {
    while (Read().has_value()) ++unread_;
    return FromGrpc(stream_->Finish());
  }
  int unread() const { return unread_; }
  void Cut() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
  int unread_ = 0;
};

class ImportTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    MakeCampaign("spring");
  }
  Campaigns& stub() { return StubOf<Campaigns>(); }
  int64_t LastChunk() {
    const auto import = Ask(&Campaigns::GetImport, "name: 'campaigns/spring/imports/list'");
    EXPECT_TRUE(import.ok()) << import.status();
    return import->last_chunk();
  }
  int64_t Total() {
    return Ask(&Campaigns::GetCampaign, "name: 'campaigns/spring'")->counts().total();
  }
  // Sends the chunk on a stream of its own.
  absl::StatusOr<Response> SendOne(const Request& chunk, const std::string& header = "") {
    Import import(stub(), header);
    import.Send(chunk);
    import.SendEnd();
    const std::optional<Response> answer = import.Read();
    const absl::Status status = import.Finish();
    if (!status.ok()) return status;
    EXPECT_TRUE(answer.has_value());
    return *answer;
  }
};

TEST_F(ImportTest, ChunksAreAcknowledgedInOrderWithoutWaitingForEachOther) {
  Import import(stub());
  for (int i = 1; i <= 50; ++i) {
    ASSERT_TRUE(import.Send(Chunk(i, {absl::StrCat("u", i, "@x.test"), "same@x.test"})));
  }
  import.SendEnd();
  for (int i = 1; i <= 50; ++i) {
    const std::optional<Response> answer = import.Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->number(), i);
    EXPECT_TRUE(answer->durable());
    EXPECT_FALSE(answer->replayed());
    EXPECT_EQ(answer->added(), i == 1 ? 2 : 1);
    EXPECT_EQ(answer->duplicates(), i == 1 ? 0 : 1);
  }
  EXPECT_TRUE(import.Finish().ok());
  EXPECT_EQ(import.unread(), 0) << "one answer per chunk";
  EXPECT_EQ(LastChunk(), 50);
  EXPECT_EQ(Total(), 51);
}

TEST_F(ImportTest, UpdateScoresReRanksWhoIsThereAndAddsTheRest) {
  ASSERT_TRUE(SendOne(Chunk(1, {"a@x.test", "b@x.test"})).ok());
  Request scores = Chunk(2, {"b@x.test", "c@x.test"});
  for (v1::RecipientInput& one : *scores.mutable_chunk()->mutable_recipients()) one.set_score(0.9);
  const auto answer = SendOne(scores, "update_scores: true");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->updated(), 1);
  EXPECT_EQ(answer->added(), 1);
  EXPECT_EQ(answer->duplicates(), 0);
  const auto listed = Ask(&v1::DeliveryService::Stub::ListDeliveries,
                          "parent: 'campaigns/spring' address: 'b@x.test'");
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(listed->deliveries(0).score(), 0.9);
  EXPECT_EQ(SendOne(scores, "update_scores: true")->updated(), 1) << "the counts of then";
  EXPECT_TRUE(absl::IsInvalidArgument(SendOne(scores).status()))
      << "the same chunk means something else without it";
}

TEST_F(ImportTest, BothSpellingsOfADomainAreOneAddress) {
  const auto suppressed =
      Ask(&Suppressions::CreateSuppression, "suppression { address: 'cai@XN--BCHER-KVA.test' }");
  ASSERT_TRUE(suppressed.ok()) << suppressed.status();
  EXPECT_EQ(suppressed->name(), "suppressions/cai@xn--bcher-kva.test");
  EXPECT_TRUE(Ask(&Suppressions::GetSuppression, "name: 'suppressions/cai@bücher.test'").ok());

  const auto answer = SendOne(Chunk(1, {"ann@Bücher.test", "ann@xn--bcher-kva.test",
                                        "ann@BÜCHER。test", "Ann@bücher.test", "cai@bücher.test"}));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->added(), 2) << "the local part's case is the receiver's business";
  EXPECT_EQ(answer->duplicates(), 2);
  EXPECT_EQ(answer->suppressed(), 1);

  for (const char* spelling : {"ann@bücher.test", "ann@XN--bcher-KVA.test"}) {
    const auto found = Ask(&Deliveries::ListDeliveries,
                           absl::StrCat("parent: 'campaigns/-' address: '", spelling, "'"));
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_THAT(found->deliveries(), SizeIs(1)) << spelling;
    EXPECT_EQ(found->deliveries(0).address(), "ann@xn--bcher-kva.test");
  }
}

TEST_F(ImportTest, AnAcknowledgedChunkSentAgainAddsNobody) {
  const Request chunk = Chunk(1, {"a@x.test", "b@x.test"});
  ASSERT_TRUE(SendOne(chunk).ok());
  const auto again = SendOne(chunk);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->replayed());
  EXPECT_TRUE(again->durable());
  EXPECT_EQ(again->added(), 2) << "the counts of then";
  EXPECT_EQ(Total(), 2);
}

TEST_F(ImportTest, WhatBreaksTheOrderIsRefusedAndWhatCameBeforeStays) {
  struct Case {
    const char* name;
    Request chunk;
    StatusCode code;
    const char* says;
  };
  ASSERT_TRUE(SendOne(Chunk(1, {"a@x.test"})).ok());
  for (const Case& c :
       {Case{"a gap", Chunk(3, {"c@x.test"}), StatusCode::kFailedPrecondition, "chunk 3"},
        Case{"another body", Chunk(1, {"b@x.test"}), StatusCode::kInvalidArgument, "chunk 1"},
        Case{"chunk zero", Chunk(0, {"b@x.test"}), StatusCode::kInvalidArgument,
             "chunk.number is 0; chunks are 1, 2, 3"},
        Case{"a negative number", Chunk(-7, {"b@x.test"}), StatusCode::kInvalidArgument,
             "chunk.number is -7"}}) {
    SCOPED_TRACE(c.name);
    EXPECT_THAT(SendOne(c.chunk), FailsWith(c.code, c.says));
    EXPECT_EQ(LastChunk(), 1);
    EXPECT_EQ(Total(), 1);
  }
}

TEST_F(ImportTest, AfterAnErrorNothingMoreOfTheStreamIsStored) {
  Import import(stub());
  import.Send(Chunk(1, {"a@x.test"}));
  import.Send(Chunk(3, {"c@x.test"}));
  import.Send(Chunk(2, {"b@x.test"}));
  EXPECT_EQ(import.Read()->number(), 1);
  EXPECT_EQ(import.Finish().code(), StatusCode::kFailedPrecondition);
  const int64_t last = LastChunk();
  EXPECT_TRUE(last == 1 || last == 2) << last;
  EXPECT_EQ(Total(), last) << "chunk 2 may have been under way; never chunk 3";
}

TEST_F(ImportTest, ACutConnectionIsResumedWithNobodyDoubled) {
  constexpr int kChunks = 30;
  const auto chunk = [](int64_t number) {
    return Chunk(number,
                 {absl::StrCat("u", number, "@x.test"), absl::StrCat("v", number, "@x.test")});
  };
  int streams = 0;
  // Each stream is cut with some answers unread and some chunks perhaps not taken.
  for (int64_t last = 0; last < kChunks; last = LastChunk(), ++streams) {
    ASSERT_LT(streams, 2 * kChunks);
    Import import(stub());
    for (int64_t i = last + 1; i <= std::min<int64_t>(last + 5, kChunks); ++i)
      import.Send(chunk(i));
    EXPECT_EQ(import.Read()->number(), last + 1);
    import.Cut();
    EXPECT_EQ(import.Finish().code(), StatusCode::kCancelled);
  }
  EXPECT_GT(streams, 1);
  EXPECT_EQ(Total(), 2 * kChunks);
  // Also one who asks nobody and begins anew.
  Import import(stub());
  for (int i = 1; i <= kChunks; ++i) import.Send(chunk(i));
  import.SendEnd();
  EXPECT_TRUE(import.Finish().ok());
  EXPECT_EQ(import.unread(), kChunks);
  EXPECT_EQ(Total(), 2 * kChunks);
}

TEST_F(ImportTest, TooMuchInOneChunkIsRefused) {
  Request rows = Chunk(1, std::vector<std::string>(10'001, "a@x.test"));
  EXPECT_THAT(SendOne(rows), FailsWith(StatusCode::kInvalidArgument,
                                       "chunk 1: recipients has 10001 entries; at most 10000"));
  Request large = Chunk(1, {"a@x.test"});
  (*large.mutable_chunk()->mutable_recipients(0)->mutable_variables())["x"] =
      std::string(5 << 20, 'x');
  EXPECT_THAT(SendOne(large), FailsWith(StatusCode::kInvalidArgument, "at most 4 MiB"));
  (*large.mutable_chunk()->mutable_recipients(0)->mutable_variables())["x"] =
      std::string(33 << 20, 'x');
  EXPECT_EQ(SendOne(large).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Total(), 0);
  // As much as may be.
  std::vector<std::string> most;
  for (int i = 0; i < 10'000; ++i) most.push_back(absl::StrCat("u", i, "@x.test"));
  EXPECT_EQ(SendOne(Chunk(1, most))->added(), 10'000);
}

TEST_F(ImportTest, ABadRecipientIsNamedAndSpoilsItsChunkOnly) {
  struct Case {
    const char* name;
    std::function<void(v1::RecipientInput&)> spoil;
    const char* says;
  };
  const auto address = [](const std::string& text) {
    return [text](v1::RecipientInput& recipient) { recipient.set_address(text); };
  };
  const auto score = [](double value) {
    return [value](v1::RecipientInput& recipient) { recipient.set_score(value); };
  };
  const auto signals = [](const char* text) {
    return [text](v1::RecipientInput& recipient) {
      recipient.clear_score();
      *recipient.mutable_signals() = Parse<v1::EngagementSignals>(text);
    };
  };
  const auto variable = [](const std::string& name) {
    return [name](v1::RecipientInput& recipient) { (*recipient.mutable_variables())[name] = "x"; };
  };
  const std::vector<Case> cases = {
      {"no address", address(""), "has no @"},
      {"CR LF", address("a\r\n@x.test"), "0x0d before the @"},
      {"LF in the domain", address("a@x.test\nRCPT TO:<b@x.test>"), "address"},
      {"NUL", address(std::string("a\0@x.test", 9)), "0x00 before the @"},
      {"a blank", address("a b@x.test"), "0x20 before the @"},
      {"angle brackets", address("<a@x.test>"), "forbidden character <"},
      {"a quoted local part", address("\"a\"@x.test"), "forbidden character \""},
      {"an over-long local part", address(std::string(65, 'a') + "@x.test"), "at most 64"},
      {"an over-long domain", address("a@" + std::string(64, 'x') + ".test"), "not a host name"},
      {"an over-long address", address("a@" + std::string(400, 'x')), "at most 253"},
      {"NaN", score(std::nan("")), "score is nan; it must be 0 to 1"},
      {"infinity", score(std::numeric_limits<double>::infinity()), "score is inf"},
      {"above 1", score(1.01), "score is 1.01; it must be 0 to 1"},
      {"below 0", score(-0.01), "score is -0.01"},
      {"a negative count", signals("click_count: -1"), "signals.click_count is -1; it must be"},
      {"a count too large", signals("open_count: 1000001"), "signals.open_count is 1000001"},
      {"a time of no year", signals("last_click_time { seconds: 253402300800 }"),
       "signals.last_click_time is no time"},
      {"a variable without a name", variable(""), "variables has the name \"\""},
      {"a variable with a blank", variable("a b"), "variables has the name \"a b\""},
      {"a variable that ends itself", variable("a}}"), "variables has the name"},
      {"too many variables",
       [&](v1::RecipientInput& recipient) {
         for (int i = 0; i < 65; ++i) variable(absl::StrCat("v", i))(recipient);
       },
       "variables has 65 entries; at most 64"}};
  int64_t stored = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string good = absl::StrCat("good", stored, "@x.test");
    Request chunk = Chunk(stored + 1, {good, "bad@x.test"});
    c.spoil(*chunk.mutable_chunk()->mutable_recipients(1));
    const auto refused = SendOne(chunk);
    EXPECT_THAT(refused, FailsWith(StatusCode::kInvalidArgument, c.says));
    EXPECT_THAT(refused, FailsWith(StatusCode::kInvalidArgument,
                                   absl::StrCat("chunk ", stored + 1, ": recipients[1]:")));
    EXPECT_EQ(LastChunk(), stored) << "nothing of the chunk is stored";

    const auto skipped = SendOne(chunk, "skip_invalid: true");
    ASSERT_TRUE(skipped.ok()) << skipped.status();
    EXPECT_EQ(skipped->added(), 1);
    ASSERT_THAT(skipped->rejected(), SizeIs(1));
    EXPECT_EQ(skipped->rejected(0).index(), 1);
    EXPECT_THAT(skipped->rejected(0).fault(), HasSubstr(c.says));
    EXPECT_LE(skipped->rejected(0).address().size(), 320u);
    EXPECT_EQ(Total(), ++stored);
    const auto again = SendOne(chunk, "skip_invalid: true");
    EXPECT_TRUE(again->replayed());
    EXPECT_THAT(again->rejected(), SizeIs(1)) << "told again";
  }
}

TEST_F(ImportTest, WhatDoesNotBeginWithOneHeaderIsRefused) {
  struct Case {
    const char* name;
    std::vector<std::string> messages;
    StatusCode code;
    const char* says;
  };
  const std::string header = "header { campaign: 'campaigns/spring' import_id: 'list' }";
  for (const Case& c :
       {Case{"nothing at all", {}, StatusCode::kInvalidArgument, "header is missing"},
        Case{"a chunk first",
             {"chunk { number: 1 }"},
             StatusCode::kInvalidArgument,
             "header is missing; send it first"},
        Case{"two headers", {header, header}, StatusCode::kInvalidArgument, "a second time"},
        Case{"an empty message", {header, ""}, StatusCode::kInvalidArgument, "part is not set"},
        Case{"no import id",
             {"header { campaign: 'campaigns/spring' }"},
             StatusCode::kInvalidArgument,
             "header.import_id is empty"},
        Case{"an import id with a slash",
             {"header { campaign: 'campaigns/spring' import_id: 'a/b' }"},
             StatusCode::kInvalidArgument,
             "header.import_id may hold only"},
        Case{"a broken campaign",
             {"header { campaign: 'spring' import_id: 'list' }"},
             StatusCode::kInvalidArgument,
             "header.campaign is \"spring\"; its format is"},
        Case{"an unknown campaign",
             {"header { campaign: 'campaigns/none' import_id: 'list' }"},
             StatusCode::kNotFound,
             "none"}}) {
    SCOPED_TRACE(c.name);
    Import import(stub(), "none");
    for (const std::string& message : c.messages) import.Send(Parse<Request>(message));
    import.SendEnd();
    const absl::Status status = import.Finish();
    EXPECT_EQ(status.code(), c.code);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.says));
  }
  EXPECT_EQ(Total(), 0);
}

TEST_F(ImportTest, ACallerThatClosesItsHalfEarlyIsStillAnswered) {
  Import empty(stub());
  empty.SendEnd();
  EXPECT_TRUE(empty.Finish().ok()) << "an import of nobody";
  // The answers are still under way when the end of stream is there.
  Import import(stub());
  for (int i = 1; i <= 3; ++i) import.Send(Chunk(i, {absl::StrCat("u", i, "@x.test")}));
  import.SendEnd();
  EXPECT_TRUE(import.Finish().ok());
  EXPECT_EQ(import.unread(), 3);
  EXPECT_EQ(Total(), 3);
}

TEST_F(ImportTest, ADeadlineEndsItAndItResumes) {
  rig_.store.Hold(true);
  gpr_timespec deadline =
      gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_millis(100, GPR_TIMESPAN));
  {
    Import import(stub(), "", &deadline);
    import.Send(Chunk(1, {"a@x.test"}));
    EXPECT_EQ(import.Finish().code(), StatusCode::kDeadlineExceeded);
  }
  rig_.store.Hold(false);
  const auto again = SendOne(Chunk(1, {"a@x.test"}));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->added(), 1);
  EXPECT_EQ(Total(), 1);
}

TEST_F(ImportTest, AFullDiskRefusesAndTheImportGoesOnWhenThereIsRoom) {
  ASSERT_TRUE(SendOne(Chunk(1, {"a@x.test"})).ok());
  rig_.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(SendOne(Chunk(2, {"b@x.test"})),
              FailsWith(StatusCode::kResourceExhausted, "chunk 2"));
  rig_.store.Heal();
  EXPECT_EQ(SendOne(Chunk(2, {"b@x.test"}))->added(), 1);
  EXPECT_EQ(Total(), 2);
}

TEST_F(ImportTest, NothingIsImportedIntoACancelledCampaign) {
  Import open(stub());
  open.Send(Chunk(1, {"a@x.test"}));
  EXPECT_EQ(open.Read()->added(), 1);
  ASSERT_TRUE(Ask(&Campaigns::CancelCampaign, "name: 'campaigns/spring'").ok());
  EXPECT_THAT(SendOne(Chunk(2, {"b@x.test"})),
              FailsWith(StatusCode::kFailedPrecondition, "CANCELLED"));
  open.Send(Chunk(2, {"b@x.test"}));
  EXPECT_EQ(open.Finish().code(), StatusCode::kFailedPrecondition)
      << "nor by a stream that is open";
  EXPECT_EQ(Total(), 1);
}

TEST_F(ImportTest, ADryRunChecksAndStoresNothing) {
  const std::string before = Everything();
  const auto answer =
      SendOne(Chunk(1, {"a@x.test", "b"}), "validate_only: true skip_invalid: true");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->added(), 1);
  EXPECT_THAT(answer->rejected(), SizeIs(1));
  EXPECT_FALSE(answer->durable());
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(LastChunk(), 0);
}

TEST_F(ImportTest, StreamsHaveALimitAndEndWithTheDaemon) {
  std::vector<std::unique_ptr<Import>> open;
  for (size_t i = 0; i < most_streams_; ++i) {
    open.push_back(std::make_unique<Import>(stub()));
    open.back()->Send(Chunk(1, {"a@x.test"}));
    EXPECT_TRUE(open.back()->Read().has_value());
  }
  EXPECT_EQ(server_->open_streams(), most_streams_);
  Import more(stub());
  const absl::Status refused = more.Finish();
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("20 streams are open"));
  server_->BeginStop();
  for (const auto& import : open) {
    EXPECT_EQ(import->Finish().code(), StatusCode::kUnavailable);
  }
  Import late(stub());
  EXPECT_EQ(late.Finish().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace crescendo::service
