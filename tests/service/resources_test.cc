// Every unary method of the nine services: what it answers, stores and refuses to overwrite.
#include "absl/strings/str_cat.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using ResourcesTest = ServiceTest;

constexpr char kNewPlan[] =
    "plan_id: 'warm-a' plan { egress_ip: 'egressIps/mta1-a' stages { days: 2 daily_cap: 100 } }";

TEST_F(ResourcesTest, EgressIps) {
  const auto made = Ask(&EgressIps::CreateEgressIp,
                        "egress_ip_id: 'mta1-c' egress_ip { address: '2001:db8::1' "
                        "ehlo_name: 'mta1.example.com' }");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name(), "egressIps/mta1-c");
  EXPECT_EQ(made->create_time().seconds(), absl::ToUnixSeconds(support::kNoon));
  const auto got = Ask(&EgressIps::GetEgressIp, "name: 'egressIps/mta1-c'");
  EXPECT_EQ(got->DebugString(), made->DebugString());
  const auto updated =
      Ask(&EgressIps::UpdateEgressIp,
          "egress_ip { name: 'egressIps/mta1-c' ehlo_name: 'new.example.com' address: 'ignored' }");
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->ehlo_name(), "new.example.com");
  EXPECT_EQ(updated->address(), "2001:db8::1");
  EXPECT_NE(updated->etag(), made->etag());
  EXPECT_THAT(Ask(&EgressIps::ListEgressIps, "")->egress_ips(), SizeIs(3));
  EXPECT_THAT(
      Ask(&EgressIps::CreateEgressIp,
          "egress_ip_id: 'mta1-c' egress_ip { address: '192.0.2.7' ehlo_name: 'a.example' }"),
      FailsWith(StatusCode::kAlreadyExists, "mta1-c"));
  EXPECT_THAT(Ask(&EgressIps::GetEgressIp, "name: 'egressIps/none'"),
              FailsWith(StatusCode::kNotFound, "none"));
}

TEST_F(ResourcesTest, Pools) {
  const auto made =
      Ask(&Pools::CreatePool, "pool_id: 'other' pool { egress_ips: 'egressIps/mta1-b' }");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(Ask(&Pools::GetPool, "name: 'pools/other'")->DebugString(), made->DebugString());
  EXPECT_THAT(Ask(&Pools::ListPools, "")->pools(), SizeIs(2));
  EXPECT_THAT(Ask(&Pools::UpdatePool,
                  "pool { name: 'pools/other' egress_ips: ['egressIps/mta1-a', "
                  "'egressIps/mta1-b'] }"),
              FailsWith(StatusCode::kFailedPrecondition, "mta1-a is in pool main"));
  EXPECT_THAT(Ask(&Pools::UpdatePool, "pool { name: 'pools/none' egress_ips: 'egressIps/mta1-b' }"),
              FailsWith(StatusCode::kNotFound, "none"));
  EXPECT_THAT(Ask(&Pools::GetPool, "name: 'pools/none'"), FailsWith(StatusCode::kNotFound, "none"));
}

TEST_F(ResourcesTest, Plans) {
  const auto made = Ask(&Plans::CreatePlan,
                        "plan_id: 'warm-a' target: 1000 plan { egress_ip: 'egressIps/mta1-a' "
                        "time_zone: 'Europe/Berlin' }");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->state(), v1::Plan::DRAFT);
  EXPECT_EQ(made->start_date(), "2026-03-04") << "today, there";
  ASSERT_THAT(made->stages(), SizeIs(3));
  EXPECT_EQ(made->stages(0).daily_cap(), 200);
  EXPECT_EQ(made->stages(2).daily_cap(), 1000);
  EXPECT_EQ(Ask(&Plans::GetPlan, "name: 'plans/warm-a'")->DebugString(), made->DebugString());

  EXPECT_EQ(Ask(&Plans::StartPlan, "name: 'plans/warm-a'")->state(), v1::Plan::ACTIVE);
  const auto paused = Ask(&Plans::PausePlan, "name: 'plans/warm-a' reason: 'lunch'");
  EXPECT_EQ(paused->state(), v1::Plan::PAUSED);
  EXPECT_EQ(paused->state_reason(), "lunch (test:ann)");
  EXPECT_EQ(Ask(&Plans::ResumePlan, "name: 'plans/warm-a'")->state(), v1::Plan::ACTIVE);
  const auto updated = Ask(&Plans::UpdatePlan,
                           "plan { name: 'plans/warm-a' stages { days: 1 daily_cap: 50 } "
                           "time_zone: 'UTC' } update_mask { paths: 'stages' }");
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_THAT(updated->stages(), SizeIs(1));
  EXPECT_EQ(updated->time_zone(), "Europe/Berlin") << "not in the mask";

  const auto progress = Ask(&Plans::GetPlanProgress, "name: 'plans/warm-a'");
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_EQ(progress->today().name(), "plans/warm-a/days/2026-03-04");
  EXPECT_EQ(progress->today().cap(), 50) << "an edit takes effect at once";
  EXPECT_EQ(progress->day_end_time().seconds() - progress->day_start_time().seconds(), 86'400);
  const auto days = Ask(&Plans::ListPlanDays, "parent: 'plans/warm-a'");
  ASSERT_TRUE(days.ok()) << days.status();
  ASSERT_THAT(days->plan_days(), SizeIs(1));
  EXPECT_EQ(days->plan_days(0).decision(), v1::PlanDay::OPEN);
  for (const absl::Status& status :
       {Ask(&Plans::GetPlan, "name: 'plans/none'").status(),
        Ask(&Plans::StartPlan, "name: 'plans/none'").status(),
        Ask(&Plans::GetPlanProgress, "name: 'plans/none'").status(),
        Ask(&Plans::ListPlanDays, "parent: 'plans/none'").status(),
        Ask(&Plans::UpdatePlan, "plan { name: 'plans/none' }").status()}) {
    EXPECT_EQ(status.code(), StatusCode::kNotFound);
  }
}

