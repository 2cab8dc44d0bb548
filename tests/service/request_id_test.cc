// A create that is sent again (AIP-155), also to a daemon that was started anew.
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;

class RequestIdTest : private HasFileStore, public ServiceTest {
 protected:
  RequestIdTest() : ServiceTest(file.get()) {}
  // The daemon must be gone before its store.
  void TearDown() override { StopDaemon(); }

  template <class Method>
  void ExpectOnce(Method method, const std::string& body, const std::string& other_body) {
    const auto ask = [&](const std::string& text) {
      return Ask(method, absl::StrCat(text, " request_id: 'once'"));
    };
    const auto first = ask(body);
    ASSERT_TRUE(first.ok()) << first.status();
    const std::string before = Everything();
    const auto check = [&] {
      const auto again = ask(body);
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_EQ(again->DebugString(), first->DebugString());
      EXPECT_THAT(ask(other_body), FailsWith(StatusCode::kInvalidArgument, "request_id"));
      EXPECT_FALSE(Ask(method, body).ok()) << "without the id it is another request";
      EXPECT_EQ(Everything(), before) << "nothing is stored twice";
    };
    check();
    StopDaemon();
    StartDaemon();
    check();
  }
};

TEST_F(RequestIdTest, EgressIp) {
  ExpectOnce(&EgressIps::CreateEgressIp,
             "egress_ip_id: 'c' egress_ip { address: '192.0.2.9' ehlo_name: 'a.example' }",
             "egress_ip_id: 'c' egress_ip { address: '192.0.2.9' ehlo_name: 'b.example' }");
}

TEST_F(RequestIdTest, Pool) {
  ExpectOnce(&Pools::CreatePool, "pool_id: 'c' pool { egress_ips: 'egressIps/mta1-b' }",
             "pool_id: 'd' pool { egress_ips: 'egressIps/mta1-b' }");
}

// The IP has gone to another pool: the first answer stands all the same.
TEST_F(RequestIdTest, APoolWhoseMemberHasMovedOn) {
  const std::string body =
      "pool_id: 'c' pool { egress_ips: 'egressIps/mta1-b' } request_id: 'once'";
  ASSERT_TRUE(Ask(&Pools::CreatePool, body).ok());
  ASSERT_TRUE(Ask(&EgressIps::CreateEgressIp,
                  "egress_ip_id: 'd' egress_ip { address: '192.0.2.9' ehlo_name: 'a.example' }")
                  .ok());
  ASSERT_TRUE(Ask(&Pools::UpdatePool, "pool { name: 'pools/c' egress_ips: 'egressIps/d' }").ok());
  ASSERT_TRUE(Ask(&Pools::UpdatePool,
                  "pool { name: 'pools/main' egress_ips: ['egressIps/mta1-a', "
                  "'egressIps/mta1-b'] }")
                  .ok());
  const std::string before = Everything();
  EXPECT_EQ(Ask(&Pools::CreatePool, body)->egress_ips(0), "egressIps/d") << "as it is now";
  EXPECT_EQ(Everything(), before);
  // A new request with an id is checked as any other, and stores nothing.
  EXPECT_THAT(Ask(&Pools::CreatePool,
                  "pool_id: 'e' pool { egress_ips: 'egressIps/mta1-b' } request_id: 'another'"),
              FailsWith(StatusCode::kFailedPrecondition, "take it out there first"));
  EXPECT_EQ(Everything(), before);
}

