#include "scheduler/domain/ids.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace crescendo {

std::string LabelFault(absl::string_view text) {
  if (text.empty()) return "is empty; use 1 to 63 of a-z, 0-9 and -";
  if (text.size() > 63) return absl::StrCat("is ", text.size(), " characters long; at most 63");
  const bool good = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
  if (!good || text.front() == '-' || text.back() == '-') {
    return "may hold only a-z, 0-9 and -, and neither start nor end with -";
  }
  return "";
}

}  // namespace crescendo
