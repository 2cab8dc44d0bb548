// connection.h: carries one Session over a socket, plain or TLS.
//
// Only server.cc includes this.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/ssl/context.hpp"
#include "asio/ssl/stream.hpp"
#include "asio/steady_timer.hpp"
#include "cmd/crescendo-sandbox/server.h"
#include "cmd/crescendo-sandbox/session.h"

namespace crescendo::sandbox {

class Connection {
 public:
  Connection(asio::ip::tcp::socket socket, asio::ssl::context* tls, Receiver* receiver,
             Ledger* ledger, const base::Clock* clock, const ServerOptions& options,
             int64_t number);

  // The whole dialogue; returns when the socket is closed. `self` keeps this alive.
  static asio::awaitable<void> Run(std::shared_ptr<Connection> self);
  // Ends the dialogue soon, from the same thread.
  void Stop();

 private:
  asio::awaitable<bool> Answer();  // Everything Session can say now. False: the dialogue is over.
  asio::awaitable<void> CloseGently();
  // 0: the connection ended, or `limit` passed (then timed_out_).
  asio::awaitable<size_t> Read(absl::Duration limit);
  asio::awaitable<bool> Write(std::string bytes);
  asio::awaitable<bool> ShakeHands();
  asio::awaitable<void> Wait(absl::Duration real);
  void Arm(absl::Duration limit);
  void Disarm();

  asio::ip::tcp::socket socket_;
  asio::ssl::context* const tls_context_;
  std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;
  asio::steady_timer watchdog_;
  int64_t armed_ = 0;            // Counts Arm and Disarm.
  std::shared_ptr<bool> alive_;  // What the watchdog may still touch.
  const base::Clock* const clock_;
  const ServerOptions options_;
  Session session_;
  std::string unsent_;
  std::array<char, 16 * 1024> buffer_;
  bool timed_out_ = false;
  bool stopped_ = false;
};

}  // namespace crescendo::sandbox
