// Event streams and plan watches: no gap, no repeat, and a clean end.
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

template <class Message>
class Reader {
 public:
  template <class Stub, class Method, class Request>
  Reader(Stub& stub, Method method, const Request& request)
      : stream_((stub.*method)(&context_, request)) {}
  ~Reader() { context_.TryCancel(); }

  std::optional<Message> Read() {
    Message message;
    return stream_->Read(&message) ? std::optional(message) : std::nullopt;
  }
  // Reads so many.
  std::vector<std::string> Names(size_t count) {
    std::vector<std::string> names;
    while (names.size() < count) {
      const std::optional<Message> message = Read();
      if (!message.has_value()) break;
      names.push_back(message->name());
    }
    return names;
  }
  absl::Status Finish() {
    while (Read().has_value()) {
    }
    return FromGrpc(stream_->Finish());
  }
  absl::Status Cancel() {
    context_.TryCancel();
    return Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<Message>> stream_;
};

class StreamsTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    ASSERT_TRUE(Ask(&Plans::CreatePlan,
                    "plan_id: 'warm-a' target: 100 plan { egress_ip: 'egressIps/mta1-a' }")
                    .ok());
    ASSERT_TRUE(Ask(&Plans::StartPlan, "name: 'plans/warm-a'").ok());
  }
  std::unique_ptr<Reader<v1::Event>> Stream(const std::string& request) {
    return std::make_unique<Reader<v1::Event>>(StubOf<Events>(), &Events::StreamEvents,
                                               Parse<v1::StreamEventsRequest>(request));
  }
  std::unique_ptr<Reader<v1::PlanProgress>> Watch(const std::string& request) {
    return std::make_unique<Reader<v1::PlanProgress>>(StubOf<Plans>(), &Plans::WatchPlanProgress,
                                                      Parse<v1::WatchPlanProgressRequest>(request));
  }
  // So many events, in one commit.
  void MakeEvents(int count, const std::string& domain) {
    std::vector<Suppression> suppressions;
    for (int i = 0; i < count; ++i) {
      suppressions.push_back(
          {absl::StrCat("u", i, "@", domain), SuppressionReason::kManual, "", {}});
    }
    const auto done = rig_.Await<int64_t>(
        [&](auto answer) { rig_.engine().Suppress(suppressions, {}, std::move(answer)); });
    ASSERT_TRUE(done.ok()) << done.status();
  }
  std::vector<std::string> AllEvents(const std::string& filter = "") {
    std::vector<std::string> names;
    std::string token;
    do {
      const auto page = Ask(&Events::ListEvents,
                            absl::StrCat("page_size: 1000 ", filter, " page_token: '", token, "'"));
      for (const v1::Event& event : page->events()) names.push_back(event.name());
      token = page->next_page_token();
    } while (!token.empty());
    return names;
  }
  void AwaitNoStreams() {
    while (server_->open_streams() > 0) std::this_thread::yield();
  }
};

TEST_F(StreamsTest, EventsResumeBehindACursorWithoutGapOrRepeat) {
  std::string cursor = "events/0";
  std::vector<std::string> got;
  for (int round = 0; round < 5; ++round) {
    // More than a page of the store's, some of it while the stream is open.
    MakeEvents(150, absl::StrCat("before", round, ".test"));
    const auto stream = Stream(absl::StrCat("after_event: '", cursor, "'"));
    std::thread writer([&] { MakeEvents(150, absl::StrCat("during", round, ".test")); });
    const std::vector<std::string> names = stream->Names(200);
    writer.join();
    ASSERT_EQ(names.size(), 200u);
    got.insert(got.end(), names.begin(), names.end());
    cursor = got.back();
    EXPECT_EQ(stream->Cancel().code(), StatusCode::kCancelled);
  }
  const std::vector<std::string> all = AllEvents();
  const auto rest =
      Stream(absl::StrCat("after_event: '", cursor, "'"))->Names(all.size() - got.size());
  got.insert(got.end(), rest.begin(), rest.end());
  EXPECT_THAT(got, ElementsAreArray(all));
  AwaitNoStreams();
}

