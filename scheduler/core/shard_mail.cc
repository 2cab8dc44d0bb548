// Recipients: to which queue they belong, and what is known of their domains.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {
namespace {

// After no answer, or one that is said to be old soon.
constexpr absl::Duration kAskAgain = absl::Minutes(5);

}  // namespace

DomainState& Shard::Impl::DomainOf(DomainKey key) {
  const auto index = static_cast<size_t>(key.value());
  if (index >= domains_.size()) domains_.resize(index + 1);
  return domains_[index];
}

void Shard::Impl::On(const NewDomain& domain) { DomainOf(domain.key).name = domain.name; }

void Shard::Impl::On(const std::vector<QueuedDelivery>& queued) {
  for (const QueuedDelivery& delivery : queued) {
    arrivals_.Note(now_.wall, delivery.id);
    loading_.has_value() ? Load(delivery) : Enqueue(delivery);
  }
}

RecipientQueue& Shard::Impl::QueueOf(int pool, ProviderIndex provider) {
  auto& queues = pools_[pool].queues;
  if (static_cast<int>(queues.size()) <= provider) queues.resize(provider + 1);
  if (queues[provider] == nullptr) {
    queues[provider] = std::make_unique<RecipientQueue>(NewQueue());
  }
  for (IpState& ip : ips_) {
    if (Serves(ip, pool)) Wake(LaneOf(ip, provider));
  }
  return *queues[provider];
}

void Shard::Impl::Enqueue(const QueuedDelivery& delivery) {
  if (IsCancelled(delivery.campaign)) return;
  if (delivery.attempts > 0 || delivery.first_attempt_time != absl::InfinitePast() ||
      delivery.not_before > now_.wall) {
    tried_[delivery.id] = {delivery.attempts, delivery.first_attempt_time, delivery.pinned_ip,
                           delivery.not_before};
  }
  DomainState& domain = DomainOf(delivery.domain);
  const DomainState::Waiting waiting{
      delivery.campaign,
      {delivery.score, delivery.id, delivery.domain, delivery.engaged_day},
      delivery.not_before};
  switch (domain.mx) {
    case DomainState::Mx::kKnown:
      EnqueueAt(domain, waiting);
      break;
    case DomainState::Mx::kUnknown:
      domain.mx = DomainState::Mx::kAsked;
      to_ask_.push_back(delivery.domain);
      domain.waiting.push_back(waiting);
      break;
    case DomainState::Mx::kAsked:
      domain.waiting.push_back(waiting);
      break;
    case DomainState::Mx::kNoMail:
      domain.waiting.push_back(waiting);
      if (domain.refresh_at > now_.wall) return BounceWaiting(domain);
      domain.mx = DomainState::Mx::kAsked;
      to_ask_.push_back(delivery.domain);
      break;
  }
}

void Shard::Impl::EnqueueAt(const DomainState& domain, const DomainState::Waiting& waiting) {
  const CampaignStatus& campaign = campaigns_.at(waiting.campaign);
  const ProviderIndex provider = sites_[domain.site].provider;
  RecipientQueue* queue = nullptr;
  // Greylisted by one of our IPs: only that one may retry, as long as it serves the pool.
  if (const auto tried = tried_.find(waiting.candidate.id);
      tried != tried_.end() && !tried->second.pinned_ip.empty()) {
    IpState* ip = FindIp(tried->second.pinned_ip);
    if (ip != nullptr && Serves(*ip, campaign.pool)) {
      LaneBook& lane = LaneOf(*ip, provider);
      Wake(lane);
      ip->engaged.insert(provider);
      queue = &lane.pinned;
    }
  }
  if (queue == nullptr) queue = &QueueOf(campaign.pool, provider);
  if (waiting.not_before > now_.wall) {
    queue->AddLater(waiting.not_before, waiting.campaign, waiting.candidate);
  } else {
    queue->Add(waiting.campaign, waiting.candidate);
  }
}

