// shard_impl.h: the shard's state and the parts of its step. Internal to core/shard*.cc:
//   shard.cc          letters in, records, the order of a step
//   shard_load.cc     the queue after a start
//   shard_mail.cc     recipients: MX answers, queues, suppression
//   shard_days.cc     plan days: open, close, edits, and what guardrails stop
//   shard_caps.cc     what a plan day allows: caps, slots used, shares
//   shard_pool.cc     which IPs take from which queue, and who of it
//   shard_release.cc  who leaves next, and on which connection
//   shard_outcome.cc  what a reply does
//   shard_tls.cc      which connection and host has the TLS that a mail needs
//   shard_status.cc   what is shown
//   shard_snapshot.cc what a forecast starts from, and all reasons of a wait
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "scheduler/base/random.h"
#include "scheduler/core/arrivals.h"
#include "scheduler/core/queue_load.h"
#include "scheduler/core/ramp.h"
#include "scheduler/core/shard.h"
#include "scheduler/core/shard_state.h"

namespace crescendo::core {

class Shard::Impl {
 public:
  Impl(const ProviderCatalog& providers, const ReplyClassifier& classifier, const Options& options,
       const ports::TlsPolicies& tls);

  void Take(const base::Moment& now, absl::Span<const Letter> letters);
  std::vector<Effect> Step(const base::Moment& now, absl::Span<const Letter> letters);

  // --- shard.cc: records -------------------------------------------------------------------------
  void On(const EgressIp& ip);
  void On(const Pool& pool);
  void On(const Plan& plan);
  void On(const PlanDay& day);
  void On(const Campaign& campaign);
  void On(const LaneRecord& record);
  void On(const LedgerRow& row);
  void On(const NewDomain& domain);
  void On(const std::vector<QueuedDelivery>& queued);
  void On(const std::vector<Rescored>& rescored);
  void On(const MxAnswer& answer);
  void On(const ClaimAnswer& answer);
  void On(const ports::TransportEvent& event);
  void On(const StoreHealth& health) {
    store_accepting_ = health.accepting;
    WakeAll();
  }
  void On(const SuppressedAddress& suppressed);
  void On(const Ended& ended);
  void On(const QueueLoading& loading);
  void On(const PlanDeleted& deleted);
  void On(const Complaint& complaint);
  void On(const Drain&) {
    draining_ = true;
    WakeAll();
  }

  // The lane, or lanes, may have something to do: see LaneBook::awake.
  void Wake(LaneBook& lane);
  void WakeProvider(ProviderIndex provider);  // Of every IP.
  void WakeIp(IpState& ip);
  void WakeAll();

  IpState* FindIp(const EgressIpId& id);
  const IpState* FindIp(const EgressIpId& id) const;
  LaneBook& LaneOf(IpState& ip, ProviderIndex provider);
  // To be changed: made if there is none yet.
  LedgerRow& RowOf(LaneBook& lane, absl::CivilDay day);
  const Plan* PlanOf(const IpState& ip) const;
  const CampaignStatus& CampaignOf(CampaignKey key) const { return campaigns_.at(key); }
  bool IsCancelled(CampaignKey key) const {
    return CampaignOf(key).campaign.state == CampaignState::kCancelled;
  }
  Event NewEvent(EventType type, const LaneBook* lane) const;
  void SaveLane(LaneBook& lane, EventType type, std::string text);
  void Emit(ports::Write write) { effects_.push_back(Save{std::move(write), 0}); }

  // --- shard_load.cc
  // -------------------------------------------------------------------------------
  void Load(const QueuedDelivery& delivery);
  // Once all is read: puts it into the queues, a part of it in each step.
  void FillQueues();
  Wait LoadBlocking() const;

