// mx_lookup.h: how one domain's receiving hosts are found, as a state machine without a network.
//
// MX, then A and AAAA of each host; without an MX record, of the domain itself. Who owns the domain
// decides how much there is to ask and to keep, so both have bounds.
//
// Threads  one at a time.
// See      RFC 5321 §5.1, RFC 7505 (null MX).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/base/random.h"
#include "scheduler/ports/mx_resolver.h"

namespace crescendo::smtp {

enum class RecordType { kA = 1, kMx = 15, kAaaa = 28 };

struct DnsQuestion {
  std::string name;  // Lower case, no trailing dot.
  RecordType type = RecordType::kMx;
  friend bool operator==(const DnsQuestion&, const DnsQuestion&) = default;
};

struct DnsAnswer {
  enum class Kind { kData, kNoData, kNoSuchName, kFailed };
  Kind kind = Kind::kFailed;
  std::vector<std::string> records;  // kData: RDATA as on the wire, not compressed.
  absl::Duration ttl;                // Not kFailed.
  std::string fault;                 // kFailed, for people: "SERVFAIL".
  bool secure = false;               // Signed and validated (DNSSEC).
};

class MxLookup {
 public:
  static constexpr size_t kMostHosts = 20;
  static constexpr size_t kMostAddresses = 8;  // Of one host, IPv4 and IPv6 each.

  // The order among equals depends on `seed` and `domain` alone.
  MxLookup(std::string domain, uint64_t seed);

  // The first question.
  DnsQuestion Start() const { return {domain_, RecordType::kMx}; }
  // The answer to a question that was asked; returns what else is to be asked. REQUIRES: !result().
  std::vector<DnsQuestion> Take(const DnsQuestion& question, const DnsAnswer& answer);

  struct Result {
    absl::StatusOr<ports::MxSet> mx;  // NOT_FOUND and UNAVAILABLE as in ports/mx_resolver.h.
    absl::Duration ttl;               // Least of the answers it rests on. UNAVAILABLE: zero.
  };
  // Set once every question is answered.
  const std::optional<Result>& result() const { return result_; }

 private:
  struct Host {
    std::string name;
    int preference;
    std::vector<std::string> four, six;  // Literal addresses.
  };

  std::vector<DnsQuestion> TakeMx(const DnsAnswer& answer);
  // Preference and name of the records in the order to try; "" stands for the root.
  std::vector<std::pair<int, std::string>> InOrder(const std::vector<std::string>& records);
  std::vector<DnsQuestion> AskForAddresses();
  void Conclude();
  void End(absl::Status status, absl::Duration ttl) { result_ = {std::move(status), ttl}; }
  template <class T>
  void Shuffle(T first, T last);

  const std::string domain_;
  base::Random random_;
  std::vector<Host> hosts_;
  bool has_mx_ = false;
  bool secure_ = true;  // All answers so far.
  size_t pending_ = 0;  // Addresses asked for.
  std::string fault_;   // Of the first that failed.
  absl::Duration ttl_ = absl::InfiniteDuration();
  absl::Duration negative_ttl_ = absl::InfiniteDuration();
  std::optional<Result> result_;
};

}  // namespace crescendo::smtp
