// transport.h: SMTP connections, as the core sees them.
//
// The core owns every decision: when to open, what to send next on which connection, when to close.
// A transport carries them out and reports what happened. Deliveries are handed over only on a
// ready connection, so a refused connection costs no message an attempt, and a pause takes effect
// before the next MAIL (L6).
//
//   Open ──▶ kOpened ──Send──▶ kSent ──Send──▶ kSent … ──Close──▶ kClosed
//     └────▶ kClosed (could not connect, refused by banner, EHLO or STARTTLS)
//
// After kOpened, each Send is answered by exactly one kSent. A connection ends with exactly one
// kClosed, after which its id is not used again; a kSent with `connection_usable` false is followed
// by kClosed without a Close.
//
// Threads  methods are called from the engine's thread; the listener may be called from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/ids.h"
#include "scheduler/domain/provider.h"
#include "scheduler/domain/reply.h"
#include "scheduler/ports/mx_resolver.h"

namespace crescendo::ports {

struct OpenConnection {
  ConnectionId connection;
  Lane lane;                   // Whose it is, for those who watch.
  std::string source_address;  // Bytes leave only from here (L8). A literal address.
  std::string ehlo_name;
  MxHost host;  // The one host to try; the core does the fail-over.
  // No kOpened comes from a session with less. Opportunistic alone may fall back to the clear: when
  // the handshake fails, once, on a second connection after the first.
  TlsPolicy tls = TlsPolicy::kOpportunistic;
  // kVerified: the certificate must be for one of these; none: for the host.
  std::vector<std::string> tls_names;
};

struct SendMessage {
  ConnectionId connection;
  DeliveryId delivery;
  int attempt = 1;        // 1 for the first.
  std::string mail_from;  // Envelope sender, without <>. May be "".
  std::string rcpt_to;    // Envelope recipient, without <>.
  std::string message;    // RFC 5322 bytes, CRLF line ends, not dot-stuffed.
};

struct TransportEvent {
  enum class Kind { kOpened, kSent, kClosed };
  Kind kind = Kind::kClosed;
  ConnectionId connection;

  // kSent only.
  DeliveryId delivery;
  enum class SentResult {
    kReply,           // The server answered: see `reply`.
    kNotTransferred,  // The connection ended before the final dot was fully sent: `detail` says
                      // how.
    kInDoubt,         // It ended, or timed out, after the final dot and before a reply (RFC 1047).
  };
  SentResult result = SentResult::kNotTransferred;
  bool connection_usable = false;  // True: another Send may follow.

  // kSent: the deciding reply (at MAIL, RCPT, DATA or end of data), with its stage.
  // kClosed: the reply that ended it (a 4yz/5yz banner, EHLO …), or code 0.
  Reply reply;
  // What went wrong, for people, when no reply says it: "connection refused", "no reply to RCPT in
  // 5m", "cannot bind 192.0.2.1: address not available". "" if nothing did.
  // kOpened: "TLSv1.3 TLS_AES_256_GCM_SHA384, resumed"; in the clear, why, if TLS was wished for.
  std::string detail;
  // kClosed: true when the failure was on our side (bind, file descriptors): never feeds a
  // throttle.
  bool local_failure = false;
  // kClosed: mail never goes to that address (loopback, private …), so nothing was tried; `detail`
  // says what it is. It stays so.
  bool forbidden = false;
  // kClosed: the host did not give the TLS that was demanded: no STARTTLS, or it was refused, or
  // the handshake or the certificate failed. With less it may take mail.
  bool tls_failed = false;
  bool tls = false;         // kOpened: the session is encrypted.
  bool downgraded = false;  // kOpened: in the clear, for the TLS handshake failed; see `detail`.
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Called once, before any other method.
  virtual void SetListener(absl::AnyInvocable<void(TransportEvent)> listener) = 0;
  virtual void Open(OpenConnection request) = 0;
  virtual void Send(SendMessage request) = 0;
  // QUIT and close; a transaction under way finishes first.
  virtual void Close(ConnectionId connection) = 0;
  // The last dialogue of `delivery` kept for people ("> MAIL FROM…", "< 250 …"; bodies cut); "" if
  // none is kept any more. Thread-safe.
  virtual std::string Transcript(DeliveryId delivery) = 0;
};

}  // namespace crescendo::ports
