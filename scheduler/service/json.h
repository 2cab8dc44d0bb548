// json.h: messages as JSON for programs: the CLI's -o json, and the dashboard's API.
//
// One object on one line, fields as named in the .proto and in its order, every field present but
// unset messages and unset optional fields. Enums are names, times are RFC 3339, durations "7s".
// Whole numbers are JSON numbers (the canonical mapping quotes 64-bit ones, which makes jq compare
// them as text); protobuf's JSON parser takes both. Other than ASCII is escaped, so no text of a
// mail server reaches the terminal as a control sequence.
#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace crescendo::service {

std::string JsonLine(const google::protobuf::Message& message);

}  // namespace crescendo::service