TEST_F(StreamsTest, WithoutACursorOnlyNewEventsCome) {
  const auto stream = Stream("");
  // Where it begins is not known before it has begun: make events until one comes.
  std::thread writer;
  std::atomic<bool> stop = false;
  const size_t before = AllEvents().size();
  writer = std::thread([&] {
    for (int i = 0; !stop; ++i) MakeEvents(1, absl::StrCat("new", i, ".test"));
  });
  const std::vector<std::string> got = stream->Names(3);
  stop = true;
  writer.join();
  const std::vector<std::string> all = AllEvents();
  const auto first = std::find(all.begin(), all.end(), got.front());
  ASSERT_NE(first, all.end());
  EXPECT_GE(static_cast<size_t>(first - all.begin()), before);
  EXPECT_THAT(got, ElementsAreArray(first, first + 3));
}

TEST_F(StreamsTest, AFilterLeavesOutTheRest) {
  const auto plan = Stream(
      "after_event: 'events/0' filter { plan: 'plans/warm-a' types: [PLAN_PAUSED, "
      "PLAN_RESUMED] }");
  const auto address = Stream("after_event: 'events/0' filter { types: SUPPRESSION_ADDED }");
  MakeEvents(600, "noise.test");
  ASSERT_TRUE(Ask(&Plans::PausePlan, "name: 'plans/warm-a'").ok());
  MakeEvents(1, "noise2.test");
  ASSERT_TRUE(Ask(&Plans::ResumePlan, "name: 'plans/warm-a'").ok());
  EXPECT_EQ(plan->Read()->type(), v1::Event::PLAN_PAUSED);
  EXPECT_EQ(plan->Read()->type(), v1::Event::PLAN_RESUMED);
  EXPECT_THAT(address->Names(601),
              ElementsAreArray(AllEvents("filter { types: SUPPRESSION_ADDED }")));
}

TEST_F(StreamsTest, ASlowReaderMissesNothingAndHoldsUpNobody) {
  const auto slow = Stream("after_event: 'events/0'");
  const auto fast = Stream("after_event: 'events/0'");
  MakeEvents(20'000, "flood.test");
  const std::vector<std::string> all = AllEvents();
  EXPECT_THAT(fast->Names(all.size()), ElementsAreArray(all));
  EXPECT_THAT(slow->Names(all.size()), ElementsAreArray(all));
}

TEST_F(StreamsTest, ABadStreamIsRefused) {
  struct Case {
    const char *name, *request, *says;
  };
  for (const Case& c :
       {Case{"no cursor", "after_event: 'x'", "after_event is \"x\"; its format is events/{event}"},
        Case{"a cursor ahead", "after_event: 'events/999999'", "which has not happened"},
        Case{"a negative cursor", "after_event: 'events/-1'", "decimal number"},
        Case{"an unknown type", "filter { types: 99 }", "filter.types[0] is 99"},
        Case{"a broken filter", "filter { campaign: 'x' }", "filter.campaign"}}) {
    SCOPED_TRACE(c.name);
    const absl::Status status = Stream(c.request)->Finish();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.says));
  }
  AwaitNoStreams();
}

TEST_F(StreamsTest, AWatchTellsWhatHasChangedAndNothingElse) {
  const auto watch = Watch("name: 'plans/warm-a' min_interval { nanos: 100000000 }");
  EXPECT_EQ(watch->Read()->plan().state(), v1::Plan::ACTIVE) << "the first at once";
  ASSERT_TRUE(Ask(&Plans::PausePlan, "name: 'plans/warm-a'").ok());
  EXPECT_EQ(watch->Read()->plan().state(), v1::Plan::PAUSED);
  // Of another IP: nothing of it is told, so the next answer is of the next change here.
  ASSERT_TRUE(Ask(&Lanes::PauseLane, "name: 'egressIps/mta1-b/lanes/gmail'").ok());
  ASSERT_TRUE(Ask(&Lanes::PauseLane, "name: 'egressIps/mta1-a/lanes/gmail'").ok());
  const std::optional<v1::PlanProgress> third = watch->Read();
  ASSERT_EQ(third->lanes_size(), 1);
  EXPECT_EQ(third->lanes(0).state(), v1::Lane::PAUSED);
  EXPECT_TRUE(third->has_read_time());
  EXPECT_EQ(watch->Cancel().code(), StatusCode::kCancelled);
  AwaitNoStreams();
}

