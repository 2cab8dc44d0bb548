// pool_overflow.h: may mail of one pool spill into another?
//
// Errors   CheckOverflow names the field, its fault and the fix.
// Threads  pure functions: safe from any thread.
#pragma once

#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/domain/egress_ip.h"

namespace crescendo {

// `overflow_of` gives a known pool's overflow pool, none if there is no such pool; its errors are
// passed on. NOT_FOUND: there is no such pool; FAILED_PRECONDITION: the mail would come back to
// `pool`. REQUIRES: those that are known have no circle.
absl::Status CheckOverflow(
    const Pool& pool,
    absl::FunctionRef<absl::StatusOr<std::optional<PoolId>>(const PoolId&)> overflow_of);

}  // namespace crescendo
