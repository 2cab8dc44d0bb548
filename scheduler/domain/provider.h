// provider.h: who runs the receiving MX hosts, and what is known of their limits.
//
// Facts are data with a source each (scheduler/providers/data/*.textproto).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "scheduler/domain/ids.h"

namespace crescendo {

// How a session uses STARTTLS. The weakest first, so that the stricter of two is the greater.
enum class TlsPolicy {
  kNever,
  kOpportunistic,  // When it is offered and works.
  kRequired,       // No mail without it.
  kVerified,       // And the certificate's name and chain are checked.
};
inline bool DemandsTls(TlsPolicy policy) { return policy >= TlsPolicy::kRequired; }

struct Provider {
  ProviderId id;
  std::string display_name;  // "Gmail"
  std::vector<std::string>
      mx_suffixes;  // ".google.com": lower case, starts with a dot or is a whole host name.
  int max_connections_per_ip = 10;    // At once, per lane. Range: [1, 1000].
  int messages_per_connection = 100;  // Then QUIT and reconnect. Range: [1, 100000].
  double lane_rate_per_hour = 0;      // Messages, per lane. 0: no limit of its own.
  double provider_rate_per_hour = 0;  // Messages, all our IPs together. 0: none.
  int64_t warming_daily_cap = 0;      // Messages per plan day and warming IP. 0: none.
  absl::Duration rate_limit_stop = absl::Minutes(10);  // Least wait after "rate limited".
  absl::Duration block_stop =
      absl::Hours(2);  // Least wait after a blocklist or reputation refusal.
  TlsPolicy tls = TlsPolicy::kOpportunistic;
  std::string source;  // Where the figures are from.
};

// All providers, and which of them serves a set of MX hosts.
//
// Threads  immutable after construction: safe from any thread.
class ProviderCatalog {
 public:
  // `fallback` (id "default") stands for MX sets no provider matches.
  // REQUIRES: ids are distinct; `fallback` has no suffixes.
  ProviderCatalog(std::vector<Provider> providers, Provider fallback);

  // The provider whose suffixes match *every* one of `mx_hosts` (any case, trailing dot allowed);
  // the longest suffix wins. The fallback when there is none, or `mx_hosts` is empty.
  const Provider& FindByMx(absl::Span<const std::string> mx_hosts) const;
  // The same, but for hosts of nobody known a site of its own with the fallback's limits, whose id
  // is the hosts' domain, so that it is the same after a restart: "default.example.net" for
  // mx1.example.net. REQUIRES: `mx_hosts` is not empty.
  Provider SiteOf(absl::Span<const std::string> mx_hosts) const;
  // nullptr if there is no such provider.
  const Provider* Find(const ProviderId& id) const;
  const Provider& fallback() const { return providers_.back(); }
  absl::Span<const Provider> providers() const { return providers_; }  // The fallback is last.

 private:
  std::vector<Provider> providers_;
  absl::flat_hash_map<ProviderId, size_t> by_id_;
};

}  // namespace crescendo
