// files.h: files that have their name only when they are complete and on the disk.
//
// Errors   ALREADY_EXISTS; RESOURCE_EXHAUSTED (no room); FAILED_PRECONDITION (may not, no such
//          folder …); UNAVAILABLE (an I/O error). The text names the file.
// Threads  pure functions.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace crescendo::store {

// The name that `path` has until it is complete.
std::string PartialPath(const std::string& path);

// Makes the empty partial file of `path`, for its owner alone. ALREADY_EXISTS: `path`, or the
// partial file, which somebody else is writing or has left.
absl::Status CreatePartial(const std::string& path);
// Waits until what was written to the file is on the disk.
absl::Status SyncFile(const std::string& file);
// Syncs the partial file and gives it its name; never over another file.
absl::Status PublishPartial(const std::string& path);

// What `errno` says of a file.
absl::Status FileError(const std::string& file, int error);

}  // namespace crescendo::store