  // --- shard_mail.cc: recipients
  // -------------------------------------------------------------------
  void Enqueue(const QueuedDelivery& delivery);
  void EnqueueAt(const DomainState& domain, const DomainState::Waiting& waiting);
  DomainState& DomainOf(DomainKey key);
  // False: it is in no queue.
  bool RescoreQueued(const Rescored& rescored);
  // And wakes the lanes that take from it.
  RecipientQueue& QueueOf(int pool, ProviderIndex provider);
  void Requeue(const Flight& flight, absl::Time not_before, const EgressIpId& pinned_ip);
  // Of a cancelled campaign, in the store. REQUIRES: it is not claimed there any more.
  void EndCancelled(DeliveryId id);
  void AskForMx();
  ProviderIndex ProviderOf(const ports::MxSet& mx);
  void BounceWaiting(DomainState& domain);
  void Bounce(const DomainState& domain, CampaignKey campaign, DeliveryId delivery,
              absl::string_view fault);
  // Its lifetime is over without an attempt: nobody could be reached since `since`.
  bool Overdue(CampaignKey campaign, DeliveryId delivery, absl::Time since) const;
  void Expire(CampaignKey campaign, DeliveryId delivery, absl::string_view fault);
  void EndExpired(CampaignKey campaign, DeliveryId delivery, std::string text,
                  std::optional<ReplyCategory> category);
  void ExpireWaiting(DomainState& domain);
  HostIndex HostOf(const ports::MxHost& host);
  void RefreshMx();

  // --- shard_days.cc
  // -------------------------------------------------------------------------------
  void TurnDays();
  void TurnDueDays();
  void TurnDay(IpState& ip);
  void CloseOpenDay(IpState& ip, const Plan& plan);
  // An edit that waited for today is in force.
  void TakeNextShape(IpState& ip, const Plan& plan);
  void EditOpenDay(IpState& ip, const Plan& plan);
  // The plan's state follows what its newest day decided. False: the ramp does not go on.
  bool FollowDay(IpState& ip);
  // `acted_day`: see Plan.acted_day.
  void MovePlan(IpState& ip, PlanState state, absl::CivilDay acted_day, EventType type,
                const std::string& reason);
  // To be judged in this step.
  void NewEvidence(IpState& ip) {
    ip.evidence = true;
    days_due_ = absl::InfinitePast();
  }
  // Pauses what the evidence of an open day need not wait for.
  void GuardToday(IpState& ip);
  // By a guardrail. REQUIRES: the IP has a plan and a day.
  void PauseLane(LaneBook& lane, const std::string& why);
  DayFacts FactsOf(const IpState& ip) const;
  std::vector<Evidence> EvidenceOfDay(const IpState& ip) const;
  void CountSlot(IpState& ip);
  void LoadSlots(IpState& ip);
  void SaveDay(IpState& ip, EventType type, std::string text);
  void SetWindow(IpState& ip, const Plan& plan);

  // --- shard_caps.cc
  // -------------------------------------------------------------------------------
  absl::CivilDay DayOf(const IpState& ip) const;
  bool Warming(const IpState& ip) const;  // Paced, with providers' caps.
  bool Capped(const IpState& ip) const;   // Warming, or graduated with bounded growth.
  bool DayIsOpen(const IpState& ip) const {
    return ip.day.has_value() && ip.day->decision == DayDecision::kOpen;
  }
  int64_t Used(const LaneBook& lane, absl::CivilDay day) const;
  int64_t Used(const IpState& ip) const;
  int64_t Claimed(const IpState& ip) const;  // In flight, of whatever day.
  // Of the lane on its plan day, from plan and provider; none: no cap of its own.
  std::optional<int64_t> ProviderCapOf(const IpState& ip, ProviderIndex provider) const;
  // Stopped for the rest of its day: its share goes to others.
  bool StoppedToday(const IpState& ip, const LaneBook& lane) const;
  // Messages of the day's cap that fall to each lane by the mix of the list; by provider.
  std::vector<int64_t> SharesOf(const IpState& ip) const;

