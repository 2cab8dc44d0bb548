// probe_target.h: from where to where a probe goes.
//
// Threads  pure functions and values, but for what Choose asks the prober.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crescendo/v1/diagnostics.pb.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/provider.h"
#include "scheduler/ports/mx_resolver.h"
#include "scheduler/ports/prober.h"

namespace crescendo::service {

// A request as it is meant.
struct ProbeTarget {
  std::string name;      // A normal domain, or a literal address.
  bool literal = false;  // It is an address: nothing is looked up.
  EgressIpId egress_ip;  // Empty: any.
  std::string mx_host;
  std::optional<std::string> mail_from;
  std::string rcpt_to;
  std::optional<TlsPolicy> tls;
  uint16_t port = 0;
  bool send_message = false;
  absl::Duration limit = absl::Minutes(1);
};
// INVALID_ARGUMENT names the field.
absl::StatusOr<ProbeTarget> ProbeTargetFrom(const v1::ProbeRequest& request);

// The hosts of a literal address: itself.
ports::MxSet LiteralHosts(const ProbeTarget& target);

// Where the probe goes: the one host, and what is known of all.
struct ProbeRoute {
  EgressIp ip;
  Provider provider;  // Its id is that of the lane.
  ports::Probe probe;
  v1::Resolution resolution;
  std::string fault;         // Why there is none to try. "": there is.
  bool fault_of_name = false;  // The request named a host that is none of them.
  std::string lane() const;  // "mta1-a/gmail"
};
// REQUIRES: `ips` is not empty and by id; those that may be used.
ProbeRoute ChooseRoute(const ProbeTarget& target, const ports::MxSet& mx,
                       const std::vector<EgressIp>& ips, const ProviderCatalog& catalog,
                       const ports::Prober& prober);

}  // namespace crescendo::service
