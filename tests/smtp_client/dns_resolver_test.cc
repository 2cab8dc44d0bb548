// The resolver against a real name server (NSD) with zones of its own, on loopback.
#include "smtp_client/resolve/dns_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <atomic>
#include <functional>
#include <future>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "scheduler/base/real_clock.h"
#include "tests/support/name_server.h"
#include "tests/support/sim_clock.h"

namespace crescendo::smtp {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::NameServer;
using testing::PrivateFolder;
using testing::SignedZone;
using testing::SignZone;
using ::testing::StartsWith;

constexpr char kHead[] =
    "$TTL 300\n@ IN SOA ns.example. h.example. 1 3600 600 86400 120\n@ IN NS ns.example.\n";

std::string BigSet() {
  std::string text;
  for (int i = 0; i < 60; ++i) {
    absl::StrAppend(&text, "big.example. IN MX 10 a-long-name-of-a-receiving-host-", i,
                    ".big.example.\na-long-name-of-a-receiving-host-", i,
                    ".big.example. IN A 192.0.2.", i + 1, "\n");
  }
  return text;
}

std::string Plain() {
  return absl::StrCat("$ORIGIN .\n", kHead, R"(
ns.example.          IN A     127.0.0.1
one.example.         IN MX    20 mx2.one.example.
one.example.         IN MX    10 mx1.one.example.
mx1.one.example.     IN A     192.0.2.1
mx1.one.example.     IN AAAA  2001:db8::1
mx2.one.example.     IN A     192.0.2.2
bare.example.        IN A     192.0.2.9
null.example.        IN MX    0 .
text.example.        IN TXT   "no mail here"
alias.example.       IN CNAME one.example.
loop1.example.       IN CNAME loop2.example.
loop2.example.       IN CNAME loop1.example.
viacname.example.    IN MX    10 mxalias.example.
mxalias.example.     IN CNAME mx1.one.example.
lost.example.        IN MX    10 nowhere.example.
xn--bcher-kva.example. IN MX  10 mx1.one.example.
brief.example.       1 IN MX  10 mx1.one.example.
)",
                      BigSet());
}

std::string Shown(const absl::StatusOr<ports::MxSet>& mx) {
  if (!mx.ok()) return mx.status().ToString();
  return absl::StrJoin(mx->hosts, ", ", [](std::string* out, const ports::MxHost& host) {
    absl::StrAppend(out, host.name, " ", host.address);
  });
}

class DnsResolverTest : public ::testing::Test {
 protected:
  static DnsResolverOptions To(const NameServer& server) {
    DnsResolverOptions options;
    options.dns.forwarders = {server.address()};
    return options;
  }
  void Use(const DnsResolverOptions& options) {
    resolver_.reset();
    auto created = DnsResolver::Create(clock_.get(), options);
    ASSERT_TRUE(created.ok()) << created.status();
    resolver_ = *std::move(created);
  }
  std::future<absl::StatusOr<ports::MxSet>> Ask(const std::string& domain) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<ports::MxSet>>>();
    resolver_->Resolve(
        domain, [promise](absl::StatusOr<ports::MxSet> mx) { promise->set_value(std::move(mx)); });
    return promise->get_future();
  }
  std::string Resolve(const std::string& domain) { return Shown(Ask(domain).get()); }

  std::unique_ptr<base::Clock> clock_ = base::NewRealClock();
  std::unique_ptr<DnsResolver> resolver_;
};

TEST_F(DnsResolverTest, AnswersLikeTheZone) {
  NameServer server({{".", Plain()}});
  Use(To(server));
  struct Case {
    const char* name;
    const char* domain;
    const char* found;
  };
  for (const Case& c : {
           Case{"by preference", "one.example",
                "mx1.one.example 2001:db8::1, mx1.one.example 192.0.2.1, mx2.one.example "
                "192.0.2.2"},
           Case{"no MX", "bare.example", "bare.example 192.0.2.9"},
           Case{"null MX", "null.example",
                "NOT_FOUND: null.example says that it takes no mail (null MX, RFC 7505)"},
           Case{"neither MX nor address", "text.example",
                "NOT_FOUND: text.example has no MX, A or AAAA record"},
           Case{"no such domain", "none.example",
                "NOT_FOUND: none.example does not exist (NXDOMAIN)"},
           Case{"the domain is an alias", "alias.example",
                "mx1.one.example 2001:db8::1, mx1.one.example 192.0.2.1, mx2.one.example "
                "192.0.2.2"},
           Case{"the MX host is an alias", "viacname.example",
                "mxalias.example 2001:db8::1, mxalias.example 192.0.2.1"},
           Case{"an MX host that does not exist", "lost.example",
                "NOT_FOUND: no MX host of lost.example has an address: nowhere.example"},
           Case{"an A-label", "xn--bcher-kva.example",
                "mx1.one.example 2001:db8::1, mx1.one.example 192.0.2.1"},
           Case{"an alias of itself", "loop1.example",
                "UNAVAILABLE: no answer from the DNS: SERVFAIL, asked for MX of loop1.example"},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Resolve(c.domain), c.found);
  }
}

