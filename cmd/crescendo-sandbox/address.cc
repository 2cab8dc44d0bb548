#include "cmd/crescendo-sandbox/address.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace crescendo::sandbox {
namespace {

constexpr size_t kMaxLocalPart = 64;  // RFC 5321 §4.5.3.1.
constexpr size_t kMaxPath = 254;

bool IsMailbox(absl::string_view address) {
  const size_t at = address.rfind('@');
  if (at == absl::string_view::npos || at == 0 || at > kMaxLocalPart) return false;
  if (at + 1 == address.size() || address.size() > kMaxPath) return false;
  for (const char c : address) {
    const unsigned char u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7f || c == '<' || c == '>') return false;
  }
  return true;
}

}  // namespace

absl::string_view DomainPart(absl::string_view address) {
  const size_t at = address.rfind('@');
  return at == absl::string_view::npos ? absl::string_view() : address.substr(at + 1);
}

std::string ComparableAddress(absl::string_view address) {
  const absl::string_view domain = DomainPart(address);
  return absl::StrCat(address.substr(0, address.size() - domain.size()),
                      absl::AsciiStrToLower(domain));
}

std::optional<Path> ParsePath(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  const size_t end = text.find('>');
  if (text.empty() || text[0] != '<' || end == absl::string_view::npos) return std::nullopt;
  Path path;
  path.address = std::string(text.substr(1, end - 1));
  if (!path.address.empty() && !IsMailbox(path.address)) return std::nullopt;
  const absl::string_view rest = text.substr(end + 1);
  if (!rest.empty() && rest[0] != ' ') return std::nullopt;
  for (absl::string_view word : absl::StrSplit(rest, ' ', absl::SkipEmpty())) {
    path.parameters.push_back(absl::AsciiStrToUpper(word));
  }
  return path;
}

bool IsAscii(absl::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

}  // namespace crescendo::sandbox
