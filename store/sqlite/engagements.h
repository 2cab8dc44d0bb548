// engagements.h: what a platform reports of addresses, and the scores that follow, in the database.
//
// Apply leaves what forbids the write in result->status; what is returned otherwise is trouble of
// the database, after which the whole group must be rolled back.
//
// Threads  one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scheduler/ports/store.h"
#include "store/rules.h"
#include "store/sqlite/address_filter.h"
#include "store/sqlite/address_index.h"
#include "store/sqlite/database.h"
#include "store/sqlite/records.h"

namespace crescendo::store {

class Engagements {
 public:
  Engagements(Database* database, Records* records, AddressIndex* addresses)
      : database_(database), records_(records), addresses_(addresses) {}

  // What was rolled back may have been part of what is kept in memory.
  void Forget() { known_.reset(); }

  absl::Status Apply(const ports::RecordEngagement& record, ports::WriteResult* result);

  // How a row that is to be imported is ranked; its signals without what is reported go to
  // `beyond`.
  absl::StatusOr<Ranking> Rank(const ports::AppendRecipients::Row& row, uint64_t hash,
                               const CampaignInfo& campaign,
                               std::optional<EngagementSignals>* beyond);
  absl::Status PutSignals(DeliveryId id, const EngagementSignals& beyond);
  absl::Status RemoveSignals(DeliveryId id) { return remove_signals_.Run(id.value()); }

  absl::StatusOr<std::optional<Engagement>> Find(absl::string_view address);
  // As ports::Store::GetSignals.
  absl::StatusOr<std::optional<EngagementSignals>> SignalsOf(DeliveryId id);

 private:
  // Of millions of addresses of an import, most are not in the table.
  absl::StatusOr<bool> MayKnow(uint64_t hash);
  absl::Status Record(const EngagementEvent& event);
  absl::StatusOr<std::optional<EngagementSignals>> FindSignals(DeliveryId id);
  // What waits, or is claimed, of an address with new engagement.
  absl::Status Rerank(const std::string& address, std::vector<Rescored>* rescored);

  Database* const database_;
  Records* const records_;
  AddressIndex* const addresses_;
  std::optional<AddressFilter> known_;  // All addresses and perhaps more, once one was asked for.

  Statement add_key_{database_,
                     "INSERT OR IGNORE INTO engagement_events (key, time_us) VALUES (?1, ?2)"};
  Statement find_{database_,
                  "SELECT click_time_us, open_time_us, machine_open_time_us, clicks, opens,"
                  " machine_opens FROM engagements WHERE address = ?1"};
  Statement put_{database_,
                 "INSERT OR REPLACE INTO engagements VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
  Statement addresses_known_{database_, "SELECT address FROM engagements"};
  Statement find_signals_{database_,
                          "SELECT click_time_us, open_time_us, subscribe_time_us, clicks, opens"
                          " FROM delivery_signals WHERE delivery = ?1"};
  Statement put_signals_{database_,
                         "INSERT OR REPLACE INTO delivery_signals VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
  Statement remove_signals_{database_, "DELETE FROM delivery_signals WHERE delivery = ?1"};
  // A claimed delivery's row is as it was before the claim.
  Statement find_delivery_{
      database_, "SELECT domain, state, score, engaged_day FROM deliveries WHERE id = ?1"};
  Statement rescore_{database_,
                     "UPDATE deliveries SET score = ?2, engaged_day = nullif(?3, 0) WHERE id = ?1"};
  Statement find_address_{database_, "SELECT address FROM deliveries WHERE id = ?1"};
};

}  // namespace crescendo::store
