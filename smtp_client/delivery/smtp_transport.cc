#include "smtp_client/delivery/smtp_transport.h"

#include <atomic>
#include <thread>
#include <utility>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/real_clock.h"
#include "scheduler/base/status_macros.h"
#include "smtp_client/delivery/probe_walk.h"
#include "smtp_client/net/connection.h"
#include "smtp_client/net/tls.h"

namespace crescendo::smtp {
namespace {

using ports::TransportEvent;

TransportEvent::SentResult ResultOf(SendOutcome::Result result) {
  switch (result) {
    case SendOutcome::Result::kReply:
      return TransportEvent::SentResult::kReply;
    case SendOutcome::Result::kNotTransferred:
      return TransportEvent::SentResult::kNotTransferred;
    case SendOutcome::Result::kInDoubt:
      return TransportEvent::SentResult::kInDoubt;
  }
  return TransportEvent::SentResult::kInDoubt;
}

Peer PeerOf(ports::OpenConnection request, const SmtpTransportOptions& options) {
  Peer peer;
  peer.chunking = options.chunking;
  peer.reply_limits = options.reply_limits;
  peer.source_address = std::move(request.source_address);
  peer.ehlo_name = std::move(request.ehlo_name);
  peer.host_name = std::move(request.host.name);
  peer.host_address = std::move(request.host.address);
  peer.port = request.host.port;
  peer.tls = request.tls;
  peer.tls_names = std::move(request.tls_names);
  return peer;
}

}  // namespace

// The io thread and what lives on it.
class SmtpTransport::Loop {
 public:
  Loop(SmtpTransportOptions options, std::unique_ptr<TlsClient> tls)
      : options_(std::move(options)),
        tls_(std::move(tls)),
        clock_(base::NewRealClock()),
        transcripts_(options_.accepted_transcripts, options_.other_transcripts),
        io_(/*concurrency_hint=*/1),
        work_(asio::make_work_guard(io_)) {}

  ~Loop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
    held_.clear();  // A socket must not outlive its io_context.
    for (auto& [number, walk] : probes_) walk->Drop();
    probes_.clear();
  }

  void Start(absl::AnyInvocable<void(TransportEvent)> listener) {
    CRESCENDO_CHECK(!thread_.joinable());
    listener_ = std::move(listener);
    thread_ = std::thread([this] { io_.run(); });
  }

  template <class Letter>
  void Post(Letter letter) {
    asio::post(io_, std::move(letter));
  }

  void Open(ports::OpenConnection request);
  void Send(ports::SendMessage request);
  void Close(ConnectionId connection);
  std::string Transcript(DeliveryId delivery) const { return transcripts_.Find(delivery); }

  // "" if `host` may be connected to; else why not. From any thread.
  std::string Forbidden(const ports::MxHost& host) const;
  int64_t NextProbe() { return ++last_probe_; }
  void StartProbe(int64_t number, ports::Probe probe, ports::Prober::Listener listener);
  void CancelProbe(int64_t number);

 private:
  struct Held {
    std::shared_ptr<Connection> connection;
    DeliveryId delivery;       // Under way.
    std::shared_ptr<Tap> tap;  // May be null.
  };

  void OnEvent(ConnectionId id, DialogueEvent event);
  std::shared_ptr<Tap> NewTap(const ports::OpenConnection& request) const;
  void RefuseOpen(const ports::OpenConnection& request, std::string detail, bool forbidden);
  // Why no probe can be made now; "" if one can.
  std::string ProbeFault(const ports::Probe& probe) const;

