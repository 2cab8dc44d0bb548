// What retention leaves of lists and streams, and what it says of the rest.
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;

int64_t NumberOf(absl::string_view event) {
  int64_t number = -1;
  EXPECT_TRUE(absl::ConsumePrefix(&event, "events/") && absl::SimpleAtoi(event, &number)) << event;
  return number;
}

class RetentionTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    MakeCampaign("spring");
  }
  void Suppress(const std::string& address) {
    const auto added = Ask(&Suppressions::CreateSuppression,
                           absl::StrCat("suppression { address: '", address, "' reason: MANUAL }"));
    ASSERT_TRUE(added.ok()) << added.status();
  }
  void Import(int64_t chunk, const std::vector<std::string>& addresses) {
    ASSERT_TRUE(rig_.Import("spring", chunk, addresses).ok());
  }
  v1::ListDeliveriesResponse List(const std::string& state = "") {
    const auto page =
        Ask(&Deliveries::ListDeliveries, absl::StrCat("parent: 'campaigns/spring' ", state));
    EXPECT_TRUE(page.ok()) << page.status();
    return *page;
  }
  v1::ListEventsResponse AllEvents() {
    const auto page = Ask(&Events::ListEvents, "page_size: 1000");
    EXPECT_TRUE(page.ok()) << page.status();
    return *page;
  }
  // The first event behind the cursor; or why there is none.
  absl::StatusOr<v1::Event> FirstBehind(const std::string& cursor) {
    grpc::ClientContext context;
    const auto stream = StubOf<Events>().StreamEvents(
        &context, Parse<v1::StreamEventsRequest>(absl::StrCat("after_event: '", cursor, "'")));
    v1::Event event;
    if (stream->Read(&event)) {
      context.TryCancel();
      return event;
    }
    return FromGrpc(stream->Finish());
  }
  // All that is finished and a year old is gone.
  void Sweep() {
    const int64_t before = NumberOf(AllEvents().first_event());
    rig_.clock.Advance(absl::Hours(24 * 365));
    while (NumberOf(AllEvents().first_event()) == before) std::this_thread::yield();
  }
};

TEST_F(RetentionTest, PrunedDeliveriesAreToldByNumber) {
  Suppress("never@x.test");
  Import(1, {"never@x.test", "a@x.test", "b@x.test", "c@x.test"});
  Suppress("a@x.test");
  Suppress("b@x.test");
  EXPECT_EQ(List().pruned_count(), 0);
  const std::string counts =
      Ask(&Campaigns::GetCampaign, "name: 'campaigns/spring'")->counts().DebugString();
  Sweep();
  // One that waits stays, however old it is.
  const v1::ListDeliveriesResponse all = List();
  ASSERT_EQ(all.deliveries_size(), 1);
  EXPECT_EQ(all.deliveries(0).address(), "c@x.test");
  EXPECT_EQ(all.pruned_count(), 3);
  EXPECT_EQ(List("state: SUPPRESSED").pruned_count(), 3);
  EXPECT_EQ(List("state: SUPPRESSED").deliveries_size(), 0);
  EXPECT_EQ(List("state: ACCEPTED").pruned_count(), 0);
  EXPECT_EQ(Ask(&Campaigns::GetCampaign, "name: 'campaigns/spring'")->counts().DebugString(),
            counts)
      << "the campaign counts them still";
}

TEST_F(RetentionTest, TheOldestKeptEventIsNamed) {
  v1::ListEventsResponse events = AllEvents();
  EXPECT_EQ(events.first_event(), "events/1");
  EXPECT_EQ(events.events(0).name(), "events/1");
  Sweep();
  events = AllEvents();
  EXPECT_EQ(events.events_size(), 0);
  const int64_t last = NumberOf(events.last_event());
  EXPECT_EQ(events.first_event(), absl::StrCat("events/", last + 1)) << "the one that comes next";
  Suppress("new@x.test");
  events = AllEvents();
  ASSERT_EQ(events.events_size(), 1);
  EXPECT_EQ(events.first_event(), absl::StrCat("events/", last + 1));
  EXPECT_EQ(events.events(0).name(), events.first_event());
}

TEST_F(RetentionTest, ACursorAmongPrunedEventsIsToldWhereToGoOn) {
  Sweep();
  Suppress("new@x.test");
  const v1::ListEventsResponse kept = AllEvents();
  const int64_t first = NumberOf(kept.first_event());
  ASSERT_GT(first, 3);
  const std::string behind = absl::StrCat("events/", first - 1);
  for (const int64_t cursor : {int64_t{1}, first - 2}) {
    EXPECT_THAT(
        FirstBehind(absl::StrCat("events/", cursor)),
        FailsWith(StatusCode::kFailedPrecondition,
                  absl::StrCat("after_event is events/", cursor, "; the events up to ", behind,
                               " are older than the retention and gone: go on "
                               "behind ",
                               behind)));
  }
  // As it says, there is no gap; and from the very beginning it is as good.
  for (const std::string& cursor : {behind, std::string("events/0")}) {
    const auto next = FirstBehind(cursor);
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_EQ(next->name(), kept.first_event());
  }
}

}  // namespace
}  // namespace crescendo::service
