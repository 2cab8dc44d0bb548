#include "smtp_client/resolve/mx_lookup.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "scheduler/domain/plan.h"

namespace crescendo::smtp {
namespace {

// FNV-1a: the same on every machine.
uint64_t HashOf(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3u;
  return hash;
}

absl::string_view TypeName(RecordType type) {
  switch (type) {
    case RecordType::kA:
      return "A";
    case RecordType::kMx:
      return "MX";
    case RecordType::kAaaa:
      return "AAAA";
  }
  return "";
}

// "" for the root; none if it is no host's name.
std::optional<std::string> NameIn(absl::string_view wire) {
  std::string name;
  while (!wire.empty() && wire[0] != 0) {
    const size_t length = static_cast<unsigned char>(wire[0]);
    if (length > 63 || wire.size() < length + 1) return std::nullopt;
    if (!name.empty()) name += '.';
    const absl::string_view label = wire.substr(1, length);
    if (label.find('.') != absl::string_view::npos) return std::nullopt;
    name.append(label.data(), label.size());
    wire.remove_prefix(length + 1);
  }
  if (wire.size() != 1) return std::nullopt;
  absl::AsciiStrToLower(&name);
  if (!name.empty() && !HostNameFault(name).empty()) return std::nullopt;
  return name;
}

std::string AddressIn(const std::string& record, int family, size_t size) {
  char text[INET6_ADDRSTRLEN];
  if (record.size() != size || inet_ntop(family, record.data(), text, sizeof(text)) == nullptr) {
    return "";
  }
  return text;
}

}  // namespace

MxLookup::MxLookup(std::string domain, uint64_t seed)
    : domain_(std::move(domain)), random_(seed ^ HashOf(domain_)) {}

template <class T>
void MxLookup::Shuffle(T first, T last) {
  for (auto left = last - first; left > 1; --left) {
    std::swap(first[left - 1],
              first[static_cast<ptrdiff_t>(random_.Below(static_cast<uint64_t>(left)))]);
  }
}

std::vector<DnsQuestion> MxLookup::Take(const DnsQuestion& question, const DnsAnswer& answer) {
  secure_ = secure_ && answer.secure;
  if (answer.kind == DnsAnswer::Kind::kFailed && fault_.empty()) {
    fault_ =
        absl::StrCat(answer.fault, ", asked for ", TypeName(question.type), " of ", question.name);
  }
  if (question.type == RecordType::kMx) return TakeMx(answer);
  const bool six = question.type == RecordType::kAaaa;
  if (answer.kind == DnsAnswer::Kind::kData) {
    ttl_ = std::min(ttl_, answer.ttl);
    for (Host& host : hosts_) {
      if (host.name != question.name) continue;
      for (const std::string& record : answer.records) {
        std::string address = six ? AddressIn(record, AF_INET6, 16) : AddressIn(record, AF_INET, 4);
        if (!address.empty()) (six ? host.six : host.four).push_back(std::move(address));
      }
    }
  } else if (answer.kind != DnsAnswer::Kind::kFailed) {
    negative_ttl_ = std::min(negative_ttl_, answer.ttl);
  }
  if (--pending_ == 0) Conclude();
  return {};
}

std::vector<DnsQuestion> MxLookup::TakeMx(const DnsAnswer& answer) {
  switch (answer.kind) {
    case DnsAnswer::Kind::kFailed:
      End(absl::UnavailableError(fault_), absl::ZeroDuration());
      return {};
    case DnsAnswer::Kind::kNoSuchName:
      End(absl::NotFoundError(absl::StrCat(domain_, " does not exist (NXDOMAIN)")), answer.ttl);
      return {};
    case DnsAnswer::Kind::kNoData:
      negative_ttl_ = answer.ttl;
      ttl_ = answer.ttl;
      hosts_.push_back({domain_, -1, {}, {}});
      return AskForAddresses();
    case DnsAnswer::Kind::kData:
      break;
  }
  has_mx_ = true;
  ttl_ = negative_ttl_ = answer.ttl;
  bool null_mx = false;
  for (auto& [preference, name] : InOrder(answer.records)) {
    if (name.empty()) {
      null_mx = true;
    } else if (hosts_.size() < kMostHosts &&
               std::none_of(hosts_.begin(), hosts_.end(),
                            [&](const Host& host) { return host.name == name; })) {
      hosts_.push_back({std::move(name), preference, {}, {}});
    }
  }
  if (!hosts_.empty()) return AskForAddresses();
  End(absl::NotFoundError(
          null_mx ? absl::StrCat(domain_, " says that it takes no mail (null MX, RFC 7505)")
                  : absl::StrCat("no MX record of ", domain_, " names a host")),
      answer.ttl);
  return {};
}

std::vector<std::pair<int, std::string>> MxLookup::InOrder(
    const std::vector<std::string>& records) {
  std::vector<std::pair<int, std::string>> hosts;
  for (const std::string& record : records) {
    if (record.size() < 3) continue;
    std::optional<std::string> name = NameIn(absl::string_view(record).substr(2));
    if (!name.has_value()) continue;
    const int preference =
        static_cast<unsigned char>(record[0]) << 8 | static_cast<unsigned char>(record[1]);
    hosts.emplace_back(preference, *std::move(name));
  }
  // A server gives the records of a set in any order: only the seed may decide.
  std::sort(hosts.begin(), hosts.end());
  for (auto first = hosts.begin(); first != hosts.end();) {
    const auto last = std::find_if(first, hosts.end(),
                                   [&](const auto& host) { return host.first != first->first; });
    Shuffle(first, last);
    first = last;
  }
  return hosts;
}

std::vector<DnsQuestion> MxLookup::AskForAddresses() {
  std::vector<DnsQuestion> questions;
  for (const Host& host : hosts_) {
    questions.push_back({host.name, RecordType::kA});
    questions.push_back({host.name, RecordType::kAaaa});
  }
  pending_ = questions.size();
  return questions;
}

void MxLookup::Conclude() {
  ports::MxSet set;
  for (Host& host : hosts_) {
    for (std::vector<std::string>* addresses : {&host.six, &host.four}) {
      std::sort(addresses->begin(), addresses->end());
      Shuffle(addresses->begin(), addresses->end());
      if (addresses->size() > kMostAddresses) addresses->resize(kMostAddresses);
      for (std::string& address : *addresses) {
        set.hosts.push_back(
            {.name = host.name, .address = std::move(address), .preference = host.preference});
      }
    }
  }
  set.dnssec = secure_ ? ports::MxSet::Dnssec::kSecure : ports::MxSet::Dnssec::kInsecure;
  if (!set.hosts.empty()) {
    // What is missing may be there soon.
    result_ = {std::move(set), fault_.empty() ? ttl_ : absl::ZeroDuration()};
    return;
  }
  if (!fault_.empty()) return End(absl::UnavailableError(fault_), absl::ZeroDuration());
  if (!has_mx_) {
    return End(absl::NotFoundError(absl::StrCat(domain_, " has no MX, A or AAAA record")),
               negative_ttl_);
  }
  const std::string names =
      absl::StrJoin(hosts_, ", ", [](std::string* out, const Host& host) { *out += host.name; });
  End(absl::NotFoundError(absl::StrCat("no MX host of ", domain_, " has an address: ", names)),
      negative_ttl_);
}

}  // namespace crescendo::smtp
