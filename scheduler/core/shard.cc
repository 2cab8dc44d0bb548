#include "scheduler/core/shard.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/core/ramp.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {

Shard::Impl::Impl(const ProviderCatalog& providers, const ReplyClassifier& classifier,
                  const Options& options, const ports::TlsPolicies& tls)
    : catalog_(providers),
      classifier_(classifier),
      options_(options),
      tls_(tls),
      random_(options.seed) {
  for (const Provider& provider : catalog_.providers()) {
    provider_by_id_[provider.id.text()] = static_cast<ProviderIndex>(providers_.size());
    providers_.push_back({provider, {}});
  }
}

std::vector<Effect> Shard::Impl::Step(const base::Moment& now, absl::Span<const Letter> letters) {
  Take(now, letters);
  wake_ = absl::InfiniteFuture();
  FillQueues();
  AskForMx();
  // Also how a plan day ends depends on who waits.
  if (!loading_.has_value()) {
    TurnDays();
    Release();
    RefreshMx();
    CloseIdle();
  }
  return std::exchange(effects_, {});
}

void Shard::Impl::Take(const base::Moment& now, absl::Span<const Letter> letters) {
  // Lanes sleep until a time of day, but buckets run by the steady clock: after a jump all look
  // again.
  const absl::Duration jump = (now.wall - now_.wall) - (now.steady - now_.steady);
  now_ = now;
  if (absl::AbsDuration(jump) > absl::Seconds(1)) WakeAll();
  for (const Letter& letter : letters) {
    std::visit([this](const auto& content) { On(content); }, letter);
  }
}

// --- Lanes that sleep
// ------------------------------------------------------------------------------------

void Shard::Impl::Wake(LaneBook& lane) {
  look_at_[static_cast<size_t>(lane.ip)] = absl::InfinitePast();
  if (std::exchange(lane.awake, true)) return;
  ips_[lane.ip].awake.push_back(lane.provider);
}

void Shard::Impl::WakeProvider(ProviderIndex provider) {
  for (IpState& ip : ips_) {
    if (provider < static_cast<int>(ip.lanes.size()) && ip.lanes[provider] != nullptr) {
      Wake(*ip.lanes[provider]);
    }
  }
}

void Shard::Impl::WakeIp(IpState& ip) {
  look_at_[static_cast<size_t>(ip.index)] = absl::InfinitePast();
  days_due_ = absl::InfinitePast();
  for (auto& lane : ip.lanes) {
    if (lane != nullptr) Wake(*lane);
  }
}

void Shard::Impl::WakeAll() {
  for (IpState& ip : ips_) WakeIp(ip);
}

// --- Records
// -----------------------------------------------------------------------------------------

IpState* Shard::Impl::FindIp(const EgressIpId& id) {
  for (IpState& ip : ips_) {
    if (ip.ip.id == id) return &ip;
  }
  return nullptr;
}

const IpState* Shard::Impl::FindIp(const EgressIpId& id) const {
  return const_cast<Impl*>(this)->FindIp(id);
}

LaneBook& Shard::Impl::LaneOf(IpState& ip, ProviderIndex provider) {
  if (static_cast<int>(ip.lanes.size()) <= provider) ip.lanes.resize(provider + 1);
  std::unique_ptr<LaneBook>& lane = ip.lanes[provider];
  if (lane == nullptr) {
    lane = std::make_unique<LaneBook>();
    lane->lane = {ip.ip.id, providers_[provider].provider.id};
    lane->ip = ip.index;
    lane->provider = provider;
    Wake(*lane);
  }
  return *lane;
}

LedgerRow& Shard::Impl::RowOf(LaneBook& lane, absl::CivilDay day) {
  ips_[lane.ip].used.reset();
  ips_[lane.ip].claimed.reset();
  LedgerRow& row = lane.ledger[day];
  row.lane = lane.lane;
  row.day = day;
  return row;
}

const Plan* Shard::Impl::PlanOf(const IpState& ip) const {
  const auto found = plans_.find(ip.plan);
  return found == plans_.end() ? nullptr : &found->second;
}

void Shard::Impl::On(const EgressIp& ip) {
  WakeAll();
  if (IpState* known = FindIp(ip.id)) {
    // A new address or EHLO name holds for new connections: close the old ones.
    if (known->ip.address != ip.address || known->ip.ehlo_name != ip.ehlo_name) {
      for (auto& [id, connection] : connections_) {
        if (connection.lane->lane.egress_ip == ip.id) CloseConnection(connection);
      }
    }
    known->ip = ip;
    return;
  }
  IpState& added = ips_.emplace_back();
  added.ip = ip;
  added.index = static_cast<int>(look_at_.size());
  look_at_.push_back(absl::InfinitePast());
  for (size_t i = 0; i < pools_.size(); ++i) {
    const auto& members = pools_[i].pool.egress_ips;
    if (std::find(members.begin(), members.end(), ip.id) != members.end()) {
      added.pool = static_cast<int>(i);
    }
  }
  for (const auto& [id, plan] : plans_) {
    if (plan.egress_ip == ip.id) On(Plan(plan));
  }
}

