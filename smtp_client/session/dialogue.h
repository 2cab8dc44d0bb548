// dialogue.h: one SMTP session, as a state machine driven with strings.
//
// No sockets, no clock. The owner of the socket hands in what it read and what became of it, writes
// what TakeOutput() gives, and keeps the deadline that wait() names:
//
//   banner ─ EHLO ─┬─ STARTTLS ─ handshake ─ EHLO ─┬─ idle ⇄ a Transaction ─ QUIT ─ finished
//                  └───────────────────────────────┘
//
// Events    exactly one kClosed, which is the last; before it at most one kOpened and then one
//           kSent for each Send(). After a kSent that is not usable the kClosed carries no reply,
//           so that nothing is counted twice.
// Threads   one at a time.
// See       RFC 5321, RFC 2920 (PIPELINING), RFC 3030 (CHUNKING), RFC 3207 (STARTTLS), RFC 9422
//           (LIMITS).
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "scheduler/domain/provider.h"
#include "scheduler/domain/reply.h"
#include "smtp_client/session/session_observer.h"
#include "smtp_client/session/transaction.h"
#include "smtp_client/session/transcript.h"
#include "smtp_client/wire/capabilities.h"
#include "smtp_client/wire/reply_parser.h"

namespace crescendo::smtp {

struct DialogueOptions {
  std::string ehlo_name;
  TlsPolicy tls = TlsPolicy::kOpportunistic;
  bool chunking = false;  // BDAT where it is offered, instead of DATA.
  // Why TLS is not tried, though it was wished for: its handshake failed on a connection before.
  std::string downgraded;
  std::string peer;  // For transcripts: "mx1.example [192.0.2.25]:25 from 198.51.100.7".
  size_t transcript_bytes = 4096;  // Kept of one delivery, and of the opening.
  bool one_by_one = false;         // Each command waits for the reply to the last: no PIPELINING.
  ReplyLimits reply_limits;
  std::shared_ptr<SessionObserver> observer;  // May be null.
};

struct DialogueEvent {
  enum class Kind { kOpened, kSent, kClosed };
  Kind kind = Kind::kClosed;
  bool tls = false;         // kOpened.
  bool downgraded = false;  // kOpened.
  bool tls_failed = false;  // kClosed: not with the TLS that was demanded.
  SendOutcome outcome;      // kSent.
  std::string transcript;   // kSent: from MAIL on.
  // kOpened, kSent: the session's first part, up to the last EHLO, as a transcript.
  std::shared_ptr<const std::string> opening;
  Reply reply;                 // kClosed: what the server said to end it; else code 0.
  std::string detail;          // kClosed; kOpened: the protocol, or why it is in the clear.
  bool local_failure = false;  // kClosed.
};

// What the session waits for: each has a deadline of its own (RFC 5321 §4.5.3.2).
enum class Wait {
  kConnect,
  kBanner,
  kEhlo,
  kStartTls,
  kHandshake,
  kIdle,  // For us: no deadline.
  kRset,
  kMail,
  kRcpt,
  kData,
  kDataBlock,  // The peer's taking the next piece of a body.
  kFinalDot,
  kQuit,
  kNothing,  // Finished.
};
absl::string_view WaitName(Wait wait);  // "connect", "banner", "EHLO" … for people.

// How a session ends in which anything follows the 220 but TLS (RFC 3207 §6).
inline constexpr absl::string_view kInjected = "bytes after the reply to STARTTLS: injected?";

class Dialogue {
 public:
  explicit Dialogue(DialogueOptions options);

  // What happens to the socket.
  void Connected();
  void Receive(absl::string_view bytes);
  void Written();        // All bytes of the last TakeOutput() were handed to the socket.
  void WrittenInPart();  // Some of them, and the rest is still to be.
  void HandshakeDone(absl::string_view protocol);
  void HandshakeFailed(absl::string_view detail);
  // It ended, or a deadline passed. `local_failure`: by our own fault.
  void Ended(absl::string_view detail, bool local_failure = false);

  // What the core wants.
  void Send(Mail mail);  // REQUIRES: wait() is kIdle.
  void Quit();           // A transaction under way finishes first.

  // What is to be done now.
  bool has_output() const;
  void TakeOutput(std::string* out);
  std::optional<DialogueEvent> NextEvent();
  // kHandshake asks for a TLS handshake, kNothing to close the socket.
  Wait wait() const;
  // Changes whenever a new deadline starts.
  int progress() const;

 private:
  void OnReply(Reply reply);
  // What began before our next command left cannot be the answer to it.
  void FailOnEarlyBytes();
  void OnBanner(const Reply& reply);
  void OnEhlo(const Reply& reply);
  void OnStartTls(const Reply& reply);
  void SendCommand(absl::string_view line, Wait wait);
  void SendEhlo();
  void DecideTls();
  void Open();
  void FinishTransaction();
  // The reply ends the session: QUIT, unless the server has closed it.
  void Refused(const Reply& reply);
  void Fail(absl::string_view detail);
  void SayQuit();
  void Finish();

  const DialogueOptions options_;
  Transcript transcript_;
  std::shared_ptr<const std::string> opening_;
  ReplyParser parser_;
  Capabilities offered_;
  std::string outgoing_;
  std::optional<Transaction> transaction_;
  std::deque<DialogueEvent> events_;
  DialogueEvent closing_;  // What the kClosed will say.
  Wait wait_ = Wait::kConnect;
  bool tls_ = false;
  std::string tls_detail_;   // What the kOpened will say.
  bool helo_ = false;        // EHLO was refused.
  bool reset_next_ = false;  // The last transaction was left open.
  bool quit_wanted_ = false;
  int progress_ = 0;
  int messages_ = 0;
  uint64_t mails_ = 0;  // MAIL commands.
};

}  // namespace crescendo::smtp