TEST_F(ResourcesTest, CampaignsAndDeliveries) {
  MakeCampaign("spring");
  ASSERT_TRUE(rig_.Import("spring", 1, {"Ann@gmail.test", "bob@gmail.test"}).ok());
  const auto draft = Ask(&Campaigns::GetCampaign, "name: 'campaigns/spring'");
  EXPECT_EQ(draft->state(), v1::Campaign::DRAFT);
  EXPECT_EQ(draft->counts().queued(), 2);
  EXPECT_EQ(draft->lifetime().seconds(), 72 * 3600);
  EXPECT_EQ(draft->text_body(), "Hello");
  const auto senders = Ask(&Campaigns::UpdateCampaign,
                           "campaign { name: 'campaigns/spring' from_address: 'News@Bücher.test' "
                           "return_path: 'b@BÜCHER.test' } "
                           "update_mask { paths: ['from_address', 'return_path'] }");
  ASSERT_TRUE(senders.ok()) << senders.status();
  EXPECT_EQ(senders->from_address(), "News@xn--bcher-kva.test");
  EXPECT_EQ(senders->return_path(), "b@xn--bcher-kva.test");
  const auto list = Ask(&Campaigns::ListCampaigns, "");
  ASSERT_THAT(list->campaigns(), SizeIs(1));
  EXPECT_EQ(list->campaigns(0).counts().total(), 2);
  EXPECT_EQ(list->campaigns(0).text_body(), "");
  const auto updated = Ask(&Campaigns::UpdateCampaign,
                           "campaign { name: 'campaigns/spring' subject: 'Summer' } "
                           "update_mask { paths: 'subject' }");
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->subject(), "Summer");
  EXPECT_EQ(updated->text_body(), "Hello");

  EXPECT_EQ(Ask(&Campaigns::StartCampaign, "name: 'campaigns/spring'")->state(),
            v1::Campaign::SENDING);
  EXPECT_THAT(Ask(&Campaigns::UpdateCampaign,
                  "campaign { name: 'campaigns/spring' subject: 'x' } "
                  "update_mask { paths: 'subject' }"),
              FailsWith(StatusCode::kFailedPrecondition, "subject may change while"));
  rig_.transport.AwaitSent(1);
  const ports::SendMessage sent = rig_.transport.sent()[0];
  EXPECT_EQ(sent.rcpt_to, "Ann@gmail.test");
  rig_.transport.Answer(sent, 550, "5.1.1 does not exist");
  EXPECT_EQ(Ask(&Campaigns::PauseCampaign, "name: 'campaigns/spring'")->state(),
            v1::Campaign::PAUSED);
  EXPECT_EQ(Ask(&Campaigns::ResumeCampaign, "name: 'campaigns/spring'")->state(),
            v1::Campaign::SENDING);

  const auto name = absl::StrCat("campaigns/spring/deliveries/", sent.delivery.value());
  auto delivery = Ask(&Deliveries::GetDelivery, absl::StrCat("name: '", name, "'"));
  ASSERT_TRUE(delivery.ok()) << delivery.status();
  EXPECT_EQ(delivery->state(), v1::Delivery::BOUNCED);
  EXPECT_EQ(delivery->last_reply().category(), v1::Reply::UNKNOWN_RECIPIENT);
  EXPECT_EQ(delivery->attempts(), 1);
  EXPECT_EQ(Ask(&Deliveries::GetDelivery,
                absl::StrCat("name: 'campaigns/-/deliveries/", sent.delivery.value(), "'"))
                ->name(),
            name);
  EXPECT_EQ(Ask(&Deliveries::GetTranscript, absl::StrCat("name: '", name, "/transcript'"))->text(),
            "> MAIL FROM");
  EXPECT_THAT(
      Ask(&Deliveries::ListDeliveries, "parent: 'campaigns/spring' state: BOUNCED")->deliveries(),
      SizeIs(1));
  EXPECT_THAT(Ask(&Deliveries::ListDeliveries, "parent: 'campaigns/-' address: 'bob@GMAIL.test'")
                  ->deliveries(),
              SizeIs(1));
  for (const char* missing : {"campaigns/spring/deliveries/99", "campaigns/autumn/deliveries/1"}) {
    EXPECT_THAT(Ask(&Deliveries::GetDelivery, absl::StrCat("name: '", missing, "'")),
                FailsWith(StatusCode::kNotFound, missing));
  }
  EXPECT_EQ(Ask(&Deliveries::GetTranscript, "name: 'campaigns/spring/deliveries/99/transcript'")
                .status()
                .code(),
            StatusCode::kNotFound);

  EXPECT_EQ(Ask(&Campaigns::CancelCampaign, "name: 'campaigns/spring'")->state(),
            v1::Campaign::CANCELLED);
  EXPECT_THAT(Ask(&Campaigns::UpdateCampaign, "campaign { name: 'campaigns/spring' }"),
              FailsWith(StatusCode::kFailedPrecondition, "CANCELLED, which is final"));
  EXPECT_THAT(Ask(&Campaigns::StartCampaign, "name: 'campaigns/spring'"),
              FailsWith(StatusCode::kFailedPrecondition, "CANCELLED"));
  EXPECT_EQ(Ask(&Campaigns::GetCampaign, "name: 'campaigns/none'").status().code(),
            StatusCode::kNotFound);
}