TEST_F(DnsResolverTest, NamesThatAreNoneNeverReachTheDns) {
  Use({});  // Nothing here asks the network, or it would be the internet's root.
  for (const std::string& domain :
       {std::string(), std::string("."), std::string("a..example"), std::string("a b.example"),
        std::string(64, 'a') + ".example", std::string(254, 'a'), std::string("a\0.example", 10),
        std::string("ü.example"), std::string("example.com.")}) {
    SCOPED_TRACE(domain);
    EXPECT_THAT(Resolve(domain), StartsWith("NOT_FOUND: the domain is "));
  }
}

TEST_F(DnsResolverTest, AnAnswerThatIsTooLongComesByTcp) {
  NameServer server({{".", Plain()}});
  Use(To(server));
  const auto mx = Ask("big.example").get();
  ASSERT_TRUE(mx.ok()) << mx.status();
  EXPECT_EQ(mx->hosts.size(), MxLookup::kMostHosts);
}

TEST_F(DnsResolverTest, AStubZoneIsAskedOfItsOwnServer) {
  NameServer server({{"corp.example", absl::StrCat("$ORIGIN corp.example.\n", kHead,
                                                   "@ IN MX 10 mx\nmx IN A 10.20.0.1\n")}});
  DnsResolverOptions options;
  options.dns.stubs = {{"corp.example", server.address()}};
  Use(options);
  EXPECT_EQ(Resolve("corp.example"), "mx.corp.example 10.20.0.1");
}

TEST_F(DnsResolverTest, ForgedAnswersAreNoAnswers) {
  const std::string origin = absl::StrCat("$ORIGIN signed.example.\n", kHead);
  const SignedZone zone =
      SignZone("signed.example", origin + "@ IN MX 10 mx\nmx IN A 192.0.2.1\n@ IN A 192.0.2.8\n");
  const PrivateFolder folder;
  folder.Write("anchor", zone.anchor);
  struct Case {
    const char* name;
    std::string text;
    const char* domain;
    ::testing::Matcher<std::string> found;
  };
  const std::string forged = absl::StrReplaceAll(zone.text, {{"192.0.2.1", "192.0.2.66"}});
  ASSERT_NE(forged, zone.text);
  const std::string other_mx =
      absl::StrReplaceAll(zone.text, {{"MX\t10 mx.signed", "MX\t10 mx.evil"}});
  ASSERT_NE(other_mx, zone.text);
  const std::string unsigned_zone = origin + "@ IN MX 10 mx\nmx IN A 192.0.2.66\n";
  for (const Case& c : {
           Case{"as it was signed", zone.text, "signed.example",
                ::testing::Eq("mx.signed.example 192.0.2.1")},
           Case{"a name that is proven not to be", zone.text, "none.signed.example",
                StartsWith("NOT_FOUND: none.signed.example does not exist")},
           Case{"another address", forged, "signed.example",
                AllOf(StartsWith("UNAVAILABLE: "), HasSubstr("DNSSEC"),
                      HasSubstr("asked for A of mx.signed.example"))},
           Case{"another MX host", other_mx, "signed.example",
                AllOf(StartsWith("UNAVAILABLE: "), HasSubstr("DNSSEC"),
                      HasSubstr("asked for MX of signed.example"))},
           Case{"no signatures", unsigned_zone, "signed.example",
                AllOf(StartsWith("UNAVAILABLE: "), HasSubstr("DNSSEC"))},
       }) {
    SCOPED_TRACE(c.name);
    NameServer server({{".", Plain()}, {"signed.example", c.text}});
    DnsResolverOptions options = To(server);
    options.dns.trust_anchor_file = (folder.path() / "anchor").string();
    Use(options);
    EXPECT_THAT(Resolve(c.domain), c.found);
    EXPECT_EQ(Resolve("bare.example"), "bare.example 192.0.2.9") << "no anchor covers the rest";
    options.dns.trust_anchor_file = "";
    Use(options);
    EXPECT_THAT(Resolve("signed.example"), ::testing::Not(HasSubstr("DNSSEC")));
  }
}

