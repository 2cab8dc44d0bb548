// Who leaves next, and on which connection.
//
// For each IP: while the IP itself may send, the lane that is furthest behind its share of the day
// takes its best recipient. A lane claims only for a connection that is there, so a slow connect
// holds no slot and a pause is in force at once; established lanes claim a little ahead.
#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {
namespace {

// Recipients looked at for one whose receiving host is up.
constexpr int kLookAhead = 256;
constexpr int kClaimsPerWrite = 500;
// Recipients that leave a lane in one step without being sent, so that a step stays short.
constexpr int kDivertedAtOnce = 1000;
// After so long it is looked again whether a lane's claims still count on its idle connections.
constexpr absl::Duration kClaimsEnd = absl::Seconds(1);
// How often an IP whose lanes have used up their shares looks whether the shares have moved.
constexpr absl::Duration kShareMoves = absl::Minutes(1);

// A literal address.
bool IsIpv6(absl::string_view address) { return absl::StrContains(address, ':'); }

// Reasons for which what has been claimed, but not handed over, goes back.
bool Revokes(Reason reason) {
  switch (reason) {
    case Reason::kThrottled:
    case Reason::kBlocked:
    case Reason::kLanePaused:
    case Reason::kPlanNotStarted:
    case Reason::kPlanPaused:
    case Reason::kPlanAborted:
    case Reason::kOutsideWindow:
    case Reason::kDraining:
    case Reason::kNotInPool:
    case Reason::kHostBackoff:
      return true;
    default:
      return false;
  }
}

Wait FirstOf(absl::FunctionRef<void(absl::FunctionRef<bool(Wait)>)> visit_all) {
  Wait first;
  visit_all([&](Wait wait) {
    first = std::move(wait);
    return false;
  });
  return first;
}

}  // namespace

void Shard::Impl::Release() {
  for (PoolState& pool : pools_) {
    for (size_t provider = 0; provider < pool.queues.size(); ++provider) {
      RecipientQueue* queue = pool.queues[provider].get();
      if (queue == nullptr || queue->NextRipe() == absl::InfiniteFuture()) continue;
      if (queue->Ripen(now_.wall)) WakeProvider(static_cast<ProviderIndex>(provider));
      WakeAt(queue->NextRipe());
    }
  }
  const bool due = std::any_of(look_at_.begin(), look_at_.end(),
                               [this](absl::Time at) { return at <= now_.wall; });
  // What is kept changes with what an IP sends, learns, or has come to the end of.
  if (due) KeepForWarming();
  for (size_t i = 0; i < look_at_.size(); ++i) {
    if (look_at_[i] <= now_.wall) {
      // What it asks for is its own, to be asked for again until then.
      const absl::Time others = std::exchange(wake_, absl::InfiniteFuture());
      look_at_[i] = absl::InfiniteFuture();
      ReleaseIp(ips_[i]);
      look_at_[i] = std::min(look_at_[i], std::exchange(wake_, others));
    }
    WakeAt(look_at_[i]);
  }
  // Woken by one that had its turn after it.
  if (std::find(look_at_.begin(), look_at_.end(), absl::InfinitePast()) != look_at_.end()) {
    WakeAfter(now_.steady + absl::Milliseconds(1));
  }
  FlushClaims();
}

