// fake_transport.h: a Transport that keeps what it was told and answers as told.
//
// Connections open at once. With `accept_all` every message is answered 250 at once, else it waits
// for Answer or Lose.
//
// Threads  safe from any thread.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "scheduler/base/mutex.h"
#include "scheduler/ports/transport.h"

namespace crescendo::support {

class FakeTransport final : public ports::Transport {
 public:
  using Event = ports::TransportEvent;

  void AcceptAll(bool on) {
    base::MutexLock lock(&mu_);
    accept_all_ = on;
  }
  // What demands TLS does not open any more.
  void OfferNoTls() {
    base::MutexLock lock(&mu_);
    offers_tls_ = false;
  }
  // All messages ever handed over, in order.
  std::vector<ports::SendMessage> sent() const {
    base::MutexLock lock(&mu_);
    return sent_;
  }
  // Until `count` messages were handed over: for engines with threads of their own.
  void AwaitSent(size_t count) {
    base::MutexLock lock(&mu_);
    while (sent_.size() < count) changed_.Wait(&mu_);
  }
  // The server answers the message with this reply at the end of its data.
  void Answer(const ports::SendMessage& message, int code, const std::string& text = "ok") {
    Event event = Sent(message, Event::SentResult::kReply);
    event.connection_usable = true;
    event.reply.code = code;
    event.reply.lines = {text};
    event.reply.stage = SmtpStage::kEndOfData;
    Tell(std::move(event));
  }
  // The connection dies behind the message's final dot.
  void Lose(const ports::SendMessage& message) {
    Tell(Sent(message, Event::SentResult::kInDoubt));
    Closed(message.connection);
  }

  void SetListener(absl::AnyInvocable<void(Event)> listener) override {
    base::MutexLock lock(&mu_);
    listener_ = std::move(listener);
    open_.clear();
  }
  void Open(ports::OpenConnection request) override {
    Event event;
    event.connection = request.connection;
    {
      base::MutexLock lock(&mu_);
      event.tls_failed = !offers_tls_ && DemandsTls(request.tls);
      if (!event.tls_failed) open_.insert(request.connection);
    }
    event.kind = event.tls_failed ? Event::Kind::kClosed : Event::Kind::kOpened;
    event.detail = "the server does not offer STARTTLS";
    Tell(std::move(event));
  }
  void Send(ports::SendMessage request) override {
    bool accept = false;
    {
      base::MutexLock lock(&mu_);
      sent_.push_back(request);
      accept = accept_all_;
      changed_.NotifyAll();
    }
    if (accept) Answer(request, 250);
  }
  void Close(ConnectionId connection) override { Closed(connection); }
  std::string Transcript(DeliveryId delivery) override {
    base::MutexLock lock(&mu_);
    const bool known = std::any_of(sent_.begin(), sent_.end(),
                                   [&](const auto& one) { return one.delivery == delivery; });
    return known ? "> MAIL FROM" : "";
  }

 private:
  static Event Sent(const ports::SendMessage& message, Event::SentResult result) {
    Event event;
    event.kind = Event::Kind::kSent;
    event.connection = message.connection;
    event.delivery = message.delivery;
    event.result = result;
    return event;
  }
  void Closed(ConnectionId connection) {
    {
      base::MutexLock lock(&mu_);
      if (open_.erase(connection) == 0) return;
    }
    Event event;
    event.connection = connection;
    Tell(std::move(event));
  }
  void Tell(Event event) {
    base::MutexLock lock(&mu_);
    if (listener_) listener_(std::move(event));
  }

  mutable base::Mutex mu_;
  bool offers_tls_ ABSL_GUARDED_BY(mu_) = true;
  base::CondVar changed_;
  absl::AnyInvocable<void(Event)> listener_ ABSL_GUARDED_BY(mu_);
  bool accept_all_ ABSL_GUARDED_BY(mu_) = false;
  std::set<ConnectionId> open_ ABSL_GUARDED_BY(mu_);
  std::vector<ports::SendMessage> sent_ ABSL_GUARDED_BY(mu_);
};

}  // namespace crescendo::support
