#include "scheduler/domain/domain_name.h"

#include <idn2.h>

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/domain/plan.h"

namespace crescendo {
namespace {

constexpr size_t kLongestLabel = 63;
constexpr size_t kLongestName = 253;
constexpr size_t kLongestShown = 80;

enum class Kind {
  kPlain,          // ASCII, and a host name.
  kInternational,  // For libidn2 to decide.
  kBad,
};

bool IsHostLetter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
}

bool GoodLabel(absl::string_view label) {
  return !label.empty() && label.size() <= kLongestLabel && label.front() != '-' &&
         label.back() != '-';
}

// Appends `domain` in lower case. Whether that is its normal form, says what it returns.
Kind AppendPlain(absl::string_view domain, std::string* out) {
  size_t label = out->size();
  bool a_label = false, good = domain.size() <= kLongestName;
  for (const char c : domain) {
    if (!absl::ascii_isascii(static_cast<unsigned char>(c))) return Kind::kInternational;
    if (c == '.') {
      const absl::string_view ended = absl::string_view(*out).substr(label);
      good = good && GoodLabel(ended);
      a_label = a_label || absl::StartsWith(ended, "xn--");
      label = out->size() + 1;
    } else {
      good = good && IsHostLetter(c);
    }
    out->push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
  }
  const absl::string_view last = absl::string_view(*out).substr(label);
  if (!good || !GoodLabel(last)) return Kind::kBad;
  return a_label || absl::StartsWith(last, "xn--") ? Kind::kInternational : Kind::kPlain;
}

struct Free {
  void operator()(void* text) const { idn2_free(text); }
};
using Owned = std::unique_ptr<char, Free>;

// UTS 46 may make a blank or a "<" of what looks like one, and libidn2 hides it in an A-label.
bool HidesAscii(const char* a_labels) {
  char* converted = nullptr;
  if (idn2_to_unicode_8z8z(a_labels, &converted, 0) != IDN2_OK) return true;
  const Owned owner(converted);
  const absl::string_view text(converted);
  return !std::all_of(text.begin(), text.end(), [](char c) {
    return !absl::ascii_isascii(static_cast<unsigned char>(c)) || c == '.' || IsHostLetter(c);
  });
}

std::string AppendInternational(absl::string_view domain, std::string* out) {
  // libidn2 reads up to a NUL.
  if (absl::StrContains(domain, '\0')) return HostNameFault(domain);
  char* converted = nullptr;
  const int error = idn2_to_ascii_8z(std::string(domain).c_str(), &converted,
                                     IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const Owned owner(converted);
  if (error != IDN2_OK || HidesAscii(converted)) {
    return absl::StrCat("is ", QuotedText(domain), ", not an international domain name: ",
                        idn2_strerror(error != IDN2_OK ? error : IDN2_DISALLOWED));
  }
  if (std::string fault = HostNameFault(converted); !fault.empty()) return fault;
  out->append(converted);
  return "";
}

}  // namespace

std::string AppendNormalDomain(absl::string_view domain, std::string* out) {
  const size_t start = out->size();
  const Kind kind = AppendPlain(domain, out);
  if (kind == Kind::kPlain) return "";
  out->resize(start);
  return kind == Kind::kBad ? HostNameFault(domain) : AppendInternational(domain, out);
}

absl::StatusOr<std::string> NormaliseDomain(absl::string_view domain) {
  std::string normal;
  if (const std::string fault = AppendNormalDomain(domain, &normal); !fault.empty()) {
    return absl::InvalidArgumentError(fault);
  }
  return normal;
}

std::string QuotedText(absl::string_view text) {
  absl::string_view shown = text.substr(0, kLongestShown);
  // Not half a character.
  while (shown.size() < text.size() && !shown.empty() &&
         (static_cast<unsigned char>(text[shown.size()]) & 0xc0) == 0x80) {
    shown.remove_suffix(1);
  }
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(shown), "\"");
}

}  // namespace crescendo
