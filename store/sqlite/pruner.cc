#include "store/sqlite/pruner.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "store/rules.h"

namespace crescendo::store {
namespace {

// A twentieth of the file may be free for what comes next; beyond that it is given back, so many
// pages in a step.
constexpr int64_t kSpareShare = 20;
constexpr int64_t kPagesPerStep = 64;

// Final states are numbered from here.
constexpr auto kFirstFinal = static_cast<size_t>(DeliveryState::kAccepted);

}  // namespace

absl::Status Pruner::Apply(const ports::Prune& prune, ports::WriteResult* result) {
  result->status = CheckPrune(prune);
  if (!result->status.ok()) return absl::OkStatus();
  ports::Pruned pruned;
  RETURN_IF_ERROR(PruneDeliveries(prune, &pruned));
  RETURN_IF_ERROR(PruneEvents(prune, &pruned));
  RETURN_IF_ERROR(PruneAnswers(prune, &pruned));
  RETURN_IF_ERROR(GivePagesBack(&pruned));
  result->value = pruned;
  return absl::OkStatus();
}

absl::Status Pruner::PruneDeliveries(const ports::Prune& prune, ports::Pruned* pruned) {
  if (prune.deliveries_before == absl::InfinitePast()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t newest, database_->QueryInt("SELECT max(id) FROM deliveries"));
  std::vector<std::pair<int64_t, std::string>> old;
  absl::flat_hash_map<int64_t, std::array<int64_t, 5>> counts;  // By campaign.
  {
    Rows rows = look_.Query(prune.after.value(), prune.limit);
    int looked_at = 0;
    // Ids ascend in the order of import: what follows the first young one is younger.
    while (rows.Next() && rows.Time(3) < prune.deliveries_before) {
      const int64_t id = rows.Int(0);
      const auto state = static_cast<DeliveryState>(rows.Int(2));
      if (IsFinal(state) && rows.Time(4) < prune.deliveries_before && id < newest) {
        old.emplace_back(id, rows.String(5));
        ++counts[rows.Int(1)][static_cast<size_t>(state) - kFirstFinal];
      }
      if (++looked_at < prune.limit) continue;
      pruned->next = DeliveryId(id);
      pruned->more = true;
      break;
    }
    RETURN_IF_ERROR(rows.status());
  }
  for (const auto& [id, address] : old) {
    RETURN_IF_ERROR(addresses_->Remove(address, id));
    RETURN_IF_ERROR(RemoveVariables(id));
    RETURN_IF_ERROR(remove_signals_.Run(id));
    RETURN_IF_ERROR(remove_.Run(id));
  }
  for (const auto& [campaign, by] : counts) {
    RETURN_IF_ERROR(count_.Run(campaign, by[0], by[1], by[2], by[3], by[4]));
  }
  pruned->deliveries = static_cast<int64_t>(old.size());
  return absl::OkStatus();
}

absl::Status Pruner::RemoveVariables(int64_t delivery) {
  Rows removed = remove_variables_.Query(delivery);
  while (removed.Next()) {
    if (!removed.IsNull(0)) RETURN_IF_ERROR(segments_->Drop(removed.Int(0)));
  }
  return removed.status();
}

absl::Status Pruner::PruneEvents(const ports::Prune& prune, ports::Pruned* pruned) {
  if (prune.events_before == absl::InfinitePast()) return absl::OkStatus();
  int64_t last = 0;
  {
    Rows rows = oldest_events_.Query(prune.limit);
    while (rows.Next() && rows.Time(1) < prune.events_before) {
      last = rows.Int(0);
      ++pruned->events;
    }
    RETURN_IF_ERROR(rows.status());
  }
  if (pruned->events == 0) return absl::OkStatus();
  if (pruned->events == prune.limit) pruned->more = true;
  std::vector<std::array<int64_t, 4>> slots;
  {
    Rows rows = their_slots_.Query(last);
    while (rows.Next()) slots.push_back({rows.Int(0), rows.Int(1), rows.Int(2), rows.Int(3)});
    RETURN_IF_ERROR(rows.status());
  }
  for (const auto& [ip, provider, claim_day, settle_day] : slots) {
    RETURN_IF_ERROR(mark_ledger_.Run(ip, provider, claim_day, settle_day));
  }
  return remove_events_.Run(last);
}

absl::Status Pruner::PruneAnswers(const ports::Prune& prune, ports::Pruned* pruned) {
  if (prune.answers_before == absl::InfinitePast()) return absl::OkStatus();
  for (Statement* remove : {&remove_requests_, &remove_chunks_, &remove_keys_}) {
    RETURN_IF_ERROR(remove->Run(prune.answers_before, prune.limit));
    pruned->answers += database_->changes();
    if (database_->changes() == prune.limit) pruned->more = true;
  }
  return absl::OkStatus();
}

absl::Status Pruner::GivePagesBack(ports::Pruned* pruned) {
  ASSIGN_OR_RETURN(const int64_t mode, database_->QueryInt("PRAGMA auto_vacuum"));
  if (mode != 2) return absl::OkStatus();  // A file of before, not compacted yet.
  ASSIGN_OR_RETURN(const int64_t pages, database_->QueryInt("PRAGMA page_count"));
  ASSIGN_OR_RETURN(const int64_t free, database_->QueryInt("PRAGMA freelist_count"));
  const int64_t excess = free - pages / kSpareShare;
  if (excess <= 0) return absl::OkStatus();
  if (excess > kPagesPerStep) pruned->more = true;
  return database_->Exec(
      absl::StrCat("PRAGMA incremental_vacuum(", std::min(excess, kPagesPerStep), ")"));
}

absl::StatusOr<CampaignCounts> Pruner::Count(CampaignKey campaign) {
  Statement read(database_,
                 "SELECT pruned_accepted, pruned_bounced, pruned_expired, pruned_suppressed,"
                 " pruned_cancelled FROM campaign_counts WHERE campaign = ?1");
  Rows rows = read.Query(campaign.value());
  CampaignCounts counts;
  if (rows.Next()) {
    for (size_t i = 0; i < 5; ++i) {
      counts[static_cast<DeliveryState>(kFirstFinal + i)] = rows.Int(static_cast<int>(i));
    }
  }
  RETURN_IF_ERROR(rows.status());
  return counts;
}

}  // namespace crescendo::store
