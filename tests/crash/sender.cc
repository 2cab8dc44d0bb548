// The sender of a daemon without its surfaces: store, engine and SMTP. It imports a list, sends it,
// and tells on its standard output what was acknowledged; it is killed at any time and started
// again on the same store.
//
// Usage: crash_sender STORE PORT EPOCH_US retry|hold
// Says   "P PID" first; "A N" chunk N is acknowledged; "D" everything is sent. Exits 0 then, 9 if
// the
//        store failed.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>

#include <spdlog/spdlog.h>

#include "absl/strings/numbers.h"
#include "scheduler/base/check.h"
#include "scheduler/base/mutex.h"
#include "scheduler/base/real_clock.h"
#include "scheduler/engine/engine.h"
#include "smtp_client/delivery/smtp_transport.h"
#include "smtp_client/delivery/static_routes.h"
#include "smtp_client/message/campaign_composer.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/crash/world.h"

namespace crescendo::crash {
namespace {

void Tell(const std::string& line) {
  CRESCENDO_CHECK(write(STDOUT_FILENO, line.data(), line.size()) ==
                  static_cast<ssize_t>(line.size()));
}

ProviderCatalog Providers() {
  Provider provider;
  provider.id = ProviderId("mail");
  provider.mx_suffixes = {"mx.example"};
  provider.max_connections_per_ip = 3;
  provider.messages_per_connection = 9;
  provider.tls = TlsPolicy::kNever;
  Provider fallback;
  fallback.id = ProviderId("default");
  return ProviderCatalog({provider}, fallback);
}

core::ReplyClassifier Classifier() {
  core::ProviderRules rules;
  rules.provider = ProviderId("default");
  ReplyRule greylisted;
  greylisted.name = "greylisted";
  greylisted.origin = "crash_sender";
  greylisted.match = {"greylisted"};
  greylisted.category = ReplyCategory::kGreylisted;
  rules.rules = {greylisted};
  return core::ReplyClassifier::Create({rules}).value();
}

smtp::StaticRoutes Routes(int port) {
  smtp::RouteTable table;
  table.hosts = {{"mx.example", kAddress, static_cast<uint16_t>(port)}};
  table.domains = {{"*", {"mx.example"}}};
  return smtp::StaticRoutes::Create(table).value();
}

// The answer of a call of the engine.
template <class T, class Ask>
absl::StatusOr<T> Await(Ask ask) {
  std::promise<absl::StatusOr<T>> answer;
  ask([&](absl::StatusOr<T> value) { answer.set_value(std::move(value)); });
  return answer.get_future().get();
}

// As a platform does: every call may be a repetition of one whose answer was lost.
class Platform {
 public:
  explicit Platform(engine::Engine* engine) : engine_(engine) {}

  void SetUp() {
    EgressIp ip;
    ip.id = kIp;
    ip.address = kAddress;
    ip.ehlo_name = "mta1.example.com";
    Create(ip);
    Pool pool;
    pool.id = PoolId("main");
    pool.egress_ips = {kIp};
    Create(pool);
    Plan plan;
    plan.id = kPlan;
    plan.egress_ip = kIp;
    plan.stages = {{1, 150}, {1, 300}, {363, 450}};
    plan.start_date = absl::CivilDay(2026, 3, 2);
    plan.advance_rule = AdvanceRule::kCalendar;
    Create(plan);
    Campaign campaign;
    campaign.id = kCampaign;
    campaign.pool = pool.id;
    campaign.from_address = "news@shop.example";
    campaign.subject = "Hello";
    campaign.text_body = "Hello";
    campaign.lifetime = absl::Hours(24 * 30);
    Create(campaign);
    CRESCENDO_CHECK(Await<Plan>([&](auto done) {
                      engine_->Change(kPlan, engine::PlanVerb::kStart, 0, {}, std::move(done));
                    }).ok());
    CRESCENDO_CHECK(Await<Campaign>([&](auto done) {
                      engine_->Change(kCampaign, engine::CampaignVerb::kStart, 0, {},
                                      std::move(done));
                    }).ok());
  }

