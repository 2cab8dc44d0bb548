// event_log.h: the append-only history, in the database.
//
// A delivery's row points at its newest event and each event at the one before it, so the history
// of one delivery is found without an index that every outcome would have to keep.
//
// Threads  one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "scheduler/ports/store.h"
#include "store/sqlite/database.h"
#include "store/sqlite/names.h"

namespace crescendo::store {

// The delivery a write is about. Its row is rewritten by the writer, with `last_event`.
struct Subject {
  int64_t delivery = 0;
  std::string address;
  int64_t last_event = 0;
};

// What an outcome used: the check counts the ledger again from it (recount.h).
struct SlotUse {
  absl::CivilDay claim_day;
  int64_t slot = 0;  // As 0008_recount.sql says.
};

class EventLog {
 public:
  EventLog(Database* database, Names* names) : database_(database), names_(names) {}

  // Reads the last id; again after a rollback.
  absl::Status Load();

  // `fault` tells of an event about a delivery that does not exist. `subject` may be null.
  absl::Status Check(absl::Span<const Event> events, const Subject* subject, absl::Status* fault);
  // REQUIRES: Check found no fault. An event without address gets its delivery's, or, if it is
  // about none, the subject's. `use`: of the outcome that the first event tells of.
  absl::Status Append(absl::Span<const Event> events, Subject* subject,
                      const std::optional<SlotUse>& use = {});

  absl::StatusOr<std::vector<Event>> List(const ports::EventFilter& filter, EventId after,
                                          int limit);
  EventId last() const { return EventId(last_id_); }
  absl::StatusOr<EventId> First();  // Kept; last() + 1 if none is.

 private:
  absl::Status AppendOne(const Event& event, int64_t previous, absl::string_view address,
                         const std::optional<SlotUse>& use);

  Database* const database_;
  Names* const names_;
  int64_t last_id_ = 0;
  struct Listing {
    std::string sql;
    std::unique_ptr<Statement> statement;
  };
  absl::flat_hash_map<int, std::unique_ptr<Listing>> listings_;  // By the filter's shape.
  Statement insert_{database_,
                    "INSERT INTO events VALUES"
                    " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"};
  Statement find_delivery_{database_, "SELECT address, last_event FROM deliveries WHERE id = ?1"};
  Statement set_last_event_{database_, "UPDATE deliveries SET last_event = ?2 WHERE id = ?1"};
};

}  // namespace crescendo::store
