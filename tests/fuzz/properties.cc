#include "tests/fuzz/properties.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace crescendo::fuzz {

absl::Status Expect(bool holds, absl::string_view promise, absl::string_view seen) {
  if (holds) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(promise, ": ", absl::CHexEscape(seen.substr(0, 400))));
}

absl::string_view TakeText(absl::string_view* input) {
  constexpr absl::string_view kEnd = "\n%%\n";
  const size_t end = std::min(input->find(kEnd), input->size());
  const absl::string_view text = input->substr(0, end);
  input->remove_prefix(std::min(end + kEnd.size(), input->size()));
  return text;
}

std::vector<absl::string_view> Cut(absl::string_view text, uint32_t seed) {
  std::vector<absl::string_view> pieces;
  while (!text.empty()) {
    seed = seed * 1664525u + 1013904223u;
    const size_t wanted = 1 + (seed >> 16) % ((seed >> 8) % 4 == 0 ? 200 : 3);
    pieces.push_back(text.substr(0, wanted));
    text.remove_prefix(pieces.back().size());
  }
  return pieces;
}

absl::Status CheckLines(absl::string_view text) {
  size_t length = 0;
  for (size_t i = 0; i < text.size(); ++i, ++length) {
    const bool cr = text[i] == '\r', before_lf = i + 1 < text.size() && text[i + 1] == '\n';
    const bool lf = text[i] == '\n', behind_cr = i > 0 && text[i - 1] == '\r';
    if (cr != before_lf || lf != behind_cr) {
      return Expect(false, "only CRLF ends a line", text.substr(i < 40 ? 0 : i - 40, 80));
    }
    if (text[i] == '\0') return Expect(false, "no NUL", text.substr(i < 40 ? 0 : i - 40, 80));
    if (cr && length > 998)
      return Expect(false, "a line has at most 998 bytes", text.substr(i - length));
    if (lf) length = static_cast<size_t>(-1);
  }
  return Expect(text.empty() || text.back() == '\n', "the last line ends", text);
}

}  // namespace crescendo::fuzz
