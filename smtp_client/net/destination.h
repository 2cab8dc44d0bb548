// destination.h: which addresses mail may be sent to.
//
// MX records are untrusted input: whoever owns a domain could have us knock at the doors of our own
// network (SSRF). So nothing goes to an address that is not one of the public internet, unless the
// operator allows it. It is asked with the very address that connect() gets.
//
// Threads  immutable: safe from any thread.
// See      IANA's special-purpose address registries (RFC 6890), RFC 4291, RFC 6052.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <asio/ip/address.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::smtp {

// "10.0.0.0/8", "fd00::/8"; without a length, one address.
struct AddressRange {
  bool six = false;
  std::array<uint8_t, 16> bytes = {};  // IPv4: the first four.
  int bits = 0;

  // INVALID_ARGUMENT: "is \"10.0.0.1/8\"; …". Bits behind the length must be 0.
  static absl::StatusOr<AddressRange> Parse(absl::string_view text);
  bool Holds(const asio::ip::address& address) const;
};

class DestinationGuard {
 public:
  DestinationGuard() = default;  // Allows the public internet alone.
  explicit DestinationGuard(std::vector<AddressRange> allowed);  // And what is in `allowed`.
  // Allows everything.
  static DestinationGuard AllowAll();

  // "" if mail may go to `address`; else what it is: "loopback", "a private address", "an address
  // of this machine" … An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) is refused as such;
  // where its range is allowed, the address inside must be allowed too.
  std::string Fault(const asio::ip::address& address) const;

 private:
  bool allow_all_ = false;
  std::vector<AddressRange> allowed_;
};

}  // namespace crescendo::smtp
