// probe_walk.h: one probe: a Connection of its own, told as steps (ports/prober.h).
//
// Threads  the io_context's only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "scheduler/base/clock.h"
#include "scheduler/ports/prober.h"
#include "smtp_client/net/connection.h"

namespace crescendo::smtp {

class ProbeWalk final : public SessionObserver, public std::enable_shared_from_this<ProbeWalk> {
 public:
  // `io`, `tls`, `deadlines` and `clock` outlive it. `listener` gets a kEnded last.
  ProbeWalk(asio::io_context& io, TlsClient& tls, const Deadlines& deadlines,
            const base::Clock* clock, ports::Probe probe, ports::Prober::Listener listener);

  void Start();
  void Cancel();
  // For a transport that goes: lets its connection go too, and tells nobody.
  void Drop() { connection_ = nullptr; }

  void OnConnected() override;
  void OnSent(absl::string_view line) override;
  void OnBody(size_t bytes) override;
  void OnReply(const Reply& reply) override;
  void OnNote(absl::string_view text) override;

 private:
  void OnTls(const ports::TlsFacts& facts);
  void OnEvent(DialogueEvent event);
  Mail TheMail();
  void Tell(ports::ProbeStep step);
  // A remark is told when the next step shows that it is not the reason of the end.
  void TellRemark();
  void KeepLimit();

  asio::io_context& io_;
  TlsClient& tls_;
  const Deadlines& deadlines_;
  const base::Clock* const clock_;
  ports::Probe probe_;
  ports::Prober::Listener listener_;
  std::shared_ptr<Connection> connection_;
  asio::steady_timer limit_;
  absl::Duration mark_;            // When the step before ended, or our command left.
  std::vector<std::string> sent_;  // Since the last reply.
  std::string remark_;
  std::string description_;  // Of the handshake: it comes as a remark too.
  bool started_ = false;
};

}  // namespace crescendo::smtp
