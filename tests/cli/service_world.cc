#include "tests/cli/service_world.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/providers/provider_loader.h"
#include "tests/cli/fake_prober.h"

namespace crescendo::cli {
namespace {

const absl::CivilSecond kStart(2026, 1, 1, 8, 0, 0);

Reply Answer(absl::string_view recipient) {
  Reply reply;
  reply.stage = SmtpStage::kRcpt;
  if (absl::StartsWith(recipient, "full")) {
    reply.code = 452;
    reply.enhanced = {4, 2, 2};
    reply.lines = {"The mailbox is over its quota"};
  } else if (absl::StartsWith(recipient, "unknown")) {
    reply.code = 550;
    reply.enhanced = {5, 1, 1};
    reply.lines = {"The email account that you tried to reach does not exist."};
  } else {
    reply.code = 250;
    reply.enhanced = {2, 0, 0};
    reply.lines = {"OK"};
    reply.stage = SmtpStage::kEndOfData;
  }
  return reply;
}

smtp::StaticRoutes Routes() {
  smtp::RouteTable table;
  table.hosts = {{"*", "192.0.2.200", 25}};
  table.domains = {{"gmail.com", {"gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"}},
                   {"yahoo.com", {"mta5.am0.yahoodns.net"}},
                   {"example.com", {"mx1.example.com", "mx2.example.com"}}};
  auto routes = smtp::StaticRoutes::Create(table);
  CRESCENDO_CHECK(routes.ok());
  return *std::move(routes);
}

// Reading them takes a while, and nothing changes them.
const providers::ProviderData& Providers() {
  static const auto* const kData =
      new absl::StatusOr<providers::ProviderData>(providers::LoadProviders(""));
  CRESCENDO_CHECK(kData->ok());
  return **kData;
}

}  // namespace

class ServiceWorld::Receivers final : public ports::Transport {
 public:
  void SetListener(absl::AnyInvocable<void(ports::TransportEvent)> listener) override {
    listener_ = std::move(listener);
  }
  explicit Receivers(smtp::TraceHub* traces) : traces_(traces) {}

  void Open(ports::OpenConnection request) override {
    ports::TraceLine line{.connection = request.connection, .lane = request.lane};
    line.host = absl::StrCat(request.host.name, " [", request.host.address, "]:25");
    taps_[request.connection.value()] = std::make_shared<smtp::Tap>(traces_, std::move(line));
    Tell(ports::TransportEvent::Kind::kOpened, request.connection);
  }
  void Send(ports::SendMessage request) override {
    ports::TransportEvent event;
    event.kind = ports::TransportEvent::Kind::kSent;
    event.connection = request.connection;
    event.delivery = request.delivery;
    event.result = ports::TransportEvent::SentResult::kReply;
    event.connection_usable = true;
    event.reply = Answer(request.rcpt_to);
    smtp::Tap& tap = *taps_[request.connection.value()];
    tap.Begin(request.delivery, request.rcpt_to);
    tap.OnSent(absl::StrCat("RCPT TO:<", request.rcpt_to, ">"));
    tap.OnReply(event.reply);
    tap.End();
    if (!event.reply.temporary()) {
      base::MutexLock lock(&mu_);
      transcripts_[request.delivery.value()] =
          absl::StrCat("> RCPT TO:<", request.rcpt_to, ">\r\n< ", event.reply.ToString(),
                       " \x1b[31mred\x1b[0m\r\n");
    }
    listener_(std::move(event));
  }
  void Close(ConnectionId connection) override {
    Tell(ports::TransportEvent::Kind::kClosed, connection);
  }
  std::string Transcript(DeliveryId delivery) override {
    base::MutexLock lock(&mu_);
    return transcripts_[delivery.value()];
  }

 private:
  void Tell(ports::TransportEvent::Kind kind, ConnectionId connection) {
    ports::TransportEvent event;
    event.kind = kind;
    event.connection = connection;
    listener_(std::move(event));
  }

  smtp::TraceHub* const traces_;
  std::map<int64_t, std::shared_ptr<smtp::Tap>> taps_;
  absl::AnyInvocable<void(ports::TransportEvent)> listener_;
  base::Mutex mu_;
  std::map<int64_t, std::string> transcripts_ ABSL_GUARDED_BY(mu_);
};

ServiceWorld::ServiceWorld()
    : clock_(absl::FromCivil(kStart, absl::UTCTimeZone())),
      prober_(NewFakeProber(Answer)),
      routes_(Routes()),
      receivers_(std::make_unique<Receivers>(&traces_)) {
  engine_ = std::make_unique<engine::Engine>(
      engine::Edges{&clock_, &store_, receivers_.get(), &routes_, &composer_, &Providers().catalog,
                    &Providers().classifier},
      core::Options(), engine::Threads::kNone);
  CRESCENDO_CHECK(engine_->Start().ok());
  pump_ = std::thread([this] { Pump(); });
  StartServer();
}

ServiceWorld::~ServiceWorld() {
  StopServer();
  {
    base::MutexLock lock(&mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  pump_.join();
}

// The engine has no threads of its own here, so that nothing happens between two calls of a test.
void ServiceWorld::Pump() {
  base::MutexLock lock(&mu_);
  while (!stopping_) {
    engine_->Turn();
    wake_.WaitFor(&mu_, std::chrono::microseconds(200));
  }
}

void ServiceWorld::Advance(absl::Duration by) {
  base::MutexLock lock(&mu_);
  const absl::Time end = clock_.Now().wall + by;
  for (absl::Time next = engine_->Turn(); next < end; next = engine_->Turn()) {
    clock_.AdvanceTo(std::max(next, clock_.Now().wall + absl::Milliseconds(1)));
  }
  clock_.AdvanceTo(end);
  engine_->Turn();
}

void ServiceWorld::StopServer() {
  if (server_ == nullptr) return;
  server_->BeginStop();
  server_->Stop(absl::ZeroDuration());
  server_ = nullptr;
}

void ServiceWorld::StartServer() {
  auto server = service::Server::Start(
      engine_.get(), &routes_, {.address = address_, .diagnostics = {prober_.get(), &traces_}});
  CRESCENDO_CHECK(server.ok());
  server_ = *std::move(server);
  address_ = absl::StrCat("127.0.0.1:", server_->port());
}

}  // namespace crescendo::cli