void Shard::Impl::ReleaseIp(IpState& ip) {
  const Wait ip_wait = IpBlocking(ip);
  // What is claimed then goes back.
  if (Warming(ip)) WakeAt(ip.window_end);
  TendEngaged(ip);
  if (ip_wait.reason != Reason::kNone) {
    WakeAt(ip_wait.until);
    return;
  }
  for (; !ip.alarms.empty() && ip.alarms.top().time <= now_.wall; ip.alarms.pop()) {
    Wake(*ip.lanes[ip.alarms.top().provider]);
  }
  // The lane that is furthest behind its share goes first; without a plan, the least used today.
  struct Turn {
    double fill;
    ProviderIndex provider;
    bool operator>(const Turn& other) const {
      return fill != other.fill ? fill > other.fill : provider > other.provider;
    }
  };
  const std::vector<int64_t> shares = SharesOf(ip);
  const absl::CivilDay day = DayOf(ip);
  const auto turn_of = [&](ProviderIndex provider) {
    const double share = std::max<double>(static_cast<double>(shares[provider]), 1);
    return Turn{static_cast<double>(Used(*ip.lanes[provider], day) + 1) / share, provider};
  };
  std::vector<Turn> turns;
  for (const ProviderIndex provider : ip.awake) turns.push_back(turn_of(provider));
  std::priority_queue<Turn, std::vector<Turn>, std::greater<Turn>> queue({}, std::move(turns));
  int diverted = 0;
  while (!queue.empty()) {
    LaneBook& lane = *ip.lanes[queue.top().provider];
    queue.pop();
    UpdateRates(ip, lane);
    std::optional<Pick> pick;
    const Wait wait = LaneBlocking(ip, lane, shares[lane.provider], &pick);
    if (wait.reason != Reason::kNone) {
      // What other lanes and IPs use and queue moves the shares: no alarm tells of that.
      if (wait.reason == Reason::kProviderShare) {
        WakeAt(now_.wall + kShareMoves);
      } else {
        Sleep(ip, lane, wait.until);
      }
      continue;
    }
    if (Divert(ip, lane, *pick)) {
      if (++diverted < kDivertedAtOnce) {
        queue.push(turn_of(lane.provider));
      } else {
        WakeAfter(now_.steady + absl::Milliseconds(1));  // The lane stays awake.
      }
      continue;
    }
    if (!TryClaim(ip, lane, *pick)) {
      Sleep(ip, lane, absl::InfiniteFuture());  // Until something happens on a connection.
      continue;
    }
    queue.push(turn_of(lane.provider));
    if (const Wait full = IpBlocking(ip); full.reason != Reason::kNone) {
      WakeAt(full.until);
      break;
    }
  }
  std::erase_if(ip.awake, [&](ProviderIndex provider) { return !ip.lanes[provider]->awake; });
  if (!ip.alarms.empty()) WakeAt(ip.alarms.top().time);
}

void Shard::Impl::Sleep(IpState& ip, LaneBook& lane, absl::Time until) {
  lane.awake = false;
  // One that rings too early does no harm, and an import of millions adds no alarms.
  if (until == absl::InfiniteFuture() || (now_.wall < lane.alarm && lane.alarm <= until)) return;
  lane.alarm = until;
  ip.alarms.push({until, lane.provider});
}

void Shard::Impl::TendEngaged(IpState& ip) {
  engaged_.assign(ip.engaged.begin(), ip.engaged.end());
  for (const ProviderIndex provider : engaged_) {
    LaneBook& lane = *ip.lanes[provider];
    if (lane.connections.empty() && lane.ready.empty() && lane.pinned.size() == 0) {
      ip.engaged.erase(provider);
      continue;
    }
    if (lane.pinned.waiting() > 0) {
      if (lane.pinned.Ripen(now_.wall)) Wake(lane);
      WakeAt(lane.pinned.NextRipe());
    }
    Dispatch(lane);
    Trim(lane);
  }
}

bool Shard::Impl::Stopped(const LaneBook& lane) const {
  return lane.paused || Revokes(lane.throttle.Blocking(now_.wall).reason) ||
         Revokes(IpStopping(ips_[lane.ip]).reason);
}

Wait Shard::Impl::IpStopping(const IpState& ip) const {
  return FirstOf([&](Visit visit) { VisitIpStops(ip, visit); });
}

bool Shard::Impl::VisitIpStops(const IpState& ip, Visit visit) const {
  const absl::Time never = absl::InfiniteFuture();
  if (draining_ && !visit({Reason::kDraining, never, ""})) return false;
  if (ip.pool < 0 && !visit({Reason::kNotInPool, never, ""})) return false;
  const Plan* plan = PlanOf(ip);
  if (plan == nullptr) return true;
  const bool draft = plan->state == PlanState::kDraft, paused = plan->state == PlanState::kPaused;
  if (draft && !visit({Reason::kPlanNotStarted, never, ""})) return false;
  if (paused && !visit({Reason::kPlanPaused, never, plan->state_reason})) return false;
  if (plan->state == PlanState::kAborted) {
    visit({Reason::kPlanAborted, never, plan->state_reason});
    return false;
  }
  if (!Capped(ip)) return true;
  if (loading_.has_value()) {
    visit(LoadBlocking());
    return false;
  }
  if (!DayIsOpen(ip)) {
    const absl::CivilDay first = ip.day.has_value() ? ip.day->day + 1 : plan->start_date;
    // A plan that stood still opens no day in the past.
    const absl::CivilDay next =
        std::max({first, plan->start_date, base::DayOf(now_.wall, ip.zone)});
    const absl::CivilDay sends = SendingDayFrom(plan->shape, next);
    const absl::Time opens = base::StartOf(sends, ip.zone);
    // Days of a plan that is not running open once it runs.
    if ((draft || paused) && opens <= now_.wall) return false;
    if (sends == next) {
      visit({Reason::kBeforeStartDate, opens, ""});
    } else {
      visit({Reason::kOutsideWindow, opens, "a day off of the plan"});
    }
    return false;
  }
  if (!Warming(ip)) {
    // The clock was set back: today's budget is that of a day which has ended.
    const absl::Time start = base::StartOf(ip.day->day, ip.zone);
    return now_.wall >= start || visit({Reason::kBeforeStartDate, start, ""});
  }
  if (now_.wall < ip.window_start) return visit({Reason::kOutsideWindow, ip.window_start, ""});
  if (now_.wall >= ip.window_end) {
    return visit({Reason::kOutsideWindow, ip.day_end, "today's window is over"});
  }
  const absl::Time open = ip.pacer.shape().OpenFrom(now_.wall);
  return open <= now_.wall || visit({Reason::kOutsideWindow, open, "an hour without mail"});
}

