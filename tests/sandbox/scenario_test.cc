// Scenario files: what is completed, what is refused and how it is said; routes for the daemon.
#include "cmd/crescendo-sandbox/scenario.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/recipients.h"
#include "cmd/crescendo-sandbox/routes.h"
#include "cmd/crescendo-sandbox/serve.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/sandbox/support.h"

namespace crescendo::sandbox {
namespace {

using ::testing::HasSubstr;

TEST(Scenario, TheBuiltInOneIsWhole) {
  const absl::StatusOr<v1::Scenario> scenario = ParseScenario(DefaultScenarioText());
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  std::set<std::string> names, addresses, domains;
  for (const v1::Provider& provider : scenario->providers()) {
    names.insert(provider.name());
    addresses.insert(provider.address());
    for (const v1::Site& site : provider.sites()) {
      domains.insert(site.domains().begin(), site.domains().end());
    }
  }
  EXPECT_THAT(names, ::testing::ElementsAre("apple", "comcast", "gmail", "gmx", "microsoft365",
                                            "orange", "other", "outlook", "yahoo"));
  EXPECT_EQ(addresses.size(), 9u) << "each has an address of its own";
  EXPECT_EQ(domains.size(), 12u + 20u);
}

TEST(Scenario, ServesEveryGeneratedRecipient) {
  const v1::Scenario scenario = ParseScenario(DefaultScenarioText()).value();
  std::set<std::string> domains;
  for (const v1::Provider& provider : scenario.providers()) {
    for (const v1::Site& site : provider.sites()) {
      domains.insert(site.domains().begin(), site.domains().end());
    }
  }
  std::set<std::string> used;
  for (const RecipientRow& row : MakeRecipients(20000, 1, StartTime())) {
    used.insert(row.email.substr(row.email.find('@') + 1));
  }
  EXPECT_EQ(used, domains);
}

TEST(Scenario, NamesWhatIsWrong) {
  struct Case {
    const char* text;
    const char* fault;
  };
  const std::string p =
      "providers { name: 'p' address: '127.0.0.1' "
      "sites { mx: 'mx.p.example' domains: 'p.example' } ";
  for (const Case& c : {
           Case{"", "providers: give at least one"},
           Case{"providers {\n  nmae: 'p' }", "line 2:"},
           Case{"providers { address: '127.0.0.1' }", "name: required"},
           Case{"providers { name: 'p' address: '10.0.0.1' }", "is not a loopback address"},
           Case{"providers { name: 'p' address: '0.0.0.0' }", "is not a loopback address"},
           Case{"providers { name: 'p' address: 'mx' }", "is not a loopback address"},
           Case{"providers { name: 'p' address: '127.0.0.1' }", "sites: give at least one"},
           Case{"providers { name: 'p' address: '127.0.0.1' sites { mx: 'm' } }", "sites.domains"},
           Case{"+ port: 65536 }", "port: give 0 to 65535"},
           Case{"+ } max_connections: 30000", "max_connections"},
           Case{"+ rate {} }", "rate.per_hour: 0 is out of range"},
           Case{"+ rate { per_hour: nan } }", "rate.per_hour: nan"},
           Case{"+ rate { per_hour: 1 burst: 0.5 } }", "rate.burst: give 1 to 1e9"},
           Case{"+ rate { per_hour: 1 phase: CONNECT } }", "rate.phase"},
           Case{"+ rate { per_hour: 1 refusal { lines: '250 ok' } } }", "is no reply line"},
           Case{"+ rate { per_hour: 1 refusal { lines: '421 a' lines: '421 b' } } }",
                "\"421 a\" is no reply line"},
           Case{"+ rate { per_hour: 1 refusal { lines: '421-a' lines: '451 b' } } }",
                "\"451 b\" is no reply line"},
           Case{"+ rate { per_hour: 1 refusal { lines: '421 a\\r\\n250 b' } } }",
                "is no reply line"},
           Case{"+ rate { per_hour: 1 penalty { within_seconds: 1 refuse_for_seconds: 1 } } }",
                "rate.penalty.strikes"},
           Case{"+ rate { per_hour: 1 growth { per_good_day: 0.5 max_per_hour: 2 } } }",
                "rate.growth.per_good_day"},
           Case{"+ rate { per_hour: 1 dips { for_seconds: 1 factor: 1 } } }", "rate.dips.factor"},
           Case{"+ rate { per_hour: 1 dips { factor: 0.5 } } }", "rate.dips.for_seconds"},
           Case{"+ greylist { delay_seconds: 1 share: 1.5 } }",
                "greylist.share: 1.5 is not a share"},
           Case{"+ greylist { delay_seconds: 1 refusal { lines: '550 no' } } }",
                "greylist.refusal"},
           Case{"+ connections {} }", "connections.per_ip"},
           Case{"+ messages_per_connection {} }", "messages_per_connection.count"},
           Case{"+ mailboxes { unknown_share: -0.1 } }", "mailboxes.unknown_share"},
           Case{"+ mailboxes { unknown_share: 0.6 full_share: 0.6 } }", "more than 1"},
           Case{"+ trouble { slow_share: 0.1 } }", "trouble.slow_by_seconds"},
           Case{"+ } ++ }", "name: used twice"},
       }) {
    std::string text = c.text;
    if (text[0] == '+') text = p + text.substr(1);
    if (const size_t again = text.find("++"); again != std::string::npos) {
      text = text.substr(0, again) + p + text.substr(again + 2);
    }
    SCOPED_TRACE(text);
    const absl::Status status = ParseScenario(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.fault));
  }
}

TEST(Scenario, ADomainBelongsToOneProvider) {
  const std::string second =
      "providers { name: 'q' address: '127.0.0.1' "
      "sites { mx: 'mx.q.example' domains: 'p.example' } }";
  EXPECT_THAT(std::string(ParseScenario(OneProvider("") + second).status().message()),
              HasSubstr("\"p.example\" is listed twice"));
}

TEST(Routes, NameEveryHostOnceWithItsRealPort) {
  Sandbox sandbox(
      "providers { name: 'p' address: '127.0.0.1' "
      "sites { mx: 'mx1.p.example' mx: 'mx2.p.example' domains: 'p.example' domains: 'pp.example' "
      "} "
      "sites { mx: 'mx1.p.example' domains: 'ppp.example' } }");
  const std::string text = RoutesText(RoutesTo(sandbox.scenario()));
  config::v1::RouteTable routes;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &routes));
  ASSERT_EQ(routes.hosts_size(), 2);
  ASSERT_EQ(routes.domains_size(), 3);
  EXPECT_EQ(routes.hosts(1).name(), "mx2.p.example");
  EXPECT_EQ(routes.hosts(1).address(), "127.0.0.1");
  EXPECT_NE(routes.hosts(0).port(), 0u);
  EXPECT_EQ(routes.hosts(1).port(), routes.hosts(0).port());
  EXPECT_EQ(routes.domains(1).domain(), "pp.example");
  EXPECT_THAT(routes.domains(1).mx(), ::testing::ElementsAre("mx1.p.example", "mx2.p.example"));
}

