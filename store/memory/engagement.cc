// Engagement that a platform reports, and the scores that follow from it.
#include "store/memory/tables.h"

namespace crescendo::store {

EngagementSignals MemoryTables::Reported(absl::string_view address) const {
  const auto it = engagements.find(address);
  return it == engagements.end() ? EngagementSignals() : it->second.signals;
}

Ranking MemoryTables::Rank(const ports::AppendRecipients::Row& row, const Campaign& campaign,
                           DeliveryId id) {
  signals.erase(id);
  if (!row.signals) return {row.score, row.engaged_day};
  const EngagementSignals reported = Reported(row.address);
  const EngagementSignals beyond = BeyondReported(*row.signals, reported);
  signals[id] = beyond;
  return {ScoreOf(beyond, reported, campaign.create_time),
          std::max(row.engaged_day, EngagedDayOf(LastEngaged(reported)))};
}

ports::WriteResult MemoryTables::Apply(const ports::RecordEngagement& record) {
  if (absl::Status status = CheckEngagement(record); !status.ok()) return {std::move(status), {}};
  ports::EngagementOutcome outcome;
  std::vector<absl::string_view> touched;
  absl::flat_hash_set<absl::string_view> seen;
  for (const EngagementEvent& event : record.events) {
    if (!engagement_keys.insert(event.key).second) {
      ++outcome.repeated;
      continue;
    }
    engagement_events.emplace_back(record.now, event.key);
    ++outcome.recorded;
    Add(event, &engagements[event.address]);
    if (seen.insert(event.address).second) touched.push_back(event.address);
  }
  for (const absl::string_view address : touched) Rerank(address, &outcome.rescored);
  return {absl::OkStatus(), std::move(outcome), false};
}

void MemoryTables::Rerank(absl::string_view address, std::vector<Rescored>* rescored) {
  const auto same = by_address.find(address);
  if (same == by_address.end()) return;
  const EngagementSignals reported = Reported(address);
  const EngagedDay engaged = EngagedDayOf(LastEngaged(reported));
  for (const DeliveryId id : same->second) {
    DeliveryRow* row = Find(id);
    if (!IsWaiting(row->state) && row->state != DeliveryState::kClaimed) continue;
    const double old_score = row->score;
    // One that was given stays.
    if (const auto beyond = signals.find(id); beyond != signals.end()) {
      row->score = ScoreOf(beyond->second, reported, campaign(row->campaign).campaign.create_time);
    }
    const bool later = engaged > row->engaged_day;
    if (later) row->engaged_day = engaged;
    if (old_score == row->score && !later) continue;
    rescored->push_back({id, row->campaign, row->domain, old_score, row->score, row->engaged_day});
  }
}

}  // namespace crescendo::store
