// enum_text.h: names of proto enums as they are typed ("in_doubt") and back.
//
// Threads  pure functions.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "google/protobuf/descriptor.h"

namespace crescendo::cli {

// All but the unspecified one, in lower case.
inline std::vector<std::string> EnumChoices(const google::protobuf::EnumDescriptor* type) {
  std::vector<std::string> choices;
  for (int i = 0; i < type->value_count(); ++i) {
    const std::string& name = type->value(i)->name();
    if (!absl::EndsWith(name, "_UNSPECIFIED")) choices.push_back(absl::AsciiStrToLower(name));
  }
  return choices;
}

// Of one of EnumChoices; 0, the unspecified one, for anything else.
inline int EnumNumber(const google::protobuf::EnumDescriptor* type, const std::string& choice) {
  const auto* value = type->FindValueByName(absl::AsciiStrToUpper(choice));
  return value == nullptr ? 0 : value->number();
}

}  // namespace crescendo::cli
