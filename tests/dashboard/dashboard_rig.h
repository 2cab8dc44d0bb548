// dashboard_rig.h: a daemon with its page on a port of loopback; IPs mta1-a, mta1-b, pool `main`.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "scheduler/base/real_clock.h"
#include "scheduler/dashboard/dashboard.h"
#include "scheduler/dashboard/metered_store.h"
#include "scheduler/service/server.h"
#include "tests/dashboard/http_client.h"
#include "tests/support/rig.h"

namespace crescendo::dashboard {

constexpr char kToken[] = "0123456789abcdef";
constexpr char kBearer[] = "Authorization: Bearer 0123456789abcdef\r\n";

class DashboardTest : public testing::Test {
 protected:
  explicit DashboardTest(ListenerOptions listener = {}, std::string token = kToken)
      : metered_(&store_, &metrics_, &clock_), rig_(engine::Threads::kOwn, {}, &metered_) {
    EXPECT_TRUE(rig_.Start().ok());
    rig_.MakePool();
    server_ = service::Server::Start(&rig_.engine(), &rig_.resolver(), {}).value();
    Options options;
    options.listener = listener;
    options.listener.host = "127.0.0.1";
    options.site.allowed_hosts = {"crescendo.corp.example"};
    options.site.operator_token = token;
    options.site.version = "1.2.3";
    options.live = {.interval = absl::Milliseconds(5), .rest = 1};
    dashboard_ =
        Dashboard::Start(&rig_.engine(), server_.get(), &metrics_, real_clock_.get(), options)
            .value();
    port_ = dashboard_->port();
  }
  // As the daemon does.
  ~DashboardTest() override {
    dashboard_->BeginStop();
    dashboard_->EndCalls();
    server_->Stop(absl::Seconds(1));
    dashboard_.reset();
  }

  const ProviderCatalog catalog_{{{.id = ProviderId("gmail")}}, {.id = ProviderId("default")}};
  Metrics metrics_{&catalog_};
  support::FaultStore store_;
  support::SimClock clock_{support::kNoon};
  const std::unique_ptr<base::Clock> real_clock_ = base::NewRealClock();
  MeteredStore metered_;
  support::Rig rig_;
  std::unique_ptr<service::Server> server_;
  std::unique_ptr<Dashboard> dashboard_;
  int port_ = 0;
};

}  // namespace crescendo::dashboard
