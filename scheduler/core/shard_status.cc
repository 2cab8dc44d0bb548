// Snapshots: built from the very functions that decide, so what is shown is what holds.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {

Wait Shard::Impl::WaitOf(const IpState& ip, const LaneBook& lane,
                         absl::Span<const int64_t> shares) const {
  const Wait ip_wait = IpBlocking(ip);
  const bool unusable = ip.pool < 0 || (Capped(ip) && !DayIsOpen(ip));
  // Reasons that only a person or another day can end come before those that pass by themselves.
  if (unusable || ip_wait.reason == Reason::kDraining) return ip_wait;
  if (ip_wait.reason == Reason::kLoading && !lane.paused) return ip_wait;
  const int64_t share = lane.provider < static_cast<int>(shares.size()) ? shares[lane.provider] : 0;
  const Wait lane_wait = LaneBlocking(ip, lane, share);
  const bool nobody =
      lane_wait.reason == Reason::kNoRecipients || lane_wait.reason == Reason::kRetryTime;
  if (lane.paused || nobody) {
    if (lane_wait.reason == Reason::kNoRecipients &&
        (lane.claims_pending > 0 || !lane.ready.empty())) {
      return {Reason::kInFlight, absl::InfiniteFuture(), ""};
    }
    return lane_wait;
  }
  const Reason reason = ip_wait.reason;
  if (reason != Reason::kNone && reason != Reason::kIpPacing) return ip_wait;
  if (lane_wait.reason != Reason::kNone) return lane_wait;
  if (reason == Reason::kIpPacing) return ip_wait;
  int opening = 0, busy = 0;
  for (const ConnectionState* connection : lane.connections) {
    opening += connection->state == ConnectionState::State::kOpening;
    busy += connection->state == ConnectionState::State::kBusy;
  }
  if (opening > 0) return {Reason::kConnecting, absl::InfiniteFuture(), ""};
  if (busy > 0 && busy >= ConnectionLimit(lane)) {
    return {Reason::kConnectionLimit, absl::InfiniteFuture(), absl::StrCat(busy, " in use")};
  }
  if (busy > 0) return {Reason::kInFlight, absl::InfiniteFuture(), ""};
  return {};
}

LaneRecord Shard::Impl::RecordOf(const LaneBook& lane) const {
  const Throttle::State& throttle = lane.throttle.state();
  return {lane.lane,
          lane.paused,
          lane.pause_reason,
          throttle.stopped_until,
          throttle.blocked,
          throttle.stop_reason,
          throttle.stop_count,
          throttle.rate_per_hour,
          throttle.connection_limit,
          throttle.last_raise_time};
}

LaneStatus Shard::Impl::StatusOf(const IpState& ip, const LaneBook& lane,
                                 absl::Span<const int64_t> shares) const {
  LaneStatus status;
  status.lane = lane.lane;
  const absl::CivilDay day = DayOf(ip);
  status.today.lane = lane.lane;
  status.today.day = day;
  if (const auto row = lane.ledger.find(day); row != lane.ledger.end()) status.today = row->second;
  if (Capped(ip) && ip.day.has_value()) status.ip_cap = ip.day->cap;
  status.ip_used = Used(ip);
  status.provider_cap = ProviderCapOf(ip, lane.provider);
  if (ip.day.has_value()) {
    for (const ProviderDay& own : ip.day->providers) {
      if (own.provider == lane.lane.provider) status.own_ramp = own;
    }
  }
  status.queued = QueuedFor(ip, lane);
  status.retrying = lane.pinned.waiting();
  for (const Source& source : SourcesOf(ip, lane.provider)) {
    status.retrying += source.queue->waiting();
  }
  for (const auto& [row_day, row] : lane.ledger) status.in_flight += static_cast<int>(row.claimed);
  status.connections = static_cast<int>(lane.connections.size());
  status.connection_limit = ConnectionLimit(lane);
  status.tls = lane.tls;
  status.rate_per_hour = lane.bucket.rate_per_hour();
  status.wait =
      ip.pool < 0 ? Wait{Reason::kNotInPool, absl::InfiniteFuture(), ""} : WaitOf(ip, lane, shares);
  status.record = RecordOf(lane);
  const Plan* plan = PlanOf(ip);
  status.state = Warming(ip) ? LaneState::kWarming : LaneState::kSteady;
  if (plan != nullptr && plan->state == PlanState::kDraft) status.state = LaneState::kNotStarted;
  if (now_.wall < status.record.stopped_until) status.state = LaneState::kHeld;
  if (lane.paused || (plan != nullptr &&
                      (plan->state == PlanState::kPaused || plan->state == PlanState::kAborted))) {
    status.state = LaneState::kPaused;
  }
  return status;
}

std::vector<LaneStatus> Shard::Impl::LanesOf(const IpState& ip) const {
  std::vector<LaneStatus> lanes;
  const std::vector<int64_t> shares = SharesOf(ip);
  const absl::CivilDay day = DayOf(ip);
  for (const auto& lane : ip.lanes) {
    if (lane == nullptr) continue;
    const auto row = lane->ledger.find(day);
    const bool used =
        row != lane->ledger.end() && (row->second.used() > 0 || row->second.deferred > 0);
    const Throttle::State& throttle = lane->throttle.state();
    // Of how many recipients wait for which lane, nothing is known while they are loaded.
    if (used || loading_.has_value() || QueuedFor(ip, *lane) > 0 || lane->paused ||
        !lane->connections.empty() || throttle.stop_count > 0 || throttle.connection_limit > 0) {
      lanes.push_back(StatusOf(ip, *lane, shares));
    }
  }
  std::sort(lanes.begin(), lanes.end(),
            [](const LaneStatus& a, const LaneStatus& b) { return a.lane < b.lane; });
  return lanes;
}

PlanStatus Shard::Impl::StatusOf(const Plan& plan) const {
  PlanStatus status;
  status.plan = plan;
  const IpState* ip = FindIp(plan.egress_ip);
  if (ip == nullptr) return status;
  status.lanes = LanesOf(*ip);
  status.wait = IpBlocking(*ip);
  status.today_total.lane.egress_ip = plan.egress_ip;
  if (!ip->day.has_value()) return status;
  status.today = ip->day;
  status.day_start = base::StartOf(ip->day->day, ip->zone);
  status.day_end = base::EndOf(ip->day->day, ip->zone);
  LedgerRow& total = status.today_total;
  total.day = ip->day->day;
  for (const auto& lane : ip->lanes) {
    if (lane == nullptr) continue;
    const auto row = lane->ledger.find(ip->day->day);
    if (row == lane->ledger.end()) continue;
    total += row->second;
  }
  if (DayIsOpen(*ip)) {
    status.would_decide = CloseDay(plan, *ip->day, FactsOf(*ip));
    status.projected_end = ProjectedEnd(plan, *ip->day);
  }
  return status;
}

}  // namespace crescendo::core
