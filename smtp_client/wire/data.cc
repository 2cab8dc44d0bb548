#include "smtp_client/wire/data.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

constexpr absl::string_view kCrLf = "\r\n";

void Append(absl::string_view text, std::string* out) { out->append(text.data(), text.size()); }

enum class Dots { kStuffed, kPlain };

// One line without CR and LF.
void AppendLine(absl::string_view line, Dots dots, std::string* out) {
  if (dots == Dots::kStuffed && !line.empty() && line[0] == '.') out->push_back('.');
  const size_t start = out->size();
  Append(line, out);
  if (std::memchr(line.data(), '\0', line.size()) != nullptr) {
    std::replace(out->begin() + start, out->end(), '\0', ' ');
  }
  Append(kCrLf, out);
}

// Text between two LFs, without the CR that belongs to the second: every CR in it is bare.
void AppendLines(absl::string_view text, Dots dots, std::string* out) {
  for (size_t cr; (cr = text.find('\r')) != absl::string_view::npos;) {
    AppendLine(text.substr(0, cr), dots, out);
    text.remove_prefix(cr + 1);
  }
  AppendLine(text, dots, out);
}

void AppendMessage(absl::string_view message, Dots dots, std::string* out) {
  out->reserve(out->size() + message.size() + message.size() / 32 + 8);
  while (!message.empty()) {
    const size_t lf = message.find('\n');
    absl::string_view line = message.substr(0, lf);
    message.remove_prefix(lf == absl::string_view::npos ? message.size() : lf + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    AppendLines(line, dots, out);
  }
}

}  // namespace

void AppendData(absl::string_view message, std::string* out) {
  AppendMessage(message, Dots::kStuffed, out);
  Append(".\r\n", out);
}

void AppendLastChunk(absl::string_view message, std::string* out) {
  std::string chunk;
  AppendMessage(message, Dots::kPlain, &chunk);
  absl::StrAppend(out, "BDAT ", chunk.size(), " LAST", kCrLf, chunk);
}

bool HeaderIsEightBit(absl::string_view message) {
  return !IsAscii(message.substr(0, message.find("\r\n\r\n")));
}

}  // namespace crescendo::smtp