void Shard::Impl::On(const Plan& plan) {
  plans_[plan.id.text()] = plan;
  TellFloors();
  IpState* ip = FindIp(plan.egress_ip);
  if (ip == nullptr) return;
  WakeIp(*ip);
  ip->plan = plan.id.text();
  ip->evidence = true;  // A pause that an operator's change overtook is decided again.
  const absl::StatusOr<absl::TimeZone> zone = base::LoadZone(plan.time_zone);
  CRESCENDO_CHECK(zone.ok());
  ip->zone = *zone;
  // An edit while the day is open: the new window holds from now on; so do the new caps, see
  // TurnDay.
  if (DayIsOpen(*ip)) SetWindow(*ip, plan);
}

void Shard::Impl::On(const PlanDeleted& deleted) {
  const auto found = plans_.find(deleted.plan.text());
  if (found == plans_.end()) return;
  if (IpState* ip = FindIp(found->second.egress_ip)) {
    ip->plan.clear();
    ip->day.reset();
    WakeIp(*ip);
  }
  plans_.erase(found);
}

void Shard::Impl::On(const Complaint& complaint) {
  LedgerRow row;
  row.lane = complaint.lane;
  row.day = complaint.day;
  IpState* ip = FindIp(complaint.lane.egress_ip);
  if (ip == nullptr) return;
  const auto provider = provider_by_id_.find(complaint.lane.provider.text());
  if (provider != provider_by_id_.end()) {
    const auto& ledger = LaneOf(*ip, provider->second).ledger;
    if (const auto known = ledger.find(complaint.day); known != ledger.end()) row = known->second;
  }
  ++row.complaints;
  On(row);
  NewEvidence(*ip);
}

void Shard::Impl::On(const PlanDay& day) {
  IpState* ip = FindIp(day.egress_ip);
  if (ip == nullptr) return;
  WakeIp(*ip);
  ip->day = day;
  ip->evidence = true;
  LoadSlots(*ip);
  if (const Plan* plan = PlanOf(*ip); plan != nullptr && DayIsOpen(*ip)) SetWindow(*ip, *plan);
}

void Shard::Impl::On(const Campaign& campaign) {
  WakeAll();
  CampaignStatus& known = campaigns_[campaign.key];
  const bool pool_changed = known.campaign.pool != campaign.pool && !known.campaign.pool.empty();
  known.campaign = campaign;
  weighted_ = std::any_of(campaigns_.begin(), campaigns_.end(),
                          [](const auto& one) { return one.second.campaign.weight > 0; });
  known.sending_domain = campaign.sending_domain();
  const int old_pool = known.pool;
  known.pool = -1;
  for (size_t i = 0; i < pools_.size(); ++i) {
    if (pools_[i].pool.id == campaign.pool) known.pool = static_cast<int>(i);
  }
  if (pool_changed && old_pool >= 0 && old_pool != known.pool) {
    // Its recipients move to the queues of the new pool.
    for (ProviderIndex p = 0; p < static_cast<int>(pools_[old_pool].queues.size()); ++p) {
      if (pools_[old_pool].queues[p] == nullptr) continue;
      RecipientQueue rest = NewQueue();
      auto& target = pools_[known.pool].queues;
      if (static_cast<int>(target.size()) <= p) target.resize(p + 1);
      if (target[p] == nullptr) target[p] = std::make_unique<RecipientQueue>(NewQueue());
      pools_[old_pool].queues[p]->Clear(
          [&](absl::Time not_before, const RecipientQueue::Ranked& ranked) {
            RecipientQueue& to = ranked.campaign == campaign.key ? *target[p] : rest;
            if (not_before == absl::InfinitePast()) {
              to.Add(ranked.campaign, ranked.candidate);
            } else {
              to.AddLater(not_before, ranked.campaign, ranked.candidate);
            }
          });
      *pools_[old_pool].queues[p] = std::move(rest);
    }
  }
  if (campaign.state != CampaignState::kSending) {
    for (IpState& ip : ips_) {
      for (auto& lane : ip.lanes) {
        if (lane != nullptr) Revoke(*lane, /*all=*/false);
      }
    }
  }
  if (campaign.state == CampaignState::kCancelled) {
    for (PoolState& pool : pools_) {
      for (auto& queue : pool.queues) {
        if (queue != nullptr) queue->Drop(campaign.key);
      }
    }
    for (IpState& ip : ips_) {
      for (auto& lane : ip.lanes) {
        if (lane != nullptr) lane->pinned.Drop(campaign.key);
      }
    }
  }
}

