// What a reply does: to the delivery, and to whatever else the classifier's scope allows.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/core/consequence.h"
#include "scheduler/core/retry.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {
namespace {

constexpr size_t kLongestText = 1000;
// So many temporary failures in a row say that the host itself is in trouble.
constexpr int kHostFailures = 3;

std::string Cut(std::string text) {
  if (text.size() > kLongestText) text.resize(kLongestText);
  return text;
}

// Does a deferral of this kind tell of us or of the host, rather than of one recipient or of the
// connection's end?
bool IsPushback(ReplyCategory category) {
  switch (category) {
    case ReplyCategory::kMessagesPerConnection:
    case ReplyCategory::kRecipientRate:
    case ReplyCategory::kGreylisted:
    case ReplyCategory::kMailboxFull:
    case ReplyCategory::kUnknownRecipient:
    case ReplyCategory::kRecipientDisabled:
    case ReplyCategory::kMoved:
    case ReplyCategory::kRecipientPolicy:
      return false;
    default:
      return true;
  }
}

bool IsBlocklist(ReplyCategory category) {
  return category == ReplyCategory::kBlocklistPublic ||
         category == ReplyCategory::kBlocklistProvider;
}

}  // namespace

void Shard::Impl::OnOpened(ConnectionState& connection, const ports::TransportEvent& event) {
  LearnTls(connection, event);
  if (connection.state != ConnectionState::State::kOpening) return;
  SetIdle(connection);
  HostWorks(connection);
  Dispatch(*connection.lane);
}

void Shard::Impl::OnSent(ConnectionState& connection, const ports::TransportEvent& event) {
  if (!connection.flight.has_value()) return;
  const Flight flight = *std::move(connection.flight);
  connection.flight.reset();
  LaneBook& lane = *connection.lane;
  switch (event.result) {
    case ports::TransportEvent::SentResult::kReply:
      SettleReply(connection, flight, event.reply);
      break;
    case ports::TransportEvent::SentResult::kInDoubt:
      SettleInDoubt(connection, flight, event.detail);
      break;
    case ports::TransportEvent::SentResult::kNotTransferred:
      SettleLost(connection, flight, event.detail, event.local_failure);
      break;
  }
  if (!event.connection_usable) {
    connection.state = ConnectionState::State::kClosing;  // The transport's kClosed follows.
  } else if (connection.state == ConnectionState::State::kBusy) {
    SetIdle(connection);
    if (connection.sent >= providers_[lane.provider].provider.messages_per_connection) {
      CloseConnection(connection);
    }
  }
  Dispatch(lane);
}

void Shard::Impl::OnClosed(ConnectionState& connection, const ports::TransportEvent& event) {
  LaneBook& lane = *connection.lane;
  const bool was_opening = connection.state == ConnectionState::State::kOpening;
  if (connection.flight.has_value()) {
    // A transport answers every Send before it closes; if one did not, nobody knows.
    const Flight flight = *std::move(connection.flight);
    connection.flight.reset();
    SettleInDoubt(connection, flight, "the connection ended without an answer");
  }
  if (was_opening) {
    lane.throttle.OnOther();
    if (event.local_failure) {
      lane.local_backoff_until = now_.wall + options_.host_backoff_first;
      lane.local_fault = event.detail;
      Event alert = NewEvent(EventType::kAlert, &lane);
      alert.text = Cut(event.detail);
      Emit(ports::AppendEvents{{std::move(alert)}});
    } else if (event.forbidden) {
      hosts_[connection.host].forbidden = true;
      hosts_[connection.host].fault = event.detail;
      WakeProvider(lane.provider);
    } else if (event.tls_failed) {
      TlsFailed(connection, event);
    } else if (event.reply.code >= 400) {
      const Classification meaning =
          classifier_.Classify(event.reply, providers_[lane.provider].provider.id);
      // A refused connection is about us or about the host; no delivery has been tried.
      const bool about_lane = meaning.scope == ReplyScope::kLane ||
                              meaning.scope == ReplyScope::kLaneConnections ||
                              meaning.scope == ReplyScope::kProvider;
      if (about_lane) {
        React(lane, meaning, event.reply, CampaignKey());
      } else {
        HostFailed(connection.host, event.reply.ToString());
      }
    } else {
      HostFailed(connection.host, event.detail);
    }
  }
  std::erase(lane.connections, &connection);
  if (std::exchange(starved_, false)) WakeAll();
  connections_.erase(connection.id);
  Dispatch(lane);
}

// --- Settling
// --------------------------------------------------------------------------------------

