#include "smtp_client/message/template.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"

namespace crescendo::smtp {
namespace {

std::string Escaped(absl::string_view value, Escape escape) {
  if (escape == Escape::kNone) return std::string(value);
  return absl::StrReplaceAll(
      value, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

absl::string_view ValueOf(absl::string_view name, const Variables& variables) {
  for (const auto& [key, value] : variables) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace

std::string Substitute(absl::string_view text, const Variables& variables, Escape escape) {
  std::string out;
  out.reserve(text.size());
  while (true) {
    const size_t open = text.find("{{");
    const size_t close = open == absl::string_view::npos ? open : text.find("}}", open + 2);
    if (close == absl::string_view::npos) break;
    out.append(text.data(), open);
    const absl::string_view name =
        absl::StripAsciiWhitespace(text.substr(open + 2, close - open - 2));
    out += Escaped(ValueOf(name, variables), escape);
    text.remove_prefix(close + 2);
  }
  out.append(text.data(), text.size());
  return out;
}

}  // namespace crescendo::smtp
