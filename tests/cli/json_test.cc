// `-o json`: each line parses to the message that the API gives.
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <functional>

#include "absl/strings/str_split.h"
#include "crescendo/v1/campaign.grpc.pb.h"
#include "crescendo/v1/delivery.grpc.pb.h"
#include "crescendo/v1/egress_ip.grpc.pb.h"
#include "crescendo/v1/engagement.grpc.pb.h"
#include "crescendo/v1/event.grpc.pb.h"
#include "crescendo/v1/lane.grpc.pb.h"
#include "crescendo/v1/plan.grpc.pb.h"
#include "crescendo/v1/pool.grpc.pb.h"
#include "crescendo/v1/provider.grpc.pb.h"
#include "crescendo/v1/suppression.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"
#include "tests/cli/service_world.h"

namespace crescendo::cli {
namespace {

using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;

class JsonTest : public testing::Test {
 protected:
  JsonTest() {
    WorkingFolder::Write("body.txt", "Hello {{first_name}}\n");
    WorkingFolder::Write("list.csv",
                         "email,score,first_name\nann@gmail.com,0.9,Ann\nfull@gmail.com,0.8,F\n"
                         "unknown@gmail.com,0.7,U\nben@yahoo.com,0.30000000000000004,\xc5\xbd\n");
    for (const char* line :
         {"ip create mta1-a --address 192.0.2.10 --ehlo-name a.example.com",
          "pool create main --ip mta1-a",
          "plan create warm-a --ip mta1-a --target 50000 --provider-cap gmail=150",
          "plan start warm-a --reason 'go \"now\"'",
          "campaign create spring --pool main --from 'Žofie <news@shop.example>' --subject 'Hé' "
          "--text body.txt --lifetime 36h",
          "campaign import spring list.csv", "campaign start spring",
          "suppression add eve@example.com --note 'two\ttabs'"}) {
      EXPECT_EQ(Run(line).code, 0) << line;
    }
    world_.Advance(absl::Hours(1));
  }

  Ran Run(const std::string& line) { return RunProgram(world_.address(), "crescendo " + line); }

  // What the command prints, against what the method answers.
  template <typename Service, typename Request, typename Response>
  void Compare(const std::string& line,
               grpc::Status (Service::*method)(grpc::ClientContext*, const Request&, Response*),
               const Request& request,
               std::function<std::vector<const Message*>(const Response&)> items) {
    SCOPED_TRACE(line);
    Response response;
    grpc::ClientContext call;
    Service stub(world_.channel());
    ASSERT_TRUE((stub.*method)(&call, request, &response).ok());
    const std::vector<const Message*> wanted = items(response);
    ASSERT_FALSE(wanted.empty());
    const Ran ran = Run(line + " -o json");
    EXPECT_EQ(ran.code, 0);
    EXPECT_EQ(ran.err, "");
    const std::vector<std::string> lines = absl::StrSplit(ran.out, '\n', absl::SkipEmpty());
    ASSERT_EQ(lines.size(), wanted.size());
    for (size_t i = 0; i < lines.size(); ++i) {
      for (const char c : lines[i]) ASSERT_TRUE(c >= ' ' && c <= '~') << lines[i];
      const std::unique_ptr<Message> printed(wanted[i]->New());
      ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(lines[i], printed.get()).ok())
          << lines[i];
      EXPECT_TRUE(MessageDifferencer::Equals(*printed, *wanted[i]))
          << printed->ShortDebugString() << "\n"
          << wanted[i]->ShortDebugString();
    }
  }

