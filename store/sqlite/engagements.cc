#include "store/sqlite/engagements.h"

#include "absl/container/flat_hash_set.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {
namespace {

std::optional<absl::Time> TimeOrNone(const Rows& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Time(column);
}
absl::Time TimeOrNull(const std::optional<absl::Time>& time) {
  return time.value_or(absl::InfinitePast());
}

}  // namespace

absl::StatusOr<std::optional<Engagement>> Engagements::Find(absl::string_view address) {
  Rows rows = find_.Query(address);
  std::optional<Engagement> found;
  if (rows.Next()) {
    found.emplace();
    found->signals.last_click_time = TimeOrNone(rows, 0);
    found->signals.last_open_time = TimeOrNone(rows, 1);
    found->last_machine_open_time = TimeOrNone(rows, 2);
    found->signals.click_count = rows.Int(3);
    found->signals.open_count = rows.Int(4);
    found->machine_open_count = rows.Int(5);
  }
  RETURN_IF_ERROR(rows.status());
  return found;
}

absl::StatusOr<bool> Engagements::MayKnow(uint64_t hash) {
  if (!known_) {
    AddressFilter all;
    Rows rows = addresses_known_.Query();
    while (rows.Next()) all.Add(AddressHash(rows.Text(0)));
    RETURN_IF_ERROR(rows.status());
    known_ = std::move(all);
  }
  return known_->MayContain(hash);
}

absl::StatusOr<Ranking> Engagements::Rank(const ports::AppendRecipients::Row& row, uint64_t hash,
                                          const CampaignInfo& campaign,
                                          std::optional<EngagementSignals>* beyond) {
  beyond->reset();
  if (!row.signals) return Ranking{row.score, row.engaged_day};
  std::optional<Engagement> reported;
  ASSIGN_OR_RETURN(const bool may_know, MayKnow(hash));
  if (may_know) {
    ASSIGN_OR_RETURN(reported, Find(row.address));
  }
  const EngagementSignals signals = reported ? reported->signals : EngagementSignals();
  *beyond = BeyondReported(*row.signals, signals);
  return Ranking{ScoreOf(**beyond, signals, campaign.create_time),
                 std::max(row.engaged_day, EngagedDayOf(LastEngaged(signals)))};
}

absl::Status Engagements::PutSignals(DeliveryId id, const EngagementSignals& beyond) {
  return put_signals_.Run(id.value(), TimeOrNull(beyond.last_click_time),
                          TimeOrNull(beyond.last_open_time), TimeOrNull(beyond.subscribe_time),
                          beyond.click_count, beyond.open_count);
}

absl::StatusOr<std::optional<EngagementSignals>> Engagements::FindSignals(DeliveryId id) {
  Rows rows = find_signals_.Query(id.value());
  std::optional<EngagementSignals> found;
  if (rows.Next()) {
    found.emplace();
    found->last_click_time = TimeOrNone(rows, 0);
    found->last_open_time = TimeOrNone(rows, 1);
    found->subscribe_time = TimeOrNone(rows, 2);
    found->click_count = rows.Int(3);
    found->open_count = rows.Int(4);
  }
  RETURN_IF_ERROR(rows.status());
  return found;
}

absl::StatusOr<std::optional<EngagementSignals>> Engagements::SignalsOf(DeliveryId id) {
  ASSIGN_OR_RETURN(std::optional<EngagementSignals> signals, FindSignals(id));
  if (!signals) return signals;
  std::string address;
  {
    Rows rows = find_address_.Query(id.value());
    if (rows.Next()) address = rows.String(0);
    RETURN_IF_ERROR(rows.status());
  }
  ASSIGN_OR_RETURN(const std::optional<Engagement> reported, Find(address));
  if (reported) signals = Together(*signals, reported->signals);
  return signals;
}

absl::Status Engagements::Record(const EngagementEvent& event) {
  ASSIGN_OR_RETURN(std::optional<Engagement> found, Find(event.address));
  Engagement engagement = found.value_or(Engagement());
  Add(event, &engagement);
  if (known_ && !found) known_->Add(AddressHash(event.address));
  return put_.Run(event.address, TimeOrNull(engagement.signals.last_click_time),
                  TimeOrNull(engagement.signals.last_open_time),
                  TimeOrNull(engagement.last_machine_open_time), engagement.signals.click_count,
                  engagement.signals.open_count, engagement.machine_open_count);
}

absl::Status Engagements::Apply(const ports::RecordEngagement& record, ports::WriteResult* result) {
  result->status = CheckEngagement(record);
  if (!result->status.ok()) return absl::OkStatus();
  ports::EngagementOutcome outcome;
  std::vector<const std::string*> touched;
  absl::flat_hash_set<absl::string_view> seen;
  for (const EngagementEvent& event : record.events) {
    RETURN_IF_ERROR(add_key_.Run(static_cast<int64_t>(event.key), record.now));
    if (database_->changes() == 0) {
      ++outcome.repeated;
      continue;
    }
    ++outcome.recorded;
    RETURN_IF_ERROR(Record(event));
    if (seen.insert(event.address).second) touched.push_back(&event.address);
  }
  for (const std::string* address : touched) RETURN_IF_ERROR(Rerank(*address, &outcome.rescored));
  result->value = std::move(outcome);
  return absl::OkStatus();
}

absl::Status Engagements::Rerank(const std::string& address, std::vector<Rescored>* rescored) {
  ASSIGN_OR_RETURN(const std::vector<AddressIndex::Match> matches, addresses_->Find(address));
  if (matches.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<Engagement> reported, Find(address));
  const EngagedDay newest = EngagedDayOf(LastEngaged(reported->signals));
  for (const AddressIndex::Match& match : matches) {
    Rescored one;
    one.id = match.delivery;
    one.campaign = match.campaign;
    bool waits = false;  // Or is claimed.
    EngagedDay engaged = 0;
    {
      Rows rows = find_delivery_.Query(match.delivery.value());
      if (rows.Next()) {
        one.domain = DomainKey(rows.Int(0));
        waits = IsWaiting(rows.Enumerator(1, DeliveryState::kCancelled));
        one.old_score = rows.Real(2);
        engaged = static_cast<EngagedDay>(rows.Int(3));
      }
      RETURN_IF_ERROR(rows.status());
    }
    if (!waits) continue;
    one.score = one.old_score;  // One that was given stays.
    ASSIGN_OR_RETURN(const std::optional<EngagementSignals> beyond, FindSignals(match.delivery));
    if (beyond) {
      one.score = ScoreOf(*beyond, reported->signals, records_->Get(match.campaign).create_time);
    }
    one.engaged_day = std::max(engaged, newest);
    if (one.score == one.old_score && one.engaged_day == engaged) continue;
    RETURN_IF_ERROR(rescore_.Run(one.id.value(), one.score, static_cast<int64_t>(one.engaged_day)));
    rescored->push_back(one);
  }
  return absl::OkStatus();
}

}  // namespace crescendo::store
