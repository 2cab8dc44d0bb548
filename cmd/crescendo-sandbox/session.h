// session.h: one SMTP dialogue, from the receiver's side. No sockets.
//
// Bytes go in by Feed; Next gives what to answer, one command at a time, in order. Each transaction
// becomes one ledger line per recipient, written before the reply leaves. Strict: the commands'
// order, CRLF, and CRLF.CRLF as the only end of data.
//
// A refused MAIL still learns its recipient: with PIPELINING the RCPT was sent already; it is read,
// answered 503, and named in the ledger.
//
// Threads  belongs to one thread.
// See      RFC 5321; RFC 2920 (pipelining); RFC 3207 (STARTTLS); RFC 1047.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cmd/crescendo-sandbox/data_reader.h"
#include "cmd/crescendo-sandbox/ledger.h"
#include "cmd/crescendo-sandbox/receiver.h"
#include "scheduler/base/clock.h"

namespace crescendo::sandbox {

class Session {
 public:
  enum class Then {
    kGoOn,
    kStartTls,  // Send `bytes`, shake hands, then TlsStarted.
    kDrop,      // Send nothing; end the connection at once.
  };
  struct Step {
    std::string bytes;
    Then then = Then::kGoOn;
    absl::Duration wait;  // Virtual time to let pass before the bytes leave.
  };

  // `receiver`, `ledger` and `clock` outlive this.
  Session(Receiver* receiver, Ledger* ledger, const base::Clock* clock, std::string source_ip,
          int64_t connection);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Step Greet();
  void Feed(absl::string_view bytes) { inbox_.append(bytes.data(), bytes.size()); }
  // nullopt: needs more bytes.
  std::optional<Step> Next();
  void TlsStarted();
  // The connection is gone, ended `by` "sender" or "receiver"; what was open is lost. Call once.
  void Ended(absl::string_view by);

  // No further command will be obeyed: close once `settled`.
  bool closing() const { return closing_; }
  // False while a refused MAIL may still learn its recipient.
  bool settled() const { return !pending_refusal_.has_value() || pending_refusal_->named; }
  // A sender that is silent for too long is told so. Then closing() holds.
  Step TimeOut();

 private:
  struct Recipient {
    std::string as_given;
    std::string comparable;
  };
  struct PendingRefusal {  // A refused MAIL that waits for its RCPT.
    LedgerRecord record;
    bool named = false;
  };

  std::optional<std::string> TakeLine();
  std::optional<Step> DataBytes();
  Step Command(const std::string& line);
  Step Hello(absl::string_view verb, absl::string_view argument);
  Step StartTls(absl::string_view argument);
  Step Mail(absl::string_view argument);
  // "" or the refusal of one of MAIL's parameters.
  std::string MailParameters(const std::vector<std::string>& parameters);
  Step Rcpt(absl::string_view argument);
  Step Data(absl::string_view argument);
  Step EndOfData();
  Step Accept(absl::Time now);
  Step Say(std::string wire);

  void Reset();
  void Abandon();  // Reset by the sender's wish, which the ledger tells.
  void FlushPendingRefusal();
  LedgerRecord NewRecord(absl::string_view phase, absl::string_view rcpt) const;
  // One record for each recipient of the open transaction.
  std::vector<LedgerRecord> RecordsOfAll(absl::string_view phase) const;
  // False when the disk is full: then nothing may be accepted.
  bool Write(const std::vector<LedgerRecord>& records);
  Step RefuseAll(std::string wire);
  void LoseAll(absl::string_view phase, absl::string_view by, bool kept);
  Step Drop(absl::string_view phase, bool kept);

  Receiver* const receiver_;
  Ledger* const ledger_;
  const base::Clock* const clock_;
  const int64_t connection_;
  const absl::Time connected_;
  Talk talk_;

  std::string inbox_;
  bool counted_ = false;  // The receiver counts this connection.
  bool greeted_ = false;  // EHLO or HELO was accepted.
  bool extended_ = false;
  bool tls_ = false;
  bool closing_ = false;

  bool in_mail_ = false;  // MAIL was accepted.
  bool utf8_ = false;
  absl::Time mail_time_;
  std::vector<Recipient> recipients_;
  std::optional<PendingRefusal> pending_refusal_;
  std::optional<DataReader> data_;
  std::string digest_;  // Of the data that just ended.
  bool drop_in_data_ = false;
  // Accepted, but the sender has shown no sign of having read so.
  std::vector<LedgerRecord> unconfirmed_;
};

}  // namespace crescendo::sandbox