void Shard::Impl::On(const std::vector<Rescored>& rescored) {
  absl::flat_hash_map<DeliveryId, Rescored> rest;
  absl::btree_set<DomainKey> domains;
  for (const Rescored& one : rescored) {
    if (RescoreQueued(one)) continue;
    if (loading_.has_value()) loading_->rescored[one.id] = one;
    rest[one.id] = one;
    if (!DomainOf(one.domain).waiting.empty()) domains.insert(one.domain);
  }
  if (rest.empty()) return;
  const auto set = [&](Candidate& candidate) {
    if (const auto found = rest.find(candidate.id); found != rest.end()) {
      candidate.score = found->second.score;
      candidate.engaged_day = std::max(candidate.engaged_day, found->second.engaged_day);
    }
  };
  // The MX hosts of its domain are not known yet, or it has a slot, and takes its score along when
  // it comes back.
  for (const DomainKey key : domains) {
    for (DomainState::Waiting& waiting : DomainOf(key).waiting) set(waiting.candidate);
  }
  for (auto& [number, claim] : claims_) {
    for (Flight& flight : claim.flights) set(flight.ranked.candidate);
  }
  for (IpState& ip : ips_) {
    for (const ProviderIndex provider : ip.engaged) {
      for (Flight& flight : ip.lanes[provider]->ready) set(flight.ranked.candidate);
    }
  }
  for (auto& [id, connection] : connections_) {
    if (connection.flight.has_value()) set(connection.flight->ranked.candidate);
  }
}

bool Shard::Impl::RescoreQueued(const Rescored& rescored) {
  const DomainState& domain = DomainOf(rescored.domain);
  if (domain.site < 0) return false;
  const ProviderIndex provider = sites_[domain.site].provider;
  const Candidate candidate{rescored.old_score, rescored.id, rescored.domain, rescored.engaged_day};
  absl::Time not_before = absl::InfinitePast();
  if (const auto tried = tried_.find(rescored.id); tried != tried_.end()) {
    not_before = tried->second.not_before;
    IpState* ip = tried->second.pinned_ip.empty() ? nullptr : FindIp(tried->second.pinned_ip);
    if (ip != nullptr) {
      LaneBook& lane = LaneOf(*ip, provider);
      if (lane.pinned.Rescore(rescored.campaign, candidate, not_before, rescored.score)) {
        Wake(lane);
        return true;
      }
    }
  }
  auto& queues = pools_[CampaignOf(rescored.campaign).pool].queues;
  if (static_cast<int>(queues.size()) <= provider || queues[provider] == nullptr ||
      !queues[provider]->Rescore(rescored.campaign, candidate, not_before, rescored.score)) {
    return false;
  }
  // Who is best now may have a host that is up.
  WakeProvider(provider);
  return true;
}

void Shard::Impl::Requeue(const Flight& flight, absl::Time not_before,
                          const EgressIpId& pinned_ip) {
  const RecipientQueue::Ranked& ranked = flight.ranked;
  // Cancelled while it was out: it may not leave again.
  if (IsCancelled(ranked.campaign)) return EndCancelled(ranked.candidate.id);
  QueuedDelivery delivery;
  delivery.id = ranked.candidate.id;
  delivery.campaign = ranked.campaign;
  delivery.domain = ranked.candidate.domain;
  delivery.score = ranked.candidate.score;
  delivery.engaged_day = ranked.candidate.engaged_day;
  delivery.attempts = flight.tried.attempts;
  delivery.first_attempt_time = flight.tried.first_attempt_time;
  delivery.not_before = not_before;
  delivery.pinned_ip = pinned_ip;
  Enqueue(delivery);
}

void Shard::Impl::EndCancelled(DeliveryId id) {
  ports::EndDelivery end;
  end.delivery = id;
  end.state = DeliveryState::kCancelled;
  end.now = now_.wall;
  Emit(std::move(end));
  tried_.erase(id);
}

