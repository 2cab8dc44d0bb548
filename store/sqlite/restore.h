// restore.h: a store from a backup.
//
// Errors   NOT_FOUND: no such backup. ALREADY_EXISTS: there is a store where it is to go; nothing
// is
//          overwritten. FAILED_PRECONDITION: the backup is in use or not ours, or a newer version
//          wrote it. DATA_LOSS: it is incomplete or damaged. RESOURCE_EXHAUSTED: no room.
// Threads  pure functions.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace crescendo::store {

// Copies `backup` to `path`, checks the copy (CheckStore), brings it to the schema of this program,
// syncs it, and only then gives it its name. `progress` is told the bytes copied so far.
absl::Status RestoreStore(const std::string& backup, const std::string& path,
                          const std::function<void(int64_t copied, int64_t total)>& progress);

}  // namespace crescendo::store
