// Engagement that a platform reports, and the scores that follow from it.
#include "store/memory/tables.h"

namespace crescendo::store {

EngagementSignals MemoryTables::Reported(absl::string_view address) const {
  const auto it = engagements.find(address);
  return it == engagements.end() ? EngagementSignals() : it->second.signals;
}

double MemoryTables::Score(const ports::AppendRecipients::Row& row, const Campaign& campaign,
                           DeliveryId id) {
  signals.erase(id);
  if (!row.signals) return row.score;
  const EngagementSignals reported = Reported(row.address);
  const EngagementSignals beyond = BeyondReported(*row.signals, reported);
  signals[id] = beyond;
  return ScoreOf(beyond, reported, campaign.create_time);
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
  for (const DeliveryId id : same->second) {
    const auto beyond = signals.find(id);
    if (beyond == signals.end()) continue;  // Its score was given.
    DeliveryRow* row = Find(id);
    if (!IsWaiting(row->state) && row->state != DeliveryState::kClaimed) continue;
    const double score =
        ScoreOf(beyond->second, reported, campaign(row->campaign).campaign.create_time);
    const double old_score = std::exchange(row->score, score);
    if (old_score == score) continue;
    rescored->push_back({id, row->campaign, row->domain, old_score, score});
  }
}

}  // namespace crescendo::store
