#include "smtp_client/wire/command.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::smtp {
namespace {

// RFC 5321 §4.5.3.1: local part 64, domain 255, path 256 with its brackets.
constexpr size_t kMaxLocalPart = 64;
constexpr size_t kMaxDomain = 255;
constexpr size_t kMaxAddress = 254;

bool IsControl(char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }

absl::Status CheckName(absl::string_view name) {
  const bool good = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isgraph(c) && c != '<' && c != '>';
  });
  if (name.empty() || name.size() > kMaxDomain || !good) {
    return absl::InvalidArgumentError("the EHLO name is not a host name or address literal");
  }
  return absl::OkStatus();
}

// Spaces and brackets may stand only inside a quoted local part, controls nowhere.
absl::Status CheckCharacters(absl::string_view address) {
  bool quoted = false;
  for (size_t i = 0; i < address.size(); ++i) {
    const char c = address[i];
    if (IsControl(c)) return absl::InvalidArgumentError("the address holds a control character");
    if (quoted && c == '\\') {
      ++i;
      if (i == address.size() || IsControl(address[i])) {
        return absl::InvalidArgumentError("the address has a broken quoted pair");
      }
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == ' ' || c == '<' || c == '>')) {
      return absl::InvalidArgumentError("the address holds an unquoted space, < or >");
    }
  }
  if (quoted) return absl::InvalidArgumentError("the address has an open quote");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAddress(absl::string_view address) {
  if (address.empty()) return absl::InvalidArgumentError("the address is empty");
  if (address.size() > kMaxAddress) {
    return absl::InvalidArgumentError(
        absl::StrCat("the address is ", address.size(), " bytes long; at most ", kMaxAddress));
  }
  const size_t at = address.rfind('@');
  const size_t local = at == absl::string_view::npos ? address.size() : at;
  if (local == 0 || local > kMaxLocalPart || at == address.size() - 1) {
    return absl::InvalidArgumentError(
        "the address needs a local part of 1 to 64 bytes and a domain");
  }
  return CheckCharacters(address);
}

absl::StatusOr<std::string> EhloCommand(absl::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  return absl::StrCat("EHLO ", name, "\r\n");
}

absl::StatusOr<std::string> HeloCommand(absl::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  return absl::StrCat("HELO ", name, "\r\n");
}

absl::StatusOr<std::string> MailCommand(absl::string_view sender, const MailParameters& with) {
  if (!sender.empty()) RETURN_IF_ERROR(CheckAddress(sender));
  std::string line = absl::StrCat("MAIL FROM:<", sender, ">");
  if (with.size) absl::StrAppend(&line, " SIZE=", *with.size);
  if (with.eight_bit_mime) absl::StrAppend(&line, " BODY=8BITMIME");
  if (with.smtp_utf8) absl::StrAppend(&line, " SMTPUTF8");
  absl::StrAppend(&line, "\r\n");
  return line;
}

absl::StatusOr<std::string> RcptCommand(absl::string_view recipient) {
  RETURN_IF_ERROR(CheckAddress(recipient));
  return absl::StrCat("RCPT TO:<", recipient, ">\r\n");
}

}  // namespace crescendo::smtp
