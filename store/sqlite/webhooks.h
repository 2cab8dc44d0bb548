// webhooks.h: webhooks in the database.
//
// Apply leaves what forbids a write in result->status; what it returns is trouble of the database.
// Threads  one thread.
#pragma once

#include <vector>

#include "scheduler/ports/store.h"
#include "store/sqlite/database.h"
#include "store/sqlite/event_log.h"

namespace crescendo::store {

class Webhooks {
 public:
  Webhooks(Database* database, EventLog* events) : database_(database), events_(events) {}

  absl::Status Apply(const ports::PutWebhook& put, ports::WriteResult* result);
  absl::Status Apply(const ports::MoveWebhook& move, ports::WriteResult* result);
  absl::Status Apply(const ports::DeleteWebhook& remove, ports::WriteResult* result);
  absl::StatusOr<std::vector<Webhook>> List();

 private:
  Database* const database_;
  EventLog* const events_;
};

}  // namespace crescendo::store
