// No range that IANA sets apart is a place for mail, whatever an MX record says.
#include "smtp_client/net/destination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace crescendo::smtp {
namespace {

std::string FaultOf(const DestinationGuard& guard, const std::string& address) {
  return guard.Fault(asio::ip::make_address(address));
}

DestinationGuard Allowing(const std::vector<std::string>& ranges) {
  std::vector<AddressRange> parsed;
  for (const std::string& range : ranges) parsed.push_back(AddressRange::Parse(range).value());
  return DestinationGuard(std::move(parsed));
}

TEST(DestinationGuard, RefusesEverySpecialRangeFromEndToEnd) {
  struct Case {
    const char* range;  // As the registries write it.
    const char* first;
    const char* last;
    const char* fault;
  };
  const DestinationGuard guard;
  for (const Case& c : {
           Case{"0.0.0.0/8", "0.0.0.0", "0.255.255.255", "no host's address"},
           Case{"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "a private address"},
           Case{"100.64.0.0/10", "100.64.0.0", "100.127.255.255", "a carrier's private address"},
           Case{"127.0.0.0/8", "127.0.0.0", "127.255.255.255", "loopback"},
           Case{"169.254.0.0/16", "169.254.0.0", "169.254.255.255", "a link-local address"},
           Case{"cloud metadata", "169.254.169.254", "169.254.169.254", "a link-local address"},
           Case{"172.16.0.0/12", "172.16.0.0", "172.31.255.255", "a private address"},
           Case{"192.0.0.0/24", "192.0.0.0", "192.0.0.255", "a reserved address"},
           Case{"192.0.2.0/24", "192.0.2.0", "192.0.2.255", "an address for documentation"},
           Case{"192.31.196.0/24", "192.31.196.0", "192.31.196.255", "an AS112 address"},
           Case{"192.52.193.0/24", "192.52.193.0", "192.52.193.255", "an AMT relay's address"},
           Case{"192.88.99.0/24", "192.88.99.0", "192.88.99.255", "a 6to4 relay's address"},
           Case{"192.168.0.0/16", "192.168.0.0", "192.168.255.255", "a private address"},
           Case{"192.175.48.0/24", "192.175.48.0", "192.175.48.255", "an AS112 address"},
           Case{"198.18.0.0/15", "198.18.0.0", "198.19.255.255", "an address for benchmarks"},
           Case{"198.51.100.0/24", "198.51.100.0", "198.51.100.255",
                "an address for documentation"},
           Case{"203.0.113.0/24", "203.0.113.0", "203.0.113.255", "an address for documentation"},
           Case{"224.0.0.0/4", "224.0.0.0", "239.255.255.255", "a multicast address"},
           Case{"240.0.0.0/4", "240.0.0.0", "255.255.255.254", "a reserved address"},
           Case{"255.255.255.255/32", "255.255.255.255", "255.255.255.255",
                "the broadcast address"},
           Case{"::/128", "::", "::", "no host's address"},
           Case{"::1/128", "::1", "::1", "loopback"},
           Case{"::/96", "::2", "::255.255.255.255", "an IPv4 address inside IPv6 (compatible)"},
           Case{"::ffff:0:0/96", "::ffff:0.0.0.0", "::ffff:255.255.255.255",
                "an IPv4 address inside IPv6 (mapped)"},
           Case{"64:ff9b::/96", "64:ff9b::", "64:ff9b::ffff:ffff",
                "an IPv4 address inside IPv6 (NAT64)"},
           Case{"64:ff9b:1::/48", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
                "an IPv4 address inside IPv6 (local NAT64)"},
           Case{"100::/64", "100::", "100::ffff:ffff:ffff:ffff", "a discard address"},
           Case{"100:0:0:1::/64", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff",
                "an address that nobody was given"},
           Case{"2001::/23", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
                "a protocol's address (Teredo, ORCHID and others)"},
           Case{"2001:2::/48", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff",
                "a protocol's address (Teredo, ORCHID and others)"},
           Case{"2001:20::/28", "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff",
                "a protocol's address (Teredo, ORCHID and others)"},
           Case{"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                "an address for documentation"},
           Case{"2002::/16", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "an IPv4 address inside IPv6 (6to4)"},
           Case{"2620:4f:8000::/48", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
                "an AS112 address"},
           Case{"3fff::/20", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
                "an address for documentation"},
           Case{"5f00::/16", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "an address that nobody was given"},
           Case{"fc00::/7", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "a private address"},
           Case{"fe80::/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "a link-local address"},
           Case{"a link's own", "fe80::1%1", "fe80::1%1", "a link-local address"},
           Case{"fec0::/10", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "a site-local address"},
           Case{"ff00::/8", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "a multicast address"},
       }) {
    SCOPED_TRACE(c.range);
    EXPECT_EQ(FaultOf(guard, c.first), c.fault);
    EXPECT_EQ(FaultOf(guard, c.last), c.fault);
  }
}

TEST(DestinationGuard, LetsTheInternetThrough) {
  const DestinationGuard guard;
  for (const char* address : {"1.0.0.0",         "9.255.255.255",   "11.0.0.0",
                              "100.63.255.255",  "100.128.0.0",     "126.255.255.255",
                              "128.0.0.0",       "169.253.255.255", "172.15.255.255",
                              "172.32.0.0",      "192.0.1.0",       "192.0.3.0",
                              "192.167.255.255", "198.17.255.255",  "198.20.0.0",
                              "223.255.255.255", "2001:200::",      "2001:db7:ffff::",
                              "2001:db9::",      "2003::1",         "2607:f8b0:4004:c17::1b",
                              "3ffe::1",         "3fff:1000::"}) {
    EXPECT_EQ(FaultOf(guard, address), "") << address;
  }
}

TEST(DestinationGuard, AllowsWhatIsListedAndNoMore) {
  const DestinationGuard guard =
      Allowing({"10.20.0.0/16", "127.0.0.1", "fd00:25::/32", "64:ff9b::/96", "2002::/16"});
  struct Case {
    const char* name;
    const char* address;
    const char* fault;
  };
  for (const Case& c : {
           Case{"in the range", "10.20.255.1", ""},
           Case{"beside it", "10.21.0.0", "a private address"},
           Case{"the one address", "127.0.0.1", ""},
           Case{"its neighbour", "127.0.0.2", "loopback"},
           Case{"in the IPv6 range", "fd00:25:1::1", ""},
           Case{"beside that", "fd00:26::1", "a private address"},
           Case{"mapped is not listed", "::ffff:10.20.0.1", "an IPv4 address inside IPv6 (mapped)"},
           Case{"NAT64 of the internet", "64:ff9b::9.9.9.9", ""},
           Case{"NAT64 of a private one", "64:ff9b::10.0.0.1", "a private address"},
           Case{"NAT64 of a listed one", "64:ff9b::10.20.0.1", ""},
           Case{"6to4 of loopback", "2002:7f00:2::1", "loopback"},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(FaultOf(guard, c.address), c.fault);
  }
  EXPECT_EQ(FaultOf(Allowing({"::/0", "0.0.0.0/0"}), "::ffff:127.0.0.1"), "");
  EXPECT_EQ(FaultOf(DestinationGuard::AllowAll(), "::1"), "");
}

TEST(AddressRange, IsReadOrItsFaultNamed) {
  for (const char* good : {"10.0.0.0/8", "192.0.2.1", "192.0.2.1/32", "0.0.0.0/0", "::/0", "::1",
                           "2001:db8::/32", "10.0.0.128/25"}) {
    EXPECT_TRUE(AddressRange::Parse(good).ok()) << good;
  }
  struct Case {
    const char* text;
    const char* fault;
  };
  for (const Case& c :
       {Case{"", "which begins with no IPv4 or IPv6 address"},
        Case{"10.0.0.0/33", "whose length is not 0 to 32"},
        Case{"10.0.0.0/-1", "whose length is not 0 to 32"},
        Case{"10.0.0.0/", "whose length is not 0 to 32"},
        Case{"::/129", "whose length is not 0 to 128"},
        Case{"10.0.0.1/8", "which has bits set behind the first 8"},
        Case{"10.0.0.64/25", "which has bits set behind the first 25"},
        Case{"10.0.0/8", "which begins with no"}, Case{"example.com", "which begins with no"}}) {
    SCOPED_TRACE(c.text);
    EXPECT_THAT(std::string(AddressRange::Parse(c.text).status().message()),
                ::testing::StartsWith(absl::StrCat("is \"", c.text, "\", ", c.fault)));
  }
}

}  // namespace
}  // namespace crescendo::smtp
