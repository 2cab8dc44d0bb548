// private_address.h: addresses that mail for the outside world never goes to.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace crescendo::daemon {

// "" if `address` may be connected to; else what it is: "loopback", "a private address", "an
// address of this machine" … Looks through IPv4 in IPv6 (mapped, 6to4, NAT64). REQUIRES: a literal.
//
// See      RFC 6890, RFC 4193, RFC 4291, RFC 6598.
std::string PrivateAddressFault(absl::string_view address);

}  // namespace crescendo::daemon
