#include "scheduler/dashboard/hosts.h"

#include <gtest/gtest.h>

namespace crescendo::dashboard {
namespace {

TEST(Hosts, LoopbackAndWhatIsListed) {
  const std::vector<std::string> allowed = {"crescendo.corp.example"};
  for (const auto& [host, good] :
       std::vector<std::pair<std::string, bool>>{{"localhost", true},
                                                 {"localhost:7080", true},
                                                 {"LOCALHOST", true},
                                                 {"127.0.0.1:7080", true},
                                                 {"127.9.9.9", true},
                                                 {"[::1]", true},
                                                 {"[::1]:7080", true},
                                                 {"crescendo.corp.example", true},
                                                 {"Crescendo.Corp.Example:443", true},
                                                 {"evil.example", false},
                                                 {"localhost.evil.example", false},
                                                 {"evil.example:7080", false},
                                                 {"128.0.0.1", false},
                                                 {"127.0.0.1.evil.example", false},
                                                 {"2130706433", false},
                                                 {"[::2]", false},
                                                 {"localhost:", false},
                                                 {"localhost:x", false},
                                                 {"localhost:99999", false},
                                                 {"localhost@evil.example", false},
                                                 {"", false},
                                                 {":7080", false},
                                                 {"[::1", false}}) {
    EXPECT_EQ(IsAllowedHost(host, allowed), good) << host;
  }
}

TEST(Hosts, OnlyTheOwnPageIsAnswered) {
  struct Case {
    const char* name;
    const char* method;
    std::map<std::string, std::string> headers;
    bool good;
  };
  for (const Case& c :
       {Case{"curl", "GET", {}, true},
        Case{"the page itself",
             "POST",
             {{"origin", "http://localhost:1"}, {"sec-fetch-site", "same-origin"}},
             true},
        Case{"typed", "GET", {{"sec-fetch-site", "none"}, {"sec-fetch-mode", "navigate"}}, true},
        Case{"a link",
             "GET",
             {{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}},
             true},
        Case{"a picture of another site",
             "GET",
             {{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "no-cors"}},
             false},
        Case{"a form of another site",
             "POST",
             {{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}},
             false},
        Case{"another port of this host",
             "GET",
             {{"sec-fetch-site", "same-site"}, {"sec-fetch-mode", "cors"}},
             false},
        Case{"another origin", "POST", {{"origin", "http://evil.example"}}, false},
        Case{"no origin", "POST", {{"origin", "null"}}, false}}) {
    SCOPED_TRACE(c.name);
    Request request{.method = c.method, .headers = c.headers};
    request.headers["host"] = "localhost:1";
    EXPECT_EQ(CheckSource(request, {}).ok(), c.good);
  }
}

}  // namespace
}  // namespace crescendo::dashboard