TEST_F(ResourcesTest, Lanes) {
  ASSERT_TRUE(Ask(&Plans::CreatePlan, kNewPlan).ok());
  EXPECT_EQ(Ask(&Lanes::GetLane, "name: 'egressIps/mta1-a/lanes/gmail'")->state(),
            v1::Lane::NOT_STARTED);
  ASSERT_TRUE(Ask(&Plans::StartPlan, "name: 'plans/warm-a'").ok());
  EXPECT_THAT(Ask(&Lanes::ListLanes, "parent: 'egressIps/mta1-a'")->lanes(), IsEmpty());
  const auto paused =
      Ask(&Lanes::PauseLane, "name: 'egressIps/mta1-a/lanes/gmail' reason: 'too many bounces'");
  ASSERT_TRUE(paused.ok()) << paused.status();
  EXPECT_EQ(paused->state(), v1::Lane::PAUSED);
  EXPECT_EQ(paused->pause_reason(), "too many bounces (test:ann)");
  EXPECT_EQ(paused->plan(), "plans/warm-a");
  EXPECT_EQ(paused->wait().reason(), v1::Wait::LANE_PAUSED);
  EXPECT_THAT(Ask(&Lanes::ListLanes, "parent: 'egressIps/-'")->lanes(), SizeIs(1));
  EXPECT_THAT(
      Ask(&Lanes::ListLanes, "parent: 'egressIps/-' provider: 'providers/default'")->lanes(),
      IsEmpty());
  EXPECT_EQ(Ask(&Lanes::ResumeLane, "name: 'egressIps/mta1-a/lanes/gmail'")->state(),
            v1::Lane::WARMING);
  EXPECT_EQ(Ask(&Lanes::GetLane, "name: 'egressIps/mta1-b/lanes/default'")->state(),
            v1::Lane::STEADY);
  for (const char* name : {"egressIps/none/lanes/gmail", "egressIps/mta1-a/lanes/none"}) {
    const std::string text = absl::StrCat("name: '", name, "'");
    EXPECT_EQ(Ask(&Lanes::GetLane, text).status().code(), StatusCode::kNotFound);
    EXPECT_EQ(Ask(&Lanes::PauseLane, text).status().code(), StatusCode::kNotFound);
  }
  EXPECT_THAT(Ask(&Lanes::ListLanes, "parent: 'egressIps/none'"),
              FailsWith(StatusCode::kNotFound, "none"));
}