Wait Shard::Impl::IpBlocking(const IpState& ip) const {
  return FirstOf([&](Visit visit) { VisitIpWaits(ip, visit); });
}

bool Shard::Impl::VisitIpWaits(const IpState& ip, Visit visit) const {
  if (!VisitIpStops(ip, visit)) return false;
  if (Capped(ip)) {
    const int64_t cap = ip.day->cap, today = Used(ip);
    if (today >= cap &&
        !visit({Reason::kIpDailyCap, ip.day_end, absl::StrCat(today, " of ", cap, " used")})) {
      return false;
    }
    if (PlanOf(ip)->rolling_day) {
      const int64_t in_flight = Claimed(ip), used = in_flight + ip.rolling.Used(now_.wall);
      if (used >= cap && !visit({Reason::kRollingDay, ip.rolling.FreeAt(now_.wall, cap - in_flight),
                                 absl::StrCat(used, " of ", cap, " used")})) {
        return false;
      }
    }
    if (Warming(ip) && today < cap && ip.pacer.NextAt() > now_.wall &&
        !visit({Reason::kIpPacing, ip.pacer.NextAt(), ""})) {
      return false;
    }
  }
  if (loading_.has_value() && !visit(LoadBlocking())) return false;
  return store_accepting_ || visit({Reason::kStoreUnavailable, absl::InfiniteFuture(), ""});
}

Wait Shard::Impl::LaneBlocking(const IpState& ip, const LaneBook& lane, int64_t share,
                               std::optional<Pick>* pick) const {
  const Wait wait = FirstOf([&](Visit visit) { VisitLaneWaits(ip, lane, share, visit); });
  return wait.reason != Reason::kNone ? wait : QueueBlocking(ip, lane, pick);
}

bool Shard::Impl::VisitLaneWaits(const IpState& ip, const LaneBook& lane, int64_t share,
                                 Visit visit) const {
  if (lane.paused && !visit({Reason::kLanePaused, absl::InfiniteFuture(), lane.pause_reason})) {
    return false;
  }
  if (Wait wait = lane.throttle.Blocking(now_.wall);
      wait.reason != Reason::kNone && !visit(std::move(wait))) {
    return false;
  }
  if (now_.wall < lane.local_backoff_until &&
      !visit({Reason::kHostBackoff, lane.local_backoff_until, lane.local_fault})) {
    return false;
  }
  if (Warming(ip) && ip.day.has_value()) {
    const int64_t used = Used(lane, ip.day->day);
    if (const auto cap = ProviderCapOf(ip, lane.provider); cap.has_value() && used >= *cap) {
      if (!visit(
              {Reason::kProviderDailyCap, ip.day_end, absl::StrCat(used, " of ", *cap, " used")})) {
        return false;
      }
    } else if (share > 0 && used >= share &&
               !visit({Reason::kProviderShare, ip.day_end,
                       absl::StrCat(used, " of ", share, " used")})) {
      return false;
    }
  }
  if (const absl::Duration at = lane.bucket.NextAt();
      at > now_.steady && !visit({Reason::kLaneRate, now_.wall + (at - now_.steady), ""})) {
    return false;
  }
  const absl::Duration at = providers_[lane.provider].bucket.NextAt();
  return at <= now_.steady || visit({Reason::kProviderRate, now_.wall + (at - now_.steady), ""});
}

