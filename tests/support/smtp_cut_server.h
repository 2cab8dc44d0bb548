// smtp_cut_server.h: a correct SMTP server that ends each session after a given number of raw
// bytes.
//
//   SmtpCutServer server(/*certificate=*/nullptr, {"PIPELINING"}, [] {});
//   server.Expect(7, {SmtpCut::Way::kReset, SmtpCut::Side::kServer, 100});
//   … connect from SmtpCutServer::SourceOf(7) …
//   server.Seen(7).messages[0].dot_read
//
// Many sessions at once, told apart by their source address; with a certificate STARTTLS is offered
// and the bytes counted are those on the wire. Only the first session of a number is cut.
//
// Threads  plays on a thread of its own; all methods are safe from any.
#pragma once

#include <functional>
#include <map>
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

struct SmtpCut {
  enum class Way { kFin, kReset, kStall };
  // Whose bytes are counted. kServer: it falls silent in the middle of what it says. kClient: it
  // answers what it has read so far, and reads no more.
  enum class Side { kServer, kClient };
  Way way = Way::kFin;
  Side side = Side::kServer;
  size_t after = std::string::npos;  // Raw bytes; npos: never.
};

// What became of one session, or of the last one with its number. In raw bytes.
struct SmtpCutSession {
  struct Message {
    bool asked = false;  // The go-ahead (354, or with CHUNKING the reply to RCPT) was said whole.
    size_t asked_after = 0;  // Client bytes read until then.
    bool dot_read = false;
    bool answered = false;  // The final reply was said whole.
  };
  std::vector<Message> messages;
  size_t sent = 0, read = 0;
  bool cut = false;
  int connections = 0;
};

class SmtpCutServer {
 public:
  // `on_cut` is called from its thread after each cut.
  SmtpCutServer(const TestCertificate* certificate, std::vector<std::string> keywords,
                std::function<void()> on_cut);
  ~SmtpCutServer();

  uint16_t port() const { return port_; }
  static std::string SourceOf(int session);  // REQUIRES: 0 <= session < 65536.
  void Expect(int session, const SmtpCut& cut) ABSL_LOCKS_EXCLUDED(mu_);
  SmtpCutSession Seen(int session) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Tcp = asio::ip::tcp;
  class Session;

  void Accept();

  const std::vector<std::string> keywords_;
  const std::function<void()> on_cut_;
  const bool chunking_;  // Then messages come by BDAT.
  asio::io_context io_;
  asio::ssl::context tls_;
  const bool offers_tls_;
  Tcp::acceptor acceptor_;
  const uint16_t port_;
  mutable base::Mutex mu_;
  std::map<int, SmtpCut> cuts_ ABSL_GUARDED_BY(mu_);
  std::map<int, SmtpCutSession> seen_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace crescendo::testing
