// The paths, asked over a socket: answers are the API's, and only the operator changes anything.
#include <grpcpp/client_context.h>

#include "absl/strings/str_cat.h"
#include "crescendo/v1/event.grpc.pb.h"
#include "crescendo/v1/plan.grpc.pb.h"
#include "scheduler/service/json.h"
#include "tests/dashboard/dashboard_rig.h"

namespace crescendo::dashboard {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ApiTest : public DashboardTest {
 protected:
  void MakePlan() {
    auto plans = v1::PlanService::NewStub(server_->InProcessChannel());
    v1::CreatePlanRequest create;
    create.set_plan_id("warm-a");
    create.mutable_plan()->set_egress_ip("egressIps/mta1-a");
    create.set_target(5000);
    v1::StartPlanRequest start;
    start.set_name("plans/warm-a");
    v1::Plan plan;
    grpc::ClientContext create_context, start_context;
    ASSERT_TRUE(plans->CreatePlan(&create_context, create, &plan).ok());
    ASSERT_TRUE(plans->StartPlan(&start_context, start, &plan).ok());
  }
  std::string Pause(const std::string& headers, const std::string& body = "{\"reason\": \"bad\"}") {
    return Ask(port_, "POST", "/api/v1/plans/warm-a:pause", headers, body);
  }
};

TEST_F(ApiTest, HealthAndReadiness) {
  EXPECT_EQ(BodyOf(Get(port_, "/healthz")), "ok\n");
  EXPECT_EQ(BodyOf(Get(port_, "/readyz")), "ok\n");
  EXPECT_THAT(Ask(port_, "HEAD", "/healthz"),
              AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("Content-Length: 3\r\n"),
                    Not(HasSubstr("ok\n"))));
  EXPECT_EQ(StatusOf(Ask(port_, "POST", "/healthz")), 405);
  EXPECT_EQ(StatusOf(Get(port_, "/nothing")), 404);
  dashboard_->BeginStop();
  EXPECT_EQ(StatusOf(Get(port_, "/readyz")), 503);
  EXPECT_EQ(StatusOf(Get(port_, "/healthz")), 200) << "it lives on while it stops";
}

TEST_F(ApiTest, AnswersAreTheMessages) {
  MakePlan();
  auto plans = v1::PlanService::NewStub(server_->InProcessChannel());
  grpc::ClientContext context;
  v1::GetPlanProgressRequest request;
  request.set_name("plans/warm-a");
  v1::PlanProgress progress;
  ASSERT_TRUE(plans->GetPlanProgress(&context, request, &progress).ok());
  const std::string answer = Get(port_, "/api/v1/plans/warm-a:progress");
  EXPECT_EQ(BodyOf(answer), service::JsonLine(progress) + "\n");
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
}

TEST_F(ApiTest, ErrorsAreTheServices) {
  for (const auto& [target, status, wanted] :
       std::vector<std::tuple<std::string, int, std::string>>{
           {"/api/v1/plans/none", 404, "plan \\\"none\\\" does not exist"},
           {"/api/v1/plans/NO", 400, "\"code\":3"},
           {"/api/v1/plans?page_size=-1", 400, "page_size"},
           {"/api/v1/plans?page_token=x", 400, "page_token"},
           {"/api/v1/plans/%ff", 400, "is not UTF-8"},
           {"/api/v1/plans/a%00b", 400, "\"code\":3"},
           {"/api/v1/plans/..%2f..%2fetc", 400, "\"code\":3"},
           {"/api/v1/egressIps/mta1-a/lanes/none", 404, "none"},
           {"/api/v2/plans", 404, "there is no such page"},
           {"/api/v1/nothing", 404, "there is no"}}) {
    const std::string answer = Get(port_, target);
    EXPECT_EQ(StatusOf(answer), status) << target;
    EXPECT_THAT(BodyOf(answer), HasSubstr(wanted)) << target;
  }
}

