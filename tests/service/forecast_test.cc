// Forecasts and explanations over gRPC: what they answer, refuse, and how many there may be.
#include <chrono>

#include "absl/strings/str_cat.h"
#include "crescendo/v1/forecast.grpc.pb.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::SizeIs;
using Forecasts = v1::ForecastService::Stub;

// 300 recipients, and a plan of two days of 100 that is not started.
class ForecastTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    const auto plan = Ask(&Plans::CreatePlan,
                          "plan_id: 'warm' plan { egress_ip: 'egressIps/mta1-a' "
                          "stages { days: 2 daily_cap: 100 } }");
    ASSERT_TRUE(plan.ok()) << plan.status();
    std::vector<std::string> addresses;
    for (int i = 0; i < 3000; ++i) addresses.push_back(absl::StrCat("u", i, "@gmail.test"));
    rig_.MakeCampaign("spring", addresses);
  }

  // A server of its own kind, beside the test's.
  void Serve(const ServerOptions& options) {
    auto server = Server::Start(&rig_.engine(), &rig_.resolver(), options);
    ASSERT_TRUE(server.ok()) << server.status();
    own_ = *std::move(server);
    stub_ = v1::ForecastService::NewStub(own_->InProcessChannel());
  }
  template <class Request, class Response>
  absl::StatusOr<Response> Call(grpc::Status (Forecasts::*method)(grpc::ClientContext*,
                                                                  const Request&, Response*),
                                const std::string& text) {
    if (stub_ == nullptr) Serve({});
    grpc::ClientContext context;
    Response response;
    const grpc::Status status = (*stub_.*method)(&context, Parse<Request>(text), &response);
    if (!status.ok()) return FromGrpc(status);
    return response;
  }
  Forecasts& stub() { return *stub_; }

 private:
  std::unique_ptr<Server> own_;
  std::unique_ptr<Forecasts> stub_;
};

TEST_F(ForecastTest, APlanThatIsADraftIsTakenToStartNow) {
  const auto forecast = Call(&Forecasts::ForecastPlan, "name: 'plans/warm'");
  ASSERT_TRUE(forecast.ok()) << forecast.status();
  EXPECT_EQ(forecast->name(), "plans/warm");
  ASSERT_THAT(forecast->assumptions(), SizeIs(1));
  EXPECT_THAT(forecast->assumptions(0), HasSubstr("DRAFT"));
  EXPECT_EQ(forecast->recipients(), 3000);
  // Begun at noon, at twice the even rate at most, the first day is not delivered.
  ASSERT_THAT(forecast->days(), SizeIs(3));
  EXPECT_EQ(forecast->days(0).day(), "2026-03-04");
  EXPECT_EQ(forecast->days(0).cap(), 100);
  EXPECT_LT(forecast->days(0).accepted(), 90);
  EXPECT_EQ(forecast->days(0).decision(), v1::PlanDay::REPEAT);
  EXPECT_EQ(forecast->days(2).accepted(), 100);
  EXPECT_EQ(forecast->days(2).decision(), v1::PlanDay::GRADUATE);
  ASSERT_THAT(forecast->days(2).lanes(), SizeIs(1));
  EXPECT_EQ(forecast->days(2).lanes(0).lane(), "egressIps/mta1-a/lanes/gmail");
  EXPECT_EQ(forecast->finish().expected_time().seconds(),
            absl::ToUnixSeconds(support::kNoon + absl::Hours(60)));
  ASSERT_GE(forecast->limits_size(), 1);
  EXPECT_EQ(forecast->limits(0).reason(), v1::Wait::IP_DAILY_CAP);
  EXPECT_EQ(forecast->limits(0).where(), "egressIps/mta1-a");
}

TEST_F(ForecastTest, ACampaign) {
  const auto stands =
      Call(&Forecasts::ForecastCampaign, "name: 'campaigns/spring' horizon_days: 3");
  ASSERT_TRUE(stands.ok()) << stands.status();
  EXPECT_FALSE(stands->finish().has_expected_time()) << "its only IP has no started plan";
  EXPECT_EQ(stands->left(), 3000);
  ASSERT_GE(stands->limits_size(), 1);
  EXPECT_EQ(stands->limits(0).reason(), v1::Wait::PLAN_NOT_STARTED);

  ASSERT_TRUE(Ask(&Plans::StartPlan, "name: 'plans/warm'").ok());
  const auto goes = Call(&Forecasts::ForecastCampaign, "name: 'campaigns/spring'");
  ASSERT_TRUE(goes.ok()) << goes.status();
  ASSERT_TRUE(goes->finish().has_expected_time());
  EXPECT_EQ(goes->left(), 0);
  ASSERT_FALSE(goes->days().empty());
  EXPECT_DOUBLE_EQ(goes->days().rbegin()->done(), 1.0);
  // Nothing was sent for it, and the plan is as it was.
  EXPECT_TRUE(rig_.transport.sent().size() <= 1);
}

