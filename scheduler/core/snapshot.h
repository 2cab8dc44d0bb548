// snapshot.h: all of a shard that its future depends on, small: what a forecast starts from.
//
// The queue is counts and samples, not rows: each sampled recipient stands for `stride` of its
// campaign at its provider, neighbours in rank. Not in it, for they end by themselves within hours:
// back-offs of hosts, holds of campaigns and sending domains, and messages in flight (their slots
// are in the ledger). Nor whose turn it is by weight: turns begin anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/core/recipient_queue.h"
#include "scheduler/domain/campaign.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/ledger.h"
#include "scheduler/domain/plan.h"
#include "scheduler/domain/provider.h"

namespace crescendo::core {

// The recipients of one campaign at one provider.
struct QueueGroup {
  CampaignKey campaign;
  PoolId pool;
  ProviderId provider;
  int64_t ready = 0;                   // May go, as far as they themselves are asked.
  int64_t waiting = 0;                 // For their retry time, which lies between these two:
  absl::Time first_retry, last_retry;  //
  std::vector<Candidate> sample;       // Of the ready ones: the 1st, the (stride + 1)th …
};

struct Snapshot {
  base::Moment now;
  bool loading = false;  // The queue was being read: counts are too low.
  std::vector<EgressIp> egress_ips;
  std::vector<Pool> pools;
  std::vector<Plan> plans;
  std::vector<PlanDay> plan_days;   // The newest of each plan.
  std::vector<Campaign> campaigns;  // Without what they say.
  std::vector<LaneRecord> lanes;
  std::vector<LedgerRow> ledger;    // Of the newest days.
  std::vector<Provider> providers;  // Also those made for MX sets that match none.
  std::vector<QueueGroup> queue;
  int64_t unrouted = 0;  // Recipients whose MX hosts are not known: in no group.
  int64_t stubborn = 0;  // Recipients that were deferred kStubborn times or more.
  static constexpr int kStubborn = 6;

  // Set before sampling. REQUIRES: stride >= 1.
  int64_t stride = 1;
  // Where sampling goes on.
  size_t sampled_groups = 0;
  RecipientQueue::Sampling sampling;

  int64_t queued() const {
    int64_t sum = 0;
    for (const QueueGroup& group : queue) sum += group.ready + group.waiting;
    return sum;
  }
};

// Where a delivery that waits stands.
struct QueuePlace {
  DomainKey domain;
  ProviderId provider;  // "": the MX hosts of its domain are not known: `fault` says why.
  PoolId pool;
  EgressIpId pinned_ip;  // Greylisted: it retries from there only. "": any of the pool.
  std::string fault;
};

}  // namespace crescendo::core
