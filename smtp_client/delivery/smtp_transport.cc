#include "smtp_client/delivery/smtp_transport.h"

#include <thread>
#include <utility>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/status_macros.h"
#include "smtp_client/delivery/transcript_ring.h"
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
        transcripts_(options_.transcripts),
        io_(/*concurrency_hint=*/1),
        work_(asio::make_work_guard(io_)) {}

  ~Loop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
    held_.clear();  // A socket must not outlive its io_context.
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

 private:
  struct Held {
    std::shared_ptr<Connection> connection;
    DeliveryId delivery;  // Under way.
  };

  void OnEvent(ConnectionId id, DialogueEvent event);
  // "" if `host` may be connected to; else why not.
  std::string Forbidden(const ports::MxHost& host) const;
  void RefuseOpen(ConnectionId id, std::string detail, bool forbidden);

  const SmtpTransportOptions options_;
  const std::unique_ptr<TlsClient> tls_;
  TranscriptRing transcripts_;
  absl::AnyInvocable<void(TransportEvent)> listener_;
  absl::flat_hash_map<ConnectionId, Held> held_;
  asio::io_context io_;  // Destroyed before what its handlers use.
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

void SmtpTransport::Loop::Open(ports::OpenConnection request) {
  const ConnectionId id = request.connection;
  if (held_.size() >= static_cast<size_t>(options_.max_connections)) {
    return RefuseOpen(id, absl::StrCat("all ", options_.max_connections, " connections are in use"),
                      /*forbidden=*/false);
  }
  if (std::string fault = Forbidden(request.host); !fault.empty()) {
    return RefuseOpen(id, std::move(fault), /*forbidden=*/true);
  }
  auto connection = std::make_shared<Connection>(
      io_, *tls_, options_.deadlines, options_.transcript_bytes,
      PeerOf(std::move(request), options_),
      [this, id](DialogueEvent event) { OnEvent(id, std::move(event)); });
  const bool fresh = held_.emplace(id, Held{connection, DeliveryId()}).second;
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

void SmtpTransport::Loop::RefuseOpen(ConnectionId id, std::string detail, bool forbidden) {
  TransportEvent event;
  event.kind = TransportEvent::Kind::kClosed;
  event.connection = id;
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
  switch (event.kind) {
    case DialogueEvent::Kind::kOpened:
      out.kind = TransportEvent::Kind::kOpened;
      out.detail = std::move(event.detail);
      break;
    case DialogueEvent::Kind::kSent:
      out.kind = TransportEvent::Kind::kSent;
      out.delivery = held_[id].delivery;
      out.result = ResultOf(event.outcome.result);
      out.connection_usable = event.outcome.usable;
      out.reply = std::move(event.outcome.reply);
      out.detail = std::move(event.outcome.detail);
      transcripts_.Put(out.delivery, std::move(event.transcript));
      break;
    case DialogueEvent::Kind::kClosed:
      out.kind = TransportEvent::Kind::kClosed;
      out.reply = std::move(event.reply);
      out.detail = std::move(event.detail);
      out.local_failure = event.local_failure;
      held_.erase(id);
      break;
  }
  listener_(std::move(out));
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

}  // namespace crescendo::smtp
