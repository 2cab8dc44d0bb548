#include "scheduler/domain/pool_overflow.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace crescendo {

absl::Status CheckOverflow(
    const Pool& pool,
    absl::FunctionRef<absl::StatusOr<std::optional<PoolId>>(const PoolId&)> overflow_of) {
  std::string way = pool.id.text();
  PoolId next = pool.overflow;
  // The known ones have no circle, so one can only close at `pool`.
  while (!next.empty()) {
    absl::StrAppend(&way, " -> ", next.text());
    if (next == pool.id) {
      return absl::FailedPreconditionError(
          absl::StrCat("overflow_pool: pools would overflow in a circle: ", way,
                       "; take one of these overflow pools away first"));
    }
    absl::StatusOr<std::optional<PoolId>> overflow = overflow_of(next);
    if (!overflow.ok()) return overflow.status();
    if (!overflow->has_value()) {
      return absl::NotFoundError(absl::StrCat("overflow_pool: pool \"", next.text(),
                                              "\" does not exist; create it first"));
    }
    next = **overflow;
  }
  return absl::OkStatus();
}

}  // namespace crescendo
