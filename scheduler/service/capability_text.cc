#include "scheduler/service/capability_text.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace crescendo::service {
namespace {

// https://www.iana.org/assignments/mail-parameters, service extensions.
constexpr std::pair<const char*, const char*> kTexts[] = {
    {"PIPELINING", "MAIL, RCPT and DATA may leave together; Crescendo does so, a probe does not"},
    {"8BITMIME", "text beyond ASCII may be sent as it is"},
    {"SMTPUTF8", "addresses and headers beyond ASCII are taken"},
    {"STARTTLS", "the session can be encrypted"},
    {"ENHANCEDSTATUSCODES", "replies carry codes such as 4.7.28"},
    {"CHUNKING", "messages may come by BDAT; Crescendo uses it where smtp.chunking says so"},
    {"BINARYMIME", "binary bodies are taken; Crescendo sends none"},
    {"DSN", "notifications can be asked for; Crescendo does not"},
    {"REQUIRETLS", "a message can ask to be relayed over TLS only; Crescendo does not"},
    {"AUTH", "log-in is possible; a receiver of mail for its own domains needs none"},
    {"LIMITS", "limits of a session"},
    {"DELIVERBY", "a time of delivery can be asked for; Crescendo does not"},
    {"MT-PRIORITY", "priorities are known; Crescendo gives none"},
};

std::string SizeText(absl::string_view parameter) {
  uint64_t bytes = 0;
  if (!absl::SimpleAtoi(parameter, &bytes) || bytes == 0) return "messages of any size";
  if (bytes < 1'000'000) return absl::StrFormat("messages up to %.1f kB", bytes / 1e3);
  return absl::StrFormat("messages up to %.1f MB", bytes / 1e6);
}

}  // namespace

std::string CapabilityText(absl::string_view keyword) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(keyword, absl::MaxSplits(absl::ByAnyChar(" ="), 1));
  const std::string name = absl::AsciiStrToUpper(parts.first);
  if (name == "SIZE") return SizeText(absl::StripAsciiWhitespace(parts.second));
  for (const auto& [known, text] : kTexts) {
    if (name == known) return text;
  }
  return "";
}

}  // namespace crescendo::service
