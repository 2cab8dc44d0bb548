// deliveries.h: what happens to deliveries, in the database.
//
// Each write is checked in full before it changes anything, so one that is refused needs no
// savepoint. Apply leaves what forbids a write in result->status; what it returns is trouble of the
// database, after which the whole group must be rolled back.
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
#include "store/sqlite/engagements.h"
#include "store/sqlite/event_log.h"
#include "store/sqlite/names.h"
#include "store/sqlite/records.h"
#include "store/sqlite/segments.h"
#include "store/sqlite/tally.h"
#include "store/sqlite/variables.h"

namespace crescendo::store {

class Deliveries {
 public:
  Deliveries(Database* database, Names* names, Tally* tally, Records* records, EventLog* events,
             AddressIndex* addresses, Engagements* engagements, Segments* segments)
      : database_(database),
        names_(names),
        tally_(tally),
        records_(records),
        events_(events),
        addresses_(addresses),
        engagements_(engagements),
        segments_(segments) {}

  // What was rolled back may have been part of what is kept in memory.
  void Forget() { suppressed_.reset(); }

  absl::Status Apply(const ports::AppendRecipients& append, ports::WriteResult* result);
  absl::Status Apply(const ports::Claim& claim, ports::WriteResult* result);
  absl::Status Apply(const ports::Release& release, ports::WriteResult* result);
  absl::Status Apply(const ports::CountComplaint& count, ports::WriteResult* result);
  absl::Status Apply(const ports::Settle& settle, ports::WriteResult* result);
  absl::Status Apply(const ports::EndDelivery& end, ports::WriteResult* result);
  absl::Status Apply(const ports::CancelDeliveries& cancel, ports::WriteResult* result);
  absl::Status Apply(const ports::AddSuppressions& add, ports::WriteResult* result);
  absl::Status Apply(const ports::RemoveSuppression& remove, ports::WriteResult* result);

 private:
  // A delivery as its writes need it.
  struct Row {
    Subject subject;
    CampaignKey campaign;
    DeliveryState unclaimed_state = DeliveryState::kQueued;  // Now, or when the claim ends.
    std::optional<ClaimHolder> holder;
    int64_t claim_ip = 0, claim_provider = 0;  // Labels.
    absl::Time claim_time = absl::InfinitePast();
    int attempts = 0;
    absl::Time first_attempt_time, last_attempt_time;
    int64_t last_ip = 0, last_provider = 0;  // Labels.
    std::optional<int64_t> category;
    std::string reply;

    DeliveryState state() const { return holder ? DeliveryState::kClaimed : unclaimed_state; }
  };
  absl::StatusOr<std::optional<Row>> Find(DeliveryId id);

  // `newest`: the delivery's id, if one was stored. `fresh`: the campaign has none yet.
  absl::Status AppendRow(const ports::AppendRecipients::Row& row, const CampaignInfo& campaign,
                         bool fresh, const ports::AppendRecipients& append,
                         ports::AppendOutcome* outcome, int64_t* newest);
  absl::Status AddVariables(int64_t id, const Variables& variables);
  // Of one that is in the campaign already.
  absl::Status Rescore(DeliveryId id, const ports::AppendRecipients::Row& row, uint64_t hash,
                       const CampaignInfo& campaign, ports::AppendOutcome* outcome);
  absl::StatusOr<Variables> VariablesOf(DeliveryId id);
  absl::Status SettleRow(const ports::Settle& settle, Row* row);
  absl::Status End(const Row& row, DeliveryState state, absl::Time time);
  absl::StatusOr<std::optional<SuppressionReason>> SuppressedFor(const std::string& address);
  // The same for an import, which asks for millions that are not.
  absl::StatusOr<std::optional<SuppressionReason>> SuppressedFor(const std::string& address,
                                                                 uint64_t hash);
  absl::Status EndSuppressed(Row* row, absl::Time time, SuppressionReason reason);
  absl::Status EndWaiting(const std::string& address, absl::Time time, SuppressionReason reason,
                          std::vector<DeliveryId>* ended);

  Database* const database_;
  Names* const names_;
  Tally* const tally_;
  Records* const records_;
  EventLog* const events_;
  AddressIndex* const addresses_;
  Engagements* const engagements_;
  std::optional<AddressFilter>
      suppressed_;  // All of them and perhaps more, once one was asked for.
  Segments* const segments_;
  std::string encoded_;  // Variables that are read or written: its memory is used again.