ports::Settle Shard::Impl::NewSettle(const LaneBook& lane, const Flight& flight) {
  ports::Settle settle;
  settle.delivery = flight.ranked.candidate.id;
  settle.lane = lane.lane;
  settle.claim_day = flight.day;
  settle.settle_day = std::max(flight.day, DayOf(ips_[lane.ip]));
  settle.now = now_.wall;
  return settle;
}

void Shard::Impl::Finish(LaneBook& lane, CampaignKey campaign, ports::Settle settle,
                         EventType type) {
  LedgerRow& row = RowOf(lane, settle.claim_day);
  --row.claimed;
  switch (settle.slot) {
    case ports::Settle::Slot::kAccepted:
      ++row.accepted;
      break;
    case ports::Settle::Slot::kRefused:
      ++row.refused;
      row.hard_bounces += settle.suppress == SuppressionReason::kHardBounce;
      break;
    case ports::Settle::Slot::kInDoubt:
      ++row.in_doubt;
      break;
    case ports::Settle::Slot::kDeferred:
      ++row.deferred;
      row.pushback += settle.pushback;
      break;
  }
  IpState& ip = ips_[lane.ip];
  if (settle.slot != ports::Settle::Slot::kDeferred) CountSlot(ip);
  if (settle.suppress.has_value() || settle.pushback) NewEvidence(ip);
  if (settle.slot != ports::Settle::Slot::kDeferred && settle.settle_day != settle.claim_day) {
    ++RowOf(lane, settle.settle_day).carried;
  }
  Event event = NewEvent(type, &lane);
  event.campaign = CampaignOf(campaign).campaign.id;
  event.delivery = settle.delivery;
  event.category = settle.category;
  event.text = settle.reply;
  settle.events.insert(settle.events.begin(), std::move(event));
  Emit(std::move(settle));
}

void Shard::Impl::SettleReply(ConnectionState& connection, const Flight& flight,
                              const Reply& reply) {
  LaneBook& lane = *connection.lane;
  const Classification meaning = classifier_.Classify(reply, providers_[lane.provider].provider.id);
  const CampaignKey campaign = flight.ranked.campaign;
  ports::Settle settle = NewSettle(lane, flight);
  settle.category = meaning.category;
  settle.reply = Cut(reply.ToString());
  React(lane, meaning, reply, campaign);
  // A 5yz that is tried again for its meaning (a full mailbox, say) still counts at the receiver as
  // refused: only a 4yz gives its slot back (L1).
  settle.slot = reply.permanent() ? ports::Settle::Slot::kRefused : ports::Settle::Slot::kDeferred;
  settle.pushback = settle.slot == ports::Settle::Slot::kDeferred && IsPushback(meaning.category);
  switch (meaning.disposition) {
    case Disposition::kAccept:
      settle.slot = ports::Settle::Slot::kAccepted;
      settle.state = DeliveryState::kAccepted;
      HostWorks(connection);
      Accepted(lane, campaign);
      tried_.erase(settle.delivery);
      Finish(lane, campaign, std::move(settle), EventType::kAccepted);
      return;
    case Disposition::kRetryNow:
      settle.counts_as_attempt = false;
      settle.state = DeliveryState::kDeferred;
      settle.next_attempt_time = now_.wall;
      Finish(lane, campaign, std::move(settle), EventType::kDeferred);
      Requeue(flight, absl::InfinitePast(), flight.tried.pinned_ip);
      return;
    case Disposition::kRetry: {
      if (meaning.scope == ReplyScope::kMxHost ||
          meaning.category == ReplyCategory::kTemporarySystem) {
        HostState& host = hosts_[connection.host];
        if (++host.failures >= kHostFailures) HostFailed(connection.host, settle.reply);
      }
      const bool own =
          meaning.scope == ReplyScope::kRecipient || meaning.scope == ReplyScope::kMessage;
      Retry(lane, flight, std::move(settle), meaning.category,
            own ? meaning.stop_for : absl::ZeroDuration());
      return;
    }
    case Disposition::kSoftBounce:
    case Disposition::kHardBounce:
    case Disposition::kBlocked:
      settle.slot = ports::Settle::Slot::kRefused;
      settle.state = DeliveryState::kBounced;
      if (meaning.suppress) settle.suppress = SuppressionReason::kHardBounce;
      if (!meaning.forward_address.empty()) {
        settle.reply = Cut(absl::StrCat(settle.reply, " [moved to ", meaning.forward_address, "]"));
      }
      tried_.erase(settle.delivery);
      Finish(lane, campaign, std::move(settle), EventType::kBounced);
      return;
  }
}

