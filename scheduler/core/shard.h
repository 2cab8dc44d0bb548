// shard.h: the whole scheduler as one function of state, time and letters (STYLE §2).
//
// Letters say what changed: a record that is durable, recipients that were imported, an MX answer,
// a committed claim, a transport event. Effects say what to do: writes, connections, messages. The
// engine carries them out in their order. Every write of one Step belongs before the next Step's.
//
//   candidate ─claim─▶ in commit ─ClaimAnswer─▶ ready ─▶ on a connection ─kSent─▶ settled
//       ▲                                         │ pause, stop, drain
//       └────────────────── release ◀─────────────┘
//
// TLS      connections are shared, so each mail is weighed against each of them (tls_policy.h): it
// leaves over one that has the TLS it needs, and one is opened for the mail whose turn it is. What
// no host is known to give is claimed and deferred with that reason, as if the host had refused it,
// but without an attempt at any pace or throttle; so it is tried again and expires like all the
// rest.
//
// Errors   none: what cannot go on waits, with a reason (wait.h). Impossible letters end the
// process. Threads  one owner: the engine's. See      DESIGN §2 for the laws named in the code.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "scheduler/base/clock.h"
#include "scheduler/core/options.h"
#include "scheduler/core/reply_classifier.h"
#include "scheduler/core/snapshot.h"
#include "scheduler/core/status.h"
#include "scheduler/domain/provider.h"
#include "scheduler/ports/mx_resolver.h"
#include "scheduler/ports/store.h"
#include "scheduler/ports/tls_policy.h"
#include "scheduler/ports/transport.h"

namespace crescendo::core {

// A recipient domain the store has numbered.
struct NewDomain {
  DomainKey key;
  std::string name;
};
struct MxAnswer {
  DomainKey domain;
  absl::StatusOr<ports::MxSet> mx;  // Errors as in ports/mx_resolver.h.
};
// A claim of this number is durable, or was refused (nothing of it happened).
struct ClaimAnswer {
  int64_t claim = 0;
  absl::StatusOr<std::vector<ports::ClaimedDelivery>> claimed;
};
// Whether the store takes new work; false while the disk is full.
struct StoreHealth {
  bool accepting = true;
};
// What of it waits finds its end at its next claim.
struct SuppressedAddress {
  std::string address;
};
// The queue of the store is being read, page by page: nothing leaves before all of it is here, for
// the best one may come last (L5). Recipients imported meanwhile are no part of it.
struct QueueLoading {
  int64_t loaded = 0, total = 0;  // About: what ends meanwhile is not loaded.
  bool done = false;              // That was the last page.
};
// Deliveries that ended outside the shard, of a campaign that is cancelled.
struct Ended {
  std::vector<DeliveryId> deliveries;
};
struct PlanDeleted {
  PlanId plan;
};
// A recipient complained, and the ledger of that day counts it (ports::CountComplaint).
struct Complaint {
  Lane lane;
  absl::CivilDay day;
};
// Start nothing new any more.
struct Drain {};

using Letter = std::variant<EgressIp, Pool, Plan, PlanDay, Campaign, LaneRecord, LedgerRow,
                            NewDomain, std::vector<QueuedDelivery>, std::vector<Rescored>, MxAnswer,
                            ClaimAnswer, ports::TransportEvent, StoreHealth, SuppressedAddress,
                            Ended, QueueLoading, PlanDeleted, Complaint, Drain>;

// A write; `claim` is not 0 for a Claim, and comes back in its ClaimAnswer.
struct Save {
  ports::Write write;
  int64_t claim = 0;
};
struct Send {
  ConnectionId connection;
  ports::ClaimedDelivery delivery;
  absl::Time date;  // Of the first attempt: the message's Date.
};
struct Close {
  ConnectionId connection;
};
struct Resolve {
  DomainKey domain;
  std::string name;
};
using Effect = std::variant<Save, ports::OpenConnection, Send, Close, Resolve>;

class Shard {
 public:
  // All but `options` outlive the shard.
  Shard(const ProviderCatalog& providers, const ReplyClassifier& classifier, const Options& options,
        const ports::TlsPolicies& tls = ports::StrictestTls());
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Learns what the letters say and decides nothing. What follows from them is in the effects of
  // the next Step.
  void Take(const base::Moment& now, absl::Span<const Letter> letters);
  // `now` never goes back in its steady part.
  std::vector<Effect> Step(const base::Moment& now, absl::Span<const Letter> letters);

  // Step again at this time, if no letter comes before. InfiniteFuture: only a letter helps.
  absl::Time next_wake() const;

  // Snapshots as of the last Step.
  const EgressIp* FindEgressIp(const EgressIpId& id) const;  // nullptr if there is none, as below.
  const Pool* FindPool(const PoolId& id) const;
  const Plan* FindPlan(const PlanId& id) const;
  const Campaign* FindCampaign(const CampaignId& id) const;
  const Campaign* FindCampaign(CampaignKey key) const;
  const Plan* FindPlanOf(const EgressIpId& ip) const;
  const Pool* FindPoolOf(const EgressIpId& ip) const;
  std::vector<EgressIp> EgressIps() const;  // By id, as below.
  std::vector<Pool> Pools() const;
  std::vector<Plan> Plans() const;
  std::vector<Campaign> Campaigns() const;
  std::optional<PlanStatus> StatusOf(const PlanId& plan) const;
  // Every lane of `ip` that has recipients, a record or a ledger of today.
  std::vector<LaneStatus> LanesOf(const EgressIpId& ip) const;
  std::optional<LaneStatus> StatusOf(const Lane& lane) const;

  // What a forecast starts from. Quick: of the queue it has the counts. The samples follow, a part
  // of them with each SampleQueues, which looks at about `looks` recipients; true: that was all.
  Snapshot Records() const;
  bool SampleQueues(int64_t looks, Snapshot* snapshot) const;
  // All that stands in the way now, the reason that the status shows first. Empty: nothing does.
  std::vector<Wait> WaitsOf(const EgressIpId& ip) const;
  std::vector<Wait> WaitsOf(const Lane& lane) const;
  // Of a campaign at a provider, beside the lanes.
  std::vector<Wait> WaitsOf(CampaignKey campaign, const ProviderId& provider) const;
  // Of a recipient that was last engaged on that day, by this IP: the plan's floor, if it is that.
  Wait WaitOf(const EgressIpId& ip, EngagedDay engaged) const;
  QueuePlace PlaceOf(CampaignKey campaign, absl::string_view domain, DeliveryId delivery) const;

  // Messages handed to connections, and claims, that have not ended.
  int in_flight() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace crescendo::core