void Shard::Impl::AskForMx() {
  while (!ask_later_.empty() && ask_later_.begin()->first <= now_.wall) {
    to_ask_.push_back(ask_later_.begin()->second);
    ask_later_.erase(ask_later_.begin());
  }
  for (const DomainKey key : to_ask_) effects_.push_back(Resolve{key, DomainOf(key).name});
  to_ask_.clear();
  if (!ask_later_.empty()) WakeAt(ask_later_.begin()->first);
}

void Shard::Impl::On(const MxAnswer& answer) {
  DomainState& domain = DomainOf(answer.domain);
  if (!answer.mx.ok() && answer.mx.status().code() != absl::StatusCode::kNotFound) {
    // Of a domain that is known, the last answer holds until there is another.
    domain.fault = std::string(answer.mx.status().message());
    domain.refresh_at = now_.wall + kAskAgain;
    if (domain.mx == DomainState::Mx::kAsked) {
      ask_later_.emplace(domain.refresh_at, answer.domain);
      domain.unanswered_since = std::min(domain.unanswered_since, now_.wall);
      ExpireWaiting(domain);
    }
    return;
  }
  domain.unanswered_since = absl::InfiniteFuture();
  const absl::Duration lifetime = answer.mx.ok() ? answer.mx->lifetime : absl::InfiniteDuration();
  domain.refresh_at =
      now_.wall + std::clamp(lifetime, kAskAgain, std::max(kAskAgain, options_.mx_refresh));
  if (!answer.mx.ok() || answer.mx->hosts.empty()) {
    domain.mx = DomainState::Mx::kNoMail;
    domain.fault = answer.mx.ok() ? "no MX host" : std::string(answer.mx.status().message());
    BounceWaiting(domain);
    // What is queued bounces when it is met.
    if (domain.site >= 0) WakeProvider(sites_[domain.site].provider);
    return;
  }
  const std::string key = answer.mx->SiteKey();
  const auto [site, is_new] = site_by_key_.try_emplace(key, static_cast<SiteIndex>(sites_.size()));
  if (is_new) sites_.push_back({{}, ProviderOf(*answer.mx), {}});
  SiteState& state = sites_[site->second];
  if (domain.site >= 0 && (domain.site != site->second || state.mx.hosts != answer.mx->hosts)) {
    WakeProvider(sites_[domain.site].provider);
  }
  state.mx = *answer.mx;
  state.hosts.clear();
  for (const ports::MxHost& host : state.mx.hosts) {
    state.hosts.push_back(HostOf(host));
    const bool six = absl::StrContains(host.address, ':');
    (six ? providers_[state.provider].ipv6 : providers_[state.provider].ipv4) = true;
  }
  domain.site = site->second;
  domain.mx = DomainState::Mx::kKnown;
  domain.fault.clear();
  std::vector<DomainState::Waiting> waiting = std::exchange(domain.waiting, {});
  // In the order of the queue, which fills it faster and more tightly.
  std::sort(waiting.begin(), waiting.end(),
            [](const auto& a, const auto& b) { return a.candidate < b.candidate; });
  for (const DomainState::Waiting& one : waiting) {
    if (!IsCancelled(one.campaign)) EnqueueAt(domain, one);
  }
}

HostIndex Shard::Impl::HostOf(const ports::MxHost& host) {
  const auto [found, is_new] = host_by_key_.try_emplace(
      absl::StrCat(host.name, " ", host.address, " ", host.port, host.trusted),
      static_cast<HostIndex>(hosts_.size()));
  if (is_new) hosts_.emplace_back();
  return found->second;
}

void Shard::Impl::RefreshMx() {
  for (const DomainKey key : stale_) {
    DomainState& domain = DomainOf(key);
    if (domain.refresh_at > now_.wall) continue;
    domain.refresh_at = absl::InfiniteFuture();
    effects_.push_back(Resolve{key, domain.name});
  }
  stale_.clear();
}

ProviderIndex Shard::Impl::ProviderOf(const ports::MxSet& mx) {
  std::vector<std::string> names;
  for (const ports::MxHost& host : mx.hosts) names.push_back(host.name);
  Provider provider = catalog_.SiteOf(names);
  const auto [found, is_new] = provider_by_id_.try_emplace(
      provider.id.text(), static_cast<ProviderIndex>(providers_.size()));
  if (is_new) providers_.push_back({std::move(provider), {}});
  return found->second;
}