  // --- shard_pool.cc
  // -------------------------------------------------------------------------------
  // What a lane takes from: the queue of its pool, and those that spill into it.
  struct Source {
    RecipientQueue* queue;
    int pool;
    Reach reach;
  };
  using Sources = absl::InlinedVector<Source, 2>;
  // Does `ip` take from the queues of `pool`, its own or one that overflows into its own?
  bool Serves(const IpState& ip, int pool) const;
  Sources SourcesOf(const IpState& ip, ProviderIndex provider) const;
  // Before somebody is taken from them.
  void Prepare(const Sources& sources, ProviderIndex provider) const;
  int64_t DemandOf(const IpState& ip, const LaneBook& lane) const;
  // The same, and those that a floor does not let through yet.
  int64_t QueuedFor(const IpState& ip, const LaneBook& lane) const;
  // Pinned recipients whose IP has left go where they belong now.
  void Rehouse();
  RecipientQueue NewQueue() const;  // Knows the floors.
  void TellFloors();
  EngagedDay TodayUtc() const { return EngagedDayOf(now_.wall); }
  void KeepForWarming();
  void AddKept(const IpState& ip, std::vector<Kept>* kept) const;
  // Brings the queue's reserve to what is kept there now.
  void Reserve(const PoolState& pool, ProviderIndex provider, RecipientQueue& queue) const;
  // For longer than a moment?
  bool Flows(CampaignKey key, ProviderIndex provider) const;
  CampaignKey GroupOf(CampaignKey key) const;
  std::vector<Contender> ContendersOf(const IpState& ip, const LaneBook& lane,
                                      const Sources& sources) const;
  int64_t TakenByOthers(int pool, ProviderIndex provider) const;
  void CountTaken(const IpState& ip, const LaneBook& lane, CampaignKey campaign);
  bool SunHasSet(CampaignKey campaign, const Candidate& candidate) const;

  // --- shard_release.cc
  // ----------------------------------------------------------------------------
  struct Pick {
    RecipientQueue* queue = nullptr;
    RecipientQueue::Ranked ranked;
    SiteIndex site = 0;
    Contender turn;  // Whose it is, if any campaign has a weight.
  };
  void Release();
  void ReleaseIp(IpState& ip);
  void TendEngaged(IpState& ip);
  void Sleep(IpState& ip, LaneBook& lane, absl::Time until);
  // Told each reason, in the order in which they count; false: no more of them.
  using Visit = absl::FunctionRef<bool(Wait)>;
  // What stops the whole IP, also what is claimed already. False when `visit` said so, or when
  // what else there is cannot be known before that ends; as below.
  bool VisitIpStops(const IpState& ip, Visit visit) const;
  Wait IpStopping(const IpState& ip) const;
  bool VisitIpWaits(const IpState& ip, Visit visit) const;  // The stops too.
  Wait IpBlocking(const IpState& ip) const;
  // May nothing of the lane be started, not even what is claimed?
  bool Stopped(const LaneBook& lane) const;
  // All but the IP's own reasons, the queue and the connections.
  bool VisitLaneWaits(const IpState& ip, const LaneBook& lane, int64_t share, Visit visit) const;
  // All but the IP's own reasons and the connections.
  // `pick`, if not null, is set when nothing blocks.
  Wait LaneBlocking(const IpState& ip, const LaneBook& lane, int64_t share,
                    std::optional<Pick>* pick = nullptr) const;
  Wait QueueBlocking(const IpState& ip, const LaneBook& lane, std::optional<Pick>* pick) const;
  // Why this campaign's recipients do not leave by the lane, though the campaign may send.
  Wait ReachBlocking(const IpState& ip, const LaneBook& lane, const Sources& sources,
                     CampaignKey key) const;
  // Under the floor of the IP's plan, until that ends. REQUIRES: it has one today.
  Wait FloorWait(const IpState& ip, std::string text) const;
  Wait CampaignBlocking(const CampaignStatus& campaign, ProviderIndex provider) const;
  // The host that `ip` may connect to now, in the site's order, or none; for `mail`, if it is not
  // null, one that is not known to refuse it its TLS. `until`, if not null, is lowered to when that
  // changes.
  std::optional<size_t> UsableHost(const IpState& ip, SiteIndex site,
                                   const RecipientQueue::Ranked* mail, absl::Time* until) const;
  bool SiteUsable(const IpState& ip, SiteIndex site, absl::Time* until) const {
    return UsableHost(ip, site, nullptr, until).has_value();
  }
  // Every host that an IP which serves the pool could connect to is one that mail never goes to.
  bool SiteForbidden(int pool, SiteIndex site) const;
  // Since when none of the hosts that such an IP can reach is up. InfiniteFuture: one is.
  absl::Time SiteDownSince(int pool, SiteIndex site) const;
  // What may not leave by this lane goes where it belongs: it bounces or expires, or another lane
  // has it now. Or no host gives it the TLS it needs, and it is deferred.
  bool Divert(IpState& ip, LaneBook& lane, const Pick& pick);
  std::optional<Pick> BestFor(const IpState& ip, const LaneBook& lane,
                              const Sources& sources) const;
  std::optional<Pick> BestOf(const IpState& ip, const LaneBook& lane, const Sources& sources,
                             absl::FunctionRef<bool(CampaignKey)> open) const;
  bool TryClaim(IpState& ip, LaneBook& lane, const Pick& pick);
  // `refusal`: see Flight.
  void TakeSlot(IpState& ip, LaneBook& lane, const Pick& pick, std::string refusal = "");
  void TakeTokens(IpState& ip, LaneBook& lane, const Pick& pick);  // Of every rate.
  void FlushClaims();
  void Dispatch(LaneBook& lane);
  void Revoke(LaneBook& lane, bool all);
  void ReleaseFlights(LaneBook& lane, std::vector<Flight> flights);
  bool EnsureConnection(LaneBook& lane, SiteIndex site, const RecipientQueue::Ranked& mail);
  // The weakest that has what `mail` needs, so that the others are left to those that need more.
  ConnectionState* IdleConnection(LaneBook& lane, const Flight& flight);
  int ConnectionLimit(const LaneBook& lane) const;
  void CloseIdle();
  void SetIdle(ConnectionState& connection);
  void Trim(LaneBook& lane);
  void CloseConnection(ConnectionState& connection);
  void UpdateRates(const IpState& ip, LaneBook& lane);