// Whatever else is wrong with the other body, what it is told is that the id was used.
TEST_F(RequestIdTest, AnotherBodyIsToldSoFirst) {
  const std::string ip = "egress_ip { address: '192.0.2.9' ehlo_name: 'a.example' }";
  const std::string campaign =
      "campaign { pool: 'pools/main' subject: 's' from_address: 'a@b.example' text_body: 't' }";
  ASSERT_TRUE(Ask(&EgressIps::CreateEgressIp, "egress_ip_id: 'c' request_id: 'ip' " + ip).ok());
  ASSERT_TRUE(
      Ask(&Pools::CreatePool, "pool_id: 'c' pool { egress_ips: 'egressIps/c' } request_id: 'pool'")
          .ok());
  ASSERT_TRUE(Ask(&Plans::CreatePlan,
                  "plan_id: 'c' target: 9 plan { egress_ip: 'egressIps/c' } request_id: 'plan'")
                  .ok());
  ASSERT_TRUE(
      Ask(&Campaigns::CreateCampaign, "campaign_id: 'c' request_id: 'mail' " + campaign).ok());
  const std::string before = Everything();
  const auto told = [&](const char* name, const absl::Status& status) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << name << ": " << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("was used before")) << name;
  };
  const auto ask = [&](auto method, const std::string& body) { return Ask(method, body).status(); };
  told("an address that is taken",
       ask(&EgressIps::CreateEgressIp, "egress_ip_id: 'd' request_id: 'ip' " + ip));
  told("an id that is taken",
       ask(&EgressIps::CreateEgressIp,
           "egress_ip_id: 'mta1-a' egress_ip { address: '192.0.2.10' ehlo_name: 'a.example' }"
           " request_id: 'ip'"));
  told("an unknown member", ask(&Pools::CreatePool,
                                "pool_id: 'd' pool { egress_ips: 'egressIps/none' }"
                                " request_id: 'pool'"));
  told("a member of another pool", ask(&Pools::CreatePool,
                                       "pool_id: 'd' pool { egress_ips: 'egressIps/mta1-a' }"
                                       " request_id: 'pool'"));
  told("an unknown egress IP", ask(&Plans::CreatePlan,
                                   "plan_id: 'd' target: 9 plan { egress_ip: 'egressIps/none' }"
                                   " request_id: 'plan'"));
  told("an unknown provider", ask(&Plans::CreatePlan,
                                  "plan_id: 'd' target: 9 plan { egress_ip: 'egressIps/mta1-a'"
                                  " provider_caps { provider: 'providers/none' daily_cap: 1 } }"
                                  " request_id: 'plan'"));
  told("an unknown pool",
       ask(&Campaigns::CreateCampaign,
           "campaign_id: 'd' request_id: 'mail' campaign { pool: 'pools/none' subject: 's'"
           " from_address: 'a@b.example' text_body: 't' }"));
  told("an id of another kind",
       ask(&Campaigns::CreateCampaign, "campaign_id: 'd' request_id: 'ip' " + campaign));
  EXPECT_EQ(Everything(), before);
  // A new id makes them what they are.
  EXPECT_THAT(Ask(&EgressIps::CreateEgressIp, "egress_ip_id: 'd' request_id: 'new' " + ip),
              FailsWith(StatusCode::kFailedPrecondition, "belongs to egress IP c"));
  EXPECT_THAT(Ask(&Campaigns::CreateCampaign,
                  "campaign_id: 'd' request_id: 'new' campaign { pool: 'pools/none' subject: 's'"
                  " from_address: 'a@b.example' text_body: 't' }"),
              FailsWith(StatusCode::kNotFound, "pool \"none\" does not exist"));
  EXPECT_EQ(Everything(), before);
}

// Retention's sweeps leave the answer for a week; 72 hours are promised.
TEST_F(RequestIdTest, IsKeptForDaysAndThenForgotten) {
  const auto ask = [&](const char* ehlo_name) {
    return Ask(&EgressIps::CreateEgressIp,
               absl::StrCat("egress_ip_id: 'c' request_id: 'once' egress_ip { address: "
                            "'192.0.2.9' ehlo_name: '",
                            ehlo_name, "' }"));
  };
  const auto first = ask("a.example");
  ASSERT_TRUE(first.ok()) << first.status();
  for (int hours = 0; hours < 24 * 7; hours += 8) {
    SCOPED_TRACE(hours);
    ASSERT_EQ(ask("a.example")->DebugString(), first->DebugString());
    ASSERT_THAT(ask("b.example"), FailsWith(StatusCode::kInvalidArgument, "request_id"));
    rig_.clock.Advance(absl::Hours(8));
  }
  rig_.clock.Advance(absl::Hours(2));  // Each question turns the engine, and a sweep is due.
  while (absl::IsInvalidArgument(ask("b.example").status())) std::this_thread::yield();
  EXPECT_THAT(ask("a.example"), FailsWith(StatusCode::kAlreadyExists, "c exists already"));
}

TEST_F(RequestIdTest, Plan) {
  ExpectOnce(&Plans::CreatePlan, "plan_id: 'c' target: 9 plan { egress_ip: 'egressIps/mta1-a' }",
             "plan_id: 'd' target: 9 plan { egress_ip: 'egressIps/mta1-a' }");
}

TEST_F(RequestIdTest, Campaign) {
  const std::string body =
      "campaign_id: 'c' campaign { pool: 'pools/main' subject: 's' from_address: 'a@b.example' "
      "text_body: ";
  ExpectOnce(&Campaigns::CreateCampaign, body + "'t' }", body + "'u' }");
}

}  // namespace
}  // namespace crescendo::service