TEST_F(ResourcesTest, Providers) {
  EXPECT_EQ(Ask(&Providers::GetProvider, "name: 'providers/gmail'")->display_name(), "Gmail");
  EXPECT_THAT(Ask(&Providers::GetProvider, "name: 'providers/none'"),
              FailsWith(StatusCode::kNotFound, "none"));
  const auto list = Ask(&Providers::ListProviders, "");
  ASSERT_THAT(list->providers(), SizeIs(2));
  EXPECT_EQ(list->providers(0).name(), "providers/default") << "by name";
  const auto found = Ask(&Providers::FindProvider, "domain: 'GMAIL.test'");
  EXPECT_EQ(found->provider().name(), "providers/gmail");
  EXPECT_THAT(found->mx_hosts(), ElementsAre("mx.google.com"));
  EXPECT_EQ(Ask(&Providers::FindProvider, "mx_hosts: ['A.google.com.', 'mx.example.net']")
                ->provider()
                .name(),
            "providers/default")
      << "every host must match";
}

TEST_F(ResourcesTest, Suppressions) {
  const auto made = Ask(&Suppressions::CreateSuppression,
                        "suppression { address: 'Ann@GMAIL.test' reason: COMPLAINT note: 'ARF' }");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name(), "suppressions/Ann@gmail.test");
  EXPECT_EQ(made->reason(), v1::Suppression::COMPLAINT);
  const auto again =
      Ask(&Suppressions::CreateSuppression, "suppression { address: 'Ann@gmail.test' }");
  EXPECT_EQ(again->reason(), v1::Suppression::MANUAL) << "a repeat gets the new reason";
  EXPECT_EQ(Ask(&Suppressions::GetSuppression, "name: 'suppressions/Ann@GMAIL.test'")->reason(),
            v1::Suppression::MANUAL);
  EXPECT_THAT(Ask(&Suppressions::ListSuppressions, "")->suppressions(), SizeIs(1));
  EXPECT_TRUE(Ask(&Suppressions::DeleteSuppression, "name: 'suppressions/Ann@gmail.test'").ok());
  for (const absl::Status& status :
       {Ask(&Suppressions::DeleteSuppression, "name: 'suppressions/Ann@gmail.test'").status(),
        Ask(&Suppressions::GetSuppression, "name: 'suppressions/Ann@gmail.test'").status()}) {
    EXPECT_EQ(status.code(), StatusCode::kNotFound) << status;
  }
  const auto events =
      Ask(&Events::ListEvents, "filter { types: [SUPPRESSION_ADDED, SUPPRESSION_REMOVED] }");
  ASSERT_THAT(events->events(), SizeIs(3));
  EXPECT_EQ(events->events(0).actor(), "test:ann");
  EXPECT_EQ(events->events(0).address(), "Ann@gmail.test");
}

// --- Etags

TEST_F(ResourcesTest, AStaleEtagIsAbortedAndChangesNothing) {
  MakeCampaign("spring");
  ASSERT_TRUE(Ask(&Plans::CreatePlan, kNewPlan).ok());
  const std::string ip = Ask(&EgressIps::GetEgressIp, "name: 'egressIps/mta1-a'")->etag();
  const std::string pool = Ask(&Pools::GetPool, "name: 'pools/main'")->etag();
  const std::string plan = Ask(&Plans::GetPlan, "name: 'plans/warm-a'")->etag();
  const std::string campaign = Ask(&Campaigns::GetCampaign, "name: 'campaigns/spring'")->etag();
  const auto update_ip = [&] {
    return Ask(&EgressIps::UpdateEgressIp,
               absl::StrCat("egress_ip { name: 'egressIps/mta1-a' ehlo_name: 'b.example' etag: '",
                            ip, "' }"))
        .status();
  };
  const auto update_pool = [&] {
    return Ask(&Pools::UpdatePool,
               absl::StrCat("pool { name: 'pools/main' egress_ips: 'egressIps/mta1-b' etag: '",
                            pool, "' }"))
        .status();
  };
  const auto update_plan = [&] {
    return Ask(&Plans::UpdatePlan,
               absl::StrCat("plan { name: 'plans/warm-a' stages { days: 9 daily_cap: 9 } etag: '",
                            plan, "' } update_mask { paths: 'stages' }"))
        .status();
  };
  const auto update_campaign = [&] {
    return Ask(&Campaigns::UpdateCampaign,
               absl::StrCat("campaign { name: 'campaigns/spring' subject: 'x' etag: '", campaign,
                            "' } update_mask { paths: 'subject' }"))
        .status();
  };
  for (const auto& update : std::vector<std::function<absl::Status()>>{
           update_ip, update_pool, update_plan, update_campaign}) {
    const absl::Status first = update();
    EXPECT_TRUE(first.ok()) << first;
    const std::string before = Everything();
    const absl::Status second = update();
    EXPECT_EQ(second.code(), StatusCode::kAborted);
    EXPECT_THAT(std::string(second.message()), HasSubstr("read it again"));
    EXPECT_EQ(Everything(), before);
  }
  EXPECT_THAT(Ask(&Plans::StartPlan, absl::StrCat("name: 'plans/warm-a' etag: '", plan, "'")),
              FailsWith(StatusCode::kAborted, "etag"));
  EXPECT_THAT(Ask(&Campaigns::CancelCampaign,
                  absl::StrCat("name: 'campaigns/spring' etag: '", campaign, "'")),
              FailsWith(StatusCode::kAborted, "etag"));
}

