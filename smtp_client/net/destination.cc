#include "smtp_client/net/destination.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include <asio/ip/udp.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace crescendo::smtp {
namespace {

using asio::ip::address;

struct Special {
  const char* range;
  const char* what;
};
// The first that holds the address counts.
// https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-special-registry, with
// multicast and what no registry gives out.
constexpr Special kSpecials[] = {
    {"0.0.0.0/8", "no host's address"},
    {"10.0.0.0/8", "a private address"},
    {"100.64.0.0/10", "a carrier's private address"},
    {"127.0.0.0/8", "loopback"},
    {"169.254.0.0/16", "a link-local address"},
    {"172.16.0.0/12", "a private address"},
    {"192.0.0.0/24", "a reserved address"},
    {"192.0.2.0/24", "an address for documentation"},
    {"192.31.196.0/24", "an AS112 address"},
    {"192.52.193.0/24", "an AMT relay's address"},
    {"192.88.99.0/24", "a 6to4 relay's address"},
    {"192.168.0.0/16", "a private address"},
    {"192.175.48.0/24", "an AS112 address"},
    {"198.18.0.0/15", "an address for benchmarks"},
    {"198.51.100.0/24", "an address for documentation"},
    {"203.0.113.0/24", "an address for documentation"},
    {"224.0.0.0/4", "a multicast address"},
    {"255.255.255.255/32", "the broadcast address"},
    {"240.0.0.0/4", "a reserved address"},
    {"::/128", "no host's address"},
    {"::1/128", "loopback"},
    {"::ffff:0:0/96", "an IPv4 address inside IPv6 (mapped)"},
    {"::/96", "an IPv4 address inside IPv6 (compatible)"},
    {"64:ff9b::/96", "an IPv4 address inside IPv6 (NAT64)"},
    {"64:ff9b:1::/48", "an IPv4 address inside IPv6 (local NAT64)"},
    {"100::/64", "a discard address"},
    {"2001::/23", "a protocol's address (Teredo, ORCHID and others)"},
    {"2001:db8::/32", "an address for documentation"},
    {"2002::/16", "an IPv4 address inside IPv6 (6to4)"},
    {"2620:4f:8000::/48", "an AS112 address"},
    {"3fff::/20", "an address for documentation"},
    {"fc00::/7", "a private address"},
    {"fe80::/10", "a link-local address"},
    {"fec0::/10", "a site-local address"},
    {"ff00::/8", "a multicast address"},
};
constexpr Special kGlobalUnicast = {"2000::/3", "an address that nobody was given"};

struct Named {
  AddressRange range;
  const char* what;
};
const std::vector<Named>& Specials() {
  static const auto* const kParsed = [] {
    auto* parsed = new std::vector<Named>;
    for (const Special& special : kSpecials) {
      parsed->push_back({AddressRange::Parse(special.range).value(), special.what});
    }
    return parsed;
  }();
  return *kParsed;
}

std::string WhatIs(const address& of) {
  static const AddressRange kGlobal = AddressRange::Parse(kGlobalUnicast.range).value();
  for (const Named& special : Specials()) {
    if (special.range.Holds(of)) return special.what;
  }
  if (of.is_v6() && !kGlobal.Holds(of)) return kGlobalUnicast.what;
  return "";
}

std::optional<address> Inside(const address& of) {
  if (!of.is_v6()) return std::nullopt;
  struct Place {
    const char* range;
    size_t offset;
  };
  for (const Place& place : {Place{"::ffff:0:0/96", 12}, Place{"::/96", 12},
                             Place{"64:ff9b::/96", 12}, Place{"2002::/16", 2}}) {
    if (!AddressRange::Parse(place.range).value().Holds(of)) continue;
    asio::ip::address_v4::bytes_type bytes;
    std::memcpy(bytes.data(), of.to_v6().to_bytes().data() + place.offset, bytes.size());
    return asio::ip::address_v4(bytes);
  }
  return std::nullopt;
}

// A packet to an own address has it as its source too. Nothing is sent for it.
bool IsOwn(const address& of) {
  const asio::ip::udp::endpoint remote(of, 25);
  const int fd = socket(remote.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  // Without a socket nothing is known, and nothing can be connected to either.
  if (fd < 0) return false;
  asio::ip::udp::endpoint local;
  socklen_t size = static_cast<socklen_t>(local.capacity());
  const bool known = connect(fd, remote.data(), static_cast<socklen_t>(remote.size())) == 0 &&
                     getsockname(fd, local.data(), &size) == 0;
  close(fd);
  return known && local.address() == of;
}

}  // namespace

absl::StatusOr<AddressRange> AddressRange::Parse(absl::string_view text) {
  const auto bad = [&](absl::string_view fault) {
    return absl::InvalidArgumentError(absl::StrCat(
        "is \"", text, "\", ", fault, "; write 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32"));
  };
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
  asio::error_code error;
  const address parsed = asio::ip::make_address(parts.first, error);
  if (error) return bad("which begins with no IPv4 or IPv6 address");
  AddressRange range;
  range.six = parsed.is_v6();
  const int most = range.six ? 128 : 32;
  range.bits = most;
  const bool has_bits = text.size() > parts.first.size();
  if (has_bits &&
      (!absl::SimpleAtoi(parts.second, &range.bits) || range.bits < 0 || range.bits > most)) {
    return bad(absl::StrCat("whose length is not 0 to ", most));
  }
  if (range.six) {
    range.bytes = parsed.to_v6().to_bytes();
  } else {
    const auto bytes = parsed.to_v4().to_bytes();
    std::copy(bytes.begin(), bytes.end(), range.bytes.begin());
  }
  for (int bit = range.bits; bit < most; ++bit) {
    if ((range.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) {
      return bad(absl::StrCat("which has bits set behind the first ", range.bits));
    }
  }
  return range;
}

bool AddressRange::Holds(const address& of) const {
  if (of.is_v6() != six) return false;
  std::array<uint8_t, 16> other = {};
  if (six) {
    other = of.to_v6().to_bytes();
  } else {
    const auto four = of.to_v4().to_bytes();
    std::copy(four.begin(), four.end(), other.begin());
  }
  const int whole = bits / 8, rest = bits % 8;
  if (!std::equal(bytes.begin(), bytes.begin() + whole, other.begin())) return false;
  return rest == 0 || (bytes[whole] ^ other[whole]) >> (8 - rest) == 0;
}

DestinationGuard::DestinationGuard(std::vector<AddressRange> allowed)
    : allowed_(std::move(allowed)) {}

DestinationGuard DestinationGuard::AllowAll() {
  DestinationGuard guard;
  guard.allow_all_ = true;
  return guard;
}

std::string DestinationGuard::Fault(const address& of) const {
  if (allow_all_) return "";
  const bool allowed = std::any_of(allowed_.begin(), allowed_.end(),
                                   [&](const AddressRange& range) { return range.Holds(of); });
  if (allowed) {
    const std::optional<address> inside = Inside(of);
    return inside.has_value() ? Fault(*inside) : "";
  }
  if (std::string what = WhatIs(of); !what.empty()) return what;
  return IsOwn(of) ? "an address of this machine" : "";
}

}  // namespace crescendo::smtp