Wait Shard::Impl::QueueBlocking(const IpState& ip, const LaneBook& lane,
                                std::optional<Pick>* pick) const {
  const Sources sources = SourcesOf(ip, lane.provider);
  int64_t ready = lane.pinned.ready();
  absl::Time ripe = lane.pinned.NextRipe();
  for (const Source& source : sources) {
    ready += source.queue->ready();
    ripe = std::min(ripe, source.queue->NextRipe());
  }
  if (ready == 0) {
    if (ripe != absl::InfiniteFuture()) return {Reason::kRetryTime, ripe, ""};
    return {Reason::kNoRecipients, absl::InfiniteFuture(), ""};
  }
  Prepare(sources, lane.provider);
  std::optional<Pick> best = BestFor(ip, lane, sources);
  if (best.has_value()) {
    if (pick != nullptr) *pick = best;
    return {};
  }
  // Recipients are there, and none may go: say what the first campaign with any waits for.
  Wait wait{Reason::kCampaignPaused, absl::InfiniteFuture(), ""};
  for (const auto& [key, campaign] : campaigns_) {
    int64_t own = lane.pinned.ready(key);
    for (const Source& source : sources) own += source.queue->ready(key);
    if (own == 0) continue;
    const Wait one = CampaignBlocking(campaign, lane.provider);
    if (one.reason == Reason::kNone) return ReachBlocking(ip, lane, sources, key);
    if (wait.reason == Reason::kCampaignPaused || one.until < wait.until) wait = one;
  }
  return wait;
}

Wait Shard::Impl::ReachBlocking(const IpState& ip, const LaneBook& lane, const Sources& sources,
                                CampaignKey key) const {
  int64_t too_old = 0, reserved = 0, rest = lane.pinned.ready(key);
  absl::Time reserved_until = absl::InfiniteFuture();
  for (const Source& source : sources) {
    const Reach engaged{source.reach.engaged_within, false};
    const int64_t within = source.queue->ready(key, engaged);
    too_old += source.queue->ready(key) - within;
    const int64_t beyond = source.queue->ready(key, source.reach);
    reserved += within - beyond;
    rest += beyond;
    if (within > beyond) reserved_until = pools_[source.pool].kept[lane.provider].until;
  }
  if (rest == 0 && reserved > 0) return {Reason::kReservedForWarming, reserved_until, ""};
  if (too_old > 0) {
    // Some in reach may have grown too old just now; the next look goes on from there.
    if (rest > 0) return {Reason::kNotEngagedEnough, now_.wall + absl::Milliseconds(1), ""};
    return FloorWait(ip, absl::StrCat(too_old, " were not engaged in the last ",
                                      ip.floor.within_days, " days, as far as is known"));
  }
  // It is the receiving hosts that are down.
  absl::Time until = absl::InfiniteFuture();
  for (SiteIndex site = 0; site < static_cast<int>(sites_.size()); ++site) {
    if (sites_[site].provider == lane.provider) SiteUsable(ip, site, &until);
  }
  if (until != absl::InfiniteFuture()) return {Reason::kHostBackoff, until, ""};
  // They may have one when they are asked for again.
  return {Reason::kHostBackoff, now_.wall + options_.mx_refresh,
          absl::StrCat("no host there has an ", IsIpv6(ip.ip.address) ? "IPv6" : "IPv4",
                       " address, which is all that ", ip.ip.address, " can reach")};
}

Wait Shard::Impl::FloorWait(const IpState& ip, std::string text) const {
  absl::Time until = absl::InfiniteFuture();
  if (ip.floor.through_day > 0) {
    until = base::StartOf(PlanOf(ip)->start_date + ip.floor.through_day, ip.zone);
  }
  return {Reason::kNotEngagedEnough, until, std::move(text)};
}

Wait Shard::Impl::CampaignBlocking(const CampaignStatus& campaign, ProviderIndex provider) const {
  if (campaign.campaign.state != CampaignState::kSending) {
    return {Reason::kCampaignPaused, absl::InfiniteFuture(),
            absl::StrCat(campaign.campaign.id.text(), " is ",
                         CampaignStateName(campaign.campaign.state))};
  }
  if (const auto at = campaign.at.find(provider);
      at != campaign.at.end() && now_.wall < at->second.held_until) {
    return {Reason::kCampaignHeld, at->second.held_until, at->second.fault};
  }
  const auto domain = sending_domains_.find(campaign.sending_domain);
  if (domain == sending_domains_.end()) return {};
  if (now_.wall < domain->second.held_until) {
    return {Reason::kSendingDomainHeld, domain->second.held_until, domain->second.fault};
  }
  const auto at = domain->second.at.find(provider);
  if (at == domain->second.at.end()) return {};
  if (Wait wait = at->second.throttle.Blocking(now_.wall); wait.reason != Reason::kNone) {
    if (wait.reason == Reason::kThrottled) wait.reason = Reason::kSendingDomainHeld;
    return wait;
  }
  if (const absl::Duration next = at->second.bucket.NextAt(); next > now_.steady) {
    return {Reason::kSendingDomainHeld, now_.wall + (next - now_.steady),
            "rate of the sending domain"};
  }
  return {};
}

