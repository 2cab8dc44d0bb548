// plan_flow.h: the lists of a plan that say who is mailed and when: floors, hours, days off.
//
// Errors   as database.h.
// Threads  one thread.
#pragma once

#include "absl/status/status.h"
#include "scheduler/domain/plan.h"
#include "store/sqlite/database.h"

namespace crescendo::store {

absl::Status SavePlanFlow(Database* database, const Plan& plan);
absl::Status ReadPlanFlow(Database* database, Plan* plan);

}  // namespace crescendo::store