// A name server that takes questions and never answers.
class Silence {
 public:
  Silence() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Silence() { close(fd_); }
  std::string address() const { return absl::StrCat("127.0.0.1@", port_); }
  // Waits for the first question.
  bool Asked() const {
    pollfd waiting = {fd_, POLLIN, 0};
    return poll(&waiting, 1, 20'000) == 1;
  }
  // Questions that have come so far, which are taken away.
  int TakeQuestions() const {
    int count = 0;
    char bytes[1500];
    while (recv(fd_, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) ++count;
    return count;
  }

 private:
  const int fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  uint16_t port_ = 0;
};

TEST_F(DnsResolverTest, ASilentServerIsWaitedForNoLongerThanTheTimeout) {
  Silence server;
  DnsResolverOptions options;
  options.dns.forwarders = {server.address()};
  options.timeout = absl::Milliseconds(300);
  Use(options);
  EXPECT_EQ(Resolve("one.example"), "UNAVAILABLE: no answer from the DNS for one.example in 300ms");
  EXPECT_TRUE(server.Asked());
}

TEST_F(DnsResolverTest, AServerThatWasDownIsAskedAgain) {
  NameServer server({{".", Plain()}});
  DnsResolverOptions options = To(server);
  options.timeout = absl::Milliseconds(300);
  Use(options);
  server.Stop();
  EXPECT_THAT(Resolve("one.example"), StartsWith("UNAVAILABLE: no answer from the DNS"));
  server.Start();
  std::string found;
  for (int attempt = 0; attempt < 60 && !absl::StartsWith(found, "mx1"); ++attempt) {
    found = Resolve("one.example");
  }
  EXPECT_THAT(found, StartsWith("mx1.one.example"));
}

TEST_F(DnsResolverTest, CallersOfOneDomainShareOneLookUp) {
  Silence server;
  DnsResolverOptions options;
  options.dns.forwarders = {server.address()};
  options.timeout = absl::Milliseconds(200);
  Use(options);
  std::vector<std::future<absl::StatusOr<ports::MxSet>>> answers;
  for (int i = 0; i < 1000; ++i) answers.push_back(Ask("one.example"));
  for (auto& answer : answers) EXPECT_FALSE(answer.get().ok());
  EXPECT_LE(server.TakeQuestions(), 5) << "one question, and libunbound's repeats of it";
}

TEST_F(DnsResolverTest, NoMoreQuestionsAreOutThanAllowed) {
  Silence server;
  DnsResolverOptions options;
  options.dns.forwarders = {server.address()};
  options.timeout = absl::Milliseconds(200);
  options.max_queries = 3;
  Use(options);
  std::vector<std::future<absl::StatusOr<ports::MxSet>>> answers;
  for (int i = 0; i < 9; ++i) answers.push_back(Ask(absl::StrCat("d", i, ".example")));
  // Three by three, each three after the time of the last is over.
  for (int i = 0; i < 9; ++i) {
    EXPECT_FALSE(answers[static_cast<size_t>(i)].get().ok());
    if (i + 3 < 9) {
      EXPECT_NE(answers[static_cast<size_t>(i) + 3].wait_for(std::chrono::seconds(0)),
                std::future_status::ready)
          << i;
    }
  }
}

TEST_F(DnsResolverTest, AnswersAreKeptByTheirTtlWithinBounds) {
  auto clock = std::make_unique<support::SimClock>(absl::UnixEpoch());
  support::SimClock& time = *clock;
  clock_ = std::move(clock);
  NameServer server({{".", Plain()}});
  DnsResolverOptions options = To(server);
  options.timeout = absl::Hours(10);  // On this clock nothing passes by itself.
  options.least_ttl = absl::Minutes(2);
  Use(options);
  const auto lifetime = [&](const std::string& domain) {
    const auto mx = Ask(domain).get();
    return mx.ok() ? mx->lifetime : absl::ZeroDuration();
  };
  EXPECT_EQ(lifetime("one.example"), absl::Minutes(5)) << "its TTL";
  EXPECT_EQ(lifetime("brief.example"), absl::Minutes(2)) << "a second is too short";
  EXPECT_THAT(Resolve("none.example"), StartsWith("NOT_FOUND"));
  server.Stop();
  time.Advance(absl::Seconds(119));
  EXPECT_EQ(lifetime("one.example"), absl::Seconds(181)) << "what is left of it";
  EXPECT_EQ(lifetime("brief.example"), absl::Seconds(1));
  EXPECT_THAT(Resolve("none.example"), StartsWith("NOT_FOUND")) << "that there is none, too";
}

TEST_F(DnsResolverTest, ThousandsOfDomainsAreEachAskedForOnce) {
  constexpr int kDomains = 3000;
  std::string zone = Plain();
  for (int i = 0; i < kDomains; ++i) {
    absl::StrAppend(&zone, "d", i, ".example. IN MX 10 mx1.one.example.\n");
  }
  NameServer server({{".", zone}});
  Use(To(server));
  std::vector<std::future<absl::StatusOr<ports::MxSet>>> answers;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < kDomains; ++i) answers.push_back(Ask(absl::StrCat("d", i, ".example")));
  }
  int found = 0;
  for (auto& answer : answers) found += answer.get().ok();
  EXPECT_EQ(found, 3 * kDomains);
  server.Stop();
  EXPECT_THAT(Resolve(absl::StrCat("d", kDomains - 1, ".example")), StartsWith("mx1.one.example"))
      << "from the cache";
}

