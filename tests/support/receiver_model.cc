#include "tests/support/receiver_model.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace crescendo::testing {

std::optional<std::string> Receive(absl::string_view wire) {
  std::string message;
  while (true) {
    const size_t end = wire.find("\r\n");
    if (end == absl::string_view::npos) return std::nullopt;
    absl::string_view line = wire.substr(0, end);
    wire.remove_prefix(end + 2);
    if (line == ".") break;
    if (absl::StartsWith(line, ".")) line.remove_prefix(1);
    absl::StrAppend(&message, line, "\r\n");
  }
  if (!wire.empty()) return std::nullopt;
  return message;
}

bool EndsEarly(absl::string_view wire, absl::string_view end) {
  // The CRLF behind DATA may be the first half of an end.
  const std::string all = absl::StrCat("\r\n", wire);
  const size_t at = all.find(std::string(end));
  return at != std::string::npos && at + 5 < all.size();
}

std::string Repaired(absl::string_view message) {
  std::string text;
  for (size_t i = 0; i < message.size(); ++i) {
    const char c = message[i];
    if (c == '\n' && i > 0 && message[i - 1] == '\r') continue;
    if (c == '\r' || c == '\n') {
      text += "\r\n";
    } else {
      text += c == '\0' ? ' ' : c;
    }
  }
  if (!text.empty() && !absl::EndsWith(text, "\r\n")) text += "\r\n";
  return text;
}

}  // namespace crescendo::testing