  const SmtpTransportOptions options_;
  const std::unique_ptr<TlsClient> tls_;
  const std::unique_ptr<base::Clock> clock_;  // Of probes: the network's time is the real one.
  TranscriptShelf transcripts_;
  absl::AnyInvocable<void(TransportEvent)> listener_;
  absl::flat_hash_map<ConnectionId, Held> held_;
  absl::flat_hash_map<int64_t, std::shared_ptr<ProbeWalk>> probes_;
  std::atomic<int64_t> last_probe_ = 0;
  asio::io_context io_;  // Destroyed before what its handlers use.
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

void SmtpTransport::Loop::Open(ports::OpenConnection request) {
  const ConnectionId id = request.connection;
  if (held_.size() >= static_cast<size_t>(options_.max_connections)) {
    return RefuseOpen(request,
                      absl::StrCat("all ", options_.max_connections, " connections are in use"),
                      /*forbidden=*/false);
  }
  if (std::string fault = Forbidden(request.host); !fault.empty()) {
    return RefuseOpen(request, std::move(fault), /*forbidden=*/true);
  }
  std::shared_ptr<Tap> tap = NewTap(request);
  Peer peer = PeerOf(std::move(request), options_);
  peer.observer = tap;
  auto connection = std::make_shared<Connection>(
      io_, *tls_, options_.deadlines, options_.transcript_bytes, std::move(peer),
      [this, id](DialogueEvent event) { OnEvent(id, std::move(event)); });
  const bool fresh = held_.emplace(id, Held{connection, DeliveryId(), std::move(tap)}).second;
  CRESCENDO_CHECK(fresh);
  connection->Start();
}

std::string SmtpTransport::Loop::Forbidden(const ports::MxHost& host) const {
  if (host.trusted) return "";
  asio::error_code error;
  const asio::ip::address address = asio::ip::make_address(host.address, error);
  if (error) return "";  // The connection will say so.
  const std::string fault = options_.destinations.Fault(address);
  if (fault.empty()) return "";
  return absl::StrCat(host.name, " [", host.address, "] is ", fault,
                      ", where mail does not go unless allowed_destinations lists it");
}

std::shared_ptr<Tap> SmtpTransport::Loop::NewTap(const ports::OpenConnection& request) const {
  if (options_.traces == nullptr) return nullptr;
  ports::TraceLine line;
  line.connection = request.connection;
  line.lane = request.lane;
  line.host = absl::StrCat(request.host.name, " [", request.host.address, "]:", request.host.port);
  return std::make_shared<Tap>(options_.traces, std::move(line));
}

void SmtpTransport::Loop::RefuseOpen(const ports::OpenConnection& request, std::string detail,
                                     bool forbidden) {
  if (const std::shared_ptr<Tap> tap = NewTap(request)) tap->OnClosed(detail);
  TransportEvent event;
  event.kind = TransportEvent::Kind::kClosed;
  event.connection = request.connection;
  event.detail = std::move(detail);
  event.local_failure = !forbidden;
  event.forbidden = forbidden;
  listener_(std::move(event));
}

void SmtpTransport::Loop::Send(ports::SendMessage request) {
  const auto found = held_.find(request.connection);
  if (found == held_.end()) {
    TransportEvent event;
    event.kind = TransportEvent::Kind::kSent;
    event.connection = request.connection;
    event.delivery = request.delivery;
    event.result = TransportEvent::SentResult::kNotTransferred;
    event.detail = "the connection closed before the message was begun";
    return listener_(std::move(event));
  }
  found->second.delivery = request.delivery;
  if (found->second.tap != nullptr) found->second.tap->Begin(request.delivery, request.rcpt_to);
  const std::shared_ptr<Connection> connection = found->second.connection;
  connection->Send(
      Mail{std::move(request.mail_from), std::move(request.rcpt_to), std::move(request.message)});
}

void SmtpTransport::Loop::Close(ConnectionId connection) {
  const auto found = held_.find(connection);
  if (found == held_.end()) return;
  const std::shared_ptr<Connection> held = found->second.connection;
  held->Quit();
}

void SmtpTransport::Loop::OnEvent(ConnectionId id, DialogueEvent event) {
  TransportEvent out;
  out.connection = id;
  out.tls = event.tls;
  out.downgraded = event.downgraded;
  out.tls_failed = event.tls_failed;
  Held& held = held_[id];
  switch (event.kind) {
    case DialogueEvent::Kind::kOpened:
      out.kind = TransportEvent::Kind::kOpened;
      out.detail = std::move(event.detail);
      if (held.tap != nullptr) held.tap->set_opening(std::move(event.opening));
      break;
    case DialogueEvent::Kind::kSent:
      out.kind = TransportEvent::Kind::kSent;
      out.delivery = held.delivery;
      if (held.tap != nullptr) held.tap->End();
      out.result = ResultOf(event.outcome.result);
      out.connection_usable = event.outcome.usable;
      out.reply = std::move(event.outcome.reply);
      out.detail = std::move(event.outcome.detail);
      transcripts_.Put(out.delivery,
                       out.result == TransportEvent::SentResult::kReply && out.reply.positive(),
                       std::move(event.opening), std::move(event.transcript));
      break;
    case DialogueEvent::Kind::kClosed:
      out.kind = TransportEvent::Kind::kClosed;
      out.reply = std::move(event.reply);
      out.detail = std::move(event.detail);
      out.local_failure = event.local_failure;
      if (held.tap != nullptr) held.tap->OnClosed(out.detail);
      held_.erase(id);
      break;
  }
  listener_(std::move(out));
}

std::string SmtpTransport::Loop::ProbeFault(const ports::Probe& probe) const {
  if (probes_.size() >= kMostProbes) {
    return absl::StrCat(probes_.size(), " probes are running, which is the most");
  }
  if (held_.size() + probes_.size() >= static_cast<size_t>(options_.max_connections)) {
    return absl::StrCat("all ", options_.max_connections,
                        " connections (limits.max_connections) are in use");
  }
  return Forbidden(probe.host);
}

void SmtpTransport::Loop::StartProbe(int64_t number, ports::Probe probe,
                                     ports::Prober::Listener listener) {
  ports::ProbeStep refused;
  refused.detail = ProbeFault(probe);
  refused.local_failure = true;
  if (!refused.detail.empty()) return listener(std::move(refused));
  auto walk = std::make_shared<ProbeWalk>(
      io_, *tls_, options_.deadlines, clock_.get(), std::move(probe),
      [this, number, listener = std::move(listener)](ports::ProbeStep step) mutable {
        // First, so that whoever hears of the end finds room for another.
        if (step.kind == ports::ProbeStep::Kind::kEnded) probes_.erase(number);
        listener(std::move(step));
      });
  probes_.emplace(number, walk);
  walk->Start();
}

void SmtpTransport::Loop::CancelProbe(int64_t number) {
  const auto found = probes_.find(number);
  if (found == probes_.end()) return;
  const std::shared_ptr<ProbeWalk> walk = found->second;
  walk->Cancel();
}

absl::StatusOr<std::unique_ptr<SmtpTransport>> SmtpTransport::Create(SmtpTransportOptions options) {
  if (options.max_connections < 1 || options.max_connections > 1000000) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_connections is ", options.max_connections, "; use 1 to 1000000"));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<TlsClient> tls,
                   TlsClient::Create(options.ca_file, options.tls_sessions));
  return std::unique_ptr<SmtpTransport>(
      new SmtpTransport(std::make_unique<Loop>(std::move(options), std::move(tls))));
}

