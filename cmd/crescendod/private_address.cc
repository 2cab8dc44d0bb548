#include "cmd/crescendod/private_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstdint>
#include <cstring>
#include <memory>

#include "scheduler/base/check.h"

namespace crescendo::daemon {
namespace {

struct Block {
  uint32_t network;
  int bits;
  const char* what;
};
constexpr uint32_t V4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}
constexpr Block kBlocks[] = {
    {V4(0, 0, 0, 0), 8, "no host's address"},
    {V4(127, 0, 0, 0), 8, "loopback"},
    {V4(10, 0, 0, 0), 8, "a private address"},
    {V4(172, 16, 0, 0), 12, "a private address"},
    {V4(192, 168, 0, 0), 16, "a private address"},
    {V4(100, 64, 0, 0), 10, "a carrier's private address"},
    {V4(169, 254, 0, 0), 16, "a link-local address"},
    {V4(192, 0, 0, 0), 24, "a reserved address"},
    {V4(198, 18, 0, 0), 15, "a reserved address"},
    {V4(224, 0, 0, 0), 3, "a multicast or reserved address"},
};

std::string FaultOfV4(uint32_t address) {
  for (const Block& block : kBlocks) {
    if ((address ^ block.network) >> (32 - block.bits) == 0) return block.what;
  }
  return "";
}

uint32_t V4At(const in6_addr& address, size_t offset) {
  uint32_t bytes;
  std::memcpy(&bytes, address.s6_addr + offset, sizeof(bytes));
  return ntohl(bytes);
}

std::string FaultOfV6(const in6_addr& address) {
  const uint8_t* bytes = address.s6_addr;
  static constexpr uint8_t kNat64[12] = {0x00, 0x64, 0xff, 0x9b};
  if (IN6_IS_ADDR_LOOPBACK(&address)) return "loopback";
  if (IN6_IS_ADDR_UNSPECIFIED(&address)) return "no host's address";
  if (IN6_IS_ADDR_V4MAPPED(&address) || IN6_IS_ADDR_V4COMPAT(&address) ||
      std::memcmp(bytes, kNat64, sizeof(kNat64)) == 0) {
    return FaultOfV4(V4At(address, 12));
  }
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return FaultOfV4(V4At(address, 2));
  if ((bytes[0] & 0xfe) == 0xfc) return "a private address";
  if (bytes[0] == 0xfe && (bytes[1] & 0x80) != 0) return "a link-local or site-local address";
  if (bytes[0] == 0xff) return "a multicast address";
  return "";
}

bool IsOwn(int family, const void* address, size_t size) {
  ifaddrs* list = nullptr;
  // Without the list nothing is known to be foreign.
  if (getifaddrs(&list) != 0) return true;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != family) continue;
    const void* own = family == AF_INET
                          ? static_cast<const void*>(
                                &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr)
                          : &reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr;
    if (std::memcmp(own, address, size) == 0) return true;
  }
  return false;
}

}  // namespace

std::string PrivateAddressFault(absl::string_view address) {
  const std::string text(address);
  in_addr v4;
  in6_addr v6;
  std::string fault;
  bool own = false;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    fault = FaultOfV4(ntohl(v4.s_addr));
    own = fault.empty() && IsOwn(AF_INET, &v4, sizeof(v4));
  } else {
    CRESCENDO_CHECK(inet_pton(AF_INET6, text.c_str(), &v6) == 1);
    fault = FaultOfV6(v6);
    own = fault.empty() && IsOwn(AF_INET6, &v6, sizeof(v6));
  }
  return own ? "an address of this machine" : fault;
}

}  // namespace crescendo::daemon
