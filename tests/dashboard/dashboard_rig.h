// dashboard_rig.h: a daemon with its page on a port of loopback; IPs mta1-a, mta1-b, pool `main`.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "scheduler/dashboard/dashboard.h"
#include "scheduler/service/server.h"
#include "tests/dashboard/http_client.h"
#include "tests/support/rig.h"

namespace crescendo::dashboard {

constexpr char kToken[] = "0123456789abcdef";
constexpr char kBearer[] = "Authorization: Bearer 0123456789abcdef\r\n";

class DashboardTest : public testing::Test {
 protected:
  explicit DashboardTest(ListenerOptions listener = {}, std::string token = kToken)
      : rig_(engine::Threads::kOwn) {
    EXPECT_TRUE(rig_.Start().ok());
    rig_.MakePool();
    server_ = service::Server::Start(&rig_.engine(), &rig_.resolver(), {}).value();
    Options options;
    options.listener = listener;
    options.listener.host = "127.0.0.1";
    options.site = {{"crescendo.corp.example"}, token, "1.2.3"};
    dashboard_ = Dashboard::Start(&rig_.engine(), server_.get(), options).value();
    port_ = dashboard_->port();
  }
  // As the daemon does.
  ~DashboardTest() override {
    dashboard_->BeginStop();
    server_->Stop(absl::Seconds(1));
    dashboard_.reset();
  }

  support::Rig rig_;
  std::unique_ptr<service::Server> server_;
  std::unique_ptr<Dashboard> dashboard_;
  int port_ = 0;
};

}  // namespace crescendo::dashboard
