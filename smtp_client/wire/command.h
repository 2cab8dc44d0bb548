// command.h: the lines we send, each with its CRLF (RFC 5321 §4.1.1).
//
// Errors   INVALID_ARGUMENT if an argument would break out of its place: CR, LF, NUL or another
//          control, an unquoted space or angle bracket, or more than RFC 5321 §4.5.3.1 allows.
// Threads  pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::smtp {

inline constexpr absl::string_view kStartTlsCommand = "STARTTLS\r\n";
inline constexpr absl::string_view kDataCommand = "DATA\r\n";
inline constexpr absl::string_view kRsetCommand = "RSET\r\n";
inline constexpr absl::string_view kQuitCommand = "QUIT\r\n";

// `name`: a host name or an address literal.
absl::StatusOr<std::string> EhloCommand(absl::string_view name);
absl::StatusOr<std::string> HeloCommand(absl::string_view name);

struct MailParameters {
  std::optional<uint64_t> size;  // RFC 1870
  bool eight_bit_mime = false;   // BODY=8BITMIME, RFC 6152
  bool smtp_utf8 = false;        // RFC 6531
};

// `sender` may be "", the null reverse-path. Addresses come without angle brackets.
absl::StatusOr<std::string> MailCommand(absl::string_view sender, const MailParameters& with);
absl::StatusOr<std::string> RcptCommand(absl::string_view recipient);

// OK if `address` may stand between < and >. "" is not an address here.
absl::Status CheckAddress(absl::string_view address);

}  // namespace crescendo::smtp
