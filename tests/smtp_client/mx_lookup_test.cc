// Which hosts a domain's records mean, as a table of answers; no network.
#include "smtp_client/resolve/mx_lookup.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "smtp_client/resolve/answer_cache.h"

namespace crescendo::smtp {
namespace {

using Kind = DnsAnswer::Kind;

std::string Wire(absl::string_view name) {
  std::string wire;
  if (!name.empty()) {
    for (const absl::string_view label : absl::StrSplit(name, '.')) {
      wire += static_cast<char>(label.size());
      wire.append(label.data(), label.size());
    }
  }
  return wire + '\0';
}

std::string Mx(int preference, absl::string_view name) {
  return std::string{static_cast<char>(preference >> 8), static_cast<char>(preference)} +
         Wire(name);
}

std::string Address(const std::string& text) {
  char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return std::string(bytes, 4);
  return inet_pton(AF_INET6, text.c_str(), bytes) == 1 ? std::string(bytes, 16) : text;
}

DnsAnswer Data(std::vector<std::string> records, int ttl = 300) {
  return {Kind::kData, std::move(records), absl::Seconds(ttl), ""};
}
DnsAnswer Addresses(const std::vector<std::string>& texts, int ttl = 300) {
  std::vector<std::string> records;
  for (const std::string& text : texts) records.push_back(Address(text));
  return Data(std::move(records), ttl);
}
const DnsAnswer kNoData{Kind::kNoData, {}, absl::Seconds(120), ""};
const DnsAnswer kNoName{Kind::kNoSuchName, {}, absl::Seconds(60), ""};
const DnsAnswer kServfail{Kind::kFailed, {}, absl::ZeroDuration(), "SERVFAIL"};

// By "TYPE name"; what is not there is kNoData.
using Zone = std::map<std::string, DnsAnswer>;

struct Found {
  std::string text;  // "mx1 192.0.2.1, mx1 2001:db8::1", or the status.
  absl::Duration ttl;
  int asked = 0;
};

Found Look(const Zone& zone, uint64_t seed = 1, const std::string& domain = "d.example") {
  MxLookup lookup(domain, seed);
  std::deque<DnsQuestion> questions = {lookup.Start()};
  Found found;
  while (!questions.empty()) {
    EXPECT_FALSE(lookup.result().has_value()) << "it ended with a question open";
    const DnsQuestion question = questions.front();
    questions.pop_front();
    ++found.asked;
    const char* type = question.type == RecordType::kMx  ? "MX "
                       : question.type == RecordType::kA ? "A "
                                                         : "AAAA ";
    const auto at = zone.find(type + question.name);
    for (DnsQuestion& next : lookup.Take(question, at == zone.end() ? kNoData : at->second)) {
      questions.push_back(std::move(next));
    }
  }
  if (!lookup.result().has_value()) return found;
  found.ttl = lookup.result()->ttl;
  if (!lookup.result()->mx.ok()) {
    found.text = lookup.result()->mx.status().ToString();
    return found;
  }
  found.text = absl::StrJoin(lookup.result()->mx->hosts, ", ",
                             [](std::string* out, const ports::MxHost& host) {
                               EXPECT_FALSE(host.trusted) << "nobody vouches for the DNS";
                               EXPECT_EQ(host.port, 25);
                               absl::StrAppend(out, host.name, " ", host.address);
                             });
  return found;
}

TEST(MxLookup, FindsTheHostsOrSaysWhyNot) {
  const std::string broken("\0\5\77abc", 6);
  struct Case {
    const char* name;
    Zone zone;
    const char* found;
    int ttl;
  };
  for (const Case& c : std::vector<Case>{
           {"by preference, not by place",
            {{"MX d.example",
              Data({Mx(300, "c.example"), Mx(0, "a.example"), Mx(20, "b.example")})},
             {"A a.example", Addresses({"192.0.2.1"})},
             {"A b.example", Addresses({"192.0.2.2"})},
             {"A c.example", Addresses({"192.0.2.3"})}},
            "a.example 192.0.2.1, b.example 192.0.2.2, c.example 192.0.2.3",
            300},
           {"both kinds of address",
            {{"MX d.example", Data({Mx(10, "a.example")})},
             {"A a.example", Addresses({"192.0.2.1"}, 200)},
             {"AAAA a.example", Addresses({"2001:db8::1"}, 100)}},
            "a.example 2001:db8::1, a.example 192.0.2.1",
            100},
           {"names in lower case",
            {{"MX d.example", Data({Mx(10, "MX.Example")})},
             {"A mx.example", Addresses({"192.0.2.1"})}},
            "mx.example 192.0.2.1",
            300},
           {"a host listed twice",
            {{"MX d.example", Data({Mx(10, "a.example"), Mx(20, "a.example")})},
             {"A a.example", Addresses({"192.0.2.1"})}},
            "a.example 192.0.2.1",
            300},
           {"no MX: the domain itself",
            {{"A d.example", Addresses({"192.0.2.9"})}, {"AAAA d.example", kNoData}},
            "d.example 192.0.2.9",
            120},
           {"no MX, IPv6 only",
            {{"AAAA d.example", Addresses({"2001:db8::9"}, 90)}},
            "d.example 2001:db8::9",
            90},
           {"nothing at all", {}, "NOT_FOUND: d.example has no MX, A or AAAA record", 120},
           {"no such domain",
            {{"MX d.example", kNoName}},
            "NOT_FOUND: d.example does not exist (NXDOMAIN)",
            60},
           {"null MX",
            {{"MX d.example", Data({Mx(0, "")}, 40)}},
            "NOT_FOUND: d.example says that it takes no mail (null MX, RFC 7505)",
            40},
           {"null MX beside a host counts for nothing",
            {{"MX d.example", Data({Mx(0, ""), Mx(10, "a.example")})},
             {"A a.example", Addresses({"192.0.2.1"})}},
            "a.example 192.0.2.1",
            300},
           {"null MX keeps the address of the domain out of it",
            {{"MX d.example", Data({Mx(0, "")})}, {"A d.example", Addresses({"192.0.2.9"})}},
            "NOT_FOUND: d.example says that it takes no mail (null MX, RFC 7505)",
            300},
           {"MX fails",
            {{"MX d.example", kServfail}},
            "UNAVAILABLE: SERVFAIL, asked for MX of d.example",
            0},
           {"no host has an address",
            {{"MX d.example", Data({Mx(1, "a.example"), Mx(2, "b.example")})},
             {"A a.example", kNoName},
             {"AAAA a.example", kNoName}},
            "NOT_FOUND: no MX host of d.example has an address: a.example, b.example",
            60},
           {"a host's address fails: there may be one",
            {{"MX d.example", Data({Mx(1, "a.example")})}, {"A a.example", kServfail}},
            "UNAVAILABLE: SERVFAIL, asked for A of a.example",
            0},
           {"one host's address fails, the other is there: old soon",
            {{"MX d.example", Data({Mx(1, "a.example"), Mx(2, "b.example")})},
             {"A a.example", kServfail},
             {"A b.example", Addresses({"192.0.2.2"})}},
            "b.example 192.0.2.2",
            0},
           {"broken and odd records are no hosts",
            {{"MX d.example", Data({broken, "", "\1", Mx(5, "a b.example"), Mx(5, "-a.example"),
                                    Mx(9, "ok.example"), Mx(1, "x.example") + "more"})},
             {"A ok.example", Addresses({"192.0.2.1", "short"})}},
            "ok.example 192.0.2.1",
            300},
           {"nothing but broken records",
            {{"MX d.example", Data({broken})}},
            "NOT_FOUND: no MX record of d.example names a host",
            300},
       }) {
    SCOPED_TRACE(c.name);
    const Found found = Look(c.zone);
    EXPECT_EQ(found.text, c.found);
    EXPECT_EQ(found.ttl, absl::Seconds(c.ttl));
  }
}

TEST(MxLookup, TellsPreferencesAndWhetherAllWasSigned) {
  using Dnssec = ports::MxSet::Dnssec;
  for (const bool addresses_signed : {true, false}) {
    MxLookup lookup("a.example", 1);
    DnsAnswer mx = Data({Mx(20, "m2.example"), Mx(10, "m1.example")});
    mx.secure = true;
    for (const DnsQuestion& question : lookup.Take(lookup.Start(), mx)) {
      DnsAnswer answer = question.type == RecordType::kA ? Addresses({"192.0.2.1"}) : kNoData;
      answer.secure = addresses_signed || question.name == "m1.example";
      lookup.Take(question, answer);
    }
    const ports::MxSet& set = *lookup.result()->mx;
    EXPECT_EQ(set.dnssec, addresses_signed ? Dnssec::kSecure : Dnssec::kInsecure);
    ASSERT_EQ(set.hosts.size(), 2u);
    EXPECT_EQ(set.hosts[0].preference, 10);
    EXPECT_EQ(set.hosts[1].preference, 20);
  }
  MxLookup implicit("a.example", 1);
  for (const DnsQuestion& question : implicit.Take(implicit.Start(), kNoData)) {
    implicit.Take(question, Addresses({"192.0.2.1"}));
  }
  EXPECT_EQ(implicit.result()->mx->hosts[0].preference, -1) << "it has no MX record";
}

TEST(MxLookup, ShufflesEqualsBySeedAndDomainAlone) {
  Zone zone;
  std::vector<std::string> records;
  for (int i = 1; i <= 6; ++i) {
    const std::string name = absl::StrCat("m", i, ".example");
    records.push_back(Mx(i == 6 ? 20 : 10, name));
    zone["A " + name] = Addresses({absl::StrCat("192.0.2.", i)});
  }
  zone["MX d.example"] = Data(records);
  Zone turned = zone;
  std::reverse(records.begin(), records.end());
  turned["MX d.example"] = Data(records);
  std::set<std::string> orders;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::string order = Look(zone, seed).text;
    EXPECT_EQ(Look(zone, seed).text, order);
    EXPECT_EQ(Look(turned, seed).text, order) << "the server's order has no say";
    EXPECT_THAT(order, ::testing::EndsWith(", m6.example 192.0.2.6")) << "less preferred, so last";
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 10u);
}

TEST(MxLookup, AsksAndKeepsNoMoreThanItsBounds) {
  Zone zone;
  std::vector<std::string> records;
  for (int i = 0; i < 500; ++i) {
    const std::string name = absl::StrCat("m", i, ".example");
    records.push_back(Mx(i, name));
    std::vector<std::string> four, six;
    for (int j = 0; j < 50; ++j) {
      four.push_back(absl::StrCat("192.0.2.", j));
      six.push_back(absl::StrCat("2001:db8::", j));
    }
    zone["A " + name] = Addresses(four);
    zone["AAAA " + name] = Addresses(six);
  }
  zone["MX d.example"] = Data(records);
  const Found found = Look(zone);
  EXPECT_EQ(found.asked, 1 + 2 * static_cast<int>(MxLookup::kMostHosts));
  const std::vector<std::string> hosts = absl::StrSplit(found.text, ", ");
  EXPECT_EQ(hosts.size(), 2 * MxLookup::kMostHosts * MxLookup::kMostAddresses);
  EXPECT_THAT(hosts.back(), ::testing::StartsWith("m19.example "));
}

TEST(AnswerCache, KeepsWhatIsYoungAndUsedWithinItsCapacity) {
  AnswerCache cache(100);
  const auto entry = [](absl::Duration expires) {
    return AnswerCache::Entry{ports::MxSet{}, expires};
  };
  cache.Put("used", entry(absl::Hours(1)));
  cache.Put("short", entry(absl::Minutes(1)));
  EXPECT_NE(cache.Find("short", absl::Seconds(59)), nullptr);
  EXPECT_EQ(cache.Find("short", absl::Minutes(1)), nullptr);
  EXPECT_EQ(cache.size(), 1u) << "what is too old is gone";
  for (int i = 0; i < 1000; ++i) {
    cache.Put(absl::StrCat("d", i), entry(absl::Hours(1)));
    ASSERT_LE(cache.size(), 100u);
    ASSERT_NE(cache.Find("used", absl::Minutes(2)), nullptr) << i;
  }
  EXPECT_NE(cache.Find("d999", absl::Minutes(2)), nullptr);
  EXPECT_EQ(cache.Find("d1", absl::Minutes(2)), nullptr);
}

TEST(MxSet, SiteKeyNamesEachHostOnce) {
  const ports::MxSet set{
      {{"b.example", "192.0.2.2"}, {"a.example", "2001:db8::1"}, {"a.example", "192.0.2.1"}}};
  EXPECT_EQ(set.SiteKey(), "a.example b.example");
}

}  // namespace
}  // namespace crescendo::smtp