  void Import(int chunk) {
    ports::AppendRecipients append;
    append.campaign = kCampaign;
    append.import = kImport;
    append.chunk = chunk;
    append.fingerprint = static_cast<uint64_t>(chunk);
    append.now = engine_->clock().Now().wall;
    for (int row = 0; row < kRowsPerChunk; ++row) {
      append.rows.push_back({Recipient(chunk, row), (row % 10) / 10.0, {}});
    }
    CRESCENDO_CHECK(Await<ports::AppendOutcome>([&](auto done) {
                      engine_->Import(append, std::move(done));
                    }).ok());
    Tell(absl::StrCat("A ", chunk, "\n"));
  }

  // Held in doubt counts as sent: only a person could go on.
  void WaitUntilSent() {
    base::Mutex mu;
    base::CondVar changed;
    int64_t commits = 1;
    const int64_t id = engine_->Subscribe([&] {
      base::MutexLock lock(&mu);
      ++commits;
      changed.NotifyAll();
    });
    for (int64_t seen = 0;;) {
      std::promise<int64_t> waiting;
      CRESCENDO_CHECK(engine_->Read([&](ports::Store& store) {
        const CampaignCounts counts = store.CountDeliveries(kCampaign).value();
        waiting.set_value(counts.queued + counts.claimed + counts.deferred);
      }));
      if (waiting.get_future().get() == 0) break;
      base::MutexLock lock(&mu);
      while (commits == seen) changed.Wait(&mu);
      seen = commits;
    }
    engine_->Unsubscribe(id);
  }

 private:
  template <class Record>
  void Create(Record record) {
    engine::Request request;
    request.key = {absl::StrCat("create-", record.id.text()), 1};
    const auto stored =
        Await<Record>([&](auto done) { engine_->Put(record, request, std::move(done)); });
    if (!stored.ok()) spdlog::critical("{}: {}", record.id.text(), stored.status().ToString());
    CRESCENDO_CHECK(stored.ok());
  }

  engine::Engine* const engine_;
};

int Main(const char* path, int port, int64_t epoch_us, bool hold) {
  Tell(absl::StrCat("P ", getpid(), "\n"));
  spdlog::set_level(spdlog::level::critical);
  setenv("SSL_CERT_FILE", "/dev/null", 1);  // Reading the system's takes half of the start.
  const auto clock = base::NewScaledClock(ClockFrom(absl::FromUnixMicros(epoch_us)));
  store::SqliteOptions small;
  small.cache_mib = 8;
  small.checkpoint_pages = 60;
  small.unfiled_addresses = 50;
  auto store = store::SqliteStore::Open(path, small);
  if (!store.ok()) {
    spdlog::critical("{}", store.status().ToString());
    return 9;
  }
  auto transport = smtp::SmtpTransport::Create({}).value();
  smtp::StaticRoutes routes = Routes(port);
  smtp::CampaignComposer composer;
  const ProviderCatalog providers = Providers();
  const core::ReplyClassifier classifier = Classifier();
  core::Options options;
  options.in_doubt = hold ? core::InDoubtPolicy::kHold : core::InDoubtPolicy::kRetry;
  engine::Engine engine(
      {clock.get(), store->get(), transport.get(), &routes, &composer, &providers, &classifier},
      options);
  engine.SetFatalHandler([](const absl::Status& status) {
    spdlog::critical("{}", status.ToString());
    std::_Exit(9);
  });
  CRESCENDO_CHECK(engine.Start().ok());
  Platform platform(&engine);
  platform.SetUp();
  for (int chunk = 1; chunk <= kChunks; ++chunk) platform.Import(chunk);
  platform.WaitUntilSent();
  engine.Stop(absl::Seconds(10));
  Tell("D\n");
  return 0;
}

}  // namespace
}  // namespace crescendo::crash

int main(int argc, char** argv) {
  int port = 0;
  int64_t epoch_us = 0;
  if (argc != 5 || !absl::SimpleAtoi(argv[2], &port) || !absl::SimpleAtoi(argv[3], &epoch_us)) {
    std::fprintf(stderr, "usage: crash_sender STORE PORT EPOCH_US retry|hold\n");
    return 2;
  }
  return crescendo::crash::Main(argv[1], port, epoch_us, std::strcmp(argv[4], "hold") == 0);
}
