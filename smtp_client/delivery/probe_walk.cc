#include "smtp_client/delivery/probe_walk.h"

#include <utility>

#include <asio/post.hpp>

#include "absl/strings/str_cat.h"

namespace crescendo::smtp {
namespace {

// Nobody's delivery, so nothing is kept.
constexpr size_t kNoTranscript = 0;

}  // namespace

ProbeWalk::ProbeWalk(asio::io_context& io, TlsClient& tls, const Deadlines& deadlines,
                     const base::Clock* clock, ports::Probe probe, ports::Prober::Listener listener)
    : io_(io),
      tls_(tls),
      deadlines_(deadlines),
      clock_(clock),
      probe_(std::move(probe)),
      listener_(std::move(listener)),
      limit_(io) {}

void ProbeWalk::Start() {
  Peer peer;
  peer.source_address = probe_.source_address;
  peer.ehlo_name = probe_.ehlo_name;
  peer.host_name = probe_.host.name;
  peer.host_address = probe_.host.address;
  peer.port = probe_.host.port;
  // A handshake that fails for the certificate does not show it: so it is looked at behind one.
  peer.tls = probe_.tls == TlsPolicy::kVerified ? TlsPolicy::kRequired : probe_.tls;
  peer.observer = shared_from_this();
  peer.one_by_one = true;
  peer.on_tls = [self = shared_from_this()](const ports::TlsFacts& facts) { self->OnTls(facts); };
  connection_ = std::make_shared<Connection>(
      io_, tls_, deadlines_, kNoTranscript, std::move(peer),
      [self = shared_from_this()](DialogueEvent event) { self->OnEvent(std::move(event)); });
  started_ = true;
  mark_ = clock_->Now().steady;
  KeepLimit();
  const std::shared_ptr<Connection> connection = connection_;
  connection->Start();
}

void ProbeWalk::KeepLimit() {
  limit_.expires_after(absl::ToChronoNanoseconds(probe_.limit));
  limit_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (error || self->connection_ == nullptr) return;
    const std::shared_ptr<Connection> connection = self->connection_;
    connection->Abort(absl::StrCat("the time for the probe is over (",
                                   absl::FormatDuration(self->probe_.limit), ")"));
  });
}

void ProbeWalk::Cancel() {
  if (connection_ == nullptr) return;
  const std::shared_ptr<Connection> connection = connection_;
  connection->Abort("the probe was cancelled");
}

void ProbeWalk::Tell(ports::ProbeStep step) {
  const absl::Duration now = clock_->Now().steady;
  step.took = now - mark_;
  mark_ = now;
  listener_(std::move(step));
}

void ProbeWalk::TellRemark() {
  if (remark_.empty()) return;
  ports::ProbeStep step;
  step.kind = ports::ProbeStep::Kind::kNote;
  step.detail = std::exchange(remark_, "");
  listener_(std::move(step));
}

void ProbeWalk::OnConnected() {
  TellRemark();
  ports::ProbeStep step;
  step.kind = ports::ProbeStep::Kind::kConnected;
  Tell(std::move(step));
}

void ProbeWalk::OnSent(absl::string_view line) {
  sent_.emplace_back(line);
  mark_ = clock_->Now().steady;
}

void ProbeWalk::OnBody(size_t bytes) {
  sent_.push_back(absl::StrCat("(message of ", bytes, " bytes)"));
  mark_ = clock_->Now().steady;
}

void ProbeWalk::OnReply(const Reply& reply) {
  TellRemark();
  ports::ProbeStep step;
  step.kind = ports::ProbeStep::Kind::kReply;
  step.sent = std::exchange(sent_, {});
  step.reply = reply;
  Tell(std::move(step));
}

void ProbeWalk::OnNote(absl::string_view text) {
  if (!started_ || text == description_) return;
  TellRemark();
  remark_ = std::string(text);
}

void ProbeWalk::OnTls(const ports::TlsFacts& facts) {
  TellRemark();
  description_ = absl::StrCat(facts.protocol, " ", facts.cipher);
  ports::ProbeStep step;
  step.kind = ports::ProbeStep::Kind::kTls;
  step.tls = facts;
  Tell(std::move(step));
  if (probe_.tls != TlsPolicy::kVerified || facts.trusted()) return;
  const std::string fault = facts.chain_fault.empty() ? facts.name_fault : facts.chain_fault;
  // Not from here: the connection is in the middle of its handshake.
  asio::post(io_, [self = shared_from_this(), fault] {
    if (self->connection_ == nullptr) return;
    const std::shared_ptr<Connection> connection = self->connection_;
    connection->Abort(
        absl::StrCat("the certificate is not to be trusted, as the policy VERIFIED asks: ", fault));
  });
}

Mail ProbeWalk::TheMail() {
  Mail mail;
  mail.from = probe_.mail_from;
  mail.to = probe_.rcpt_to.value_or("");
  mail.message = probe_.message.value_or("");
  mail.extent = !probe_.rcpt_to.has_value()   ? Mail::Extent::kSender
                : !probe_.message.has_value() ? Mail::Extent::kRecipient
                                              : Mail::Extent::kMessage;
  return mail;
}

void ProbeWalk::OnEvent(DialogueEvent event) {
  const std::shared_ptr<Connection> connection = connection_;
  switch (event.kind) {
    case DialogueEvent::Kind::kOpened:
      // Not from here: it is telling us its events.
      asio::post(io_, [self = shared_from_this(), connection] {
        if (self->connection_ != nullptr) connection->Send(self->TheMail());
      });
      return;
    case DialogueEvent::Kind::kSent:
      asio::post(io_, [connection] { connection->Quit(); });
      return;
    case DialogueEvent::Kind::kClosed:
      break;
  }
  if (remark_ != event.detail) TellRemark();
  limit_.cancel();
  connection_ = nullptr;
  ports::ProbeStep step;
  step.sent = std::exchange(sent_, {});
  step.detail = std::move(event.detail);
  step.local_failure = event.local_failure;
  Tell(std::move(step));
}

}  // namespace crescendo::smtp
