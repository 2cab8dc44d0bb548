// What /metrics tells, and that no receiver and no operator can make it grow without end.
#include "absl/strings/str_cat.h"
#include "scheduler/dashboard/lane_metrics.h"
#include "tests/dashboard/dashboard_rig.h"

namespace crescendo::dashboard {
namespace {

using testing::HasSubstr;
using testing::Not;

using MetricsTest = DashboardTest;

TEST_F(MetricsTest, CountsWhatIsCommitted) {
  rig_.transport.AcceptAll(true);
  rig_.MakeCampaign("spring", {"ann@gmail.test", "ben@gmail.test"});
  const std::string accepted =
      "crescendo_attempts_total{category=\"ACCEPTED\",egress_ip=\"mta1-a\",outcome=\"accepted\","
      "provider=\"gmail\"} 2\n";
  std::string text;
  do text = BodyOf(Get(port_, "/metrics"));
  while (text.find(accepted) == std::string::npos);
  for (const char* line :
       {"# TYPE crescendo_attempts_total counter\n",
        "crescendo_recipients_total{result=\"added\"} 2\n",
        "crescendo_events_total{type=\"ACCEPTED\"} 2\n",
        "crescendo_store_commit_seconds_bucket{le=\"0.001\"}",
        "crescendo_lane_accepted_today{egress_ip=\"mta1-a\",provider=\"gmail\"} 2\n",
        "crescendo_http_connections 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(MetricsTest, WhatFailedIsCountedAsThat) {
  store_.FailCommits(absl::ResourceExhaustedError("disk full"));
  const auto refused = rig_.Await<EgressIp>([&](engine::Done<EgressIp> done) {
    rig_.engine().Put(support::NewIp("mta1-c", "192.0.2.3"), {}, std::move(done));
  });
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(BodyOf(Get(port_, "/metrics")),
              HasSubstr("crescendo_store_commit_failures_total{code=\"resource_exhausted\"}"));
  store_.Heal();
}

TEST(LaneLabels, HaveAnEnd) {
  const ProviderCatalog catalog({{.id = ProviderId("gmail")}}, {.id = ProviderId("default")});
  LaneLabels labels(&catalog, /*most_lanes=*/3);
  const auto shown = [&](const std::string& ip, const std::string& provider) {
    const Lane lane = labels.Shown({EgressIpId(ip), ProviderId(provider)});
    return absl::StrCat(lane.egress_ip.text(), "/", lane.provider.text());
  };
  EXPECT_EQ(shown("a", "gmail"), "a/gmail");
  EXPECT_EQ(shown("a", "default.mx.example"), "a/other") << "a site is none of its own";
  EXPECT_EQ(shown("b", "gmail"), "b/gmail");
  EXPECT_EQ(shown("c", "gmail"), "other/other") << "the fourth";
  EXPECT_EQ(shown("a", "gmail"), "a/gmail") << "and it stays so";
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(shown("a", absl::StrCat("default.mx", i)), "a/other");
    EXPECT_EQ(shown(absl::StrCat("ip", i), "default.mx"), "other/other");
  }
}

TEST(LaneFamilies, LanesThatShareALabelAreAddedUp) {
  const ProviderCatalog catalog({{.id = ProviderId("gmail")}}, {.id = ProviderId("default")});
  LaneLabels labels(&catalog, 100);
  std::vector<core::LaneStatus> lanes(3);
  lanes[0].lane = {EgressIpId("a"), ProviderId("gmail")};
  lanes[0].queued = 5;
  lanes[0].ip_cap = 200;
  lanes[0].record.stopped_until = support::kNoon + absl::Minutes(10);
  lanes[1].lane = {EgressIpId("a"), ProviderId("default.x.example")};
  lanes[1].queued = 3;
  lanes[2].lane = {EgressIpId("a"), ProviderId("default.y.example")};
  lanes[2].queued = 4;
  std::string text;
  for (const auto& family : LaneFamilies(lanes, support::kNoon, &labels)) {
    for (const auto& metric : family.metric) {
      absl::StrAppend(&text, family.name, "{");
      for (const auto& label : metric.label) absl::StrAppend(&text, label.value, " ");
      absl::StrAppend(&text, "} ", metric.gauge.value, "\n");
    }
  }
  for (const char* line :
       {"crescendo_lane_queued{a gmail } 5\n", "crescendo_lane_queued{a other } 7\n",
        "crescendo_lane_stopped_seconds{a gmail } 600\n", "crescendo_ip_daily_cap{a } 200\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("crescendo_lane_stopped_seconds{a other }")));
}

}  // namespace
}  // namespace crescendo::dashboard
