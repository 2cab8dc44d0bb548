// csv.h: comma-separated values (RFC 4180): quotes, doubled quotes, line ends inside quotes.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::sandbox {

// Quoted only where it must be.
std::string CsvField(absl::string_view value);

// One record from the front of `text`, which loses it; lines may end in LF or CRLF. Empty if
// nothing is left. INVALID_ARGUMENT: a quote that does not end, or text behind one.
absl::StatusOr<std::vector<std::string>> TakeCsvRecord(absl::string_view* text);

}  // namespace crescendo::sandbox