  WorkingFolder folder_;
  ServiceWorld world_;
};

template <typename Response>
std::vector<const Message*> Itself(const Response& response) {
  return {&response};
}

template <typename Request>
Request Named(const std::string& name) {
  Request request;
  request.set_name(name);
  return request;
}

template <typename Request>
Request Below(const std::string& parent) {
  Request request;
  request.set_parent(parent);
  return request;
}

TEST_F(JsonTest, OneMessageEqualsTheApis) {
  Compare<v1::EgressIpService::Stub, v1::GetEgressIpRequest, v1::EgressIp>(
      "ip get mta1-a", &v1::EgressIpService::Stub::GetEgressIp,
      Named<v1::GetEgressIpRequest>("egressIps/mta1-a"), Itself<v1::EgressIp>);
  Compare<v1::PoolService::Stub, v1::GetPoolRequest, v1::Pool>(
      "pool get main", &v1::PoolService::Stub::GetPool, Named<v1::GetPoolRequest>("pools/main"),
      Itself<v1::Pool>);
  Compare<v1::PlanService::Stub, v1::GetPlanRequest, v1::Plan>(
      "plan get warm-a", &v1::PlanService::Stub::GetPlan, Named<v1::GetPlanRequest>("plans/warm-a"),
      Itself<v1::Plan>);
  Compare<v1::PlanService::Stub, v1::GetPlanProgressRequest, v1::PlanProgress>(
      "plan progress warm-a", &v1::PlanService::Stub::GetPlanProgress,
      Named<v1::GetPlanProgressRequest>("plans/warm-a"), Itself<v1::PlanProgress>);
  Compare<v1::ProviderService::Stub, v1::GetProviderRequest, v1::Provider>(
      "provider get gmail", &v1::ProviderService::Stub::GetProvider,
      Named<v1::GetProviderRequest>("providers/gmail"), Itself<v1::Provider>);
  v1::FindProviderRequest find;
  find.set_domain("gmail.com");
  Compare<v1::ProviderService::Stub, v1::FindProviderRequest, v1::FindProviderResponse>(
      "provider find gmail.com", &v1::ProviderService::Stub::FindProvider, find,
      Itself<v1::FindProviderResponse>);
  Compare<v1::CampaignService::Stub, v1::GetCampaignRequest, v1::Campaign>(
      "campaign get spring", &v1::CampaignService::Stub::GetCampaign,
      Named<v1::GetCampaignRequest>("campaigns/spring"), Itself<v1::Campaign>);
  Compare<v1::LaneService::Stub, v1::GetLaneRequest, v1::Lane>(
      "lane get mta1-a/gmail", &v1::LaneService::Stub::GetLane,
      Named<v1::GetLaneRequest>("egressIps/mta1-a/lanes/gmail"), Itself<v1::Lane>);
  Compare<v1::DeliveryService::Stub, v1::GetDeliveryRequest, v1::Delivery>(
      "delivery get spring/4", &v1::DeliveryService::Stub::GetDelivery,
      Named<v1::GetDeliveryRequest>("campaigns/spring/deliveries/4"), Itself<v1::Delivery>);
  Compare<v1::DeliveryService::Stub, v1::GetTranscriptRequest, v1::Transcript>(
      "delivery transcript spring/1", &v1::DeliveryService::Stub::GetTranscript,
      Named<v1::GetTranscriptRequest>("campaigns/spring/deliveries/1/transcript"),
      Itself<v1::Transcript>);
  Compare<v1::SuppressionService::Stub, v1::GetSuppressionRequest, v1::Suppression>(
      "suppression get eve@example.com", &v1::SuppressionService::Stub::GetSuppression,
      Named<v1::GetSuppressionRequest>("suppressions/eve@example.com"), Itself<v1::Suppression>);
  WorkingFolder::Write("opens.csv", "email,kind,time\nfull@gmail.com,open,2025-12-31T12:00:00Z\n");
  EXPECT_EQ(Run("engagement import opens.csv -o json").out,
            "{\"recorded\":1,\"repeated\":0,\"reranked\":0,\"rejected\":0}\n");
  Compare<v1::EngagementService::Stub, v1::GetEngagementRequest, v1::Engagement>(
      "engagement get full@gmail.com", &v1::EngagementService::Stub::GetEngagement,
      Named<v1::GetEngagementRequest>("engagements/full@gmail.com"), Itself<v1::Engagement>);
}

template <typename Response, typename Items>
std::function<std::vector<const Message*>(const Response&)> Each(Items items) {
  return [items](const Response& response) {
    std::vector<const Message*> messages;
    for (const auto& item : (response.*items)()) messages.push_back(&item);
    return messages;
  };
}

// Picks the accessor of the repeated field that is const.
#define CRESCENDO_ITEMS(Response, field)                                                 \
  Each<v1::Response>(static_cast<decltype(std::declval<const v1::Response&>().field()) ( \
                         v1::Response::*)() const>(&v1::Response::field))

TEST_F(JsonTest, EachLineOfAListEqualsTheApis) {
  Compare<v1::EgressIpService::Stub, v1::ListEgressIpsRequest, v1::ListEgressIpsResponse>(
      "ip list", &v1::EgressIpService::Stub::ListEgressIps, {},
      CRESCENDO_ITEMS(ListEgressIpsResponse, egress_ips));
  Compare<v1::PoolService::Stub, v1::ListPoolsRequest, v1::ListPoolsResponse>(
      "pool list", &v1::PoolService::Stub::ListPools, {},
      CRESCENDO_ITEMS(ListPoolsResponse, pools));
  Compare<v1::PlanService::Stub, v1::ListPlansRequest, v1::ListPlansResponse>(
      "plan list", &v1::PlanService::Stub::ListPlans, {},
      CRESCENDO_ITEMS(ListPlansResponse, plans));
  Compare<v1::PlanService::Stub, v1::ListPlanDaysRequest, v1::ListPlanDaysResponse>(
      "plan days warm-a", &v1::PlanService::Stub::ListPlanDays,
      Below<v1::ListPlanDaysRequest>("plans/warm-a"),
      CRESCENDO_ITEMS(ListPlanDaysResponse, plan_days));
  Compare<v1::ProviderService::Stub, v1::ListProvidersRequest, v1::ListProvidersResponse>(
      "provider list", &v1::ProviderService::Stub::ListProviders, {},
      CRESCENDO_ITEMS(ListProvidersResponse, providers));
  Compare<v1::CampaignService::Stub, v1::ListCampaignsRequest, v1::ListCampaignsResponse>(
      "campaign list", &v1::CampaignService::Stub::ListCampaigns, {},
      CRESCENDO_ITEMS(ListCampaignsResponse, campaigns));
  Compare<v1::LaneService::Stub, v1::ListLanesRequest, v1::ListLanesResponse>(
      "lane list", &v1::LaneService::Stub::ListLanes, Below<v1::ListLanesRequest>("egressIps/-"),
      CRESCENDO_ITEMS(ListLanesResponse, lanes));
  Compare<v1::DeliveryService::Stub, v1::ListDeliveriesRequest, v1::ListDeliveriesResponse>(
      "delivery list spring", &v1::DeliveryService::Stub::ListDeliveries,
      Below<v1::ListDeliveriesRequest>("campaigns/spring"),
      CRESCENDO_ITEMS(ListDeliveriesResponse, deliveries));
  Compare<v1::SuppressionService::Stub, v1::ListSuppressionsRequest, v1::ListSuppressionsResponse>(
      "suppression list", &v1::SuppressionService::Stub::ListSuppressions, {},
      CRESCENDO_ITEMS(ListSuppressionsResponse, suppressions));
  Compare<v1::EventService::Stub, v1::ListEventsRequest, v1::ListEventsResponse>(
      "event list", &v1::EventService::Stub::ListEvents, {},
      CRESCENDO_ITEMS(ListEventsResponse, events));
}

TEST_F(JsonTest, WhatAnImportDidIsOneObject) {
  EXPECT_EQ(
      Run("campaign import spring list.csv --import-id once-more -o json").out,
      "{\"import\":\"once-more\",\"stored_before\":0,\"added\":0,\"updated\":0,\"duplicates\":4,"
      "\"suppressed\":0,\"rejected\":0}\n");
}

}  // namespace
}  // namespace crescendo::cli
