// variables.h: a recipient's variables as one compact column.
//
// Netstrings ("4:name,3:Zoe," without the commas): any bytes, no escaping, quick to read.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::store {

using Variables = std::vector<std::pair<std::string, std::string>>;

void EncodeVariables(const Variables& variables, std::string* out);  // "" if there are none.
// DATA_LOSS for what EncodeVariables never wrote.
absl::StatusOr<Variables> DecodeVariables(absl::string_view text);

}  // namespace crescendo::store
