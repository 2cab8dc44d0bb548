#include "store/sqlite/tally.h"

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {

void Tally::Count(int64_t ip, int64_t provider, absl::CivilDay day, Slot slot, int64_t by) {
  ledger_[{ip, provider, day}][slot] += by;
}

void Tally::Add(int64_t campaign, DeliveryState state, int64_t by) {
  counts_[campaign][static_cast<size_t>(state)] += by;
}

void Tally::Clear() {
  ledger_.clear();
  counts_.clear();
}

absl::Status Tally::Flush() {
  for (const auto& [campaign, by] : counts_) {
    RETURN_IF_ERROR(update_counts_.Run(campaign, by[0], by[1], by[2], by[3], by[4], by[5], by[6],
                                       by[7], by[8]));
    if (database_->changes() != 1) {
      return database_->Damaged(absl::StrCat("the counts of campaign ", campaign, " are missing"));
    }
  }
  for (const auto& [key, by] : ledger_) {
    const auto& [ip, provider, day] = key;
    RETURN_IF_ERROR(update_ledger_.Run(ip, provider, day, by[0], by[1], by[2], by[3], by[4], by[5],
                                       by[6], by[7], by[8]));
    if (database_->changes() > 0) continue;
    RETURN_IF_ERROR(insert_ledger_.Run(ip, provider, day, by[0], by[1], by[2], by[3], by[4], by[5],
                                       by[6], by[7], by[8]));
  }
  Clear();
  return absl::OkStatus();
}

}  // namespace crescendo::store
