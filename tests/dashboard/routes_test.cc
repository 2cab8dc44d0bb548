#include "scheduler/dashboard/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "scheduler/dashboard/calls.h"

namespace crescendo::dashboard {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Routes, EveryMethodIsThereWithItsFields) {
  for (const Route& route : Routes()) {
    SCOPED_TRACE(route.path);
    const auto& method = MethodOf(route.method);
    EXPECT_FALSE(method.client_streaming());
    const std::string path = route.path;
    if (path[0] == '{') {
      const std::string field = path.substr(1, path.find('=') - 1);
      EXPECT_NE(method.input_type()->FindFieldByName(field), nullptr);
    }
    if (std::string(route.cursor).empty()) continue;
    EXPECT_NE(method.input_type()->FindFieldByName(route.cursor), nullptr);
    EXPECT_NE(method.output_type()->FindFieldByName("name"), nullptr);
  }
}

TEST(Routes, PathsAreResourceNames) {
  struct Case {
    const char* verb;
    const char* path;
    const char* method;
    const char* field;
    const char* value;
  };
  for (const Case& c : {
           Case{"GET", "plans", "PlanService.ListPlans", "", ""},
           Case{"GET", "plans/warm-a", "PlanService.GetPlan", "name", "plans/warm-a"},
           Case{"GET", "plans/warm-a:progress", "PlanService.GetPlanProgress", "name",
                "plans/warm-a"},
           Case{"POST", "plans/warm-a:pause", "PlanService.PausePlan", "name", "plans/warm-a"},
           Case{"GET", "plans/warm-a/days", "PlanService.ListPlanDays", "parent", "plans/warm-a"},
           Case{"GET", "egressIps/-/lanes", "LaneService.ListLanes", "parent", "egressIps/-"},
           Case{"GET", "egressIps/a/lanes/default.example.net:explain",
                "ForecastService.ExplainWait", "name", "egressIps/a/lanes/default.example.net"},
           Case{"GET", "campaigns/c/deliveries/7/transcript", "DeliveryService.GetTranscript",
                "name", "campaigns/c/deliveries/7/transcript"},
           Case{"GET", "suppressions/ann%40x.example", "SuppressionService.GetSuppression", "name",
                "suppressions/ann@x.example"},
           Case{"GET", "engagements/ann%40x.example", "EngagementService.GetEngagement", "name",
                "engagements/ann@x.example"},
           Case{"GET", "webhooks/crm", "WebhookService.GetWebhook", "name", "webhooks/crm"},
           Case{"GET", "events:stream", "EventService.StreamEvents", "", ""},
       }) {
    SCOPED_TRACE(c.path);
    const auto match = FindRoute(c.verb, c.path);
    ASSERT_TRUE(match.ok()) << match.status();
    EXPECT_STREQ(match->route->method, c.method);
    if (*c.field == '\0') {
      EXPECT_THAT(match->fields, IsEmpty());
    } else {
      EXPECT_THAT(match->fields, ElementsAre(Pair(c.field, c.value)));
    }
  }
}

TEST(Routes, WhatIsNoneIsSaid) {
  struct Case {
    const char* verb;
    const char* path;
    absl::StatusCode code;
  };
  for (const Case& c : {
           Case{"GET", "", absl::StatusCode::kNotFound},
           Case{"GET", "/", absl::StatusCode::kNotFound},
           Case{"GET", "plans/", absl::StatusCode::kNotFound},
           Case{"GET", "plans//days", absl::StatusCode::kNotFound},
           Case{"GET", "plan", absl::StatusCode::kNotFound},
           Case{"GET", "plans/a/b/c/d", absl::StatusCode::kNotFound},
           Case{"GET", "plans/a:delete", absl::StatusCode::kNotFound},
           Case{"GET", "plans/a:pause", absl::StatusCode::kUnimplemented},
           Case{"POST", "plans/a", absl::StatusCode::kUnimplemented},
           Case{"DELETE", "plans/a", absl::StatusCode::kUnimplemented},
           Case{"GET", "plans/%4", absl::StatusCode::kInvalidArgument},
           Case{"GET", "plans/%zz", absl::StatusCode::kInvalidArgument},
       }) {
    EXPECT_EQ(FindRoute(c.verb, c.path).status().code(), c.code) << c.verb << " " << c.path;
  }
}

}  // namespace
}  // namespace crescendo::dashboard
