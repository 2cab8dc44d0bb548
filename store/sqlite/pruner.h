// pruner.h: takes away what is finished and old, and gives its pages back to the disk.
//
// Threads  one thread.
#pragma once

#include <array>

#include "absl/container/flat_hash_map.h"
#include "scheduler/ports/store.h"
#include "store/sqlite/address_index.h"
#include "store/sqlite/database.h"
#include "store/sqlite/segments.h"

namespace crescendo::store {

class Pruner {
 public:
  Pruner(Database* database, AddressIndex* addresses, Segments* segments)
      : database_(database), addresses_(addresses), segments_(segments) {}

  absl::Status Apply(const ports::Prune& prune, ports::WriteResult* result);
  absl::StatusOr<CampaignCounts> Count(CampaignKey campaign);

 private:
  absl::Status PruneDeliveries(const ports::Prune& prune, ports::Pruned* pruned);
  absl::Status PruneEvents(const ports::Prune& prune, ports::Pruned* pruned);
  absl::Status PruneAnswers(const ports::Prune& prune, ports::Pruned* pruned);
  // Moves pages from the end of the file into free ones, if many are free, and cuts it.
  absl::Status GivePagesBack(ports::Pruned* pruned);

  absl::Status RemoveVariables(int64_t delivery);

  Database* const database_;
  AddressIndex* const addresses_;
  Segments* const segments_;
  Statement look_{database_,
                  "SELECT id, campaign, state, create_time_us,"
                  " coalesce(end_time_us, last_attempt_time_us, create_time_us),"
                  " address FROM deliveries WHERE id > ?1 ORDER BY id LIMIT ?2"};
  Statement remove_variables_{
      database_, "DELETE FROM delivery_variables WHERE delivery = ?1 RETURNING segment"};
  Statement remove_signals_{database_, "DELETE FROM delivery_signals WHERE delivery = ?1"};
  Statement remove_{database_, "DELETE FROM deliveries WHERE id = ?1"};
  Statement count_{database_,
                   "UPDATE campaign_counts SET pruned_accepted = pruned_accepted + ?2,"
                   " pruned_bounced = pruned_bounced + ?3, pruned_expired = pruned_expired + ?4,"
                   " pruned_suppressed = pruned_suppressed + ?5,"
                   " pruned_cancelled = pruned_cancelled + ?6 WHERE campaign = ?1"};
  Statement oldest_events_{database_, "SELECT id, time_us FROM events ORDER BY id LIMIT ?1"};
  // The rows of the ledger that events up to ?1 have counted in; a day may be told of twice.
  Statement their_slots_{database_,
                         "SELECT DISTINCT egress_ip, provider, claim_day, claim_day + slot / 4"
                         " FROM events WHERE id <= ?1 AND claim_day IS NOT NULL"};
  Statement mark_ledger_{database_,
                         "UPDATE ledger SET events_gone = 1"
                         " WHERE egress_ip = ?1 AND provider = ?2 AND day IN (?3, ?4)"};
  Statement remove_events_{database_, "DELETE FROM events WHERE id <= ?1"};
  Statement remove_requests_{database_,
                             "DELETE FROM requests WHERE id IN (SELECT id FROM requests"
                             " WHERE time_us < ?1 ORDER BY time_us, id LIMIT ?2)"};
  // From the oldest on, up to the first younger.
  Statement remove_keys_{
      database_,
      "WITH oldest AS MATERIALIZED (SELECT id, time_us FROM engagement_events ORDER BY id LIMIT ?2)"
      " DELETE FROM engagement_events WHERE id IN (SELECT id FROM oldest)"
      " AND id < coalesce((SELECT min(id) FROM oldest WHERE time_us >= ?1), 9223372036854775807)"};
  // Of each import the last chunk stays: it says how far the import came.
  Statement remove_chunks_{
      database_,
      "DELETE FROM import_chunks WHERE (campaign, import, chunk) IN"
      " (SELECT campaign, import, chunk FROM import_chunks c WHERE time_us < ?1 AND chunk <"
      " (SELECT max(chunk) FROM import_chunks WHERE campaign = c.campaign AND import = c.import)"
      " ORDER BY time_us, campaign, import, chunk LIMIT ?2)"};
};

}  // namespace crescendo::store
