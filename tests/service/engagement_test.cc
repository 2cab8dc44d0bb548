// RecordEngagement and GetEngagement: good events count once, bad ones are named, and both are
// told.
#include <limits>

#include "absl/strings/str_cat.h"
#include "crescendo/v1/engagement.grpc.pb.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::SizeIs;

class EngagementTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    MakeCampaign("spring");
    Import(
        "address: 'ann@x.test'"
        " signals { open_count: 2 last_open_time { seconds: 1770000000 } }");
    Import("address: 'given@x.test' score: 0.5");
  }
  void Import(const std::string& recipient) {
    grpc::ClientContext context;
    const auto stream = StubOf<Campaigns>().ImportRecipients(&context);
    stream->Write(Parse<v1::ImportRecipientsRequest>(
        absl::StrCat("header { campaign: 'campaigns/spring' import_id: 'list", ++imports_, "' }")));
    stream->Write(Parse<v1::ImportRecipientsRequest>(
        absl::StrCat("chunk { number: 1 recipients { ", recipient, " } }")));
    stream->WritesDone();
    v1::ImportRecipientsResponse response;
    EXPECT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.added(), 1) << recipient;
    EXPECT_TRUE(stream->Finish().ok());
  }
  absl::StatusOr<v1::RecordEngagementResponse> Record(const std::string& text) {
    return Ask(&Engagements::RecordEngagement, text);
  }
  absl::StatusOr<v1::Engagement> Get(const std::string& address) {
    return Ask(&Engagements::GetEngagement, absl::StrCat("name: 'engagements/", address, "'"));
  }
  std::string Now(int64_t seconds_ahead = 0) {
    return absl::StrCat(
        "time { seconds: ", absl::ToUnixSeconds(rig_.clock.Now().wall) + seconds_ahead, " }");
  }

  int imports_ = 0;
};

TEST_F(EngagementTest, CountsEachEventOnceAndSaysWhereTheScoreComesFrom) {
  const double before = Get("ann@x.test")->waiting(0).score();
  const std::string click =
      absl::StrCat("events { address: 'ann@X.test' kind: CLICK ", Now(-7200), " }");
  const auto first = Record(click + click);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->recorded(), 1);
  EXPECT_EQ(first->repeated(), 1) << "the same address, kind and time";
  EXPECT_EQ(first->reranked(), 1);
  EXPECT_EQ(Record(click)->repeated(), 1);

  // By its id it is the same whatever else it says, and another one whatever else is the same.
  const std::string with_id =
      absl::StrCat("events { address: 'ann@x.test' kind: CLICK event_id: 'e1' ", Now(-7200), " }");
  EXPECT_EQ(Record(with_id)->recorded(), 1);
  EXPECT_EQ(Record(absl::StrCat("events { address: 'ben@x.test' kind: OPEN event_id: 'e1' ",
                                Now(-60), " }"))
                ->repeated(),
            1);
  EXPECT_EQ(
      Record(absl::StrCat("events { address: 'ann@x.test' kind: MACHINE_OPEN ", Now(-30), " }"))
          ->reranked(),
      0);

  const auto got = Get("ann@x.test");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->name(), "engagements/ann@x.test");
  EXPECT_EQ(got->signals().click_count(), 2);
  EXPECT_EQ(got->signals().open_count(), 0) << "what was reported, not what was imported";
  EXPECT_EQ(got->machine_open_count(), 1);
  EXPECT_EQ(got->score().opens(), 0);
  ASSERT_THAT(got->waiting(), SizeIs(1));
  const v1::Engagement::Waiting& waiting = got->waiting(0);
  EXPECT_EQ(waiting.delivery(), "campaigns/spring/deliveries/1");
  EXPECT_EQ(waiting.state(), v1::Delivery::QUEUED);
  EXPECT_FALSE(waiting.score_given());
  EXPECT_EQ(waiting.signals().click_count(), 2);
  EXPECT_EQ(waiting.signals().open_count(), 2);
  EXPECT_GT(waiting.score(), before);
  const v1::Engagement::Score& now = waiting.score_now();
  const double sum = now.clicks() + now.opens() + now.subscription();
  EXPECT_NEAR(now.value(), sum / (1 + sum), 1e-12);
  const auto delivery = Ask(&Deliveries::GetDelivery, "name: 'campaigns/spring/deliveries/1'");
  EXPECT_EQ(delivery->score(), waiting.score()) << "and there it is the same";
}

TEST_F(EngagementTest, AScoreThatWasGivenStays) {
  const auto answer =
      Record(absl::StrCat("events { address: 'given@x.test' kind: CLICK ", Now(), " }"));
  EXPECT_EQ(answer->recorded(), 1);
  EXPECT_EQ(answer->reranked(), 0);
  const auto got = Get("given@x.test");
  EXPECT_TRUE(got->waiting(0).score_given());
  EXPECT_EQ(got->waiting(0).score(), 0.5);
  EXPECT_FALSE(got->waiting(0).has_signals());
  EXPECT_GT(got->score().value(), 0.7) << "of the click alone";
}