void Shard::Impl::Retry(LaneBook& lane, const Flight& flight, ports::Settle settle,
                        ReplyCategory category, absl::Duration least) {
  Flight again = flight;
  ++again.tried.attempts;
  if (again.tried.first_attempt_time == absl::InfinitePast())
    again.tried.first_attempt_time = now_.wall;
  const Campaign& campaign = CampaignOf(flight.ranked.campaign).campaign;
  const absl::Time at = now_.wall + std::max(least, RetryDelay(options_.retry, category,
                                                               again.tried.attempts, random_));
  if (at > again.tried.first_attempt_time + campaign.lifetime) {
    // Its time is over. A mailbox that stayed full is a soft bounce, the rest has expired.
    const bool full = category == ReplyCategory::kMailboxFull;
    settle.state = full ? DeliveryState::kBounced : DeliveryState::kExpired;
    tried_.erase(settle.delivery);
    Finish(lane, flight.ranked.campaign, std::move(settle),
           full ? EventType::kBounced : EventType::kExpired);
    return;
  }
  settle.state = DeliveryState::kDeferred;
  settle.next_attempt_time = at;
  if (category == ReplyCategory::kGreylisted) settle.pinned_ip = lane.lane.egress_ip;
  const EgressIpId pinned = settle.pinned_ip;
  const bool doubt = settle.slot == ports::Settle::Slot::kInDoubt;
  Finish(lane, flight.ranked.campaign, std::move(settle),
         doubt ? EventType::kInDoubt : EventType::kDeferred);
  Requeue(again, at, pinned);
}

void Shard::Impl::SettleRefused(LaneBook& lane, const Flight& flight) {
  Flight unsent = flight;
  unsent.tried.first_attempt_time = flight.claimed.first_attempt_time;
  ports::Settle settle = NewSettle(lane, unsent);
  settle.category = ReplyCategory::kOtherTemporary;
  settle.reply = Cut(unsent.refusal);
  Retry(lane, unsent, std::move(settle), ReplyCategory::kOtherTemporary, absl::ZeroDuration());
}

void Shard::Impl::SettleInDoubt(ConnectionState& connection, const Flight& flight,
                                const std::string& detail) {
  LaneBook& lane = *connection.lane;
  NoVerdict(lane, flight.ranked.campaign);
  ports::Settle settle = NewSettle(lane, flight);
  settle.slot = ports::Settle::Slot::kInDoubt;
  settle.reply = Cut(detail);
  if (options_.in_doubt == InDoubtPolicy::kRetry) {
    Retry(lane, flight, std::move(settle), ReplyCategory::kOtherTemporary, absl::ZeroDuration());
    return;
  }
  settle.state = DeliveryState::kInDoubt;
  tried_.erase(settle.delivery);
  Finish(lane, flight.ranked.campaign, std::move(settle), EventType::kInDoubt);
  if (IsCancelled(flight.ranked.campaign)) EndCancelled(flight.ranked.candidate.id);
}

void Shard::Impl::SettleLost(ConnectionState& connection, const Flight& flight,
                             const std::string& detail, bool local_failure) {
  LaneBook& lane = *connection.lane;
  NoVerdict(lane, flight.ranked.campaign);
  if (!local_failure) HostFailed(connection.host, detail);
  ports::Settle settle = NewSettle(lane, flight);
  settle.category = ReplyCategory::kTemporarySystem;
  settle.reply = Cut(detail);
  Retry(lane, flight, std::move(settle), ReplyCategory::kTemporarySystem, absl::ZeroDuration());
}

// --- Reactions
// -------------------------------------------------------------------------------------

void Shard::Impl::React(LaneBook& lane, const Classification& meaning, const Reply& reply,
                        CampaignKey campaign) {
  const bool content = meaning.scope == ReplyScope::kCampaignProvider;
  if (campaign.value() != 0) CountContent(lane, campaign, content, reply.ToString());
  if (meaning.category != ReplyCategory::kAccepted && campaign.value() != 0 &&
      meaning.scope != ReplyScope::kLane) {
    NoVerdict(lane, campaign);
  }
  switch (meaning.scope) {
    case ReplyScope::kLane:
    case ReplyScope::kLaneConnections:
      ReactAtLane(lane, meaning, reply);
      break;
    case ReplyScope::kProvider:
      for (IpState& ip : ips_) {
        if (lane.provider < static_cast<int>(ip.lanes.size()) &&
            ip.lanes[lane.provider] != nullptr) {
          ReactAtLane(*ip.lanes[lane.provider], meaning, reply);
        }
      }
      break;
    case ReplyScope::kSendingDomain:
    case ReplyScope::kSendingDomainProvider:
      if (campaign.value() != 0) HoldSendingDomain(lane, meaning, reply, campaign);
      break;
    default:
      break;
  }
  if (meaning.alert) Alert(lane, meaning, reply, campaign);
}

