#include "smtp_client/delivery/static_routes.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace crescendo::smtp {
namespace {

// "mx1=10.0.0.1:25 mx2=…", or the status.
std::string Resolve(StaticRoutes& routes, absl::string_view domain) {
  std::string text;
  routes.Resolve(domain, [&text](absl::StatusOr<ports::MxSet> set) {
    if (!set.ok()) {
      text = set.status().ToString();
      return;
    }
    for (const ports::MxHost& host : set->hosts) {
      absl::StrAppend(&text, text.empty() ? "" : " ", host.name, "=", host.address, ":", host.port);
    }
  });
  return text;
}

TEST(StaticRoutes, FollowsTheTable) {
  RouteTable table;
  table.hosts = {{"mx1.a.example", "127.0.0.1", 2525}, {"*", "::1", 26}};
  table.domains = {{"a.example", {"mx2.a.example", "mx1.a.example"}}, {"null.example", {}}};
  absl::StatusOr<StaticRoutes> routes = StaticRoutes::Create(table);
  ASSERT_TRUE(routes.ok()) << routes.status();
  EXPECT_EQ(Resolve(*routes, "a.example"), "mx2.a.example=::1:26 mx1.a.example=127.0.0.1:2525")
      << "in the table's order, under their own names";
  EXPECT_EQ(Resolve(*routes, "null.example"), "NOT_FOUND: null.example takes no mail (null MX)");
  EXPECT_EQ(Resolve(*routes, "b.example"),
            "FAILED_PRECONDITION: no route for b.example; add it to a route file");

  table.domains.push_back({"*", {"relay"}});
  routes = StaticRoutes::Create(table);
  ASSERT_TRUE(routes.ok()) << routes.status();
  EXPECT_EQ(Resolve(*routes, "b.example"), "relay=::1:26");
  EXPECT_EQ(Resolve(*routes, "null.example"), "NOT_FOUND: null.example takes no mail (null MX)");
}

TEST(StaticRoutes, NamesWhatIsWrong) {
  struct Case {
    RouteTable table;
    const char* want;
  };
  for (const Case& c : {
           Case{{{{"mx", "mx.example", 25}}, {}},
                "host \"mx\": \"mx.example\" is not an IPv4 or IPv6 address"},
           Case{{{{"mx", "127.0.0.1", 0}}, {}}, "host \"mx\": port 0; use 1 to 65535"},
           Case{{{{"mx", "127.0.0.1", 1}, {"mx", "127.0.0.2", 1}}, {}},
                "host \"mx\" is listed twice"},
           Case{{{}, {{"a", {"mx"}}}}, "domain \"a\": its MX \"mx\" is not among the hosts"},
           Case{{{}, {{"a", {}}, {"a", {}}}}, "domain \"a\" is listed twice"},
       }) {
    EXPECT_EQ(StaticRoutes::Create(c.table).status(), absl::InvalidArgumentError(c.want));
  }
}

}  // namespace
}  // namespace crescendo::smtp