  Statement find_{database_,
                  "SELECT d.campaign, d.state, d.attempts, d.first_attempt_time_us,"
                  " d.last_attempt_time_us, d.last_ip, d.last_provider, d.category, d.last_event,"
                  " d.reply, d.address, c.egress_ip, c.provider, c.day, c.time_us"
                  " FROM deliveries d LEFT JOIN claims c ON c.delivery = d.id WHERE d.id = ?1"};
  Statement find_chunk_{
      database_,
      "SELECT fingerprint, added, duplicates, suppressed, updated FROM import_chunks"
      " WHERE campaign = ?1 AND import = ?2 AND chunk = ?3"};
  Statement last_chunk_{database_,
                        "SELECT max(chunk) FROM import_chunks WHERE campaign = ?1 AND import = ?2"};
  Statement add_chunk_{database_,
                       "INSERT INTO import_chunks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};
  Statement add_{database_,
                 "INSERT INTO deliveries"
                 " (campaign, domain, state, score, create_time_us, address, engaged_day)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, 0))"};
  Statement find_score_{database_,
                        "SELECT domain, state, score, engaged_day FROM deliveries WHERE id = ?1"};
  Statement rescore_{database_,
                     "UPDATE deliveries SET score = ?2, engaged_day = nullif(?3, 0) WHERE id = ?1"};
  Statement add_variables_{database_,
                           "INSERT INTO delivery_variables (delivery, variables) VALUES (?1, ?2)"};
  Statement add_place_{database_,
                       "INSERT INTO delivery_variables"
                       " (delivery, variables, segment, position, length, checksum)"
                       " VALUES (?1, x'', ?2, ?3, ?4, ?5)"};
  Statement find_variables_{database_,
                            "SELECT variables, segment, position, length, checksum"
                            " FROM delivery_variables WHERE delivery = ?1"};
  Statement first_delivery_{database_,
                            "SELECT first_delivery FROM campaign_counts WHERE campaign = ?1"};
  Statement extend_range_{database_,
                          "UPDATE campaign_counts SET"
                          " first_delivery = coalesce(first_delivery, ?2), last_delivery = ?3"
                          " WHERE campaign = ?1"};
  Statement claim_{database_, "INSERT INTO claims VALUES (?1, ?2, ?3, ?4, ?5)"};
  Statement unclaim_{database_, "DELETE FROM claims WHERE delivery = ?1"};
  Statement settle_{database_,
                    "UPDATE deliveries SET state = ?2, attempts = attempts + ?3,"
                    " in_doubt_count = in_doubt_count + ?4, first_attempt_time_us = ?5,"
                    " last_attempt_time_us = ?6, next_attempt_time_us = ?7, last_ip = ?8,"
                    " last_provider = ?9, pinned_ip = ?10, category = ?11, reply = ?12,"
                    " last_event = ?13, end_time_us = ?14 WHERE id = ?1"};
  Statement end_{database_,
                 "UPDATE deliveries SET state = ?2, next_attempt_time_us = NULL, pinned_ip = 0,"
                 " last_event = ?3, end_time_us = ?4 WHERE id = ?1"};
  Statement find_suppression_{database_, "SELECT reason FROM suppressions WHERE address = ?1"};
  Statement suppressions_{database_, "SELECT address FROM suppressions"};
  Statement add_suppression_{database_,
                             "INSERT INTO suppressions VALUES (?1, ?2, ?3, ?4)"
                             " ON CONFLICT (address) DO NOTHING"};
  Statement put_suppression_{database_,
                             "INSERT OR REPLACE INTO suppressions VALUES (?1, ?2, ?3, ?4)"};
  Statement remove_suppression_{database_, "DELETE FROM suppressions WHERE address = ?1"};
  Statement find_range_{database_,
                        "SELECT first_delivery, last_delivery, queued + in_doubt + deferred"
                        " FROM campaign_counts WHERE campaign = ?1"};
  Statement look_{database_,
                  "SELECT d.id, d.campaign, d.state, c.delivery FROM deliveries d"
                  " LEFT JOIN claims c ON c.delivery = d.id"
                  " WHERE d.id BETWEEN ?1 AND ?2 ORDER BY d.id LIMIT ?3"};
  Statement cancel_{database_,
                    "UPDATE deliveries SET state = 8, next_attempt_time_us = NULL, pinned_ip = 0,"
                    " end_time_us = ?2 WHERE id = ?1"};
};

}  // namespace crescendo::store