// --- Dry runs

TEST_F(ResourcesTest, ADryRunAnswersWhatWouldBeStoredAndStoresNothing) {
  MakeCampaign("spring");
  const std::string before = Everything();
  const auto ip =
      Ask(&EgressIps::CreateEgressIp,
          "egress_ip_id: 'dry' egress_ip { address: '192.0.2.9' ehlo_name: 'a.example' } "
          "validate_only: true request_id: 'r'");
  EXPECT_EQ(ip->name(), "egressIps/dry");
  EXPECT_EQ(ip->etag(), "") << "it is not stored";
  const auto pool =
      Ask(&Pools::CreatePool,
          "pool_id: 'dry' pool { egress_ips: 'egressIps/mta1-b' } validate_only: true");
  EXPECT_EQ(pool->name(), "pools/dry");
  const auto plan = Ask(&Plans::CreatePlan,
                        "plan_id: 'dry' target: 400 plan { egress_ip: 'egressIps/mta1-b' } "
                        "validate_only: true");
  EXPECT_THAT(plan->stages(), SizeIs(2));
  const auto campaign = Ask(&Campaigns::CreateCampaign,
                            "campaign_id: 'dry' campaign { pool: 'pools/main' subject: 's' "
                            "from_address: 'a@b.example' text_body: 't' } validate_only: true");
  EXPECT_EQ(campaign->state(), v1::Campaign::DRAFT);
  EXPECT_EQ(Ask(&Campaigns::UpdateCampaign,
                "campaign { name: 'campaigns/spring' subject: 'dry' } validate_only: true "
                "update_mask { paths: 'subject' }")
                ->subject(),
            "dry");
  EXPECT_EQ(
      Ask(&EgressIps::UpdateEgressIp,
          "egress_ip { name: 'egressIps/mta1-a' ehlo_name: 'dry.example' } validate_only: true")
          ->ehlo_name(),
      "dry.example");
  EXPECT_TRUE(Ask(&Suppressions::CreateSuppression,
                  "suppression { address: 'a@b.example' } validate_only: true")
                  .ok());
  EXPECT_THAT(
      Ask(&EgressIps::CreateEgressIp,
          "egress_ip_id: 'mta1-a' egress_ip { address: '192.0.2.1' ehlo_name: 'a.example' } "
          "validate_only: true"),
      FailsWith(StatusCode::kAlreadyExists, "mta1-a"))
      << "it checks what the real one would";
  EXPECT_EQ(Everything(), before);
}

// --- Who asks

TEST_F(ResourcesTest, EveryChangeIsAnEventWithWhoAndWhy) {
  MakeCampaign("spring");
  ASSERT_TRUE(Ask(&Campaigns::StartCampaign, "name: 'campaigns/spring' reason: 'it is time'").ok());
  const auto events = Ask(&Events::ListEvents, "filter { campaign: 'campaigns/spring' }");
  ASSERT_THAT(events->events(), SizeIs(2));
  EXPECT_EQ(events->events(0).type(), v1::Event::CREATED);
  EXPECT_EQ(events->events(1).type(), v1::Event::CAMPAIGN_STARTED);
  EXPECT_EQ(events->events(1).text(), "it is time");
  EXPECT_EQ(events->events(1).actor(), "test:ann");
  EXPECT_EQ(events->last_event(), events->events(1).name());
}

}  // namespace
}  // namespace crescendo::service
