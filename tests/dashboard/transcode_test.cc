#include "scheduler/dashboard/transcode.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "crescendo/v1/event.pb.h"
#include "crescendo/v1/forecast.pb.h"
#include "crescendo/v1/plan.pb.h"

namespace crescendo::dashboard {
namespace {

using testing::HasSubstr;

TEST(Query, FieldsAreFilled) {
  v1::ListEventsRequest events;
  ASSERT_TRUE(FillFromQuery("page_size=5&filter.campaign=campaigns%2Fspring&filter.types=ALERT&"
                            "filter.types=BOUNCED&&page_token=a+b%2B",
                            &events)
                  .ok());
  EXPECT_EQ(
      events.ShortDebugString(),
      "page_size: 5 page_token: \"a b+\" filter { campaign: \"campaigns/spring\" types: ALERT "
      "types: BOUNCED }");
  v1::WatchPlanProgressRequest watch;
  ASSERT_TRUE(FillFromQuery("min_interval=2.5s", &watch).ok());
  EXPECT_EQ(watch.min_interval().seconds(), 2);
  EXPECT_EQ(watch.min_interval().nanos(), 500'000'000);
}

TEST(Query, AFaultNamesTheFieldAndWhatCouldStandThere) {
  for (const auto& [query, wanted] : std::vector<std::pair<std::string, std::string>>{
           {"page_size=x", "page_size is \"x\"; write a whole number"},
           {"page_size=99999999999", "page_size is \"99999999999\"; write a whole number"},
           {"page_size", "page_size is \"\"; write a whole number"},
           {"pagesize=1",
            "there is no parameter \"pagesize\"; there are: page_size, page_token, filter"},
           {"filter=x", "filter holds fields; name one of them, as in filter.campaign"},
           {"filter.color=x", "there is no parameter \"filter.color\"; there are: campaign"},
           {"page_size.x=1", "there is no parameter \"page_size.x\""},
           {"filter.types=LOUD",
            "filter.types is \"LOUD\"; write one of TYPE_UNSPECIFIED, ACCEPTED"},
           {"page_token=%4", "has a % without two hexadecimal digits"},
           {"%00=1", "there is no parameter \"\\x00\""},
           {"=1", "there is no parameter \"\""}}) {
    v1::ListEventsRequest events;
    const absl::Status status = FillFromQuery(query, &events);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << query;
    EXPECT_THAT(std::string(status.message()), HasSubstr(wanted));
  }
  v1::WatchPlanProgressRequest watch;
  EXPECT_THAT(std::string(FillFromQuery("min_interval=soon", &watch).message()),
              HasSubstr("min_interval is \"soon\"; write seconds, as in 2.5s"));
}

TEST(Body, IsJsonOfTheRequest) {
  v1::PausePlanRequest request;
  ASSERT_TRUE(FillFromBody("{\"reason\": \"bad news\", \"validate_only\": true}", &request).ok());
  EXPECT_EQ(request.reason(), "bad news");
  EXPECT_TRUE(request.validate_only());
  for (const char* body : {"{", "[]", "7", "{\"colour\": 1}", "{\"reason\": {}}", "reason=x",
                           "\xff", "{\"reason\": \"\\ud800\"}"}) {
    v1::PausePlanRequest bad;
    EXPECT_EQ(FillFromBody(body, &bad).code(), absl::StatusCode::kInvalidArgument) << body;
  }
}

TEST(Errors, AreStatusesUnderTheirHttpStatus) {
  const Response response = ErrorResponse(absl::NotFoundError("plan \"a\xff\" does not exist"));
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body,
            "{\"code\":5,\"message\":\"plan \\\"a\\ufffd\\\" does not exist\",\"details\":[]}\n");
  for (const auto& [code, status] :
       std::vector<std::pair<absl::StatusCode, int>>{{absl::StatusCode::kInvalidArgument, 400},
                                                     {absl::StatusCode::kFailedPrecondition, 400},
                                                     {absl::StatusCode::kUnauthenticated, 401},
                                                     {absl::StatusCode::kPermissionDenied, 403},
                                                     {absl::StatusCode::kAborted, 409},
                                                     {absl::StatusCode::kResourceExhausted, 429},
                                                     {absl::StatusCode::kInternal, 500},
                                                     {absl::StatusCode::kUnavailable, 503},
                                                     {absl::StatusCode::kDeadlineExceeded, 504}}) {
    EXPECT_EQ(ErrorResponse(absl::Status(code, "x")).status, status);
  }
}

}  // namespace
}  // namespace crescendo::dashboard
