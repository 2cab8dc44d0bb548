// static_routes.h: where mail goes, by a table instead of the DNS. For relays, tests and sandboxes.
//
// Its hosts are `trusted`: the operator named them, so they may be private or on loopback.
//
// Threads  immutable after construction: safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "scheduler/ports/mx_resolver.h"

namespace crescendo::smtp {

// The words of proto/crescendo/config/v1/routes.proto.
struct RouteTable {
  struct Domain {
    std::string domain;           // Lower case, or "*": every domain that is not listed.
    std::vector<std::string> mx;  // In order of preference. Empty: it takes no mail (RFC 7505).
  };
  std::vector<ports::MxHost> hosts;  // The name "*" stands for every host that is not listed.
  std::vector<Domain> domains;
};

class StaticRoutes final : public ports::MxResolver {
 public:
  // INVALID_ARGUMENT names the entry: listed twice, an address that is not literal, port 0, or an
  // MX that has no host entry.
  static absl::StatusOr<StaticRoutes> Create(const RouteTable& table);

  // Answers before it returns. NOT_FOUND for a domain that takes no mail; FAILED_PRECONDITION for
  // one that is not in the table: it may be added.
  void Resolve(absl::string_view domain,
               absl::AnyInvocable<void(absl::StatusOr<ports::MxSet>)> done) override;

 private:
  absl::flat_hash_map<std::string, ports::MxSet> domains_;
};

}  // namespace crescendo::smtp
