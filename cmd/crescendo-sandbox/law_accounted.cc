#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendo-sandbox/address.h"
#include "cmd/crescendo-sandbox/laws.h"

namespace crescendo::sandbox {
namespace {

// One recipient, from all three sources.
struct Account {
  bool listed = false;
  std::vector<DeliveryState> claims;
  bool accepted = false;  // A 250 was sent.
  bool refused = false;   // Any 4yz or 5yz.
  bool in_doubt = false;
  bool seen = false;  // Any transaction.
};
using Accounts = std::map<std::string, Account>;

void AddLedger(const std::vector<LedgerRecord>& ledger, Accounts* accounts) {
  for (const LedgerRecord& record : ledger) {
    if (record.rcpt_to.empty()) continue;
    Account& account = (*accounts)[ComparableAddress(record.rcpt_to)];
    account.in_doubt |= record.in_doubt();
    if (record.kind != RecordKind::kTransaction) continue;
    account.seen = true;
    account.accepted |= record.outcome == RecordOutcome::kAccepted;
    account.refused |=
        record.outcome == RecordOutcome::kTemporary || record.outcome == RecordOutcome::kPermanent;
  }
}

// "" or why the claim does not fit what the ledger says.
std::string Fault(const Account& account, bool allow_incomplete) {
  if (!account.listed) {
    return account.seen ? "got mail, but is not in the list" : "claimed, but is not in the list";
  }
  if (account.claims.empty()) return "is in no delivery";
  if (account.claims.size() > 1)
    return absl::StrCat("is in ", account.claims.size(), " deliveries");
  const DeliveryState state = account.claims.front();
  const std::string name(DeliveryStateName(state));
  if (!IsFinal(state) && !allow_incomplete) return absl::StrCat("is not final: ", name);
  if (state == DeliveryState::kAccepted && !account.accepted) {
    return "is ACCEPTED, but no receiver accepted it";
  }
  if (state == DeliveryState::kBounced && !account.refused) {
    return "is BOUNCED, but no receiver refused it";
  }
  // The reply may still be on its way to whoever holds it.
  const bool in_flight =
      allow_incomplete && (state == DeliveryState::kClaimed || state == DeliveryState::kInDoubt);
  if (account.accepted && state != DeliveryState::kAccepted && !account.in_doubt && !in_flight) {
    return absl::StrCat("was accepted, but is ", name);
  }
  return "";
}

}  // namespace

LawResult CheckAccounted(const std::vector<LedgerRecord>& ledger,
                         const std::vector<RecipientRow>& recipients,
                         const std::vector<DeliveryClaim>& claims, bool allow_incomplete) {
  LawResult law("accounted");
  Accounts accounts;
  for (const RecipientRow& row : recipients) accounts[ComparableAddress(row.email)].listed = true;
  std::map<std::string, int64_t> states;
  for (const DeliveryClaim& claim : claims) {
    accounts[claim.address].claims.push_back(claim.state);
    ++states[std::string(DeliveryStateName(claim.state))];
  }
  AddLedger(ledger, &accounts);
  for (const auto& [address, account] : accounts) {
    law.Checked();
    const std::string fault = Fault(account, allow_incomplete);
    if (!fault.empty()) law.Violation(absl::StrCat(address, " ", fault));
  }
  law.Note(absl::StrJoin(states, ", ", absl::PairFormatter(" ")));
  return law;
}

}  // namespace crescendo::sandbox
