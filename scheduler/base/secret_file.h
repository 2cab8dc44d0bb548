// secret_file.h: reads a file that nobody else may read.
//
// Errors   NOT_FOUND: it cannot be opened. FAILED_PRECONDITION: it is no plain file, group or
// others
//          may read or write it, or it is empty or larger than 64 KiB. A message names the file,
//          its fault and the fix, and never a byte of what stands in it.
// Threads  any.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace crescendo::base {

absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

}  // namespace crescendo::base
