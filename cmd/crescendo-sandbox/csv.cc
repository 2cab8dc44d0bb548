#include "cmd/crescendo-sandbox/csv.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace crescendo::sandbox {
namespace {

// What stands between quotes; `text` starts behind the first, and loses it and the last.
absl::StatusOr<std::string> TakeQuoted(absl::string_view* text) {
  std::string value;
  while (true) {
    const size_t quote = text->find('"');
    if (quote == absl::string_view::npos) {
      return absl::InvalidArgumentError("a quoted field does not end");
    }
    absl::StrAppend(&value, text->substr(0, quote));
    text->remove_prefix(quote + 1);
    if (!absl::StartsWith(*text, "\"")) return value;
    value += '"';
    text->remove_prefix(1);
  }
}

}  // namespace

std::string CsvField(absl::string_view value) {
  if (value.find_first_of(",\"\r\n") == absl::string_view::npos) return std::string(value);
  return absl::StrCat("\"", absl::StrReplaceAll(value, {{"\"", "\"\""}}), "\"");
}

absl::StatusOr<std::vector<std::string>> TakeCsvRecord(absl::string_view* text) {
  std::vector<std::string> fields;
  while (!text->empty()) {
    std::string value;
    if ((*text)[0] == '"') {
      text->remove_prefix(1);
      absl::StatusOr<std::string> quoted = TakeQuoted(text);
      if (!quoted.ok()) return quoted.status();
      value = *std::move(quoted);
    } else {
      const size_t end = std::min(text->find_first_of(",\r\n"), text->size());
      value = std::string(text->substr(0, end));
      text->remove_prefix(end);
    }
    fields.push_back(std::move(value));
    if (absl::StartsWith(*text, ",")) {
      text->remove_prefix(1);
      if (text->empty() || absl::StartsWith(*text, "\n") || absl::StartsWith(*text, "\r\n")) {
        fields.emplace_back();
      } else {
        continue;
      }
    }
    if (absl::StartsWith(*text, "\r\n")) {
      text->remove_prefix(2);
    } else if (absl::StartsWith(*text, "\n")) {
      text->remove_prefix(1);
    } else if (!text->empty()) {
      return absl::InvalidArgumentError("text behind a quoted field");
    }
    break;
  }
  return fields;
}

}  // namespace crescendo::sandbox
