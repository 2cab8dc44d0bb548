// laws.h: the sender's laws (DESIGN §2), each held against what the receivers saw.
//
// Inputs are the ledger, which the sender cannot write, and the sender's own claims. Nothing here
// shares code with the sender's books, except the score's formula.
//
// Threads  pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cmd/crescendo-sandbox/day_table.h"
#include "cmd/crescendo-sandbox/evidence.h"
#include "cmd/crescendo-sandbox/ledger.h"
#include "cmd/crescendo-sandbox/recipients.h"

namespace crescendo::sandbox {

class LawResult {
 public:
  explicit LawResult(absl::string_view name) : name_(name) {}

  const std::string& name() const { return name_; }
  bool holds() const { return violations_ == 0; }
  int64_t checked() const { return checked_; }
  int64_t violations() const { return violations_; }
  // The first of them, and remarks that are no violations.
  const std::vector<std::string>& first_violations() const { return first_violations_; }
  const std::vector<std::string>& notes() const { return notes_; }

  void Checked(int64_t count = 1) { checked_ += count; }
  void Violation(std::string text);
  void Note(std::string text) { notes_.push_back(std::move(text)); }

 private:
  const std::string name_;
  int64_t checked_ = 0;
  int64_t violations_ = 0;
  std::vector<std::string> first_violations_;
  std::vector<std::string> notes_;
};

// L1: per address and day, and per provider where `days` caps it: accepted + refused for good <=
// cap. A day and address of the ledger that `days` does not name breaks it.
LawResult CheckCap(const DayTable& table, const DayCaps& days);

// L4: copies kept per recipient <= 1 + its in-doubt events, all with the same Message-ID and bytes.
LawResult CheckOnce(const std::vector<LedgerRecord>& ledger);

// L3: every address of the list is in exactly one claim and no other address is; ACCEPTED is what
// the ledger accepted, unless it was in doubt. States that are not final break it, unless
// `allow_incomplete`: then they are counted in a note.
LawResult CheckAccounted(const std::vector<LedgerRecord>& ledger,
                         const std::vector<RecipientRow>& recipients,
                         const std::vector<DeliveryClaim>& claims, bool allow_incomplete);

// L5: on each lane (source IP x provider), the first transactions of recipients (first over all
// lanes) start in order of engagement, best first. Pairs that overlap in time have no order. The
// first transaction of a connection occupies the lane from the connection's start: the sender chose
// its recipient before it connected.
//
// `slack`: the sender may have chosen a recipient so long before its MAIL. Pairs that are closer
// than that have no order. Nor is a recipient held against better ones if a lane to its provider was
// told to stop within `slack`: the sender takes back what it had chosen there, which until then was
// nobody else's to send.
LawResult CheckOrder(const std::vector<LedgerRecord>& ledger,
                     const std::vector<RecipientRow>& recipients, absl::Time as_of,
                     absl::Duration slack);

}  // namespace crescendo::sandbox