void Shard::Impl::NoVerdict(LaneBook& lane, CampaignKey campaign) {
  lane.throttle.OnOther();
  if (campaign.value() == 0) return;
  const auto domain = sending_domains_.find(CampaignOf(campaign).sending_domain);
  if (domain == sending_domains_.end()) return;
  const auto at = domain->second.at.find(lane.provider);
  if (at == domain->second.at.end()) return;
  at->second.throttle.OnOther();
  WakeProvider(lane.provider);
}

void Shard::Impl::ReactAtLane(LaneBook& lane, const Classification& meaning, const Reply& reply) {
  const Provider& provider = providers_[lane.provider].provider;
  const std::string text = Cut(reply.ToString());
  const double in_use = lane.meter.PerHour(now_.steady);
  Throttle::Change change = Throttle::Change::kNone;
  if (meaning.scope == ReplyScope::kLaneConnections) {
    int open = 0;
    for (const ConnectionState* connection : lane.connections) {
      open += connection->state != ConnectionState::State::kOpening;
    }
    change =
        lane.throttle.OnTooManyConnections(now_.wall, std::max(open + 1, 2), options_.throttle);
    if (change == Throttle::Change::kConnectionsCut) {
      SaveLane(lane, EventType::kConnectionsCut,
               absl::StrCat("at most ", lane.throttle.connection_limit(), " connections: ", text));
    }
    // The one that was refused must not be tried again at once.
    lane.local_backoff_until = now_.wall + std::max(meaning.stop_for, absl::Seconds(30));
    lane.local_fault = text;
    return;
  }
  const absl::Duration stop = LeastStop(meaning, provider);
  if (AboutRate(meaning.category)) {
    change = lane.throttle.OnRateLimited(now_.wall, stop, in_use, text, options_.throttle);
  } else {
    change = lane.throttle.OnBlocked(now_.wall, stop, in_use, text, options_.throttle);
  }
  const IpState& ip = ips_[lane.ip];
  if (const Plan* plan = PlanOf(ip); plan != nullptr && IsBlocklist(meaning.category) &&
                                     plan->guardrails.blocklist_pause && ip.day.has_value()) {
    PauseLane(lane, text);
  }
  if (change != Throttle::Change::kStopped) return;
  SaveLane(lane, EventType::kLaneStopped,
           absl::StrCat("until ",
                        absl::FormatTime(lane.throttle.state().stopped_until, absl::UTCTimeZone()),
                        ", then at most ", static_cast<int64_t>(lane.throttle.rate_per_hour()),
                        " an hour on one connection: ", text));
  // Restart on one connection: the others go.
  for (ConnectionState* connection : lane.connections) {
    if (connection->state == ConnectionState::State::kIdle) CloseConnection(*connection);
  }
  Revoke(lane, /*all=*/true);
}

void Shard::Impl::HoldSendingDomain(LaneBook& lane, const Classification& meaning,
                                    const Reply& reply, CampaignKey campaign) {
  const std::string& name = CampaignOf(campaign).sending_domain;
  SendingDomain& domain = sending_domains_[name];
  const std::string text = Cut(reply.ToString());
  Event event = NewEvent(EventType::kHoldStarted, &lane);
  event.campaign = CampaignOf(campaign).campaign.id;
  if (meaning.scope == ReplyScope::kSendingDomain) {
    if (now_.wall < domain.held_until) return;
    domain.held_until = now_.wall + std::max(meaning.stop_for, options_.holds.sending_domain_hold);
    domain.fault = text;
    event.egress_ip = EgressIpId();
    event.provider = ProviderId();
    event.text = Cut(absl::StrCat("sending domain ", name, " held everywhere: ", text));
    Emit(ports::AppendEvents{{std::move(event)}});
    return;
  }
  SendingDomainAtProvider& at = domain.at[lane.provider];
  const Provider& provider = providers_[lane.provider].provider;
  // Before the first refusal nothing was metered: take what the lane did, times our lanes there.
  const double in_use = std::max(at.meter.PerHour(now_.steady), lane.meter.PerHour(now_.steady));
  const Throttle::Change change = at.throttle.OnRateLimited(now_.wall, LeastStop(meaning, provider),
                                                            in_use, text, options_.throttle);
  if (change != Throttle::Change::kStopped) return;
  at.bucket.SetRate(at.throttle.rate_per_hour(), options_.pacing.warming_burst, now_.steady);
  event.egress_ip = EgressIpId();
  event.text =
      Cut(absl::StrCat("sending domain ", name, " stopped at ", provider.id.text(), ": ", text));
  Emit(ports::AppendEvents{{std::move(event)}});
}

