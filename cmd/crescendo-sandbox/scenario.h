// scenario.h: which providers the sandbox plays, read from a text file and completed.
//
// Errors   INVALID_ARGUMENT names the line, or the provider and the field, the fault and the fix.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "crescendo/sandbox/v1/sandbox.pb.h"

namespace crescendo::sandbox {

// The built-in scenario (data/default.textproto), for people to copy and change.
absl::string_view DefaultScenarioText();

// Parses, checks, and fills in every default, so that no reader needs to know one.
absl::StatusOr<v1::Scenario> ParseScenario(absl::string_view text);
absl::StatusOr<v1::Scenario> LoadScenario(const std::string& path);

}  // namespace crescendo::sandbox