TEST_F(ApiTest, OnlyTheOperatorChangesAnything) {
  MakePlan();
  for (const auto& [headers, status] : std::vector<std::pair<std::string, int>>{
           {"", 401},
           {"Authorization: Basic b3BlcmF0b3I6eA==\r\n", 401},
           {"Authorization: Bearer\r\n", 401},
           {"Authorization: Bearer 0123456789abcdeg\r\n", 401},
           {"Authorization: Bearer 0123456789abcde\r\n", 401},
           {absl::StrCat(kBearer, "Origin: http://evil.example\r\n"), 403}}) {
    EXPECT_EQ(StatusOf(Pause(headers)), status) << headers;
  }
  EXPECT_THAT(Get(port_, "/api/v1/plans/warm-a"), HasSubstr("\"state\":\"ACTIVE\""));
  EXPECT_THAT(Pause(absl::StrCat(kBearer, "Crescendo-Actor: ann\r\n")),
              HasSubstr("\"state\":\"PAUSED\""));
  const auto paused = rig_.Events(EventType::kPlanPaused);
  ASSERT_EQ(paused.size(), 1u);
  EXPECT_EQ(paused[0].actor, "http:ann");
  EXPECT_THAT(paused[0].text, HasSubstr("bad"));
  // The path says which plan, whatever else does.
  EXPECT_EQ(StatusOf(Pause(kBearer, "{\"name\": \"plans/other\"}")), 200);
  EXPECT_EQ(StatusOf(Pause(kBearer, "{\"colour\": 1}")), 400);
  EXPECT_EQ(StatusOf(Pause(absl::StrCat(kBearer, "Crescendo-Actor: a\x01\r\n"))), 400);
}

TEST_F(ApiTest, TheViewerIsToldWhatHeMay) {
  EXPECT_EQ(
      BodyOf(Get(port_, "/viewer")),
      "{\"version\":\"1.2.3\",\"changes_possible\":true,\"operator\":false,\"actor\":\"\"}\n");
  EXPECT_THAT(Get(port_, "/viewer", kBearer),
              HasSubstr("\"operator\":true,\"actor\":\"http:operator\""));
  EXPECT_EQ(StatusOf(Get(port_, "/viewer", "Authorization: Bearer x\r\n")), 401);
}

TEST_F(ApiTest, EventsGoOnBehindTheLastOne) {
  MakePlan();
  HttpClient client(port_);
  client.Send("GET /api/v1/events:stream?after_event=events/0 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("Content-Type: text/event-stream\r\n"));
  std::string last;
  for (int i = 1; i <= 3; ++i) {
    last = client.ReadUntil("\n\n");
    EXPECT_THAT(last, StartsWith(absl::StrCat("id: events/", i, "\ndata: {\"name\":\"events/", i)));
  }
  HttpClient resumed(port_);
  resumed.Send(
      "GET /api/v1/events:stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: events/3\r\n\r\n");
  resumed.ReadUntil("\r\n\r\n");
  EXPECT_THAT(resumed.ReadUntil("\n\n"), StartsWith("id: events/4\n"));
  EXPECT_EQ(StatusOf(Pause(kBearer)), 200);
  std::string news;
  do news = resumed.ReadUntil("\n\n");
  while (!news.empty() && news.find("PLAN_PAUSED") == std::string::npos);
  EXPECT_THAT(news, HasSubstr("PLAN_PAUSED"));
}

TEST_F(ApiTest, AStreamThatFailsSaysWhy) {
  HttpClient client(port_);
  client.Send("GET /api/v1/plans/none:watch HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.ReadAll(),
              HasSubstr("event: failed\ndata: {\"code\":5,\"message\":\"plan \\\"none\\\""));
}

TEST_F(ApiTest, AViewerWhoGoesEndsHisStream) {
  {
    HttpClient client(port_);
    client.Send(
        "GET /api/v1/events:stream?after_event=events/0 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.ReadUntil("id: events/1\n");
    EXPECT_EQ(server_->open_streams(), 1u);
  }
  while (server_->open_streams() > 0 || dashboard_->open_connections() > 0)
    std::this_thread::yield();
}

TEST_F(ApiTest, AStopEndsStreams) {
  HttpClient client(port_);
  client.Send("GET /api/v1/events:stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.ReadUntil("\r\n\r\n");
  while (server_->open_streams() == 0) std::this_thread::yield();
  dashboard_->BeginStop();
  server_->BeginStop();
  EXPECT_THAT(client.ReadAll(), HasSubstr("event: failed\ndata: {\"code\":14,"));
}

class NoTokenTest : public DashboardTest {
 protected:
  NoTokenTest() : DashboardTest({}, "") {}
};

TEST_F(NoTokenTest, NobodyChangesAnything) {
  const std::string answer =
      Ask(port_, "POST", "/api/v1/plans/x:pause", "Authorization: Bearer \r\n", "{}");
  EXPECT_EQ(StatusOf(answer), 403);
  EXPECT_THAT(answer, HasSubstr("http.operator_token_file"));
  EXPECT_THAT(Get(port_, "/viewer"), HasSubstr("\"changes_possible\":false"));
}

}  // namespace
}  // namespace crescendo::dashboard