void Shard::Impl::CountContent(LaneBook& lane, CampaignKey key, bool refused,
                               const std::string& text) {
  CampaignAtProvider& at = campaigns_.at(key).at[lane.provider];
  at.refused[at.next] = refused;
  at.next = (at.next + 1) % static_cast<int>(at.refused.size());
  at.seen = std::min(at.seen + 1, static_cast<int>(at.refused.size()));
  const int count = static_cast<int>(at.refused.count());
  if (!refused || now_.wall < at.held_until || count < options_.holds.content_refusals ||
      count < options_.holds.content_share * at.seen) {
    return;
  }
  at.held_until = now_.wall + options_.holds.content_hold;
  at.fault = Cut(text);
  at.refused.reset();
  at.seen = 0;
  Event event = NewEvent(EventType::kHoldStarted, &lane);
  event.egress_ip = EgressIpId();
  event.campaign = CampaignOf(key).campaign.id;
  event.category = ReplyCategory::kContent;
  event.text = Cut(absl::StrCat(count, " of the last answers refused the content: ", text));
  Emit(ports::AppendEvents{{std::move(event)}});
}

void Shard::Impl::Accepted(LaneBook& lane, CampaignKey campaign) {
  const Provider& provider = providers_[lane.provider].provider;
  const Throttle::Change change = lane.throttle.OnAccepted(
      now_.wall, lane.meter.PerHour(now_.steady), provider.lane_rate_per_hour,
      provider.max_connections_per_ip, options_.throttle);
  switch (change) {
    case Throttle::Change::kResumed:
      SaveLane(lane, EventType::kLaneResumed, "the first message after the stop was accepted");
      break;
    case Throttle::Change::kRaised: {
      const double rate = lane.throttle.rate_per_hour();
      SaveLane(lane, EventType::kRateRaised,
               rate > 0 ? absl::StrCat("to ", static_cast<int64_t>(rate), " an hour")
                        : "no cut any more");
      break;
    }
    case Throttle::Change::kConnectionsRaised: {
      const int limit = lane.throttle.connection_limit();
      SaveLane(lane, EventType::kConnectionsRaised,
               limit > 0 ? absl::StrCat("to ", limit) : "no cut any more");
      break;
    }
    default:
      break;
  }
  const auto domain = sending_domains_.find(CampaignOf(campaign).sending_domain);
  if (domain == sending_domains_.end()) return;
  const auto at = domain->second.at.find(lane.provider);
  if (at == domain->second.at.end()) return;
  WakeProvider(lane.provider);
  at->second.throttle.OnAccepted(now_.wall, at->second.meter.PerHour(now_.steady), 0, 1,
                                 options_.throttle);
  at->second.bucket.SetRate(at->second.throttle.rate_per_hour(), options_.pacing.warming_burst,
                            now_.steady);
}

void Shard::Impl::HostWorks(const ConnectionState& connection) {
  HostState& host = hosts_[connection.host];
  if (host.failures == 0) return;
  host.failures = 0;
  host.backoff_until = absl::InfinitePast();
  host.down_since = absl::InfiniteFuture();
  WakeProvider(connection.lane->provider);
}

void Shard::Impl::HostFailed(HostIndex host, const std::string& fault) {
  HostState& state = hosts_[host];
  state.failures = std::min(state.failures + 1, 30);
  absl::Duration wait = options_.host_backoff_first;
  for (int i = 1; i < state.failures && wait < options_.host_backoff_longest; ++i) wait *= 2;
  wait = std::min(wait, options_.host_backoff_longest);
  state.backoff_until = now_.wall + wait * random_.Between(0.8, 1.2);
  state.down_since = std::min(state.down_since, now_.wall);
  state.fault = fault;
}

void Shard::Impl::Alert(const LaneBook& lane, const Classification& meaning, const Reply& reply,
                        CampaignKey campaign) {
  Event event = NewEvent(EventType::kAlert, &lane);
  if (campaign.value() != 0) event.campaign = CampaignOf(campaign).campaign.id;
  event.category = meaning.category;
  event.text = Cut(absl::StrCat(meaning.hint, meaning.hint.empty() ? "" : ": ", reply.ToString()));
  Emit(ports::AppendEvents{{std::move(event)}});
}

}  // namespace crescendo::core
