// smtp_script_server.h: a server on 127.0.0.1 that plays scripts, right or wrong, to an SMTP
// client.
//
//   SmtpScriptServer server({{Say("220 mx\r\n"), Read("EHLO"), Say("250 mx\r\n"), Hang()}});
//
// The n-th connection gets the n-th script; the last script serves all further ones. Connections
// are served one after the other.
//
// Threads  plays on a thread of its own; the results are safe to read from any.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl.hpp>

#include "absl/strings/string_view.h"
#include "scheduler/base/mutex.h"

namespace crescendo::testing {

struct ScriptStep {
  enum class Kind {
    kSay,
    kRead,
    kReadMessage,
    kSip,
    kDrip,
    kFlood,
    kStartTls,
    kHang,
    kStall,
    kCut,
    kReset
  };
  Kind kind;
  std::string text;
  size_t bytes = 0;
};
using SmtpScript = std::vector<ScriptStep>;

ScriptStep Say(absl::string_view bytes);
// One line, which must start with `prefix`; else the script ends.
ScriptStep Read(absl::string_view prefix);
// Everything up to CRLF "." CRLF.
ScriptStep ReadMessage();
// The same, `bytes` a millisecond.
ScriptStep SipMessage(size_t bytes);
// Says it again and again until the client goes: once a millisecond, or as fast as it is taken and
// 100 MB at most.
ScriptStep Drip(absl::string_view text);
ScriptStep Flood(absl::string_view text);
ScriptStep StartTls();
// Reads until the client goes.
ScriptStep Hang();
// Reads no more, and stays, until the server is destroyed.
ScriptStep Stall();
ScriptStep Cut();    // FIN.
ScriptStep Reset();  // RST.

// Banner, EHLO, and these keywords: "PIPELINING" …
SmtpScript Greeting(const std::vector<std::string>& keywords);
SmtpScript operator+(SmtpScript a, const SmtpScript& b);

// A self-signed certificate for `name`, made now, as PEM. `until`: seconds from now that it is
// valid.
struct TestCertificate {
  std::string key, certificate;
};
TestCertificate MakeCertificate(const std::string& name, long until = 3600);

class SmtpScriptServer {
 public:
  // `version`: of TLS, and no other (TLS1_2_VERSION …); 0: any.
  explicit SmtpScriptServer(std::vector<SmtpScript> scripts, const TestCertificate* tls = nullptr,
                            int version = 0);
  ~SmtpScriptServer();

  uint16_t port() const { return port_; }
  // Every line read by kRead steps, messages as they came ("" and all), over all connections.
  std::vector<std::string> lines() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::string> messages() const ABSL_LOCKS_EXCLUDED(mu_);
  // From where the connections came.
  std::vector<std::string> clients() const ABSL_LOCKS_EXCLUDED(mu_);
  // Bytes that Flood steps got rid of.
  size_t flooded() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Tcp = asio::ip::tcp;
  class Session;

  void Serve();

  const std::vector<SmtpScript> scripts_;
  asio::io_context io_;
  asio::ssl::context tls_;
  Tcp::acceptor acceptor_;
  uint16_t port_ = 0;
  mutable base::Mutex mu_;
  base::CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int current_ ABSL_GUARDED_BY(mu_) = -1;  // File descriptor being served.
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> messages_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> clients_ ABSL_GUARDED_BY(mu_);
  size_t flooded_ ABSL_GUARDED_BY(mu_) = 0;
  std::thread thread_;
};

}  // namespace crescendo::testing
