// connection.h: one TCP connection, with or without TLS, that carries one Dialogue.
//
// A coroutine connects, shakes hands and reads; writes go out as the dialogue produces them, one at
// a time; one timer watches over all of it, so that a step costs no timer of its own.
//
// Threads  the io_context's only.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/domain/provider.h"
#include "scheduler/ports/prober.h"
#include "smtp_client/net/deadlines.h"
#include "smtp_client/net/tls.h"
#include "smtp_client/session/dialogue.h"

namespace crescendo::smtp {

// Whom to talk to, and as whom.
struct Peer {
  std::string source_address;  // Literal. Bytes leave only from here (L8).
  std::string ehlo_name;
  std::string host_name;     // For TLS and for people.
  std::string host_address;  // Literal.
  uint16_t port = 25;
  TlsPolicy tls = TlsPolicy::kOpportunistic;
  std::vector<std::string> tls_names;  // See ports::OpenConnection.
  bool chunking = false;               // BDAT where it is offered, instead of DATA.
  ReplyLimits reply_limits;
  // For somebody who watches; may be null.
  std::shared_ptr<SessionObserver> observer;
  bool one_by_one = false;  // As DialogueOptions'.
  // Told of each handshake, which then is a whole one: a resumed session shows no certificate.
  std::function<void(const ports::TlsFacts&)> on_tls;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Listener = std::function<void(DialogueEvent)>;

  // `io` and `tls` outlive it. `listener` is called from the io thread, last with a kClosed.
  Connection(asio::io_context& io, TlsClient& tls, const Deadlines& deadlines,
             size_t transcript_bytes, Peer peer, Listener listener);

  void Start();
  void Send(Mail mail);  // REQUIRES: opened, and nothing under way.
  void Quit();
  // Ends it at once, without QUIT; `detail` is what its kClosed says.
  void Abort(absl::string_view detail);

 private:
  using TimePoint = asio::steady_timer::time_point;

  static asio::awaitable<void> Run(std::shared_ptr<Connection> self);
  asio::awaitable<void> Connect();
  asio::awaitable<void> ShakeHands();
  void HandshakeFailed(const asio::error_code& error);
  asio::awaitable<void> Read();
  // Opens the socket and binds it. False, and the dialogue is told, if that fails.
  bool OpenSocket(asio::ip::tcp::endpoint* remote);
  // `downgraded`: why TLS is not tried although it was wished for; "": it is as the peer's policy.
  void StartDialogue(std::string downgraded);

  // Carries out what the dialogue wants after anything happened.
  void Pump();
  void WriteSome();
  void OnWritten(const asio::error_code& error, size_t bytes);
  // Tells the dialogue that it is over; first, if a message is being written, what became of that.
  void End(std::string detail);
  void Close();

  // Moves the deadline if the dialogue has come to another step.
  void KeepDeadline();
  void SetDeadline(absl::Duration limit);
  void Watch();
  void OnWatch();

  TlsClient& tls_client_;
  const Deadlines& deadlines_;
  const size_t transcript_bytes_;
  const Peer peer_;
  const Listener listener_;
  asio::ip::tcp::socket socket_;
  std::unique_ptr<TlsStream> tls_;  // Over socket_, once the server is ready for TLS.
  std::unique_ptr<Dialogue> dialogue_;

  std::array<char, 4096> inbox_;
  std::string outbox_;  // Being written.
  size_t written_ = 0;  // Of outbox_.
  size_t block_ = 0;    // Where in outbox_ the block begins that the deadline is for.
  bool writing_ = false;
  bool write_failed_ = false;
  std::string handshake_fault_;        // A deadline's, which closed the socket.
  std::optional<std::string> ending_;  // Why, until the write under way has ended.

  asio::steady_timer watchdog_;
  TimePoint deadline_ = TimePoint::max();
  TimePoint opening_deadline_ = TimePoint::max();
  TimePoint transaction_deadline_ = TimePoint::max();
  bool watching_ = false;
  Wait watched_wait_ = Wait::kNothing;
  int watched_progress_ = -1;
};

}  // namespace crescendo::smtp
