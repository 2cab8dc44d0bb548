// describe.h: all that a store says, as text to compare.
#pragma once

#include <string>
#include <vector>

#include "scheduler/base/random.h"
#include "scheduler/ports/store.h"

namespace crescendo::store {

std::string Describe(const std::vector<ports::WriteResult>& results);

// Every record of every read, one a line, in pages of `page`.
std::string DescribeAll(ports::Store& store, int page);

// Counts and ledger as the store keeps them, against what its deliveries say. "": they agree.
std::string RecountFault(ports::Store& store);

// The N of the newest event "step N" (RandomWrites); 0 if there is none.
int64_t LastStep(ports::Store& store);

}  // namespace crescendo::store