TEST_F(ForecastTest, WhyARecipientWaits) {
  const auto told = Call(&Forecasts::ExplainWait, "address: 'u200@gmail.test'");
  ASSERT_TRUE(told.ok()) << told.status();
  ASSERT_THAT(told->explanations(), SizeIs(1));
  const v1::Explanation& one = told->explanations(0);
  EXPECT_THAT(one.name(), HasSubstr("campaigns/spring/deliveries/"));
  ASSERT_THAT(one.causes(), SizeIs(2));
  EXPECT_EQ(one.causes(0).wait().reason(), v1::Wait::PLAN_NOT_STARTED);
  EXPECT_EQ(one.causes(0).remedy(), "crescendo plan start warm");
  EXPECT_EQ(one.causes(1).wait().reason(), v1::Wait::BETTER_RANKED);
  EXPECT_EQ(one.better_ranked(), 200);
  EXPECT_FALSE(one.next().has_expected_time());
  // By its name, the same.
  const auto named = Call(&Forecasts::ExplainWait, absl::StrCat("name: '", one.name(), "'"));
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->explanations(0).DebugString(), one.DebugString());
}

TEST_F(ForecastTest, BadInput) {
  EXPECT_THAT(Call(&Forecasts::ForecastPlan, "name: 'plans/none'"),
              FailsWith(StatusCode::kNotFound, "no plan \"none\""));
  EXPECT_THAT(Call(&Forecasts::ForecastPlan, "name: 'warm'"),
              FailsWith(StatusCode::kInvalidArgument, "plans/{plan}"));
  EXPECT_THAT(Call(&Forecasts::ForecastPlan, "name: 'plans/warm' horizon_days: -1"),
              FailsWith(StatusCode::kInvalidArgument, "horizon_days is -1: want 1 to 1100"));
  EXPECT_THAT(Call(&Forecasts::ForecastCampaign, "name: 'campaigns/none'"),
              FailsWith(StatusCode::kNotFound, "no campaign \"none\""));
  EXPECT_THAT(Call(&Forecasts::ForecastCampaign, "name: 'campaigns/spring' horizon_days: 1101"),
              FailsWith(StatusCode::kInvalidArgument, "horizon_days"));
  EXPECT_THAT(Call(&Forecasts::ExplainWait, ""),
              FailsWith(StatusCode::kInvalidArgument, "one of the two is required"));
  EXPECT_THAT(Call(&Forecasts::ExplainWait, "name: 'pools/main'"),
              FailsWith(StatusCode::kInvalidArgument, "want egressIps/{egress_ip}"));
  EXPECT_THAT(Call(&Forecasts::ExplainWait, "address: 'nobody'"),
              FailsWith(StatusCode::kInvalidArgument, "address"));
  EXPECT_THAT(Call(&Forecasts::ExplainWait, "address: 'nobody@gmail.test'"),
              FailsWith(StatusCode::kNotFound, "nobody@gmail.test"));
  EXPECT_THAT(Call(&Forecasts::ExplainWait, "name: 'campaigns/spring/deliveries/99999'"),
              FailsWith(StatusCode::kNotFound, "99999"));
  EXPECT_THAT(Call(&Forecasts::ExplainWait, "name: 'egressIps/none'"),
              FailsWith(StatusCode::kNotFound, "none"));
  ASSERT_TRUE(Ask(&Campaigns::CancelCampaign, "name: 'campaigns/spring'").ok());
  EXPECT_THAT(Call(&Forecasts::ForecastCampaign, "name: 'campaigns/spring'"),
              FailsWith(StatusCode::kFailedPrecondition, "cancelled"));
}

TEST_F(ForecastTest, NoMoreAtOnceThanMayBe) {
  Serve({.most_forecasts = 0});
  EXPECT_THAT(Call(&Forecasts::ForecastPlan, "name: 'plans/warm'"),
              FailsWith(StatusCode::kResourceExhausted, "try again"));
}

TEST_F(ForecastTest, NoneTakesLongerThanItMay) {
  Serve({.forecast_limit = absl::ZeroDuration()});
  ASSERT_TRUE(Ask(&Plans::StartPlan, "name: 'plans/warm'").ok());
  EXPECT_THAT(Call(&Forecasts::ForecastCampaign, "name: 'campaigns/spring'"),
              FailsWith(StatusCode::kDeadlineExceeded, "look fewer days ahead"));
}

// The place of one whose caller has gone is free again.
TEST_F(ForecastTest, NoneGoesOnWithoutItsCaller) {
  Serve({.most_forecasts = 1});
  ASSERT_TRUE(Ask(&Plans::StartPlan, "name: 'plans/warm'").ok());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::time_point());  // Long past.
  v1::Forecast response;
  const grpc::Status gone = stub().ForecastCampaign(
      &context, Parse<v1::ForecastCampaignRequest>("name: 'campaigns/spring'"), &response);
  EXPECT_EQ(gone.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  absl::StatusOr<v1::Forecast> next = absl::UnknownError("not asked");
  do {
    next = Call(&Forecasts::ForecastPlan, "name: 'plans/warm'");
  } while (absl::IsResourceExhausted(next.status()));
  EXPECT_TRUE(next.ok()) << next.status();
}

}  // namespace
}  // namespace crescendo::service
