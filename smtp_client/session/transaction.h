// transaction.h: one message's MAIL, RCPT and DATA, as a state machine driven by replies.
//
// With PIPELINING the three leave in one write; the body follows the 354. It never sends an end of
// data for a recipient that was refused, except the lone dot that RFC 2920 §3.1 asks for. With
// chunking there is no DATA: once both are accepted the message leaves as one BDAT LAST, which is
// its own end of data (RFC 3030).
//
// What decides between "not transferred" and "in doubt" (L4, RFC 1047) is whether the final dot, or
// the last byte of the chunk, was handed to the socket: the owner says so with Written().
//
// Threads  one at a time.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "scheduler/domain/reply.h"
#include "smtp_client/session/transcript.h"
#include "smtp_client/wire/capabilities.h"

namespace crescendo::smtp {

struct Mail {
  // How far to go; what is not the whole ends in RSET, and its outcome is the reply to that.
  enum class Extent { kSender, kRecipient, kMessage };
  std::string from;     // Without <>. May be "".
  std::string to;       // Without <>.
  std::string message;  // RFC 5322 bytes, not dot-stuffed.
  Extent extent = Extent::kMessage;
};

// How a transaction ended; the words are those of ports::TransportEvent.
struct SendOutcome {
  enum class Result { kReply, kNotTransferred, kInDoubt };
  Result result = Result::kNotTransferred;
  Reply reply;          // kReply: the deciding one. One we gave ourselves says so in its text.
  std::string detail;   // Otherwise: what went wrong.
  bool usable = false;  // The session can take another message.
};

class Transaction {
 public:
  // `reset_first`: an earlier transaction was left open. `offered.chunking` asks for BDAT instead
  // of DATA. `transcript` outlives this object.
  Transaction(Mail mail, const Capabilities& offered, bool reset_first, Transcript* transcript);

  // Appends what can be written now to `out`. After a call that appended the body, Written() means
  // that all of it was handed to the socket.
  void TakeOutput(std::string* out);
  bool has_output() const { return !outgoing_.empty() || body_ == Body::kReady; }
  // All bytes of the last TakeOutput() were handed to the socket.
  void Written();
  // Some of them were, and the rest is still to be: no reply so far can be the one to its end.
  void WrittenInPart();
  // A reply came; its stage is set here. REQUIRES: !outcome().
  void Receive(Reply reply);
  // The connection ended or a deadline passed.
  void Ended(absl::string_view detail);

  // Set once; then nothing else happens here.
  const std::optional<SendOutcome>& outcome() const { return outcome_; }
  // What is waited for.
  SmtpStage stage() const;
  bool writing_body() const { return body_ == Body::kReady || body_ == Body::kTaken; }
  // The server still holds a MAIL of ours: RSET comes before the next one.
  bool leaves_open() const { return open_; }
  // Counts replies and writes, so that the owner sees when a new deadline starts.
  int progress() const { return progress_; }

 private:
  // kReady: may be taken. kTaken: may be under way to the socket. kWritten: handed over whole.
  enum class Body { kNone, kReady, kTaken, kWritten };
  struct Command {
    SmtpStage stage;
    std::string line;
  };

  // Queues the commands, or refuses a message that cannot be sent on this session at all.
  void Prepare(bool reset_first);
  // What such a refusal says. OK if there is none.
  std::optional<Reply> Refusal() const;
  // Lets the next command go, or with PIPELINING all of them; with chunking, last, the message.
  void SendNext();
  // The message may leave, and its end is awaited.
  void OfferBody();
  void Dispatch(const Reply& reply);
  void OnData(const Reply& reply);
  void OnEndOfData(const Reply& reply);
  // Keeps `reply` as the one that decides, unless an earlier one has.
  void Decide(const Reply& reply);
  // The server does not speak SMTP as we know it: the session is lost.
  void Break(absl::string_view what, const Reply& reply);
  void Finish(SendOutcome::Result result, bool usable, absl::string_view detail);

  Mail mail_;
  const Capabilities offered_;
  Transcript* const transcript_;
  std::deque<Command> waiting_;    // Not to be written yet.
  std::string outgoing_;           // To be written now, before the body.
  std::deque<SmtpStage> awaited_;  // Their replies are awaited, in this order.
  std::optional<Reply> deciding_;  // Known before the dialogue has settled.
  std::optional<Reply> early_;     // A 2yz that came before the body was known to be written.
  std::optional<SendOutcome> outcome_;
  Body body_ = Body::kNone;
  bool mail_accepted_ = false;
  bool rcpt_accepted_ = false;
  bool lone_dot_ = false;
  bool open_;
  int progress_ = 0;
};

}  // namespace crescendo::smtp
