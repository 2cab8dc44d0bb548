// bench_import: a platform that imports made-up recipients over gRPC, as fast as the daemon
// answers.
//
//   bench_import --server HOST:PORT --campaign ID [--recipients N] [--clients N] [--chunk N]
//                [--body-bytes N] [--domains N] [--await-accepted]
//
// Makes the campaign's IP and pool if they are missing. With --body-bytes each recipient has a body
// of its own of that size. With --await-accepted the campaign is started first, and the time counts
// until the last one is accepted. Prints one JSON object: seconds until the last acknowledgement,
// and until the last acceptance.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "crescendo/v1/campaign.grpc.pb.h"
#include "crescendo/v1/egress_ip.grpc.pb.h"
#include "crescendo/v1/pool.grpc.pb.h"
#include "scheduler/base/random.h"
#include "tests/bench/made_up_list.h"

namespace crescendo {
namespace {

struct Arguments {
  std::string server, campaign;
  int64_t recipients = 100'000, clients = 1, chunk = 1'000, body_bytes = 0, domains = 1;
  bool await_accepted = false;
};

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "bench_import: %s\n", what.c_str());
  std::exit(1);
}

void Check(const grpc::Status& status, const char* doing) {
  if (status.ok() || status.error_code() == grpc::StatusCode::ALREADY_EXISTS) return;
  Fail(absl::StrCat(doing, ": ", status.error_message()));
}

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

// Lines of text, like those of a newsletter, that differ from recipient to recipient.
std::string BodyOf(uint64_t seed, int64_t bytes) {
  std::string body;
  body.reserve(static_cast<size_t>(bytes));
  while (static_cast<int64_t>(body.size()) + 66 <= bytes) {
    seed = base::Random::Mix(seed);
    const std::string word = absl::StrCat(absl::Hex(seed, absl::kZeroPad16));
    absl::StrAppend(&body, word, word, word, word, "\r\n");
  }
  body.resize(static_cast<size_t>(bytes), '.');
  return body;
}

