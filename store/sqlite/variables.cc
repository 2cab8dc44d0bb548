#include "store/sqlite/variables.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace crescendo::store {
namespace {

void Encode(absl::string_view text, std::string* out) {
  absl::StrAppend(out, text.size(), ":", text);
}

bool Decode(absl::string_view* in, std::string* text) {
  const size_t colon = in->find(':');
  uint64_t size = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(in->substr(0, colon), &size) ||
      size > in->size() - colon - 1) {
    return false;
  }
  *text = std::string(in->substr(colon + 1, size));
  in->remove_prefix(colon + 1 + size);
  return true;
}

}  // namespace

void EncodeVariables(const Variables& variables, std::string* out) {
  out->clear();
  for (const auto& [name, value] : variables) {
    Encode(name, out);
    Encode(value, out);
  }
}

absl::StatusOr<Variables> DecodeVariables(absl::string_view text) {
  Variables variables;
  while (!text.empty()) {
    auto& [name, value] = variables.emplace_back();
    if (!Decode(&text, &name) || !Decode(&text, &value)) {
      return absl::DataLossError("a delivery's variables are damaged");
    }
  }
  return variables;
}

}  // namespace crescendo::store