std::optional<size_t> Shard::Impl::UsableHost(const IpState& ip, SiteIndex site,
                                              const RecipientQueue::Ranked* mail,
                                              absl::Time* until) const {
  const SiteState& state = sites_[site];
  for (size_t i = 0; i < state.hosts.size(); ++i) {
    const HostState& host = hosts_[state.hosts[i]];
    if (host.forbidden || IsIpv6(state.mx.hosts[i].address) != IsIpv6(ip.ip.address)) continue;
    if (host.backoff_until > now_.wall) {
      if (until != nullptr) *until = std::min(*until, host.backoff_until);
      continue;
    }
    // Most hosts refuse nothing, and then nobody need be asked.
    const bool refuses = std::max(host.not_encrypted.until, host.not_verified.until) > now_.wall;
    if (mail == nullptr || !refuses ||
        RefusalOf(host, NeedOf(*mail, state.provider, state.mx.hosts[i])) == nullptr) {
      return i;
    }
  }
  return std::nullopt;
}

bool Shard::Impl::SiteForbidden(int pool, SiteIndex site) const {
  const SiteState& state = sites_[site];
  bool forbidden = false;
  for (size_t i = 0; i < state.hosts.size(); ++i) {
    forbidden = forbidden || hosts_[state.hosts[i]].forbidden;
    if (hosts_[state.hosts[i]].forbidden) continue;
    const bool reachable = std::any_of(ips_.begin(), ips_.end(), [&](const IpState& ip) {
      return Serves(ip, pool) && IsIpv6(ip.ip.address) == IsIpv6(state.mx.hosts[i].address);
    });
    if (reachable) return false;
  }
  return forbidden;
}

absl::Time Shard::Impl::SiteDownSince(int pool, SiteIndex site) const {
  const SiteState& state = sites_[site];
  absl::Time since = absl::InfinitePast();  // Without a host that can be reached: always.
  for (size_t i = 0; i < state.hosts.size(); ++i) {
    const HostState& host = hosts_[state.hosts[i]];
    const bool reachable = std::any_of(ips_.begin(), ips_.end(), [&](const IpState& ip) {
      return Serves(ip, pool) && IsIpv6(ip.ip.address) == IsIpv6(state.mx.hosts[i].address);
    });
    if (reachable && !host.forbidden) since = std::max(since, host.down_since);
  }
  return since;
}

bool Shard::Impl::Divert(IpState& ip, LaneBook& lane, const Pick& pick) {
  const DomainKey key = pick.ranked.candidate.domain;
  const DomainState& domain = domains_[static_cast<size_t>(key.value())];
  const bool takes_none = domain.mx == DomainState::Mx::kNoMail;
  const bool usable = SiteUsable(ip, pick.site, nullptr);
  const bool forbidden = !usable && SiteForbidden(CampaignOf(pick.ranked.campaign).pool, pick.site);
  const bool unwanted = SunHasSet(pick.ranked.campaign, pick.ranked.candidate);
  const bool moved = sites_[pick.site].provider != lane.provider;
  if (!takes_none && usable && !moved && !unwanted) {
    std::string refusal = RefusalOf(ip, pick.site, pick.ranked);
    if (refusal.empty()) return false;
    TakeSlot(ip, lane, pick, std::move(refusal));
    return true;
  }
  const RecipientQueue::Ranked ranked = pick.ranked;
  pick.queue->Remove(ranked);
  if (takes_none) {
    Bounce(domain, ranked.campaign, ranked.candidate.id, domain.fault);
  } else if (forbidden) {
    const HostIndex host =
        *std::find_if(sites_[pick.site].hosts.begin(), sites_[pick.site].hosts.end(),
                      [&](HostIndex index) { return hosts_[index].forbidden; });
    Bounce(domain, ranked.campaign, ranked.candidate.id, hosts_[host].fault);
  } else if (unwanted) {
    EndExpired(ranked.campaign, ranked.candidate.id,
               absl::StrCat("not mailed: last engaged ", TodayUtc() - ranked.candidate.engaged_day,
                            " days ago, and the campaign's sunset is after ",
                            CampaignOf(ranked.campaign).campaign.sunset_days),
               std::nullopt);
  } else if (!moved) {
    const SiteState& site = sites_[pick.site];
    const std::string& fault = hosts_[site.hosts.front()].fault;
    Expire(ranked.campaign, ranked.candidate.id,
           absl::StrCat("no host of ", domain.name, " could be reached", fault.empty() ? "" : ": ",
                        fault));
  } else {
    EnqueueAt(domain, {ranked.campaign, ranked.candidate, absl::InfinitePast()});
    WakeAfter(now_.steady + absl::Milliseconds(1));  // That lane may have had its turn.
  }
  return true;
}

