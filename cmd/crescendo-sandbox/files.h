// files.h: whole files, read and replaced.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::sandbox {

// NOT_FOUND or UNAVAILABLE names the file.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// A reader sees the old content or the new, never a part: written beside it, then renamed.
absl::Status ReplaceFile(const std::string& path, absl::string_view content);

}  // namespace crescendo::sandbox
