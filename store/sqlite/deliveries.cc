#include "store/sqlite/deliveries.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {
namespace {

// From so many bytes on variables go to a segment; shorter ones share a page of the database.
constexpr size_t kSegmentBytes = 1024;

// The store keeps these numbers: new enumerators go to the end.
static_assert(static_cast<int>(DeliveryState::kQueued) == 0);
static_assert(static_cast<int>(DeliveryState::kInDoubt) == 2);
static_assert(static_cast<int>(DeliveryState::kDeferred) == 3);
static_assert(static_cast<int>(DeliveryState::kCancelled) == 8);
static_assert(static_cast<int>(SuppressionReason::kManual) == 3);

Tally::Slot CounterOf(ports::Settle::Slot slot) {
  switch (slot) {
    case ports::Settle::Slot::kAccepted:
      return Tally::kAccepted;
    case ports::Settle::Slot::kRefused:
      return Tally::kRefused;
    case ports::Settle::Slot::kInDoubt:
      return Tally::kInDoubt;
    case ports::Settle::Slot::kDeferred:
      break;
  }
  return Tally::kDeferred;
}

// What 0008_recount.sql keeps of it.
static_assert(static_cast<int>(ports::Settle::Slot::kDeferred) == 3);
SlotUse UseOf(const ports::Settle& settle) {
  return {settle.claim_day,
          static_cast<int64_t>(settle.slot) + 4 * (settle.settle_day - settle.claim_day)};
}

}  // namespace

absl::StatusOr<std::optional<Deliveries::Row>> Deliveries::Find(DeliveryId id) {
  Rows rows = find_.Query(id.value());
  std::optional<Row> found;
  if (rows.Next()) {
    Row& row = found.emplace();
    row.subject = {id.value(), rows.String(10), rows.Int(8)};
    row.campaign = CampaignKey(rows.Int(0));
    row.unclaimed_state = rows.Enumerator(1, DeliveryState::kCancelled);
    row.attempts = rows.Int32(2);
    row.first_attempt_time = rows.Time(3);
    row.last_attempt_time = rows.Time(4);
    row.last_ip = rows.Int(5);
    row.last_provider = rows.Int(6);
    if (!rows.IsNull(7)) row.category = rows.Int(7);
    row.reply = rows.String(9);
    if (!rows.IsNull(13)) {
      row.claim_ip = rows.Int(11);
      row.claim_provider = rows.Int(12);
      row.holder = ClaimHolder{{EgressIpId(names_->LabelText(row.claim_ip)),
                                ProviderId(names_->LabelText(row.claim_provider))},
                               rows.Day(13)};
      row.claim_time = rows.Time(14);
    }
  }
  RETURN_IF_ERROR(rows.status());
  return found;
}

absl::StatusOr<std::optional<SuppressionReason>> Deliveries::SuppressedFor(
    const std::string& address) {
  Rows rows = find_suppression_.Query(address);
  std::optional<SuppressionReason> reason;
  if (rows.Next()) reason = rows.Enumerator(0, SuppressionReason::kManual);
  RETURN_IF_ERROR(rows.status());
  return reason;
}

absl::StatusOr<std::optional<SuppressionReason>> Deliveries::SuppressedFor(
    const std::string& address, uint64_t hash) {
  if (!suppressed_) {
    AddressFilter all;
    Rows rows = suppressions_.Query();
    while (rows.Next()) all.Add(AddressHash(rows.Text(0)));
    RETURN_IF_ERROR(rows.status());
    suppressed_ = std::move(all);
  }
  if (!suppressed_->MayContain(hash)) return std::nullopt;
  return SuppressedFor(address);
}

