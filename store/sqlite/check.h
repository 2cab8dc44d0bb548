// check.h: is a store's file whole, and does it agree with itself? And: make it small.
//
// For a file that no daemon has open: a stopped one's, or a backup.
//
// Errors   NOT_FOUND; FAILED_PRECONDITION (in use, or not ours). What is wrong with the content is
//          no error but a fault in the list.
// Threads  pure functions; two must not work on one file.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crescendo::store {

struct CheckResult {
  std::string check;  // "counts"
  bool ok = false;
  std::string detail;  // The first faults; or what was looked at.
};

// Changes nothing, not even the WAL that a crash has left.
absl::StatusOr<std::vector<CheckResult>> CheckStore(const std::string& path);

// Rewrites the file as small as it can be, and so that it gives freed pages back from then on (one
// made by schema 1 does not). Needs as much room again; a crash leaves it as it was.
absl::Status CompactStore(const std::string& path);

}  // namespace crescendo::store
