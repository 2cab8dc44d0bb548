// service_rig.h: the services over a real engine, called through a port of loopback.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include <google/protobuf/text_format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "absl/status/statusor.h"
#include "crescendo/v1/campaign.grpc.pb.h"
#include "crescendo/v1/delivery.grpc.pb.h"
#include "crescendo/v1/egress_ip.grpc.pb.h"
#include "crescendo/v1/engagement.grpc.pb.h"
#include "crescendo/v1/event.grpc.pb.h"
#include "crescendo/v1/lane.grpc.pb.h"
#include "crescendo/v1/plan.grpc.pb.h"
#include "crescendo/v1/pool.grpc.pb.h"
#include "crescendo/v1/provider.grpc.pb.h"
#include "crescendo/v1/store.grpc.pb.h"
#include "crescendo/v1/suppression.grpc.pb.h"
#include "crescendo/v1/webhook.grpc.pb.h"
#include "scheduler/base/mutex.h"
#include "scheduler/service/server.h"
#include "scheduler/webhooks/webhook_hub.h"
#include "tests/support/rig.h"

namespace crescendo::service {

using EgressIps = v1::EgressIpService::Stub;
using Pools = v1::PoolService::Stub;
using Plans = v1::PlanService::Stub;
using Campaigns = v1::CampaignService::Stub;
using Lanes = v1::LaneService::Stub;
using Providers = v1::ProviderService::Stub;
using Deliveries = v1::DeliveryService::Stub;
using Events = v1::EventService::Stub;
using Suppressions = v1::SuppressionService::Stub;
using Engagements = v1::EngagementService::Stub;
using Stores = v1::StoreService::Stub;
using Webhooks = v1::WebhookService::Stub;

absl::Status FromGrpc(const grpc::Status& status);

// The message that `text` says, in the text format; of a field given twice the last holds.
template <class Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(text, &message)) << text;
  return message;
}

// A receiver of webhooks that takes what it is sent, or refuses it.
class FakeReceiver : public webhooks::Poster {
 public:
  webhooks::PostAnswer Post(const webhooks::PostRequest& request,
                            absl::FunctionRef<bool()>) override ABSL_LOCKS_EXCLUDED(mu_);
  void set_code(int code) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until one of the bodies it took holds `text`, and gives it.
  std::string WaitFor(absl::string_view text) ABSL_LOCKS_EXCLUDED(mu_);
  std::string Taken() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  int code_ ABSL_GUARDED_BY(mu_) = 200;
  std::vector<std::string> taken_ ABSL_GUARDED_BY(mu_);
};

// A store in a folder of its own, gone with the object.
class FileStore {
 public:
  FileStore();
  ~FileStore();
  ports::Store* get() { return store_.get(); }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
  std::unique_ptr<ports::Store> store_;
};

// A base that is made before the ServiceTest that uses the store.
struct HasFileStore {
  FileStore file;
};

// A daemon with egress IPs mta1-a, mta1-b and pool `main` of mta1-a. No time passes.
class ServiceTest : public testing::Test {
 protected:
  // `store`: instead of one in memory; outlives the test.
  explicit ServiceTest(ports::Store* store = nullptr, size_t most_streams = 20);
  ~ServiceTest() override;
  void SetUp() override;
  void StartDaemon();
  void StopDaemon();

  template <class Stub, class Request, class Response>
  absl::StatusOr<Response> Ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                               const Request& request) {
    grpc::ClientContext context;
    context.AddMetadata("crescendo-actor", "test:ann");
    Response response;
    const grpc::Status status = (StubOf<Stub>().*method)(&context, request, &response);
    if (!status.ok()) return FromGrpc(status);
    return response;
  }
  template <class Stub, class Request, class Response>
  absl::StatusOr<Response> Ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                               const std::string& text) {
    return Ask(method, Parse<Request>(text));
  }
  template <class Stub>
  Stub& StubOf() {
    return *std::get<std::unique_ptr<Stub>>(stubs_);
  }
  // The DRAFT campaign, of pool `main`.
  void MakeCampaign(const std::string& id);
  // Everything that can be listed, as text: equal before and after what changes nothing.
  std::string Everything();

  support::Rig rig_;
  const size_t most_streams_;
  const std::unique_ptr<base::Clock> real_clock_;
  FakeReceiver receiver_;
  std::unique_ptr<webhooks::WebhookHub> webhooks_;
  std::unique_ptr<Server> server_;

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::tuple<std::unique_ptr<EgressIps>, std::unique_ptr<Pools>, std::unique_ptr<Plans>,
             std::unique_ptr<Campaigns>, std::unique_ptr<Lanes>, std::unique_ptr<Providers>,
             std::unique_ptr<Deliveries>, std::unique_ptr<Events>, std::unique_ptr<Suppressions>,
             std::unique_ptr<Engagements>, std::unique_ptr<Stores>, std::unique_ptr<Webhooks>>
      stubs_;
};

MATCHER_P2(FailsWith, code, text, "") {
  const absl::Status& status = arg.status();
  *result_listener << status;
  return status.code() == code && std::string(status.message()).find(text) != std::string::npos;
}

}  // namespace crescendo::service