void Shard::Impl::BounceWaiting(DomainState& domain) {
  for (const DomainState::Waiting& waiting : domain.waiting) {
    if (!IsCancelled(waiting.campaign)) {
      Bounce(domain, waiting.campaign, waiting.candidate.id, domain.fault);
    }
  }
  domain.waiting = {};
}

bool Shard::Impl::Overdue(CampaignKey campaign, DeliveryId delivery, absl::Time since) const {
  const absl::Time lifetime_ago = now_.wall - CampaignOf(campaign).campaign.lifetime;
  if (since >= now_.wall) return false;
  const auto tried = tried_.find(delivery);
  if (tried != tried_.end() && tried->second.first_attempt_time != absl::InfinitePast()) {
    return tried->second.first_attempt_time <= lifetime_ago;
  }
  return since <= lifetime_ago && !(arrivals_.By(lifetime_ago) < delivery);
}

void Shard::Impl::ExpireWaiting(DomainState& domain) {
  std::erase_if(domain.waiting, [&](const DomainState::Waiting& waiting) {
    if (!Overdue(waiting.campaign, waiting.candidate.id, domain.unanswered_since)) return false;
    Expire(waiting.campaign, waiting.candidate.id,
           absl::StrCat("the MX hosts of ", domain.name, " could not be found: ", domain.fault));
    return true;
  });
}

void Shard::Impl::Expire(CampaignKey campaign, DeliveryId delivery, absl::string_view fault) {
  EndExpired(
      campaign, delivery,
      absl::StrCat("given up after ", absl::FormatDuration(CampaignOf(campaign).campaign.lifetime),
                   ": ", fault),
      ReplyCategory::kTemporarySystem);
}

void Shard::Impl::EndExpired(CampaignKey campaign, DeliveryId delivery, std::string text,
                             std::optional<ReplyCategory> category) {
  ports::EndDelivery end;
  end.delivery = delivery;
  end.state = DeliveryState::kExpired;
  end.now = now_.wall;
  Event event = NewEvent(EventType::kExpired, nullptr);
  event.campaign = CampaignOf(campaign).campaign.id;
  event.delivery = delivery;
  event.category = category;
  event.text = std::move(text);
  end.events.push_back(std::move(event));
  Emit(std::move(end));
  tried_.erase(delivery);
}

void Shard::Impl::On(const Ended& ended) {
  for (const DeliveryId id : ended.deliveries) tried_.erase(id);
}

void Shard::Impl::Bounce(const DomainState& domain, CampaignKey campaign, DeliveryId delivery,
                         absl::string_view fault) {
  ports::EndDelivery end;
  end.delivery = delivery;
  end.state = DeliveryState::kBounced;
  end.now = now_.wall;
  Event event = NewEvent(EventType::kBounced, nullptr);
  event.campaign = campaigns_.at(campaign).campaign.id;
  event.delivery = delivery;
  event.category = ReplyCategory::kUnknownRecipient;
  event.text = absl::StrCat("the domain ", domain.name, " takes no mail: ", fault);
  end.events.push_back(std::move(event));
  Emit(std::move(end));
  tried_.erase(delivery);
}

void Shard::Impl::On(const SuppressedAddress& suppressed) {
  for (IpState& ip : ips_) {
    for (auto& lane : ip.lanes) {
      if (lane == nullptr) continue;
      std::vector<Flight> out;
      for (size_t i = 0; i < lane->ready.size();) {
        if (lane->ready[i].claimed.address == suppressed.address) {
          out.push_back(std::move(lane->ready[i]));
          lane->ready.erase(lane->ready.begin() + static_cast<ptrdiff_t>(i));
        } else {
          ++i;
        }
      }
      // Back in the queue, where the next claim finds it suppressed.
      if (!out.empty()) ReleaseFlights(*lane, std::move(out));
    }
  }
}

}  // namespace crescendo::core
