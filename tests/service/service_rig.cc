#include "tests/service/service_rig.h"

#include <filesystem>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "scheduler/base/real_clock.h"
#include "scheduler/service/webhook_handlers.h"
#include "store/sqlite/sqlite_store.h"

namespace crescendo::service {

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

FileStore::FileStore() {
  std::string folder = testing::TempDir() + "/crescendo-XXXXXX";
  EXPECT_NE(mkdtemp(folder.data()), nullptr);
  folder_ = folder;
  store_ = store::SqliteStore::Open(Path("store.db")).value();
}

FileStore::~FileStore() {
  store_.reset();
  std::filesystem::remove_all(folder_);
}

webhooks::PostAnswer FakeReceiver::Post(const webhooks::PostRequest& request,
                                        absl::FunctionRef<bool()>) {
  base::MutexLock lock(&mu_);
  if (code_ == 200) taken_.push_back(request.body);
  changed_.NotifyAll();
  webhooks::PostAnswer answer;
  answer.code = code_;
  return answer;
}

void FakeReceiver::set_code(int code) {
  base::MutexLock lock(&mu_);
  code_ = code;
}

std::string FakeReceiver::WaitFor(absl::string_view text) {
  base::MutexLock lock(&mu_);
  while (true) {
    for (const std::string& body : taken_) {
      if (absl::StrContains(body, text)) return body;
    }
    changed_.Wait(&mu_);
  }
}

std::string FakeReceiver::Taken() {
  base::MutexLock lock(&mu_);
  return absl::StrJoin(taken_, "\n");
}

ServiceTest::ServiceTest(ports::Store* store, size_t most_streams)
    : rig_(engine::Threads::kOwn, {}, store),
      most_streams_(most_streams),
      real_clock_(base::NewRealClock()) {}

ServiceTest::~ServiceTest() { StopDaemon(); }

void ServiceTest::SetUp() {
  StartDaemon();
  rig_.MakePool();
}

void ServiceTest::StartDaemon() {
  ASSERT_TRUE(rig_.Start().ok());
  webhooks::HubOptions hub;
  hub.most = 3;
  hub.courier.first_retry = hub.courier.longest_retry = absl::Milliseconds(1);
  webhooks_ = std::make_unique<webhooks::WebhookHub>(&rig_.engine(), &receiver_, real_clock_.get(),
                                                     WebhookBody, hub);
  ASSERT_TRUE(webhooks_->Start().ok());
  auto server = Server::Start(
      &rig_.engine(), &rig_.resolver(),
      {.address = "127.0.0.1:0", .most_streams = most_streams_, .webhooks = webhooks_.get()});
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  // Its own connection, not one of a daemon before.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  channel_ = grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                       grpc::InsecureChannelCredentials(), arguments);
  stubs_ = {v1::EgressIpService::NewStub(channel_),    v1::PoolService::NewStub(channel_),
            v1::PlanService::NewStub(channel_),        v1::CampaignService::NewStub(channel_),
            v1::LaneService::NewStub(channel_),        v1::ProviderService::NewStub(channel_),
            v1::DeliveryService::NewStub(channel_),    v1::EventService::NewStub(channel_),
            v1::SuppressionService::NewStub(channel_), v1::EngagementService::NewStub(channel_),
            v1::StoreService::NewStub(channel_),       v1::WebhookService::NewStub(channel_)};
}

void ServiceTest::StopDaemon() {
  server_.reset();
  webhooks_.reset();
  rig_.Crash();
}

void ServiceTest::MakeCampaign(const std::string& id) {
  const auto made = Ask(&Campaigns::CreateCampaign,
                        absl::StrCat("campaign_id: '", id,
                                     "' campaign { pool: 'pools/main' subject: 'Spring' "
                                     "from_address: 'news@example.com' text_body: 'Hello' }"));
  ASSERT_TRUE(made.ok()) << made.status();
}

std::string ServiceTest::Everything() {
  std::string all;
  const auto add = [&](const auto& answer) {
    EXPECT_TRUE(answer.ok()) << answer.status();
    if (answer.ok()) absl::StrAppend(&all, answer->DebugString());
  };
  add(Ask(&EgressIps::ListEgressIps, ""));
  add(Ask(&Pools::ListPools, ""));
  add(Ask(&Plans::ListPlans, ""));
  add(Ask(&Campaigns::ListCampaigns, ""));
  add(Ask(&Lanes::ListLanes, "parent: 'egressIps/-'"));
  add(Ask(&Suppressions::ListSuppressions, ""));
  add(Ask(&Events::ListEvents, "page_size: 1000"));
  return all;
}

}  // namespace crescendo::service
