// /live: what the page shows, and only what has changed.
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/dashboard/dashboard_rig.h"

namespace crescendo::dashboard {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kWatch[] = "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";

class LiveTest : public DashboardTest {
 protected:
  // All that is told up to the next event of this kind.
  static std::string Until(HttpClient& client, const std::string& kind) {
    std::string told, event;
    do {
      event = client.ReadUntil("\n\n");
      told += event;
    } while (!event.empty() && !absl::StartsWith(event, absl::StrCat("event: ", kind, "\n")));
    return told;
  }
  void Watch(HttpClient& client) {
    client.Send(kWatch);
    EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("text/event-stream"));
  }
};

TEST_F(LiveTest, TellsEverythingFirstAndThenChanges) {
  rig_.transport.AcceptAll(true);
  HttpClient client(port_);
  Watch(client);
  const std::string first = Until(client, "now");
  EXPECT_THAT(first, HasSubstr("event: ip\ndata: {\"name\":\"egressIps/mta1-a\""));
  EXPECT_THAT(first, HasSubstr("event: ip\ndata: {\"name\":\"egressIps/mta1-b\""));
  EXPECT_THAT(first, Not(HasSubstr("event: campaign")));
  EXPECT_THAT(first, HasSubstr("event: now\ndata: {\"time\":\"2026-03-04T12:00:00"));
  EXPECT_THAT(Until(client, "now"), Not(HasSubstr("event: ip"))) << "nothing has changed";
  rig_.MakeCampaign("spring", {"ann@gmail.test"});
  std::string told;
  do told = Until(client, "campaign");
  while (!told.empty() && told.find("\"accepted\":1") == std::string::npos);
  EXPECT_THAT(told, HasSubstr("\"name\":\"campaigns/spring\""));
  // One who comes later is told all of it.
  HttpClient later(port_);
  Watch(later);
  const std::string all = Until(later, "now");
  EXPECT_THAT(all, HasSubstr("event: lane\ndata: {\"name\":\"egressIps/mta1-a/lanes/gmail\""));
  EXPECT_THAT(all, HasSubstr("event: campaign"));
}

TEST_F(LiveTest, ManyWhoWatchAreOneToTheService) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 100; ++i) {
    Watch(*clients.emplace_back(std::make_unique<HttpClient>(port_)));
  }
  for (auto& client : clients) EXPECT_THAT(Until(*client, "now"), HasSubstr("mta1-b"));
  EXPECT_EQ(server_->open_streams(), 0u);
  clients.clear();
  while (dashboard_->open_connections() > 0) std::this_thread::yield();
}

TEST_F(LiveTest, AStopEndsIt) {
  HttpClient client(port_);
  Watch(client);
  Until(client, "now");
  dashboard_->BeginStop();
  client.ReadAll();
  HttpClient after(port_);
  Watch(after);
  EXPECT_EQ(after.ReadAll(), "");
}

TEST_F(LiveTest, WhatIsAskedOfAServiceThatIsGoneIsToldSo) {
  dashboard_->EndCalls();
  server_->Stop(absl::ZeroDuration());
  EXPECT_EQ(StatusOf(Get(port_, "/api/v1/plans")), 503);
  EXPECT_EQ(StatusOf(Get(port_, "/readyz")), 503);
  EXPECT_THAT(BodyOf(Get(port_, "/api/v1/events:stream")),
              HasSubstr("event: failed\ndata: {\"code\":14"));
  HttpClient client(port_);
  Watch(client);
  EXPECT_THAT(Until(client, "failed"), HasSubstr("\"code\":14"));
}

TEST_F(LiveTest, ThePageIsThereAndIsAskedForOnce) {
  const std::string page = Get(port_, "/");
  EXPECT_THAT(page, HasSubstr("Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(page, HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self'"));
  const size_t at = page.find("ETag: ");
  ASSERT_NE(at, std::string::npos);
  const std::string etag = page.substr(at + 6, page.find("\r\n", at) - at - 6);
  const std::string again = Get(port_, "/", absl::StrCat("If-None-Match: ", etag, "\r\n"));
  EXPECT_EQ(StatusOf(again), 304);
  EXPECT_EQ(BodyOf(again), "");
  EXPECT_EQ(StatusOf(Get(port_, "/assets/chart.min.js")), 200);
  EXPECT_EQ(StatusOf(Get(port_, "/assets/none.js")), 404);
  EXPECT_EQ(StatusOf(Get(port_, "/assets/../site.h")), 404);
}

}  // namespace
}  // namespace crescendo::dashboard