void Shard::Impl::On(const LaneRecord& record) {
  IpState* ip = FindIp(record.lane.egress_ip);
  if (ip == nullptr) return;
  const auto provider = provider_by_id_.find(record.lane.provider.text());
  ProviderIndex index;
  if (provider != provider_by_id_.end()) {
    index = provider->second;
  } else {
    // A lane of an MX set of its own (ProviderOf), seen before a restart.
    index = static_cast<ProviderIndex>(providers_.size());
    Provider own = catalog_.fallback();
    own.id = record.lane.provider;
    own.display_name = record.lane.provider.text();
    provider_by_id_[own.id.text()] = index;
    providers_.push_back({std::move(own), {}});
  }
  LaneBook& lane = LaneOf(*ip, index);
  Wake(lane);
  lane.paused = record.paused;
  lane.pause_reason = record.pause_reason;
  if (lane.paused) Revoke(lane, /*all=*/true);
  // The throttle is the shard's own: only a restart brings it back from a record. One that ever
  // moved is newer than any record.
  if (lane.throttle.state() == Throttle::State()) {
    lane.throttle =
        Throttle({record.stopped_until, record.stop_reason, record.blocked, record.stop_count,
                  record.rate_per_hour, record.connection_limit, record.last_raise_time});
  }
}

void Shard::Impl::On(const LedgerRow& row) {
  IpState* ip = FindIp(row.lane.egress_ip);
  if (ip == nullptr) return;
  LaneRecord record;
  record.lane = row.lane;
  if (!provider_by_id_.contains(row.lane.provider.text())) On(record);
  LaneBook& lane = LaneOf(*ip, provider_by_id_.at(row.lane.provider.text()));
  RowOf(lane, row.day) = row;
  Wake(lane);
}

void Shard::Impl::On(const ClaimAnswer& answer) {
  const auto found = claims_.find(answer.claim);
  CRESCENDO_CHECK(found != claims_.end());
  OpenClaim claim = std::move(found->second);
  claims_.erase(found);
  LaneBook& lane = *claim.lane;
  Wake(lane);
  ips_[lane.ip].engaged.insert(lane.provider);
  lane.claims_pending -= static_cast<int>(claim.flights.size());
  absl::flat_hash_map<DeliveryId, const ports::ClaimedDelivery*> got;
  if (answer.claimed.ok()) {
    for (const ports::ClaimedDelivery& delivery : *answer.claimed) got[delivery.id] = &delivery;
  }
  for (Flight& flight : claim.flights) {
    const auto delivery = got.find(flight.ranked.candidate.id);
    if (delivery != got.end()) {
      flight.claimed = *delivery->second;
      if (flight.refusal.empty()) {
        lane.ready.push_back(std::move(flight));
      } else {
        SettleRefused(lane, flight);
      }
      continue;
    }
    // Not claimed: the slot was never taken. Either the store took nothing, or this one has ended.
    --RowOf(lane, flight.day).claimed;
    if (flight.refusal.empty()) NoVerdict(lane, flight.ranked.campaign);
    if (!answer.claimed.ok() && !IsCancelled(flight.ranked.campaign)) {
      Requeue(flight, absl::InfinitePast(), flight.tried.pinned_ip);
    } else {
      tried_.erase(flight.ranked.candidate.id);
    }
  }
  Dispatch(lane);
}

void Shard::Impl::On(const ports::TransportEvent& event) {
  const auto found = connections_.find(event.connection);
  if (found == connections_.end()) return;
  Wake(*found->second.lane);
  switch (event.kind) {
    case ports::TransportEvent::Kind::kOpened:
      OnOpened(found->second, event);
      break;
    case ports::TransportEvent::Kind::kSent:
      OnSent(found->second, event);
      break;
    case ports::TransportEvent::Kind::kClosed:
      OnClosed(found->second, event);
      break;
  }
}

Event Shard::Impl::NewEvent(EventType type, const LaneBook* lane) const {
  Event event;
  event.time = now_.wall;
  event.type = type;
  if (lane != nullptr) {
    event.egress_ip = lane->lane.egress_ip;
    event.provider = lane->lane.provider;
  }
  return event;
}

void Shard::Impl::SaveLane(LaneBook& lane, EventType type, std::string text) {
  Event event = NewEvent(type, &lane);
  event.text = std::move(text);
  Emit(ports::PutLane{RecordOf(lane), {std::move(event)}});
}