  // --- shard_tls.cc
  // -----------------------------------------------------------------------------------------------
  ports::TlsNeed NeedOf(const RecipientQueue::Ranked& mail, ProviderIndex provider,
                        const ports::MxHost& host) const;
  // Open or opening, to the site of `mail`.
  bool Suits(const ConnectionState& connection, SiteIndex site,
             const RecipientQueue::Ranked& mail) const;
  // Why the host does not give what is needed, as far as is known now; null if it may.
  const TlsFault* RefusalOf(const HostState& host, const ports::TlsNeed& need) const;
  // Of all hosts of the site that are up; "" if one may give it, or none is up.
  std::string RefusalOf(const IpState& ip, SiteIndex site,
                        const RecipientQueue::Ranked& mail) const;
  // How to ask for the TLS that `mail` needs.
  void AskForTls(const RecipientQueue::Ranked& mail, ConnectionState* connection,
                 ports::OpenConnection* open) const;
  void LearnTls(ConnectionState& connection, const ports::TransportEvent& opened);
  void TlsFailed(const ConnectionState& connection, const ports::TransportEvent& closed);

  // --- shard_outcome.cc
  // ----------------------------------------------------------------------------
  void OnOpened(ConnectionState& connection, const ports::TransportEvent& event);
  void OnSent(ConnectionState& connection, const ports::TransportEvent& event);
  void OnClosed(ConnectionState& connection, const ports::TransportEvent& event);
  void SettleReply(ConnectionState& connection, const Flight& flight, const Reply& reply);
  // Without a try.
  void SettleRefused(LaneBook& lane, const Flight& flight);
  void SettleInDoubt(ConnectionState& connection, const Flight& flight, const std::string& detail);
  void SettleLost(ConnectionState& connection, const Flight& flight, const std::string& detail,
                  bool local_failure);
  ports::Settle NewSettle(const LaneBook& lane, const Flight& flight);
  // `least`: the wait that the reply itself asked for.
  void Retry(LaneBook& lane, const Flight& flight, ports::Settle settle, ReplyCategory category,
             absl::Duration least);
  void Finish(LaneBook& lane, CampaignKey campaign, ports::Settle settle, EventType type);
  void React(LaneBook& lane, const Classification& meaning, const Reply& reply,
             CampaignKey campaign);
  // The attempt of a canary ended and said nothing about the throttle.
  void NoVerdict(LaneBook& lane, CampaignKey campaign);
  void ReactAtLane(LaneBook& lane, const Classification& meaning, const Reply& reply);
  void HoldSendingDomain(LaneBook& lane, const Classification& meaning, const Reply& reply,
                         CampaignKey campaign);
  void CountContent(LaneBook& lane, CampaignKey campaign, bool refused, const std::string& text);
  void Accepted(LaneBook& lane, CampaignKey campaign);
  void HostFailed(HostIndex host, const std::string& fault);
  void HostWorks(const ConnectionState& connection);
  void Alert(const LaneBook& lane, const Classification& meaning, const Reply& reply,
             CampaignKey campaign);