std::optional<Shard::Impl::Pick> Shard::Impl::BestFor(const IpState& ip, const LaneBook& lane,
                                                      const Sources& sources) const {
  const auto open = [&](CampaignKey key) {
    return CampaignBlocking(campaigns_.at(key), lane.provider).reason == Reason::kNone;
  };
  if (!weighted_) return BestOf(ip, lane, sources, open);
  for (const Contender& turn : ContendersOf(ip, lane, sources)) {
    std::optional<Pick> best = BestOf(
        ip, lane, sources, [&](CampaignKey key) { return GroupOf(key) == turn.key && open(key); });
    if (!best.has_value()) continue;
    best->turn = turn;
    return best;
  }
  return std::nullopt;
}

std::optional<Shard::Impl::Pick> Shard::Impl::BestOf(
    const IpState& ip, const LaneBook& lane, const Sources& sources,
    absl::FunctionRef<bool(CampaignKey)> open) const {
  std::optional<Pick> best;
  const auto look = [&](RecipientQueue& queue, const Reach& reach) {
    int looked = 0;
    const auto visit = [&](const RecipientQueue::Ranked& ranked) {
      if (best.has_value() && !(ranked.candidate < best->ranked.candidate)) return false;
      const DomainState& domain = domains_[static_cast<size_t>(ranked.candidate.domain.value())];
      if (domain.refresh_at <= now_.wall) stale_.push_back(ranked.candidate.domain);
      const SiteIndex site = domain.site;
      const int pool = CampaignOf(ranked.campaign).pool;
      if (site >= 0 &&
          (SiteUsable(ip, site, nullptr) || SiteForbidden(pool, site) ||
           domain.mx == DomainState::Mx::kNoMail || SunHasSet(ranked.campaign, ranked.candidate) ||
           Overdue(ranked.campaign, ranked.candidate.id, SiteDownSince(pool, site)))) {
        best = Pick{&queue, ranked, site, {}};
        return false;
      }
      return ++looked < kLookAhead;
    };
    queue.VisitBest(open, visit, reach);
  };
  for (const Source& source : sources) look(*source.queue, source.reach);
  look(const_cast<LaneBook&>(lane).pinned, Reach{});
  return best;
}

bool Shard::Impl::TryClaim(IpState& ip, LaneBook& lane, const Pick& pick) {
  int idle = 0, busy = 0;
  for (const ConnectionState* connection : lane.connections) {
    if (!Suits(*connection, pick.site, pick.ranked)) continue;
    idle += connection->state == ConnectionState::State::kIdle;
    busy += connection->state == ConnectionState::State::kBusy;
  }
  const int waiting = lane.claims_pending + static_cast<int>(lane.ready.size());
  // An established lane claims ahead, so that no connection waits for the disk.
  const bool paced = Warming(ip) || lane.throttle.connection_limit() == 1;
  const int ahead = paced ? 0 : std::min(2 * busy, options_.pacing.steady_burst);
  if (waiting >= idle + ahead) {
    EnsureConnection(lane, pick.site, pick.ranked);
    return false;
  }
  TakeSlot(ip, lane, pick);
  // More connections than one carries are worth opening while there is more than they can take.
  if (!paced && idle == 0) EnsureConnection(lane, pick.site, pick.ranked);
  return true;
}

void Shard::Impl::TakeSlot(IpState& ip, LaneBook& lane, const Pick& pick, std::string refusal) {
  pick.queue->Remove(pick.ranked);
  Flight flight;
  flight.ranked = pick.ranked;
  if (const auto tried = tried_.find(pick.ranked.candidate.id); tried != tried_.end()) {
    flight.tried = tried->second;
  }
  flight.site = pick.site;
  flight.day = DayOf(ip);
  LedgerRow& row = RowOf(lane, flight.day);
  ++row.claimed;
  ++lane.claims_pending;
  flight.refusal = std::move(refusal);
  if (flight.refusal.empty()) TakeTokens(ip, lane, pick);
  auto found = std::find_if(new_claims_.begin(), new_claims_.end(),
                            [&](const auto& claim) { return claim.first == &lane; });
  if (found == new_claims_.end()) {
    new_claims_.push_back({&lane, {}});
    found = std::prev(new_claims_.end());
  }
  found->second.push_back(std::move(flight));
  if (static_cast<int>(found->second.size()) >= kClaimsPerWrite) FlushClaims();
}