absl::Status Deliveries::Apply(const ports::AppendRecipients& append, ports::WriteResult* result) {
  const CampaignInfo* campaign = records_->Find(append.campaign);
  if (campaign == nullptr) {
    result->status = NoSuch("campaign", append.campaign.text());
    return absl::OkStatus();
  }
  const int64_t key = campaign->key.value();
  ports::AppendOutcome outcome;
  {
    Rows rows = find_chunk_.Query(key, append.import.text(), append.chunk);
    if (rows.Next()) {
      result->status = CheckChunkReplay(append, static_cast<uint64_t>(rows.Int(0)));
      outcome.added = rows.Int(1);
      outcome.duplicates = rows.Int(2);
      outcome.suppressed = rows.Int(3);
      outcome.updated = rows.Int(4);
      outcome.replayed = true;
      if (result->status.ok()) result->value = std::move(outcome);
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(rows.status());
  }
  int64_t last = 0;
  {
    Rows rows = last_chunk_.Query(key, append.import.text());
    if (rows.Next()) last = rows.Int(0);
    RETURN_IF_ERROR(rows.status());
  }
  result->status = CheckChunk(append, last);
  if (result->status.ok() && campaign->state == CampaignState::kCancelled) {
    result->status = CampaignIsCancelled(append.campaign);
  }
  if (!result->status.ok()) return absl::OkStatus();

  bool fresh = false;
  {
    Rows rows = first_delivery_.Query(key);
    fresh = rows.Next() && rows.IsNull(0);
    RETURN_IF_ERROR(rows.status());
  }
  outcome.queued.reserve(append.rows.size());
  int64_t newest = 0;
  for (const auto& row : append.rows) {
    RETURN_IF_ERROR(AppendRow(row, *campaign, fresh, append, &outcome, &newest));
  }
  if (const int64_t stored = outcome.added + outcome.suppressed; stored > 0) {
    RETURN_IF_ERROR(extend_range_.Run(key, newest - stored + 1, newest));
    tally_->Add(key, DeliveryState::kQueued, outcome.added);
    tally_->Add(key, DeliveryState::kSuppressed, outcome.suppressed);
  }
  RETURN_IF_ERROR(add_chunk_.Run(
      key, append.import.text(), append.chunk, static_cast<int64_t>(append.fingerprint),
      outcome.added, outcome.duplicates, outcome.suppressed, append.now, outcome.updated));
  result->value = std::move(outcome);
  return absl::OkStatus();
}

absl::Status Deliveries::AppendRow(const ports::AppendRecipients::Row& row,
                                   const CampaignInfo& campaign, bool fresh,
                                   const ports::AppendRecipients& append,
                                   ports::AppendOutcome* outcome, int64_t* newest) {
  const uint64_t hash = AddressHash(row.address);
  ASSIGN_OR_RETURN(const std::optional<DeliveryId> there,
                   addresses_->FindIn(campaign.key, fresh, hash, row.address));
  if (there) {
    if (append.update_scores) return Rescore(*there, row, hash, campaign, outcome);
    ++outcome->duplicates;
    return absl::OkStatus();
  }
  const absl::string_view name = DomainOf(row.address);
  ASSIGN_OR_RETURN(const Names::DomainNumber domain, names_->Domain(name));
  if (domain.is_new) outcome->new_domains.emplace_back(domain.key, name);
  ASSIGN_OR_RETURN(const auto suppressed, SuppressedFor(row.address, hash));
  const DeliveryState state = suppressed ? DeliveryState::kSuppressed : DeliveryState::kQueued;
  std::optional<EngagementSignals> signals;
  ASSIGN_OR_RETURN(const Ranking ranking, engagements_->Rank(row, hash, campaign, &signals));
  RETURN_IF_ERROR(add_.Run(campaign.key.value(), domain.key, static_cast<int>(state), ranking.score,
                           append.now, row.address, static_cast<int64_t>(ranking.engaged_day)));
  *newest = database_->last_insert_id();
  if (signals) RETURN_IF_ERROR(engagements_->PutSignals(DeliveryId(*newest), *signals));
  addresses_->Add(campaign.key, hash, *newest);
  if (!row.variables.empty()) RETURN_IF_ERROR(AddVariables(*newest, row.variables));
  if (suppressed) {
    ++outcome->suppressed;
  } else {
    ++outcome->added;
    QueuedDelivery& queued = outcome->queued.emplace_back();
    queued.id = DeliveryId(*newest);
    queued.campaign = campaign.key;
    queued.domain = DomainKey(domain.key);
    queued.score = ranking.score;
    queued.engaged_day = ranking.engaged_day;
  }
  return absl::OkStatus();
}

absl::Status Deliveries::AddVariables(int64_t id, const Variables& variables) {
  EncodeVariables(variables, &encoded_);
  if (encoded_.size() < kSegmentBytes) return add_variables_.Run(id, BlobOrNull{encoded_});
  ASSIGN_OR_RETURN(const SegmentPlace place, segments_->Append(encoded_));
  return add_place_.Run(id, place.segment, place.position, place.length, place.checksum);
}

absl::Status Deliveries::Rescore(DeliveryId id, const ports::AppendRecipients::Row& row,
                                 uint64_t hash, const CampaignInfo& campaign,
                                 ports::AppendOutcome* outcome) {
  Rescored rescored;
  rescored.id = id;
  rescored.campaign = campaign.key;
  EngagedDay engaged = 0;
  bool waits = false;  // Or is claimed: that row is as it was before.
  {
    Rows rows = find_score_.Query(id.value());
    if (rows.Next()) {
      rescored.domain = DomainKey(rows.Int(0));
      waits = IsWaiting(rows.Enumerator(1, DeliveryState::kCancelled));
      rescored.old_score = rows.Real(2);
      engaged = static_cast<EngagedDay>(rows.Int(3));
    }
    RETURN_IF_ERROR(rows.status());
  }
  ++(waits ? outcome->updated : outcome->duplicates);
  if (!waits) return absl::OkStatus();
  std::optional<EngagementSignals> signals;
  ASSIGN_OR_RETURN(const Ranking ranking, engagements_->Rank(row, hash, campaign, &signals));
  RETURN_IF_ERROR(signals ? engagements_->PutSignals(id, *signals)
                          : engagements_->RemoveSignals(id));
  rescored.score = ranking.score;
  rescored.engaged_day = std::max(engaged, ranking.engaged_day);
  if (rescored.old_score == rescored.score && rescored.engaged_day == engaged) {
    return absl::OkStatus();
  }
  outcome->rescored.push_back(rescored);
  return rescore_.Run(rescored.id.value(), rescored.score,
                      static_cast<int64_t>(rescored.engaged_day));
}

absl::StatusOr<Variables> Deliveries::VariablesOf(DeliveryId id) {
  Rows rows = find_variables_.Query(id.value());
  Variables variables;
  if (rows.Next()) {
    absl::string_view encoded = rows.Text(0);
    if (!rows.IsNull(1)) {
      RETURN_IF_ERROR(
          segments_->Read({rows.Int(1), rows.Int(2), rows.Int(3), rows.Int(4)}, &encoded_));
      encoded = encoded_;
    } else if (!rows.IsNull(4) && ChecksumOf(encoded) != rows.Int(4)) {
      return database_->Damaged(absl::StrCat("the variables of delivery ", id.value(),
                                             " are not those that were stored"));
    }
    ASSIGN_OR_RETURN(variables, DecodeVariables(encoded));
  }
  RETURN_IF_ERROR(rows.status());
  return variables;
}

absl::Status Deliveries::Apply(const ports::Claim& claim, ports::WriteResult* result) {
  ASSIGN_OR_RETURN(const int64_t ip, names_->Label(claim.lane.egress_ip.text()));
  ASSIGN_OR_RETURN(const int64_t provider, names_->Label(claim.lane.provider.text()));
  std::vector<ports::ClaimedDelivery> claimed;
  claimed.reserve(claim.deliveries.size());
  for (const DeliveryId id : claim.deliveries) {
    ASSIGN_OR_RETURN(std::optional<Row> row, Find(id));
    if (!row || !IsWaiting(row->state())) continue;
    if (records_->Get(row->campaign).state == CampaignState::kCancelled) continue;
    ASSIGN_OR_RETURN(const auto suppressed, SuppressedFor(row->subject.address));
    if (suppressed) {
      RETURN_IF_ERROR(EndSuppressed(&*row, claim.now, *suppressed));
      continue;
    }
    RETURN_IF_ERROR(claim_.Run(id.value(), ip, provider, claim.day, claim.now));
    tally_->Move(row->campaign.value(), row->state(), DeliveryState::kClaimed);
    ASSIGN_OR_RETURN(Variables variables, VariablesOf(id));
    claimed.push_back({id, row->campaign, std::move(row->subject.address), std::move(variables),
                       row->attempts, FirstAttempt(row->first_attempt_time, claim.now)});
  }
  if (!claimed.empty()) {
    tally_->Count(ip, provider, claim.day, Tally::kClaimed, static_cast<int64_t>(claimed.size()));
  }
  result->value = std::move(claimed);
  return absl::OkStatus();
}

absl::Status Deliveries::Apply(const ports::CountComplaint& count, ports::WriteResult*) {
  ASSIGN_OR_RETURN(const int64_t ip, names_->Label(count.lane.egress_ip.text()));
  ASSIGN_OR_RETURN(const int64_t provider, names_->Label(count.lane.provider.text()));
  tally_->Count(ip, provider, count.day, Tally::kComplaints, 1);
  return absl::OkStatus();
}

absl::Status Deliveries::Apply(const ports::Release& release, ports::WriteResult* result) {
  std::vector<Row> claims;
  absl::flat_hash_set<DeliveryId> seen;
  for (const DeliveryId id : release.deliveries) {
    ASSIGN_OR_RETURN(std::optional<Row> row, Find(id));
    if (row && !seen.insert(id).second) row->holder.reset();  // The first of the two ends it.
    result->status = !row ? NoSuchDelivery(id)
                          : CheckHolder(id, row->state(), row->holder, release.lane, release.day);
    if (!result->status.ok()) return absl::OkStatus();
    claims.push_back(*std::move(row));
  }
  for (const Row& row : claims) {
    RETURN_IF_ERROR(unclaim_.Run(row.subject.delivery));
    tally_->Move(row.campaign.value(), DeliveryState::kClaimed, row.unclaimed_state);
    tally_->Count(row.claim_ip, row.claim_provider, release.day, Tally::kClaimed, -1);
  }
  return absl::OkStatus();
}

absl::Status Deliveries::Apply(const ports::Settle& settle, ports::WriteResult* result) {
  ASSIGN_OR_RETURN(std::optional<Row> row, Find(settle.delivery));
  if (!row) {
    result->status = NoSuchDelivery(settle.delivery);
    return absl::OkStatus();
  }
  absl::Status& fault = result->status;
  fault = CheckSettle(settle);
  if (fault.ok()) {
    fault = CheckHolder(settle.delivery, row->state(), row->holder, settle.lane, settle.claim_day);
  }
  if (fault.ok()) RETURN_IF_ERROR(events_->Check(settle.events, &row->subject, &fault));
  if (!fault.ok()) return absl::OkStatus();

  RETURN_IF_ERROR(SettleRow(settle, &*row));
  if (!settle.suppress) return absl::OkStatus();
  // An older suppression stays: it may hold a reason that weighs more than a bounce.
  const std::string& address = row->subject.address;
  RETURN_IF_ERROR(
      add_suppression_.Run(address, static_cast<int>(*settle.suppress), settle.reply, settle.now));
  if (suppressed_) suppressed_->Add(AddressHash(address));
  ASSIGN_OR_RETURN(const auto reason, SuppressedFor(address));
  if (!reason) return database_->Damaged("a suppression that was there is gone");
  std::vector<DeliveryId> ended;
  RETURN_IF_ERROR(EndWaiting(address, settle.now, *reason, &ended));
  result->value = std::move(ended);
  return absl::OkStatus();
}

absl::Status Deliveries::SettleRow(const ports::Settle& settle, Row* row) {
  const bool deferred = settle.state == DeliveryState::kDeferred;
  int64_t pinned_ip = 0;
  if (deferred) {
    ASSIGN_OR_RETURN(pinned_ip, names_->Label(settle.pinned_ip.text()));
  }
  const bool replied = settle.category.has_value() || !settle.reply.empty();
  if (settle.counts_as_attempt) {
    row->first_attempt_time =
        FirstAttempt(row->first_attempt_time, FirstAttempt(row->claim_time, settle.now));
    row->last_attempt_time = settle.now;
  }
  if (replied) {
    row->category.reset();
    if (settle.category) row->category = static_cast<int64_t>(*settle.category);
    row->reply = settle.reply;
  }
  if (settle.counts_as_attempt || replied) {
    row->last_ip = row->claim_ip;
    row->last_provider = row->claim_provider;
  }
  RETURN_IF_ERROR(events_->Append(settle.events, &row->subject, UseOf(settle)));
  RETURN_IF_ERROR(settle_.Run(
      row->subject.delivery, static_cast<int>(settle.state), settle.counts_as_attempt,
      settle.slot == ports::Settle::Slot::kInDoubt, row->first_attempt_time, row->last_attempt_time,
      deferred ? settle.next_attempt_time : absl::InfinitePast(), row->last_ip, row->last_provider,
      pinned_ip, row->category, TextOrNull{row->reply}, row->subject.last_event,
      IsFinal(settle.state) ? settle.now : absl::InfinitePast()));
  RETURN_IF_ERROR(unclaim_.Run(row->subject.delivery));

  tally_->Move(row->campaign.value(), DeliveryState::kClaimed, settle.state);
  const auto count = [&](absl::CivilDay day, Tally::Slot slot, int64_t by) {
    tally_->Count(row->claim_ip, row->claim_provider, day, slot, by);
  };
  count(settle.claim_day, Tally::kClaimed, -1);
  count(settle.claim_day, CounterOf(settle.slot), 1);
  if (IsHardBounce(settle)) count(settle.claim_day, Tally::kHardBounces, 1);
  if (settle.slot == ports::Settle::Slot::kDeferred && settle.pushback) {
    count(settle.claim_day, Tally::kPushback, 1);
  }
  if (settle.settle_day != settle.claim_day && IsCarried(settle.slot)) {
    count(settle.settle_day, Tally::kCarried, 1);
  }
  return absl::OkStatus();
}

absl::Status Deliveries::End(const Row& row, DeliveryState state, absl::Time time) {
  RETURN_IF_ERROR(
      end_.Run(row.subject.delivery, static_cast<int>(state), row.subject.last_event, time));
  tally_->Move(row.campaign.value(), row.state(), state);
  return absl::OkStatus();
}

absl::Status Deliveries::EndSuppressed(Row* row, absl::Time time, SuppressionReason reason) {
  const Event event = SuppressedEvent(time, records_->Get(row->campaign).id,
                                      DeliveryId(row->subject.delivery), reason);
  RETURN_IF_ERROR(events_->Append({&event, 1}, &row->subject));
  return End(*row, DeliveryState::kSuppressed, time);
}

absl::Status Deliveries::EndWaiting(const std::string& address, absl::Time time,
                                    SuppressionReason reason, std::vector<DeliveryId>* ended) {
  ASSIGN_OR_RETURN(const std::vector<AddressIndex::Match> matches, addresses_->Find(address));
  for (const AddressIndex::Match& match : matches) {
    ASSIGN_OR_RETURN(std::optional<Row> row, Find(match.delivery));
    if (!row || !IsWaiting(row->state())) continue;
    RETURN_IF_ERROR(EndSuppressed(&*row, time, reason));
    ended->push_back(match.delivery);
  }
  return absl::OkStatus();
}

absl::Status Deliveries::Apply(const ports::EndDelivery& end, ports::WriteResult* result) {
  ASSIGN_OR_RETURN(std::optional<Row> row, Find(end.delivery));
  absl::Status& fault = result->status;
  fault = row ? CheckEnd(end, row->state()) : NoSuchDelivery(end.delivery);
  if (fault.ok()) RETURN_IF_ERROR(events_->Check(end.events, &row->subject, &fault));
  if (!fault.ok()) return absl::OkStatus();
  RETURN_IF_ERROR(events_->Append(end.events, &row->subject));
  return End(*row, end.state, end.now);
}

absl::Status Deliveries::Apply(const ports::CancelDeliveries& cancel, ports::WriteResult* result) {
  const CampaignInfo* campaign = records_->Find(cancel.campaign);
  if (campaign == nullptr) {
    result->status = NoSuch("campaign", cancel.campaign.text());
    return absl::OkStatus();
  }
  result->status = CheckCancel(cancel, campaign->state);
  if (!result->status.ok()) return absl::OkStatus();
  const int64_t key = campaign->key.value();
  RETURN_IF_ERROR(tally_->Flush());  // What the group has counted so far.
  int64_t first = 0, last = 0, left = 0;
  {
    Rows rows = find_range_.Query(key);
    if (rows.Next()) {
      first = rows.Int(0);
      last = rows.Int(1);
      left = rows.Int(2);
    }
    RETURN_IF_ERROR(rows.status());
  }
  ports::CancelledDeliveries outcome;
  std::vector<DeliveryState> before;
  int looked_at = 0;
  if (left > 0) {
    Rows rows = look_.Query(std::max(cancel.after.value() + 1, first), last, cancel.limit);
    for (; rows.Next(); ++looked_at) {
      outcome.next = DeliveryId(rows.Int(0));
      const auto state = rows.Enumerator(2, DeliveryState::kCancelled);
      if (rows.Int(1) != key || !rows.IsNull(3)) continue;
      if (!IsWaiting(state) && state != DeliveryState::kInDoubt) continue;
      outcome.ended.push_back(outcome.next);
      before.push_back(state);
    }
    RETURN_IF_ERROR(rows.status());
  }
  for (size_t i = 0; i < outcome.ended.size(); ++i) {
    RETURN_IF_ERROR(cancel_.Run(outcome.ended[i].value(), cancel.now));
    tally_->Move(key, before[i], DeliveryState::kCancelled);
  }
  outcome.more = looked_at == cancel.limit && left > std::ssize(outcome.ended);
  result->value = std::move(outcome);
  return absl::OkStatus();
}

absl::Status Deliveries::Apply(const ports::AddSuppressions& add, ports::WriteResult* result) {
  RETURN_IF_ERROR(events_->Check(add.events, nullptr, &result->status));
  if (!result->status.ok()) return absl::OkStatus();
  RETURN_IF_ERROR(events_->Append(add.events, nullptr));
  std::vector<DeliveryId> ended;
  for (const Suppression& suppression : add.suppressions) {
    RETURN_IF_ERROR(put_suppression_.Run(suppression.address, static_cast<int>(suppression.reason),
                                         suppression.note, suppression.create_time));
    if (suppressed_) suppressed_->Add(AddressHash(suppression.address));
    RETURN_IF_ERROR(
        EndWaiting(suppression.address, suppression.create_time, suppression.reason, &ended));
  }
  result->value = std::move(ended);
  return absl::OkStatus();
}

absl::Status Deliveries::Apply(const ports::RemoveSuppression& remove, ports::WriteResult* result) {
  ASSIGN_OR_RETURN(const auto found, SuppressedFor(remove.address));
  if (!found) result->status = NoSuch("suppression of", remove.address);
  if (found) RETURN_IF_ERROR(events_->Check(remove.events, nullptr, &result->status));
  if (!result->status.ok()) return absl::OkStatus();
  RETURN_IF_ERROR(remove_suppression_.Run(remove.address));
  return events_->Append(remove.events, nullptr);
}

}  // namespace crescendo::store