  // --- shard_status.cc
  // -----------------------------------------------------------------------------
  LaneRecord RecordOf(const LaneBook& lane) const;
  LaneStatus StatusOf(const IpState& ip, const LaneBook& lane,
                      absl::Span<const int64_t> shares) const;
  PlanStatus StatusOf(const Plan& plan) const;
  std::vector<LaneStatus> LanesOf(const IpState& ip) const;
  Wait WaitOf(const IpState& ip, const LaneBook& lane, absl::Span<const int64_t> shares) const;

  // --- shard_snapshot.cc
  // ---------------------------------------------------------------------------
  Snapshot Records() const;
  bool SampleQueues(int64_t looks, Snapshot* snapshot) const;
  std::vector<Wait> WaitsOf(const IpState& ip) const;
  std::vector<Wait> WaitsOf(const IpState& ip, const LaneBook& lane) const;
  std::vector<Wait> WaitsOf(const CampaignStatus& campaign, ProviderIndex provider) const;
  Wait WaitOf(const IpState& ip, EngagedDay engaged) const;
  QueuePlace PlaceOf(CampaignKey campaign, absl::string_view domain, DeliveryId delivery) const;

  void WakeAt(absl::Time time) {
    if (time > now_.wall) wake_ = std::min(wake_, time);
  }
  void WakeAfter(absl::Duration steady) { WakeAt(now_.wall + (steady - now_.steady)); }

  const ProviderCatalog& catalog_;
  const ReplyClassifier& classifier_;
  const Options options_;
  const ports::TlsPolicies& tls_;
  base::Random random_;

  base::Moment now_;
  absl::Time wake_ = absl::InfiniteFuture();
  std::vector<Effect> effects_;
  bool store_accepting_ = true;
  bool draining_ = false;
  struct Loading {
    QueueLoading progress;
    QueueLoad queue;
    absl::flat_hash_map<DeliveryId, Rescored> rescored;  // Since they were read, perhaps.
  };
  std::optional<Loading> loading_;  // Until the queues have all of it.

  std::deque<ProviderState> providers_;
  absl::flat_hash_map<std::string, ProviderIndex> provider_by_id_;
  std::deque<SiteState> sites_;
  absl::flat_hash_map<std::string, SiteIndex> site_by_key_;
  std::deque<HostState> hosts_;
  Arrivals arrivals_;
  absl::flat_hash_map<std::string, HostIndex> host_by_key_;
  std::deque<DomainState> domains_;  // By key, which the store gives without large gaps.
  std::vector<DomainKey> to_ask_;
  mutable std::vector<DomainKey> stale_;  // Met, and known for long: perhaps more than once.
  absl::btree_set<std::pair<absl::Time, DomainKey>> ask_later_;

  std::deque<IpState> ips_;
  // By IP: nothing is to be done there before. InfinitePast: a lane was woken.
  std::vector<absl::Time> look_at_;
  absl::Time days_due_ = absl::InfinitePast();  // No plan day turns before.
  std::deque<PoolState> pools_;
  std::vector<int> floors_;  // Of all plans, ascending: see RecipientQueue.
  bool weighted_ = false;    // Some campaign has a weight.
  absl::btree_map<std::string, Plan> plans_;
  std::map<CampaignKey, CampaignStatus> campaigns_;
  std::map<std::string, SendingDomain> sending_domains_;
  absl::flat_hash_map<DeliveryId, Tried> tried_;

  std::map<ConnectionId, ConnectionState> connections_;  // Whose addresses lanes keep.
  absl::Time close_idle_at_ = absl::InfiniteFuture();    // No idle connection is old before.
  std::vector<ProviderIndex> engaged_;                   // Of TendEngaged, kept for its memory.
  bool starved_ = false;  // A lane got no connection because of options_.max_connections.
  int64_t last_connection_ = 0;
  int64_t last_claim_ = 0;
  // Claims that await their commit.
  struct OpenClaim {
    LaneBook* lane;
    std::vector<Flight> flights;
  };
  std::map<int64_t, OpenClaim> claims_;
  // Of this step, not yet written: by lane.
  std::vector<std::pair<LaneBook*, std::vector<Flight>>> new_claims_;
};

}  // namespace crescendo::core
