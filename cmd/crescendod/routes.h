// routes.h: where the daemon sends mail, from its route files.
//
// Errors   as config_reader.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scheduler/ports/mx_resolver.h"

namespace crescendo::daemon {

// The tables in this order: the first that lists a domain or a host, or has "*", counts.
//
// A domain in no table is asked of `dns`. Without one it is FAILED_PRECONDITION, with the fix: a
// list that is not complete must cost nobody his mail.
absl::StatusOr<std::unique_ptr<ports::MxResolver>> LoadRoutes(
    const std::vector<std::string>& files, std::unique_ptr<ports::MxResolver> dns);

}  // namespace crescendo::daemon