TEST_F(DnsResolverTest, AnswersWhoWaitsWhenItStops) {
  Silence server;
  DnsResolverOptions options;
  options.dns.forwarders = {server.address()};
  Use(options);
  auto begun = Ask("one.example");
  EXPECT_TRUE(server.Asked());
  auto posted = Ask("two.example");
  resolver_->Stop();
  EXPECT_EQ(Shown(begun.get()), "UNAVAILABLE: the daemon is stopping");
  EXPECT_EQ(Shown(posted.get()), "UNAVAILABLE: the daemon is stopping");
  EXPECT_EQ(Resolve("three.example"), "UNAVAILABLE: the daemon is stopping");
}

TEST_F(DnsResolverTest, OptionsThatCannotWorkAreNamed) {
  const PrivateFolder folder;
  folder.Write("broken", "this is no key\n");
  DnsResolverOptions missing, broken;
  missing.dns.trust_anchor_file = (folder.path() / "none").string();
  broken.dns.trust_anchor_file = (folder.path() / "broken").string();
  EXPECT_EQ(DnsResolver::Create(clock_.get(), missing).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(DnsResolver::Create(clock_.get(), broken).status().ToString(),
              AllOf(StartsWith("INVALID_ARGUMENT: trust_anchor_file: "),
                    HasSubstr("holds no DS or DNSKEY records")));
  DnsResolverOptions lost;
  lost.dns.use_resolv_conf = true;
  lost.dns.resolv_conf = (folder.path() / "none").string();
  EXPECT_EQ(DnsResolver::Create(clock_.get(), lost).status().code(), absl::StatusCode::kNotFound);
}

TEST(DnsServer, IsReadInEverySpelling) {
  struct Case {
    const char* text;
    const char* server;  // "": refused.
  };
  for (const Case& c :
       {Case{"192.0.2.53", "192.0.2.53@53"}, Case{"127.0.0.1:5353", "127.0.0.1@5353"},
        Case{"2001:db8::53", "2001:db8::53@53"}, Case{"[2001:db8::53]", "2001:db8::53@53"},
        Case{"[::1]:5353", "::1@5353"}, Case{"", ""}, Case{"dns.example", ""},
        Case{"127.0.0.1:", ""}, Case{"127.0.0.1:0", ""}, Case{"127.0.0.1:65536", ""},
        Case{"[::1", ""}, Case{"[::1]53", ""}, Case{"::1]:53", ""}, Case{"[]:53", ""}}) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(ParseDnsServer(c.text).value_or(""), c.server);
  }
}

}  // namespace
}  // namespace crescendo::smtp