SmtpTransport::SmtpTransport(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
SmtpTransport::~SmtpTransport() = default;

void SmtpTransport::SetListener(absl::AnyInvocable<void(TransportEvent)> listener) {
  loop_->Start(std::move(listener));
}

void SmtpTransport::Open(ports::OpenConnection request) {
  Loop* const loop = loop_.get();
  loop->Post([loop, request = std::move(request)]() mutable { loop->Open(std::move(request)); });
}

void SmtpTransport::Send(ports::SendMessage request) {
  Loop* const loop = loop_.get();
  loop->Post([loop, request = std::move(request)]() mutable { loop->Send(std::move(request)); });
}

void SmtpTransport::Close(ConnectionId connection) {
  Loop* const loop = loop_.get();
  loop->Post([loop, connection] { loop->Close(connection); });
}

std::string SmtpTransport::Transcript(DeliveryId delivery) { return loop_->Transcript(delivery); }

std::string SmtpTransport::Forbidden(const ports::MxHost& host) const {
  return loop_->Forbidden(host);
}

int64_t SmtpTransport::StartProbe(ports::Probe probe, Listener listener) {
  Loop* const loop = loop_.get();
  const int64_t number = loop->NextProbe();
  loop->Post([loop, number, probe = std::move(probe), listener = std::move(listener)]() mutable {
    loop->StartProbe(number, std::move(probe), std::move(listener));
  });
  return number;
}

void SmtpTransport::CancelProbe(int64_t number) {
  Loop* const loop = loop_.get();
  loop->Post([loop, number] { loop->CancelProbe(number); });
}

}  // namespace crescendo::smtp