TEST(ClockFlags, AreChecked) {
  const absl::StatusOr<base::ClockScale> unix_epoch =
      ParseClock("1700000000.5", "2026-01-01T00:00:00Z", 1440);
  ASSERT_TRUE(unix_epoch.ok()) << unix_epoch.status();
  EXPECT_EQ(unix_epoch->epoch, absl::FromUnixMillis(1700000000500));
  EXPECT_EQ(unix_epoch->start, StartTime());
  EXPECT_EQ(ParseClock("2023-11-14T22:13:20+00:00", "2026-01-01T01:00:00+01:00", 2)->start,
            StartTime());
  struct Case {
    const char* epoch;
    const char* start;
    double scale;
    const char* fault;
  };
  for (const Case& c : {
           Case{"0", "2026-01-01T00:00:00Z", 0.5, "--clock-scale: give 1 to 1000000"},
           Case{"0", "2026-01-01T00:00:00Z", NAN, "--clock-scale: give 1 to 1000000"},
           Case{"", "", 2, "--clock-scale needs"},
           Case{"0", "", 2, "belong together"},
           Case{"yesterday", "2026-01-01T00:00:00Z", 2, "--clock-epoch: \"yesterday\""},
           Case{"0", "2026-01-01", 2, "--clock-start: \"2026-01-01\""},
           Case{"0", "infinite-future", 2, "--clock-start"},
       }) {
    SCOPED_TRACE(c.fault);
    const absl::Status status = ParseClock(c.epoch, c.start, c.scale).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.fault));
  }
}

}  // namespace
}  // namespace crescendo::sandbox