void Shard::Impl::TakeTokens(IpState& ip, LaneBook& lane, const Pick& pick) {
  lane.bucket.Take(now_.steady);
  providers_[lane.provider].bucket.Take(now_.steady);
  lane.throttle.OnAttempt();
  lane.meter.Count(now_.steady);
  CountTaken(ip, lane, pick.ranked.campaign);
  if (weighted_) {
    auto& turns = pools_[ip.pool].turns;
    if (turns.size() <= static_cast<size_t>(lane.provider)) turns.resize(lane.provider + 1);
    turns[lane.provider].Took(pick.turn);
  }
  const CampaignStatus& campaign = CampaignOf(pick.ranked.campaign);
  if (const auto domain = sending_domains_.find(campaign.sending_domain);
      domain != sending_domains_.end()) {
    if (const auto at = domain->second.at.find(lane.provider); at != domain->second.at.end()) {
      at->second.bucket.Take(now_.steady);
      at->second.throttle.OnAttempt();
      at->second.meter.Count(now_.steady);
    }
  }
  if (Warming(ip)) {
    ip.pacer.Take(now_.wall, ip.day->cap - Used(ip), options_.pacing, random_);
  }
}

void Shard::Impl::FlushClaims() {
  for (auto& [lane, flights] : new_claims_) {
    ports::Claim claim;
    claim.lane = lane->lane;
    claim.day = flights.front().day;
    claim.now = now_.wall;
    for (const Flight& flight : flights) claim.deliveries.push_back(flight.ranked.candidate.id);
    const int64_t number = ++last_claim_;
    claims_[number] = {lane, std::move(flights)};
    effects_.push_back(Save{std::move(claim), number});
  }
  new_claims_.clear();
}

void Shard::Impl::Dispatch(LaneBook& lane) {
  if (lane.ready.empty()) return;
  // A claim may come back after a stop that was not known when it was made (L6).
  Revoke(lane, /*all=*/Stopped(lane));
  std::vector<Flight> stranded;
  for (size_t i = 0; i < lane.ready.size();) {
    Flight& flight = lane.ready[i];
    ConnectionState* connection = IdleConnection(lane, flight);
    if (connection == nullptr) {
      const bool coming =
          std::any_of(lane.connections.begin(), lane.connections.end(),
                      [&](const auto* other) { return Suits(*other, flight.site, flight.ranked); });
      if (!coming && !EnsureConnection(lane, flight.site, flight.ranked)) {
        stranded.push_back(std::move(flight));
        lane.ready.erase(lane.ready.begin() + static_cast<ptrdiff_t>(i));
      } else {
        ++i;
      }
      continue;
    }
    flight.tried.first_attempt_time = flight.claimed.first_attempt_time;
    connection->state = ConnectionState::State::kBusy;
    ++connection->sent;
    effects_.push_back(core::Send{connection->id, flight.claimed, flight.tried.first_attempt_time});
    connection->flight = std::move(flight);
    lane.ready.erase(lane.ready.begin() + static_cast<ptrdiff_t>(i));
  }
  if (!stranded.empty()) ReleaseFlights(lane, std::move(stranded));
}

void Shard::Impl::Revoke(LaneBook& lane, bool all) {
  if (lane.ready.empty()) return;
  std::vector<Flight> back;
  std::deque<Flight> keep;
  for (Flight& flight : lane.ready) {
    const CampaignStatus& campaign = CampaignOf(flight.ranked.campaign);
    if (all || campaign.campaign.state != CampaignState::kSending ||
        !Serves(ips_[lane.ip], campaign.pool)) {
      back.push_back(std::move(flight));
    } else {
      keep.push_back(std::move(flight));
    }
  }
  lane.ready = std::move(keep);
  if (!back.empty()) ReleaseFlights(lane, std::move(back));
}

void Shard::Impl::ReleaseFlights(LaneBook& lane, std::vector<Flight> flights) {
  for (const Flight& flight : flights) {
    ports::Release release;
    release.lane = lane.lane;
    release.day = flight.day;
    release.deliveries = {flight.ranked.candidate.id};
    --RowOf(lane, flight.day).claimed;
    Emit(std::move(release));
    NoVerdict(lane, flight.ranked.campaign);
    Requeue(flight, absl::InfinitePast(), flight.tried.pinned_ip);
  }
}

// --- Connections
// -----------------------------------------------------------------------------------

ConnectionState* Shard::Impl::IdleConnection(LaneBook& lane, const Flight& flight) {
  ConnectionState* best = nullptr;
  for (ConnectionState* connection : lane.connections) {
    if (connection->state != ConnectionState::State::kIdle) continue;
    if (best != nullptr && best->tls <= connection->tls) continue;
    if (Suits(*connection, flight.site, flight.ranked)) best = connection;
  }
  return best;
}

