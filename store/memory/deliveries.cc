// What happens to deliveries: append, claim, release, settle, end, cancel, suppress.
#include "absl/container/flat_hash_set.h"
#include "scheduler/base/status_macros.h"
#include "store/memory/tables.h"

namespace crescendo::store {
namespace {

ports::WriteResult Failed(absl::Status status) { return {std::move(status), {}, false}; }

}  // namespace

DeliveryRow* MemoryTables::Find(DeliveryId id) {
  if (id.value() < 1 || id.value() > static_cast<int64_t>(deliveries.size())) return nullptr;
  DeliveryRow& row = deliveries[static_cast<size_t>(id.value() - 1)];
  return row.pruned ? nullptr : &row;
}

CampaignRow* MemoryTables::Find(const CampaignId& id) {
  const auto it = campaign_keys.find(id.text());
  return it == campaign_keys.end() ? nullptr : &campaign(it->second);
}

QueuedDelivery MemoryTables::Queued(DeliveryId id, const DeliveryRow& row) const {
  return {.id = id,
          .campaign = row.campaign,
          .domain = row.domain,
          .score = row.score,
          .attempts = row.attempts,
          .not_before = row.next_attempt_time,
          .first_attempt_time = row.first_attempt_time,
          .pinned_ip = EgressIpId(labels.Text(row.pinned_ip)),
          .engaged_day = row.engaged_day};
}

void MemoryTables::Move(DeliveryRow* row, DeliveryState state) {
  CampaignCounts& counts = campaign(row->campaign).counts;
  --counts[row->state];
  ++counts[state];
  row->state = state;
}

void MemoryTables::End(DeliveryRow* row, DeliveryState state, absl::Time time) {
  Move(row, state);
  row->end_time = time;
  row->next_attempt_time = absl::InfinitePast();
  row->pinned_ip = 0;
}

LedgerRow& MemoryTables::Ledger(const Lane& lane, absl::CivilDay day) {
  LedgerRow& row =
      ledger[{labels.Key(lane.egress_ip.text()), labels.Key(lane.provider.text()), day}];
  if (row.lane.egress_ip.empty()) {
    row.lane = lane;
    row.day = day;
  }
  return row;
}

std::optional<ClaimHolder> MemoryTables::Holder(const DeliveryRow& row) const {
  if (row.state != DeliveryState::kClaimed) return std::nullopt;
  return ClaimHolder{
      {EgressIpId(labels.Text(row.claim_ip)), ProviderId(labels.Text(row.claim_provider))},
      row.claim_day};
}

DomainKey MemoryTables::Domain(absl::string_view domain, ports::AppendOutcome* outcome) {
  const auto it = domain_keys.find(domain);
  if (it != domain_keys.end()) return it->second;
  domains.emplace_back(domain);
  const DomainKey key(static_cast<int64_t>(domains.size()));
  domain_keys.emplace(domains.back(), key);
  outcome->new_domains.emplace_back(key, domains.back());
  return key;
}

ports::WriteResult MemoryTables::Apply(const ports::AppendRecipients& append) {
  CampaignRow* campaign_row = Find(append.campaign);
  if (campaign_row == nullptr) return Failed(NoSuch("campaign", append.campaign.text()));
  const CampaignKey key = campaign_row->campaign.key;
  const auto import = imports.find({key, append.import});
  const int64_t last = import == imports.end() ? 0 : static_cast<int64_t>(import->second.size());
  if (append.chunk >= 1 && append.chunk <= last &&
      !import->second[static_cast<size_t>(append.chunk - 1)].pruned) {
    const Chunk& chunk = import->second[static_cast<size_t>(append.chunk - 1)];
    absl::Status status = CheckChunkReplay(append, chunk.fingerprint);
    if (!status.ok()) return Failed(std::move(status));
    ports::WriteResult again{absl::OkStatus(), chunk.outcome, false};
    std::get<ports::AppendOutcome>(again.value).replayed = true;
    return again;
  }
  if (absl::Status status = CheckChunk(append, last); !status.ok()) return Failed(status);
  if (campaign_row->campaign.state == CampaignState::kCancelled) {
    return Failed(CampaignIsCancelled(append.campaign));
  }

  ports::AppendOutcome outcome;
  for (const auto& row : append.rows) {
    std::vector<DeliveryId>& same = by_address[row.address];
    const auto there = std::find_if(same.begin(), same.end(),
                                    [&](DeliveryId id) { return Find(id)->campaign == key; });
    if (there != same.end()) {
      Again(append, row, *there, &outcome);
      continue;
    }
    DeliveryRow& delivery = deliveries.emplace_back();
    const DeliveryId id(static_cast<int64_t>(deliveries.size()));
    same.push_back(id);
    if (campaign_row->first_delivery == 0) campaign_row->first_delivery = id.value();
    campaign_row->last_delivery = id.value();
    delivery.campaign = key;
    delivery.domain = Domain(DomainOf(row.address), &outcome);
    delivery.address = row.address;
    delivery.variables = row.variables;
    const Ranking ranking = Rank(row, campaign_row->campaign, id);
    delivery.score = ranking.score;
    delivery.engaged_day = ranking.engaged_day;
    delivery.create_time = append.now;
    if (!suppressions.empty() && suppressions.contains(row.address)) {
      delivery.state = DeliveryState::kSuppressed;
      ++outcome.suppressed;
    } else {
      ++outcome.added;
      outcome.queued.push_back(Queued(id, delivery));
    }
    ++campaign_row->counts[delivery.state];
  }
  Chunk& chunk = imports[{key, append.import}].emplace_back();
  chunk.fingerprint = append.fingerprint;
  chunk.time = append.now;
  chunk.outcome.added = outcome.added;
  chunk.outcome.duplicates = outcome.duplicates;
  chunk.outcome.suppressed = outcome.suppressed;
  chunk.outcome.updated = outcome.updated;
  return {absl::OkStatus(), std::move(outcome), false};
}

void MemoryTables::Again(const ports::AppendRecipients& append,
                         const ports::AppendRecipients::Row& row, DeliveryId id,
                         ports::AppendOutcome* outcome) {
  DeliveryRow* delivery = Find(id);
  const bool waits = IsWaiting(delivery->state) || delivery->state == DeliveryState::kClaimed;
  if (!append.update_scores || !waits) {
    ++outcome->duplicates;
    return;
  }
  ++outcome->updated;
  const Ranking ranking = Rank(row, campaign(delivery->campaign).campaign, id);
  const double old_score = std::exchange(delivery->score, ranking.score);
  const bool later = ranking.engaged_day > delivery->engaged_day;
  if (later) delivery->engaged_day = ranking.engaged_day;
  if (old_score == ranking.score && !later) return;
  outcome->rescored.push_back(
      {id, delivery->campaign, delivery->domain, old_score, ranking.score, delivery->engaged_day});
}

ports::WriteResult MemoryTables::Apply(const ports::Claim& claim) {
  std::vector<ports::ClaimedDelivery> claimed;
  for (const DeliveryId id : claim.deliveries) {
    DeliveryRow* row = Find(id);
    if (row == nullptr || !IsWaiting(row->state)) continue;
    const Campaign& owner = campaign(row->campaign).campaign;
    if (owner.state == CampaignState::kCancelled) continue;
    if (!suppressions.empty()) {
      const auto suppression = suppressions.find(row->address);
      if (suppression != suppressions.end()) {
        End(row, DeliveryState::kSuppressed, claim.now);
        const Event event = SuppressedEvent(claim.now, owner.id, id, suppression->second.reason);
        Append({&event, 1});
        continue;
      }
    }
    row->before_claim = row->state;
    Move(row, DeliveryState::kClaimed);
    row->claim_ip = labels.Key(claim.lane.egress_ip.text());
    row->claim_provider = labels.Key(claim.lane.provider.text());
    row->claim_day = claim.day;
    row->claim_time = claim.now;
    claimed.push_back({id, row->campaign, row->address, row->variables, row->attempts,
                       FirstAttempt(row->first_attempt_time, claim.now)});
  }
  if (!claimed.empty()) {
    Ledger(claim.lane, claim.day).claimed += static_cast<int64_t>(claimed.size());
  }
  return {absl::OkStatus(), std::move(claimed), false};
}

absl::Status MemoryTables::CheckClaims(const ports::Release& release) {
  absl::flat_hash_set<DeliveryId> seen;
  for (const DeliveryId id : release.deliveries) {
    const DeliveryRow* row = Find(id);
    if (row == nullptr) return NoSuchDelivery(id);
    const bool again = !seen.insert(id).second;
    RETURN_IF_ERROR(CheckHolder(id, again ? row->before_claim : row->state,
                                again ? std::nullopt : Holder(*row), release.lane, release.day));
  }
  return absl::OkStatus();
}

ports::WriteResult MemoryTables::Apply(const ports::Release& release) {
  if (absl::Status status = CheckClaims(release); !status.ok()) return Failed(status);
  for (const DeliveryId id : release.deliveries) {
    DeliveryRow* row = Find(id);
    Move(row, row->before_claim);
    --Ledger(release.lane, release.day).claimed;
  }
  return {};
}

void MemoryTables::Settled(const ports::Settle& settle, DeliveryRow* row) {
  Move(row, settle.state);
  if (IsFinal(settle.state)) row->end_time = settle.now;
  const bool deferred = settle.state == DeliveryState::kDeferred;
  row->next_attempt_time = deferred ? settle.next_attempt_time : absl::InfinitePast();
  row->pinned_ip = deferred ? labels.Key(settle.pinned_ip.text()) : 0;
  if (settle.slot == ports::Settle::Slot::kInDoubt) ++row->in_doubt_count;
  const bool replied = settle.category.has_value() || !settle.reply.empty();
  if (settle.counts_as_attempt) {
    ++row->attempts;
    row->first_attempt_time = FirstAttempt(row->first_attempt_time, row->claim_time);
    row->last_attempt_time = settle.now;
  }
  if (replied) {
    row->category = settle.category;
    row->reply = settle.reply;
  }
  if (settle.counts_as_attempt || replied) {
    row->last_ip = row->claim_ip;
    row->last_provider = row->claim_provider;
  }

  LedgerRow& day = Ledger(settle.lane, settle.claim_day);
  --day.claimed;
  switch (settle.slot) {
    case ports::Settle::Slot::kAccepted:
      ++day.accepted;
      break;
    case ports::Settle::Slot::kRefused:
      ++day.refused;
      day.hard_bounces += IsHardBounce(settle);
      break;
    case ports::Settle::Slot::kInDoubt:
      ++day.in_doubt;
      break;
    case ports::Settle::Slot::kDeferred:
      ++day.deferred;
      day.pushback += settle.pushback;
      break;
  }
  if (settle.settle_day != settle.claim_day && IsCarried(settle.slot)) {
    ++Ledger(settle.lane, settle.settle_day).carried;
  }
}

ports::WriteResult MemoryTables::Apply(const ports::Settle& settle) {
  DeliveryRow* row = Find(settle.delivery);
  if (row == nullptr) return Failed(NoSuchDelivery(settle.delivery));
  absl::Status status = CheckSettle(settle);
  if (status.ok()) {
    status = CheckHolder(settle.delivery, row->state, Holder(*row), settle.lane, settle.claim_day);
  }
  if (status.ok()) status = CheckEvents(settle.events);
  if (!status.ok()) return Failed(std::move(status));

  Settled(settle, row);
  Append(settle.events, row->address);
  if (!settle.suppress) return {};
  // An older suppression stays: it may hold a reason that weighs more than a bounce.
  const auto [suppression, added] = suppressions.emplace(
      row->address, Suppression{row->address, *settle.suppress, settle.reply, settle.now});
  std::vector<DeliveryId> ended;
  EndWaiting(suppression->second, settle.now, &ended);
  return {absl::OkStatus(), std::move(ended), false};
}

ports::WriteResult MemoryTables::Apply(const ports::EndDelivery& end) {
  DeliveryRow* row = Find(end.delivery);
  if (row == nullptr) return Failed(NoSuchDelivery(end.delivery));
  absl::Status status = CheckEnd(end, row->state);
  if (status.ok()) status = CheckEvents(end.events);
  if (!status.ok()) return Failed(std::move(status));
  End(row, end.state, end.now);
  Append(end.events, row->address);
  return {};
}

ports::WriteResult MemoryTables::Apply(const ports::CancelDeliveries& cancel) {
  const CampaignRow* owner = Find(cancel.campaign);
  if (owner == nullptr) return Failed(NoSuch("campaign", cancel.campaign.text()));
  if (absl::Status status = CheckCancel(cancel, owner->campaign.state); !status.ok()) {
    return Failed(std::move(status));
  }
  ports::CancelledDeliveries outcome;
  const auto left = [&] {
    return owner->counts.queued + owner->counts.deferred + owner->counts.in_doubt;
  };
  if (left() == 0) return {absl::OkStatus(), std::move(outcome), false};
  int looked_at = 0;
  for (int64_t id = std::max(cancel.after.value() + 1, owner->first_delivery);
       id <= owner->last_delivery && looked_at < cancel.limit; ++id) {
    DeliveryRow* row = Find(DeliveryId(id));
    if (row == nullptr) continue;
    ++looked_at;
    outcome.next = DeliveryId(id);
    if (row->campaign != owner->campaign.key) continue;
    if (!IsWaiting(row->state) && row->state != DeliveryState::kInDoubt) continue;
    End(row, DeliveryState::kCancelled, cancel.now);
    outcome.ended.push_back(DeliveryId(id));
  }
  outcome.more = looked_at == cancel.limit && left() > 0;
  return {absl::OkStatus(), std::move(outcome), false};
}

void MemoryTables::EndWaiting(const Suppression& suppression, absl::Time time,
                              std::vector<DeliveryId>* ended) {
  const auto same = by_address.find(suppression.address);
  if (same == by_address.end()) return;
  for (const DeliveryId id : same->second) {
    DeliveryRow* row = Find(id);
    if (!IsWaiting(row->state)) continue;
    End(row, DeliveryState::kSuppressed, time);
    const Event event =
        SuppressedEvent(time, campaign(row->campaign).campaign.id, id, suppression.reason);
    Append({&event, 1});
    ended->push_back(id);
  }
}

ports::WriteResult MemoryTables::Apply(const ports::AddSuppressions& add) {
  if (absl::Status status = CheckEvents(add.events); !status.ok()) return Failed(status);
  Append(add.events);
  std::vector<DeliveryId> ended;
  for (const Suppression& suppression : add.suppressions) {
    suppressions[suppression.address] = suppression;
    EndWaiting(suppression, suppression.create_time, &ended);
  }
  return {absl::OkStatus(), std::move(ended), false};
}

ports::WriteResult MemoryTables::Apply(const ports::RemoveSuppression& remove) {
  absl::Status status = suppressions.contains(remove.address)
                            ? CheckEvents(remove.events)
                            : NoSuch("suppression of", remove.address);
  if (!status.ok()) return Failed(std::move(status));
  suppressions.erase(remove.address);
  Append(remove.events);
  return {};
}

}  // namespace crescendo::store
