// ledger.h: the sandbox's own record of what reached it, one JSON line per transaction.
//
// It is the independent proof of what a sender did, so it must survive any end of this process:
// each line is one write(2) to a file opened with O_APPEND, and an "accepted" line is written
// before the 250 leaves. A kill tears at most the last line, which is cut off when the file is
// opened again.
//
// Units    virtual time, UTC, microseconds; sizes in octets.
// Threads  a Ledger belongs to one thread; reading a file that grows is fine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace crescendo::sandbox {

enum class RecordKind {
  kTransaction,  // One recipient of one MAIL transaction.
  kConnection,   // A connection that was refused instead of a banner.
  // The sender was gone before it took the reply that record `of` tells: whether it knows the
  // outcome is in doubt.
  kUnconfirmed,
};
enum class RecordOutcome {
  kAccepted,
  kTemporary,  // 4yz.
  kPermanent,  // 5yz.
  kDropped,    // No reply: the connection ended first. See `phase` and `dropped_by`.
};
absl::string_view RecordKindName(RecordKind kind);           // "transaction" …
absl::string_view RecordOutcomeName(RecordOutcome outcome);  // "accepted" …

// What the outcome was the answer to.
inline constexpr absl::string_view kPhaseConnect = "connect";
inline constexpr absl::string_view kPhaseMail = "mail";
inline constexpr absl::string_view kPhaseRcpt = "rcpt";
inline constexpr absl::string_view kPhaseData = "data";  // From DATA to the final dot.
inline constexpr absl::string_view kPhaseEndOfData = "end_of_data";

struct LedgerRecord {
  RecordKind kind = RecordKind::kTransaction;
  int64_t connection = 0;  // Number of the connection, from 1, new after each start.
  int64_t number = 0;      // Of the transaction on its connection, from 1.
  absl::Time connected;    // The connection was taken.
  absl::Time start;        // MAIL arrived (kConnection: the connection was taken).
  absl::Time end;          // The reply left, or the connection was gone.
  std::string provider;
  std::string source_ip;
  std::string ehlo_name;
  std::string mail_from;
  std::string rcpt_to;     // "": the sender never named it.
  std::string message_id;  // Of the header; "" if no data came.
  std::string digest;      // SHA-256 of the data, first 16 hex digits; "" if no data came.
  int64_t size = 0;
  RecordOutcome outcome = RecordOutcome::kTemporary;
  bool kept = false;       // The receiver has a copy now: accepted, or dropped after it was stored.
  std::string dropped_by;  // kDropped: "receiver" or "sender".
  int code = 0;            // 0: no reply.
  std::string reply;       // As it went over the wire, lines joined by "\n".
  std::string phase;
  bool tls = false;

  // A drop that leaves the sender unable to know whether a copy arrived (RFC 1047), or a reply it
  // did not take.
  bool in_doubt() const;
};

std::string ToJsonLine(const LedgerRecord& record);  // With the final newline.
// INVALID_ARGUMENT names the field.
absl::StatusOr<LedgerRecord> ParseLedgerLine(absl::string_view line);

class Ledger {
 public:
  // Opens or creates `path`; a torn last line of an earlier run is cut off.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const std::string& path);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // All or none: with the kernel when it returns. RESOURCE_EXHAUSTED: what did not fit is taken
  // back.
  absl::Status Append(absl::Span<const LedgerRecord> records);

 private:
  explicit Ledger(int fd) : fd_(fd) {}
  const int fd_;
};

// Reads a ledger, also one that still grows.
class LedgerReader {
 public:
  static absl::StatusOr<std::unique_ptr<LedgerReader>> Open(const std::string& path);
  ~LedgerReader();
  LedgerReader(const LedgerReader&) = delete;
  LedgerReader& operator=(const LedgerReader&) = delete;

  // The next whole line; nullopt at the end, where a later call may find more. DATA_LOSS names the
  // number of a line that is no record.
  absl::StatusOr<std::optional<LedgerRecord>> Next();

 private:
  explicit LedgerReader(int fd) : fd_(fd) {}
  const int fd_;
  std::string buffer_;
  size_t taken_ = 0;  // Of buffer_.
  int64_t line_ = 0;
};

absl::StatusOr<std::vector<LedgerRecord>> ReadLedger(const std::string& path);

}  // namespace crescendo::sandbox
