// egress_ip.h: an address we send from, and the pools such addresses form.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/domain/ids.h"

namespace crescendo {

// Records carry a revision: 0 before they are stored, then 1, 2, … with each change. It is what an
// etag says; a write names the revision it was made from (ABORTED if another came first).

struct EgressIp {
  EgressIpId id;
  std::string address;    // A literal IPv4 or IPv6 address of this host.
  std::string ehlo_name;  // A host name; forward and reverse DNS of `address` should agree on it.
  absl::Time create_time;
  int64_t revision = 0;
};

// A set of egress IPs that share the queue of the campaigns sent through it.
struct Pool {
  PoolId id;
  std::vector<EgressIpId> egress_ips;  // An IP belongs to one pool at most.
  // SPILL: what is over the caps of this pool leaves by that one, in that one's caps. "": HOLD, it
  // waits. Pools do not overflow in a circle, and mail goes no further than to the next pool.
  PoolId overflow;
  absl::Time create_time;
  int64_t revision = 0;
};

// One egress IP to one provider: the unit of warm-up, rate and reputation.
struct Lane {
  EgressIpId egress_ip;
  ProviderId provider;
  friend bool operator==(const Lane&, const Lane&) = default;
  friend bool operator<(const Lane& a, const Lane& b) {
    return a.egress_ip == b.egress_ip ? a.provider < b.provider : a.egress_ip < b.egress_ip;
  }
  template <class H>
  friend H AbslHashValue(H h, const Lane& lane) {
    return H::combine(std::move(h), lane.egress_ip, lane.provider);
  }
};

// What must survive a restart of a lane (L2: no burst after it). Kept when it changes.
struct LaneRecord {
  Lane lane;
  bool paused = false;                              // By an operator.
  std::string pause_reason;                         // Why, and who. "" if not paused.
  absl::Time stopped_until = absl::InfinitePast();  // By the throttle.
  bool blocked = false;                             // Stopped for reputation rather than for rate.
  std::string stop_reason;                          // The reply that caused it.
  int stop_count = 0;        // Stops in a row without a full recovery: each doubles the wait.
  double rate_per_hour = 0;  // The throttle's cut rate. 0: not cut.
  int connection_limit = 0;  // The throttle's cut limit. 0: not cut.
  absl::Time last_raise_time = absl::InfinitePast();
  friend bool operator==(const LaneRecord&, const LaneRecord&) = default;
};

}  // namespace crescendo