int Shard::Impl::ConnectionLimit(const LaneBook& lane) const {
  const int own = providers_[lane.provider].provider.max_connections_per_ip;
  const int cut = lane.throttle.connection_limit();
  return cut > 0 ? std::min(own, cut) : own;
}

bool Shard::Impl::EnsureConnection(LaneBook& lane, SiteIndex site,
                                   const RecipientQueue::Ranked& mail) {
  // One that is being opened is enough for now: the next comes when this one is there.
  for (const ConnectionState* connection : lane.connections) {
    if (connection->state == ConnectionState::State::kOpening && Suits(*connection, site, mail)) {
      return true;
    }
  }
  if (static_cast<int>(lane.connections.size()) >= ConnectionLimit(lane)) {
    // An idle connection to another site, or without the TLS that is needed, makes room, once no
    // claim counts on it.
    if (lane.has_claims()) return false;
    for (ConnectionState* connection : lane.connections) {
      if (connection->state == ConnectionState::State::kIdle && !Suits(*connection, site, mail)) {
        CloseConnection(*connection);
        break;
      }
    }
    return false;
  }
  if (static_cast<int>(connections_.size()) >= options_.max_connections) {
    starved_ = true;
    return false;
  }
  const SiteState& state = sites_[site];
  const EgressIp& ip = ips_[lane.ip].ip;
  const std::optional<size_t> first = UsableHost(ips_[lane.ip], site, &mail, nullptr);
  if (!first.has_value()) return false;
  ConnectionState connection;
  connection.id = ConnectionId(++last_connection_);
  connection.lane = &lane;
  connection.site = site;
  connection.host = state.hosts[*first];
  connection.mx = state.mx.hosts[*first];
  ports::OpenConnection open;
  open.connection = connection.id;
  open.lane = lane.lane;
  open.source_address = ip.address;
  open.ehlo_name = ip.ehlo_name;
  open.host = connection.mx;
  AskForTls(mail, &connection, &open);
  const ConnectionId id = connection.id;
  lane.connections.push_back(&connections_.emplace(id, std::move(connection)).first->second);
  ips_[lane.ip].engaged.insert(lane.provider);
  effects_.push_back(std::move(open));
  return true;
}

void Shard::Impl::Trim(LaneBook& lane) {
  int open = 0;
  for (ConnectionState* connection : lane.connections) {
    if (connection->state == ConnectionState::State::kClosing) continue;
    if (++open > ConnectionLimit(lane) && connection->state == ConnectionState::State::kIdle) {
      CloseConnection(*connection);
    }
  }
}

void Shard::Impl::CloseIdle() {
  if (now_.wall >= close_idle_at_ || draining_) {
    close_idle_at_ = absl::InfiniteFuture();
    for (auto& [id, connection] : connections_) {
      if (connection.state != ConnectionState::State::kIdle) continue;
      const absl::Time close_at = connection.idle_since + options_.idle_connection;
      if (!draining_ && connection.lane->has_claims()) {
        close_idle_at_ = std::min(close_idle_at_, std::max(close_at, now_.wall + kClaimsEnd));
      } else if (draining_ || close_at <= now_.wall) {
        CloseConnection(connection);
      } else {
        close_idle_at_ = std::min(close_idle_at_, close_at);
      }
    }
  }
  WakeAt(close_idle_at_);
}

void Shard::Impl::SetIdle(ConnectionState& connection) {
  connection.state = ConnectionState::State::kIdle;
  connection.idle_since = now_.wall;
  close_idle_at_ = std::min(close_idle_at_, now_.wall + options_.idle_connection);
}

void Shard::Impl::CloseConnection(ConnectionState& connection) {
  if (connection.state == ConnectionState::State::kClosing) return;
  connection.state = ConnectionState::State::kClosing;
  effects_.push_back(core::Close{connection.id});
}

void Shard::Impl::UpdateRates(const IpState& ip, LaneBook& lane) {
  const Provider& provider = providers_[lane.provider].provider;
  double rate = provider.lane_rate_per_hour;
  if (const double cut = lane.throttle.rate_per_hour(); cut > 0 && (rate <= 0 || cut < rate))
    rate = cut;
  const int burst = Warming(ip) || lane.throttle.rate_per_hour() > 0 ? options_.pacing.warming_burst
                                                                     : options_.pacing.steady_burst;
  lane.bucket.SetRate(rate, burst, now_.steady);
  providers_[lane.provider].bucket.SetRate(provider.provider_rate_per_hour,
                                           options_.pacing.steady_burst, now_.steady);
}

}  // namespace crescendo::core