TEST_F(EngagementTest, BadEventsAreNamedAndTheGoodOnesCount) {
  struct Case {
    const char* name;
    std::string event;
    const char* fault;
  };
  const std::vector<Case> cases = {
      {"no address", "kind: CLICK " + Now(), "address \"\" has no @"},
      {"a broken address", "address: 'a b@x.test' kind: CLICK " + Now(),
       "has the forbidden byte 0x20"},
      {"no kind", "address: 'ann@x.test' " + Now(), "kind is missing; use CLICK, OPEN"},
      {"no time", "address: 'ann@x.test' kind: OPEN", "time is missing; say when"},
      {"tomorrow", "address: 'ann@x.test' kind: OPEN " + Now(86400),
       "2026-03-05T12:00:00Z, in the future; it is 2026-03-04T12:00:00Z here"},
      {"no time at all", "address: 'ann@x.test' kind: OPEN time { nanos: -1 }", "is no time"},
      {"a control in the id", "address: 'ann@x.test' kind: OPEN event_id: 'a\\r' " + Now(),
       "event_id"},
      {"an endless id",
       absl::StrCat("address: 'ann@x.test' kind: OPEN event_id: '", std::string(129, 'x'), "' ",
                    Now()),
       "event_id"}};
  std::string all;
  for (const Case& c : cases) absl::StrAppend(&all, "events { ", c.event, " } ");
  absl::StrAppend(&all, "events { address: 'ann@x.test' kind: OPEN ", Now(), " } ");
  auto request = Parse<v1::RecordEngagementRequest>(all);
  request.add_events()->set_address("ann@x.test");
  request.mutable_events()->rbegin()->set_kind(static_cast<v1::EngagementEvent::Kind>(7));
  const auto answer = Ask(&Engagements::RecordEngagement, request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->recorded(), 1);
  ASSERT_EQ(answer->rejected_size(), std::ssize(cases) + 1);
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].name);
    EXPECT_EQ(answer->rejected(static_cast<int>(i)).index(), static_cast<int>(i));
    EXPECT_THAT(answer->rejected(static_cast<int>(i)).fault(), HasSubstr(cases[i].fault));
  }
  EXPECT_THAT(answer->rejected().rbegin()->fault(), HasSubstr("kind is 7; use CLICK, OPEN"));
  EXPECT_EQ(Get("ann@x.test")->signals().open_count(), 1);
}

TEST_F(EngagementTest, AClockThatIsAheadALittleIsNoFault) {
  ASSERT_EQ(Record(absl::StrCat("events { address: 'ann@x.test' kind: OPEN ", Now(240), " }"))
                ->recorded(),
            1);
  EXPECT_EQ(Get("ann@x.test")->signals().last_open_time().seconds(),
            absl::ToUnixSeconds(rig_.clock.Now().wall));
}

TEST_F(EngagementTest, RefusesWhatIsTooMuchAndWhatIsNotThere) {
  v1::RecordEngagementRequest request;
  for (int i = 0; i < 10'001; ++i) request.add_events();
  EXPECT_THAT(Ask(&Engagements::RecordEngagement, request),
              FailsWith(StatusCode::kInvalidArgument, "events has 10001 entries; at most 10000"));
  EXPECT_THAT(Get("nobody@x.test"), FailsWith(StatusCode::kNotFound, "nothing was reported of"));
  EXPECT_THAT(Get("nobody"), FailsWith(StatusCode::kInvalidArgument, "has no @"));
  EXPECT_THAT(Ask(&Engagements::GetEngagement, "name: 'ann@x.test'"),
              FailsWith(StatusCode::kInvalidArgument, "engagements/{address}"));
}

TEST_F(EngagementTest, ADryRunStoresNothing) {
  const auto answer =
      Record(absl::StrCat("validate_only: true events { address: 'ann@x.test'"
                          " kind: CLICK ",
                          Now(), " } events { }"));
  EXPECT_EQ(answer->recorded(), 1);
  EXPECT_EQ(answer->rejected_size(), 1);
  EXPECT_EQ(Get("ann@x.test")->signals().click_count(), 0);
}

TEST_F(EngagementTest, ASignalOfTheFutureCountsAsNow) {
  Import(
      "address: 'late@x.test' signals { click_count: 1 last_click_time { seconds: 4000000000 }"
      " }");
  const auto got = Get("late@x.test");
  EXPECT_EQ(got->waiting(0).signals().last_click_time().seconds(),
            absl::ToUnixSeconds(rig_.clock.Now().wall));
}

}  // namespace
}  // namespace crescendo::service
