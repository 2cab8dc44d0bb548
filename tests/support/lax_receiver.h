// lax_receiver.h: an SMTP server on 127.0.0.1 that can be smuggled to.
//
// It takes one byte sequence more than CRLF "." CRLF for the end of a message, whichever comes
// first, and goes on with what follows as commands: so one message may become two.
//
// Threads  serves on a thread of its own, one connection after the other; the results are safe to
//          read from any.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl.hpp>

#include "scheduler/base/mutex.h"
#include "tests/support/smtp_script_server.h"

namespace crescendo::testing {

class LaxReceiver {
 public:
  struct Message {
    std::string from;  // "<news@example.com>"
    std::string wire;  // As it came, without its end.
  };

  // `end`: the sequence; "": none, so that it is strict. With `tls` it offers STARTTLS. Its sockets
  // hold little, so that a sender of long messages writes them in many pieces.
  explicit LaxReceiver(std::string end, const TestCertificate* tls = nullptr);
  ~LaxReceiver();

  uint16_t port() const { return port_; }
  std::vector<Message> messages() const ABSL_LOCKS_EXCLUDED(mu_);
  // Lines that are no command: what smuggling leaves behind where it goes wrong.
  std::vector<std::string> strays() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Tcp = asio::ip::tcp;
  class Session;

  void Serve();

  const std::string end_;
  const bool offers_tls_;
  asio::io_context io_;
  asio::ssl::context tls_;
  Tcp::acceptor acceptor_;
  uint16_t port_ = 0;
  mutable base::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int current_ ABSL_GUARDED_BY(mu_) = -1;  // File descriptor being served.
  std::vector<Message> messages_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> strays_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace crescendo::testing
