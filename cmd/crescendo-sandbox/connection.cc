#include "cmd/crescendo-sandbox/connection.h"

#include <utility>

#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "asio/write.hpp"

namespace crescendo::sandbox {
namespace {

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;

// A peer that does not read what we send, or does not close after we did.
constexpr absl::Duration kWriteLimit = absl::Seconds(30);
constexpr absl::Duration kHandshakeLimit = absl::Seconds(30);
constexpr absl::Duration kCloseLimit = absl::Seconds(1);

std::string AddressOf(const asio::ip::tcp::socket& socket) {
  asio::error_code error;
  const asio::ip::tcp::endpoint peer = socket.remote_endpoint(error);
  return error ? "" : peer.address().to_string();
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, asio::ssl::context* tls, Receiver* receiver,
                       Ledger* ledger, const base::Clock* clock, const ServerOptions& options,
                       int64_t number)
    : socket_(std::move(socket)),
      tls_context_(tls),
      watchdog_(socket_.get_executor()),
      alive_(std::make_shared<bool>(true)),
      clock_(clock),
      options_(options),
      session_(receiver, ledger, clock, AddressOf(socket_), number) {}

void Connection::Stop() {
  stopped_ = true;
  Disarm();
  asio::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::Disarm() {
  ++armed_;
  watchdog_.cancel();
}

void Connection::Arm(absl::Duration limit) {
  watchdog_.expires_after(absl::ToChronoNanoseconds(limit));
  // A handler that was queued when it was disarmed comes without an error.
  watchdog_.async_wait(
      [this, armed = ++armed_, alive = std::weak_ptr<bool>(alive_)](asio::error_code error) {
        if (error || alive.expired() || armed != armed_) return;
        timed_out_ = true;
        asio::error_code ignored;
        socket_.cancel(ignored);
      });
}

awaitable<size_t> Connection::Read(absl::Duration limit) {
  if (stopped_) co_return 0;
  timed_out_ = false;
  Arm(limit);
  asio::error_code error;
  size_t got = 0;
  if (tls_.has_value()) {
    got =
        co_await tls_->async_read_some(asio::buffer(buffer_), redirect_error(use_awaitable, error));
  } else {
    got = co_await socket_.async_read_some(asio::buffer(buffer_),
                                           redirect_error(use_awaitable, error));
  }
  Disarm();
  co_return error ? 0 : got;
}

awaitable<bool> Connection::Write(std::string bytes) {
  if (stopped_ || bytes.empty()) co_return !stopped_;
  Arm(kWriteLimit);
  asio::error_code error;
  if (tls_.has_value()) {
    co_await asio::async_write(*tls_, asio::buffer(bytes), redirect_error(use_awaitable, error));
  } else {
    co_await asio::async_write(socket_, asio::buffer(bytes), redirect_error(use_awaitable, error));
  }
  Disarm();
  co_return !error;
}

awaitable<bool> Connection::ShakeHands() {
  tls_.emplace(socket_, *tls_context_);
  Arm(kHandshakeLimit);
  asio::error_code error;
  co_await tls_->async_handshake(asio::ssl::stream_base::server,
                                 redirect_error(use_awaitable, error));
  Disarm();
  if (!error) session_.TlsStarted();
  co_return !error;
}

awaitable<void> Connection::Wait(absl::Duration real) {
  if (stopped_) co_return;
  asio::error_code ignored;  // Stop cancels it.
  watchdog_.expires_after(absl::ToChronoNanoseconds(real));
  co_await watchdog_.async_wait(redirect_error(use_awaitable, ignored));
}

awaitable<bool> Connection::Answer() {
  while (true) {
    std::optional<Session::Step> step = session_.Next();
    if (!step.has_value()) break;
    if (step->then == Session::Then::kDrop) co_return false;
    if (step->wait > absl::ZeroDuration()) {
      // What was said before must not wait too.
      const bool sent = co_await Write(std::exchange(unsent_, ""));
      if (!sent) co_return false;
      co_await Wait(clock_->RealDelay(step->wait));
    }
    unsent_ += step->bytes;
    if (step->then == Session::Then::kStartTls) {
      const bool sent = co_await Write(std::exchange(unsent_, ""));
      if (!sent) co_return false;
      const bool secure = co_await ShakeHands();
      if (!secure) co_return false;
    }
  }
  const bool sent = co_await Write(std::exchange(unsent_, ""));
  co_return sent;
}

awaitable<void> Connection::CloseGently() {
  if (tls_.has_value()) {
    Arm(kCloseLimit);
    asio::error_code ignored;
    co_await tls_->async_shutdown(redirect_error(use_awaitable, ignored));
    Disarm();
    tls_.reset();
  }
  // Closing with unread bytes would reset the connection, and could destroy our last reply before
  // the sender has read it: so end our side, and read until the sender ends its own.
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  size_t got = 1;
  while (got > 0) got = co_await Read(kCloseLimit);
}

awaitable<void> Connection::Run(std::shared_ptr<Connection> self) {
  Session& session = self->session_;
  self->unsent_ = session.Greet().bytes;
  bool open = co_await self->Write(std::exchange(self->unsent_, ""));
  while (open && !(session.closing() && session.settled())) {
    const absl::Duration limit =
        session.closing() ? self->options_.linger : self->options_.idle_timeout;
    const size_t got = co_await self->Read(limit);
    if (got > 0) {
      session.Feed(absl::string_view(self->buffer_.data(), got));
      open = co_await self->Answer();
      continue;
    }
    if (!self->timed_out_) {
      open = false;
    } else if (session.closing()) {
      break;  // Its recipient will not be named any more.
    } else {
      open = co_await self->Write(session.TimeOut().bytes);
    }
  }
  session.Ended(self->stopped_ ? "receiver" : "sender");
  if (open) co_await self->CloseGently();
  self->alive_.reset();
  asio::error_code ignored;
  self->socket_.close(ignored);
}

}  // namespace crescendo::sandbox