// --- The face
// ------------------------------------------------------------------------------------------

Shard::Shard(const ProviderCatalog& providers, const ReplyClassifier& classifier,
             const Options& options, const ports::TlsPolicies& tls)
    : impl_(std::make_unique<Impl>(providers, classifier, options, tls)) {}
Shard::~Shard() = default;

void Shard::Take(const base::Moment& now, absl::Span<const Letter> letters) {
  impl_->Take(now, letters);
}
std::vector<Effect> Shard::Step(const base::Moment& now, absl::Span<const Letter> letters) {
  return impl_->Step(now, letters);
}

absl::Time Shard::next_wake() const { return impl_->wake_; }

const EgressIp* Shard::FindEgressIp(const EgressIpId& id) const {
  const IpState* ip = impl_->FindIp(id);
  return ip == nullptr ? nullptr : &ip->ip;
}

const Pool* Shard::FindPool(const PoolId& id) const {
  for (const PoolState& pool : impl_->pools_) {
    if (pool.pool.id == id) return &pool.pool;
  }
  return nullptr;
}

const Plan* Shard::FindPlan(const PlanId& id) const {
  const auto found = impl_->plans_.find(id.text());
  return found == impl_->plans_.end() ? nullptr : &found->second;
}

const Campaign* Shard::FindCampaign(const CampaignId& id) const {
  for (const auto& [key, campaign] : impl_->campaigns_) {
    if (campaign.campaign.id == id) return &campaign.campaign;
  }
  return nullptr;
}

const Campaign* Shard::FindCampaign(CampaignKey key) const {
  const auto found = impl_->campaigns_.find(key);
  return found == impl_->campaigns_.end() ? nullptr : &found->second.campaign;
}

const Plan* Shard::FindPlanOf(const EgressIpId& id) const {
  const IpState* ip = impl_->FindIp(id);
  return ip == nullptr ? nullptr : impl_->PlanOf(*ip);
}

const Pool* Shard::FindPoolOf(const EgressIpId& id) const {
  const IpState* ip = impl_->FindIp(id);
  return ip == nullptr || ip->pool < 0 ? nullptr : &impl_->pools_[ip->pool].pool;
}

namespace {

template <class T>
std::vector<T> SortedById(std::vector<T> values) {
  std::sort(values.begin(), values.end(), [](const T& a, const T& b) { return a.id < b.id; });
  return values;
}

}  // namespace

std::vector<EgressIp> Shard::EgressIps() const {
  std::vector<EgressIp> all;
  for (const IpState& ip : impl_->ips_) all.push_back(ip.ip);
  return SortedById(std::move(all));
}

std::vector<Pool> Shard::Pools() const {
  std::vector<Pool> all;
  for (const PoolState& pool : impl_->pools_) all.push_back(pool.pool);
  return SortedById(std::move(all));
}

std::vector<Plan> Shard::Plans() const {
  std::vector<Plan> all;
  for (const auto& [id, plan] : impl_->plans_) all.push_back(plan);
  return all;
}

std::vector<Campaign> Shard::Campaigns() const {
  std::vector<Campaign> all;
  for (const auto& [key, campaign] : impl_->campaigns_) all.push_back(campaign.campaign);
  return SortedById(std::move(all));
}

std::optional<PlanStatus> Shard::StatusOf(const PlanId& id) const {
  const Plan* plan = FindPlan(id);
  if (plan == nullptr) return std::nullopt;
  return impl_->StatusOf(*plan);
}

std::vector<LaneStatus> Shard::LanesOf(const EgressIpId& id) const {
  const IpState* ip = impl_->FindIp(id);
  return ip == nullptr ? std::vector<LaneStatus>() : impl_->LanesOf(*ip);
}

std::optional<LaneStatus> Shard::StatusOf(const Lane& lane) const {
  IpState* ip = impl_->FindIp(lane.egress_ip);
  const auto provider = impl_->provider_by_id_.find(lane.provider.text());
  if (ip == nullptr || provider == impl_->provider_by_id_.end()) return std::nullopt;
  const LaneBook& book = impl_->LaneOf(*ip, provider->second);
  return impl_->StatusOf(*ip, book, impl_->SharesOf(*ip));
}

int Shard::in_flight() const {
  int count = 0;
  for (const auto& [id, connection] : impl_->connections_) count += connection.flight.has_value();
  for (const auto& [number, claim] : impl_->claims_)
    count += static_cast<int>(claim.flights.size());
  for (const IpState& ip : impl_->ips_) {
    for (const auto& lane : ip.lanes) {
      if (lane != nullptr) count += static_cast<int>(lane->ready.size());
    }
  }
  return count;
}

}  // namespace crescendo::core