TEST_F(StreamsTest, AnIdleWatchTellsNothing) {
  const auto idle = Watch("name: 'plans/warm-a' min_interval { nanos: 100000000 }");
  ASSERT_TRUE(idle->Read().has_value());
  // Others, of the same interval, show that time passes: each answer of theirs is a look of its.
  const auto busy = Watch("name: 'plans/warm-a' min_interval { nanos: 100000000 }");
  ASSERT_TRUE(busy->Read().has_value());
  ASSERT_TRUE(Ask(&EgressIps::CreateEgressIp,
                  "egress_ip_id: 'c' egress_ip { address: '192.0.2.9' ehlo_name: 'a.example' }")
                  .ok());
  ASSERT_TRUE(
      Ask(&Plans::CreatePlan, "plan_id: 'other' target: 9 plan { egress_ip: 'egressIps/c' }").ok());
  const auto other = Watch("name: 'plans/other' min_interval { nanos: 100000000 }");
  ASSERT_TRUE(other->Read().has_value());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Ask(&Plans::UpdatePlan,
                    absl::StrCat("plan { name: 'plans/other' stages { days: 1 daily_cap: ", 10 + i,
                                 " } } update_mask { paths: 'stages' }"))
                    .ok());
    ASSERT_EQ(other->Read()->plan().stages(0).daily_cap(), 10 + i);
  }
  ASSERT_TRUE(Ask(&Plans::PausePlan, "name: 'plans/warm-a'").ok());
  EXPECT_EQ(idle->Read()->plan().state(), v1::Plan::PAUSED) << "the first since the first";
  EXPECT_EQ(busy->Read()->plan().state(), v1::Plan::PAUSED);
}

TEST_F(StreamsTest, ABadWatchIsRefused) {
  struct Case {
    const char *name, *request;
    StatusCode code;
    const char* says;
  };
  for (const Case& c :
       {Case{"no name", "", StatusCode::kInvalidArgument, "name is empty"},
        Case{"an unknown plan", "name: 'plans/none'", StatusCode::kNotFound, "none"},
        Case{"too often", "name: 'plans/warm-a' min_interval { nanos: 99999999 }",
             StatusCode::kInvalidArgument, "min_interval is 99.999999ms; it must be 100ms to 1h"},
        Case{"backwards", "name: 'plans/warm-a' min_interval { seconds: -1 }",
             StatusCode::kInvalidArgument, "min_interval is -1s"},
        Case{"too seldom", "name: 'plans/warm-a' min_interval { seconds: 3601 }",
             StatusCode::kInvalidArgument, "min_interval"},
        Case{"no duration", "name: 'plans/warm-a' min_interval { seconds: 1 nanos: -1 }",
             StatusCode::kInvalidArgument, "min_interval is no duration"}}) {
    SCOPED_TRACE(c.name);
    const absl::Status status = Watch(c.request)->Finish();
    EXPECT_EQ(status.code(), c.code);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.says));
  }
  AwaitNoStreams();
}

TEST_F(StreamsTest, AllStreamsEndWithTheDaemon) {
  const auto events = Stream("after_event: 'events/0'");
  ASSERT_TRUE(events->Read().has_value());
  const auto watch = Watch("name: 'plans/warm-a'");
  ASSERT_TRUE(watch->Read().has_value());
  EXPECT_EQ(server_->open_streams(), 2u);
  server_->BeginStop();
  EXPECT_EQ(events->Finish().code(), StatusCode::kUnavailable);
  EXPECT_EQ(watch->Finish().code(), StatusCode::kUnavailable);
  AwaitNoStreams();
  EXPECT_TRUE(Ask(&Plans::GetPlan, "name: 'plans/warm-a'").ok()) << "other calls go on";
  EXPECT_EQ(Watch("name: 'plans/warm-a'")->Finish().code(), StatusCode::kUnavailable);
  server_->Stop(absl::ZeroDuration());
}

TEST_F(StreamsTest, ADaemonThatStopsUnderOpenStreamsLeavesNone) {
  std::vector<std::unique_ptr<Reader<v1::Event>>> events;
  std::vector<std::unique_ptr<Reader<v1::PlanProgress>>> watches;
  for (int i = 0; i < 8; ++i) {
    events.push_back(Stream("after_event: 'events/0'"));
    watches.push_back(Watch("name: 'plans/warm-a' min_interval { nanos: 100000000 }"));
  }
  for (const auto& watch : watches) ASSERT_TRUE(watch->Read().has_value());
  MakeEvents(500, "x.test");
  StopDaemon();
  for (const auto& stream : events) EXPECT_FALSE(stream->Finish().ok());
  for (const auto& watch : watches) EXPECT_FALSE(watch->Finish().ok());
}

}  // namespace
}  // namespace crescendo::service
