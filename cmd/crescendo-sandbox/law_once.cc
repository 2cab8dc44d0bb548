#include <map>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/address.h"
#include "cmd/crescendo-sandbox/laws.h"

namespace crescendo::sandbox {
namespace {

struct Copies {
  int64_t kept = 0;
  int64_t in_doubt = 0;
  std::string message_id;  // Of the first copy.
  std::string digest;
  std::string difference;  // What a later copy does not share with it.
};

void Add(const LedgerRecord& record, Copies* copies) {
  if (record.in_doubt()) ++copies->in_doubt;
  if (record.kind != RecordKind::kTransaction || !record.kept) return;
  if (++copies->kept == 1) {
    copies->message_id = record.message_id;
    copies->digest = record.digest;
  } else if (record.message_id != copies->message_id) {
    copies->difference =
        absl::StrCat("Message-ID ", copies->message_id, ", then ", record.message_id);
  } else if (record.digest != copies->digest) {
    copies->difference = "other bytes under the same Message-ID";
  }
}

}  // namespace

LawResult CheckOnce(const std::vector<LedgerRecord>& ledger) {
  LawResult law("once");
  std::map<std::string, Copies> by_recipient;
  for (const LedgerRecord& record : ledger) {
    if (!record.rcpt_to.empty()) Add(record, &by_recipient[ComparableAddress(record.rcpt_to)]);
  }
  int64_t in_doubt = 0, second_copies = 0;
  for (const auto& [recipient, copies] : by_recipient) {
    law.Checked();
    in_doubt += copies.in_doubt;
    if (copies.kept > 1) second_copies += copies.kept - 1;
    if (copies.kept > 1 + copies.in_doubt) {
      law.Violation(absl::StrCat(recipient, ": ", copies.kept, " copies, ", copies.in_doubt,
                                 " in-doubt events"));
    } else if (!copies.difference.empty()) {
      law.Violation(absl::StrCat(recipient, ": copies differ: ", copies.difference));
    }
  }
  law.Note(absl::StrCat(in_doubt, " in-doubt events, ", second_copies, " second copies"));
  return law;
}

}  // namespace crescendo::sandbox
