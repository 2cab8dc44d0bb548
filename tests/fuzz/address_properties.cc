// Addresses and domains.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/campaign.h"
#include "scheduler/domain/domain_name.h"
#include "scheduler/domain/plan.h"
#include "smtp_client/message/verp.h"
#include "smtp_client/wire/command.h"
#include "smtp_client/wire/utf8.h"
#include "tests/fuzz/properties.h"

namespace crescendo::fuzz {
namespace {

absl::Status CheckDomain(absl::string_view input) {
  const absl::StatusOr<std::string> normal = NormaliseDomain(input);
  if (!normal.ok()) {
    RETURN_IF_ERROR(Expect(!absl::StrContains(normal.status().message(), '\n'),
                           "a fault is one line", normal.status().message()));
    return Expect(!smtp::IsUtf8(input) || smtp::IsUtf8(normal.status().message()),
                  "a fault is UTF-8", normal.status().message());
  }
  RETURN_IF_ERROR(Expect(HostNameFault(*normal).empty() && !absl::EndsWith(*normal, "."),
                         "a normal domain is a host name", *normal));
  RETURN_IF_ERROR(Expect(absl::AsciiStrToLower(*normal) == *normal, "is lower case", *normal));
  for (const std::string& other : {*normal, absl::AsciiStrToUpper(*normal)}) {
    RETURN_IF_ERROR(Expect(NormaliseDomain(other).value_or("refused") == *normal,
                           "a normal domain is its own normal form, in any case", other));
  }
  std::string appended = "before";
  const std::string fault = AppendNormalDomain(input, &appended);
  return Expect(fault.empty() && appended == absl::StrCat("before", *normal), "appends", appended);
}

absl::Status CheckCommands(const std::string& address) {
  // RFC 5321 allows a path 256 octets with its brackets; NormaliseAddress more.
  const absl::StatusOr<std::string> command = smtp::RcptCommand(address);
  RETURN_IF_ERROR(Expect(command.ok() == (address.size() <= 254), "goes into a command", address));
  if (!command.ok()) return absl::OkStatus();
  RETURN_IF_ERROR(Expect(*command == absl::StrCat("RCPT TO:<", address, ">\r\n"), "as it is"));
  return Expect(std::count(address.begin(), address.end(), '\r') == 0 &&
                    std::count(address.begin(), address.end(), '\n') == 0 &&
                    std::count_if(address.begin(), address.end(),
                                  [](char c) { return c == '<' || c == '>' || c == ' '; }) == 0,
                "does not break out of it", address);
}

absl::Status CheckVerp(absl::string_view address) {
  static const auto* const kVerp = new smtp::Verp({"sixteen bytes or more", "an old key of ours"});
  RETURN_IF_ERROR(Expect(!kVerp->Read(address).has_value(), "nobody else makes up a bounce"));
  if (address.rfind('@') > smtp::Verp::kLongestLocalPart) return absl::OkStatus();
  const std::string path = kVerp->Address(address, DeliveryId(7));
  const auto bounce = kVerp->Read(absl::AsciiStrToUpper(path));
  RETURN_IF_ERROR(Expect(bounce.has_value() && bounce->delivery == DeliveryId(7) &&
                             bounce->return_path == absl::AsciiStrToLower(address),
                         "a bounce names its delivery", path));
  return Expect(NormaliseAddress(path).ok() || path.size() > 254, "its path is an address", path);
}

}  // namespace

absl::Status CheckAddress(absl::string_view input) {
  RETURN_IF_ERROR(CheckDomain(input));
  // Whatever comes as an address, no command line is broken by it.
  for (const absl::StatusOr<std::string>& command :
       {smtp::RcptCommand(input), smtp::MailCommand(input, {}), smtp::EhloCommand(input)}) {
    if (!command.ok()) continue;
    const absl::string_view line = *command;
    RETURN_IF_ERROR(Expect(line.find_first_of(absl::string_view("\r\n\0", 3)) == line.size() - 2,
                           "a command is one line", line));
    RETURN_IF_ERROR(Expect(line.size() <= 512, "of at most 512 bytes", line));
  }
  const absl::StatusOr<std::string> normal = NormaliseAddress(input);
  if (!normal.ok()) return absl::OkStatus();
  RETURN_IF_ERROR(Expect(NormaliseAddress(*normal).value_or("refused") == *normal,
                         "a normal address is its own normal form", *normal));
  RETURN_IF_ERROR(
      Expect(NormaliseDomain(DomainOf(*normal)).value_or("refused") == DomainOf(*normal),
             "its domain is normal", *normal));
  RETURN_IF_ERROR(Expect(input.substr(0, input.rfind('@')) == normal->substr(0, normal->rfind('@')),
                         "the local part stays as it is", *normal));
  RETURN_IF_ERROR(CheckCommands(*normal));
  return CheckVerp(*normal);
}

}  // namespace crescendo::fuzz