void Prepare(const std::shared_ptr<grpc::Channel>& channel, const Arguments& arguments) {
  {
    grpc::ClientContext call;
    v1::CreateEgressIpRequest request;
    request.set_egress_ip_id("bench");
    request.mutable_egress_ip()->set_address("127.0.0.1");
    request.mutable_egress_ip()->set_ehlo_name("bench.sender.example");
    v1::EgressIp ip;
    Check(v1::EgressIpService::Stub(channel).CreateEgressIp(&call, request, &ip), "create the IP");
  }
  {
    grpc::ClientContext call;
    v1::CreatePoolRequest request;
    request.set_pool_id("bench");
    request.mutable_pool()->add_egress_ips("egressIps/bench");
    v1::Pool pool;
    Check(v1::PoolService::Stub(channel).CreatePool(&call, request, &pool), "create the pool");
  }
  {
    grpc::ClientContext call;
    v1::CreateCampaignRequest request;
    request.set_campaign_id(arguments.campaign);
    v1::Campaign& campaign = *request.mutable_campaign();
    campaign.set_pool("pools/bench");
    campaign.set_from_address("news@sender.example");
    campaign.set_subject("A letter");
    // The distinct body travels and is stored with the recipient, as a peer's spool would hold it.
    campaign.set_text_body(arguments.body_bytes > 0 ? "{{body}}" : BodyOf(1, 10'000));
    Check(v1::CampaignService::Stub(channel).CreateCampaign(&call, request, &campaign),
          "create the campaign");
  }
  if (!arguments.await_accepted) return;
  grpc::ClientContext call;
  v1::StartCampaignRequest request;
  request.set_name(absl::StrCat("campaigns/", arguments.campaign));
  v1::Campaign campaign;
  Check(v1::CampaignService::Stub(channel).StartCampaign(&call, request, &campaign),
        "start the campaign");
}

// One client's share: a stream of chunks, written while the answers are read.
void Import(const std::shared_ptr<grpc::Channel>& channel, const Arguments& arguments,
            int64_t client, std::atomic<int64_t>* acknowledged) {
  grpc::ClientContext call;
  v1::CampaignService::Stub stub(channel);
  const auto stream = stub.ImportRecipients(&call);
  v1::ImportRecipientsRequest request;
  request.mutable_header()->set_campaign(absl::StrCat("campaigns/", arguments.campaign));
  request.mutable_header()->set_import_id(absl::StrCat("client-", client));
  stream->Write(request);
  std::thread reader([&] {
    v1::ImportRecipientsResponse response;
    while (stream->Read(&response)) *acknowledged += response.added();
  });
  const int64_t share = arguments.recipients / arguments.clients;
  const int64_t first = client * share;
  const int64_t last = client + 1 == arguments.clients ? arguments.recipients : first + share;
  int64_t number = 0;
  for (int64_t at = first; at < last;) {
    request.Clear();
    v1::ImportRecipientsRequest::Chunk& chunk = *request.mutable_chunk();
    chunk.set_number(++number);
    for (int64_t rows = 0; rows < arguments.chunk && at < last; ++rows, ++at) {
      bench::MadeUp made_up = bench::MadeUpRecipient(at, arguments.domains);
      v1::RecipientInput& recipient = *chunk.add_recipients();
      recipient.set_address(std::move(made_up.address));
      recipient.set_score(made_up.score);
      if (arguments.body_bytes > 0) {
        (*recipient.mutable_variables())["body"] = BodyOf(made_up.seed, arguments.body_bytes);
      }
    }
    if (!stream->Write(request)) break;
  }
  stream->WritesDone();
  reader.join();
  Check(stream->Finish(), "import");
}

// Until all are accepted; the time of that.
double AwaitAccepted(const std::shared_ptr<grpc::Channel>& channel, const Arguments& arguments,
                     std::chrono::steady_clock::time_point since) {
  while (true) {
    grpc::ClientContext call;
    v1::GetCampaignRequest request;
    request.set_name(absl::StrCat("campaigns/", arguments.campaign));
    v1::Campaign campaign;
    Check(v1::CampaignService::Stub(channel).GetCampaign(&call, request, &campaign), "read");
    if (campaign.counts().accepted() >= arguments.recipients) return Seconds(since);
    if (campaign.counts().bounced() > 0) Fail("the sink refused a message for good");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

int Run(const Arguments& arguments) {
  const auto channel = grpc::CreateChannel(arguments.server, grpc::InsecureChannelCredentials());
  Prepare(channel, arguments);
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int64_t> acknowledged = 0;
  std::vector<std::thread> clients;
  for (int64_t client = 0; client < arguments.clients; ++client) {
    // A channel of its own, so that the clients do not share a connection.
    grpc::ChannelArguments own;
    own.SetInt("bench.client", static_cast<int>(client));
    clients.emplace_back(
        Import,
        grpc::CreateCustomChannel(arguments.server, grpc::InsecureChannelCredentials(), own),
        arguments, client, &acknowledged);
  }
  for (std::thread& client : clients) client.join();
  const double import_seconds = Seconds(start);
  if (acknowledged != arguments.recipients) {
    Fail(absl::StrCat(acknowledged.load(), " of ", arguments.recipients, " were acknowledged"));
  }
  const double seconds =
      arguments.await_accepted ? AwaitAccepted(channel, arguments, start) : import_seconds;
  std::printf("{\"recipients\": %lld, \"import_seconds\": %.4f, \"seconds\": %.4f}\n",
              static_cast<long long>(arguments.recipients), import_seconds, seconds);
  return 0;
}

}  // namespace
}  // namespace crescendo

int main(int argc, char** argv) {
  crescendo::Arguments arguments;
  const struct {
    const char* name;
    int64_t* value;
  } numbers[] = {{"--recipients", &arguments.recipients},
                 {"--clients", &arguments.clients},
                 {"--chunk", &arguments.chunk},
                 {"--body-bytes", &arguments.body_bytes},
                 {"--domains", &arguments.domains}};
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--await-accepted") {
      arguments.await_accepted = true;
      continue;
    }
    if (i + 1 == argc) crescendo::Fail(name + " needs a value");
    const char* value = argv[++i];
    if (name == "--server") arguments.server = value;
    if (name == "--campaign") arguments.campaign = value;
    for (const auto& number : numbers) {
      if (name == number.name) *number.value = std::atoll(value);
    }
  }
  if (arguments.server.empty() || arguments.campaign.empty()) {
    crescendo::Fail("--server and --campaign are needed; see the head of bench_import.cc");
  }
  return crescendo::Run(arguments);
}
