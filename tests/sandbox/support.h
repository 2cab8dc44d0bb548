// support.h: a sandbox on loopback with a clock moved by hand, and a client that knows nothing.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cmd/crescendo-sandbox/ledger.h"
#include "cmd/crescendo-sandbox/server.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"

namespace crescendo::sandbox {

inline constexpr char kIpA[] = "127.0.10.1";
inline constexpr char kIpB[] = "127.0.10.2";

// 2026-01-01T00:00:00Z.
absl::Time StartTime();

// Stands still until Advance. A virtual second is a real millisecond to wait.
class ManualClock final : public base::Clock {
 public:
  base::Moment Now() const override;
  absl::Duration RealDelay(absl::Duration virtual_delay) const override {
    return virtual_delay / 1000;
  }
  void Advance(absl::Duration by);

 private:
  mutable base::Mutex mu_;
  absl::Duration passed_ ABSL_GUARDED_BY(mu_);
};

// A folder of its own, removed at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  std::string File(absl::string_view name) const;

 private:
  std::string path_;
};

// Blocking; every wait ends after ten seconds.
class Client {
 public:
  Client(const std::string& source_ip, const std::string& address, uint32_t port);
  ~Client();
  Client(Client&& other) noexcept;

  void Send(absl::string_view bytes);
  // One reply, lines joined by "\n"; "EOF" when the connection is gone.
  std::string Read();
  std::string Ask(absl::string_view command);  // Adds CRLF.
  // Pipelined MAIL, RCPT, DATA, then the message: the first refusal, or the last reply.
  std::string Deliver(absl::string_view rcpt,
                      absl::string_view message = "Subject: x\r\n\r\nhi\r\n");
  bool ShakeHands();  // TLS.
  // Gone without a word.
  void Close();

 private:
  struct Tls;
  int fd_ = -1;
  std::unique_ptr<Tls> tls_;
  std::string inbox_;
};

class Sandbox {
 public:
  explicit Sandbox(const std::string& scenario_text, const ServerOptions& options = {});
  ~Sandbox();

  ManualClock& clock() { return clock_; }
  const v1::Scenario& scenario() const { return server_->scenario(); }
  const std::string& ledger_path() const { return ledger_path_; }

  // Of the first provider.
  Client Connect(const std::string& source_ip = kIpA);
  // Banner and EHLO done.
  Client Greeted(const std::string& source_ip = kIpA);
  std::vector<LedgerRecord> Records() const;
  // As soon as there are `count`, or after many dialogues of others: for what the server does when
  // a client has left, which no reply tells.
  std::vector<LedgerRecord> RecordsOnce(size_t count);
  // After every dialogue has ended.
  std::vector<LedgerRecord> FinalRecords();

 private:
  void Stop();

  TempFolder folder_;
  ManualClock clock_;
  std::string ledger_path_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

// A provider "p" for p.example on 127.0.0.1, any port, with `fields` of its own.
std::string OneProvider(absl::string_view fields);

}  // namespace crescendo::sandbox
