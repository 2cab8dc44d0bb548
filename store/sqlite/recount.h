// recount.h: does the ledger say what the events tell?
//
// The event of each outcome names the slot it used (0008_recount.sql), so a day of a lane can be
// counted again unless events of it are pruned, or older than that.
//
// Threads  one thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "store/sqlite/database.h"

namespace crescendo::store {

// Adds a text for each day of a lane that is wrong. Reads every event; memory as many days as there
// are in the ledger. REQUIRES: schema 5 or newer.
absl::Status RecountLedger(Database* database, std::vector<std::string>* faults);

}  // namespace crescendo::store
