// smtp_transport.h: ports/Transport over real sockets.
//
// All connections live on one thread of its own, which a few thousand of them do not fill. The
// listener is called from that thread and must not block it.
//
// Beyond the port's contract: a Send() that meets a connection which has just closed (its kClosed
// is on the way to the core) is still answered, by a kSent with kNotTransferred. A kClosed that
// follows a kSent with `connection_usable` false carries no reply, so that none is counted twice.
//
// It is the Prober too: a probe has a socket of its own on the same thread, at most kMostProbes at
// a time and none while lanes use all there may be.
//
// Threads  SetListener before the rest; then all methods are safe from any thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "scheduler/ports/prober.h"
#include "scheduler/ports/transport.h"
#include "smtp_client/delivery/trace_hub.h"
#include "smtp_client/delivery/transcript_shelf.h"
#include "smtp_client/net/deadlines.h"
#include "smtp_client/net/destination.h"

namespace crescendo::smtp {

struct SmtpTransportOptions {
  Deadlines deadlines;
  int max_connections = 1000;  // Sockets held (L11). Range: [1, 1000000].
  ReplyLimits reply_limits;    // What a server may say at once (L11).
  ShelfRoom accepted_transcripts, other_transcripts;
  size_t transcript_bytes = 4096;  // Of each dialogue, and of each session's opening.
  // BDAT where it is offered, instead of DATA (RFC 3030). It saves no round trip, and a middlebox
  // that lets the offer through but not the command turns it into a bounce.
  bool chunking = false;
  size_t tls_sessions = 1000;     // Kept to be resumed, some 5 KB each (L11). 0: none.
  std::string ca_file;            // For TlsPolicy::kVerified. "": the system's.
  DestinationGuard destinations;  // Hosts that are not `trusted` must pass it.
  TraceHub* traces = nullptr;     // Outlives the transport. nullptr: nobody can watch.
};

class SmtpTransport final : public ports::Transport, public ports::Prober {
 public:
  static constexpr size_t kMostProbes = 4;

  // INVALID_ARGUMENT if an option is out of range or the CA file cannot be read.
  static absl::StatusOr<std::unique_ptr<SmtpTransport>> Create(SmtpTransportOptions options);

  // Cuts every connection and joins the thread; the listener is not called any more.
  ~SmtpTransport() override;

  void SetListener(absl::AnyInvocable<void(ports::TransportEvent)> listener) override;
  void Open(ports::OpenConnection request) override;
  void Send(ports::SendMessage request) override;
  void Close(ConnectionId connection) override;
  std::string Transcript(DeliveryId delivery) override;

  std::string Forbidden(const ports::MxHost& host) const override;
  int64_t StartProbe(ports::Probe probe, Listener listener) override;
  void CancelProbe(int64_t number) override;

 private:
  class Loop;

  explicit SmtpTransport(std::unique_ptr<Loop> loop);

  std::unique_ptr<Loop> loop_;
};

}  // namespace crescendo::smtp
