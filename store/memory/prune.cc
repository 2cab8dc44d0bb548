// What is finished and old goes; see ports::Prune.
#include <tuple>

#include "store/memory/tables.h"

namespace crescendo::store {
namespace {

absl::Time EndOf(const DeliveryRow& row) {
  if (row.end_time != absl::InfinitePast()) return row.end_time;
  if (row.last_attempt_time != absl::InfinitePast()) return row.last_attempt_time;
  return row.create_time;
}

}  // namespace

ports::WriteResult MemoryTables::Apply(const ports::Prune& prune) {
  if (absl::Status status = CheckPrune(prune); !status.ok()) return {std::move(status), {}, false};
  ports::Pruned pruned;
  PruneDeliveries(prune, &pruned);
  PruneEvents(prune, &pruned);
  PruneAnswers(prune, &pruned);
  return {absl::OkStatus(), pruned, false};
}

void MemoryTables::PruneDeliveries(const ports::Prune& prune, ports::Pruned* pruned) {
  const auto newest = static_cast<int64_t>(deliveries.size());
  int looked_at = 0;
  for (int64_t id = std::max<int64_t>(prune.after.value(), 0) + 1; id <= newest; ++id) {
    DeliveryRow* row = Find(DeliveryId(id));
    if (row == nullptr) continue;
    // Ids ascend in the order of import: what follows is younger.
    if (row->create_time >= prune.deliveries_before) return;
    const bool goes = IsFinal(row->state) && EndOf(*row) < prune.deliveries_before && id < newest;
    if (goes) {
      ++pruned->deliveries;
      ++campaign(row->campaign).pruned[row->state];
      const auto same = by_address.find(row->address);
      std::erase(same->second, DeliveryId(id));
      if (same->second.empty()) by_address.erase(same);
      signals.erase(DeliveryId(id));
      *row = DeliveryRow{.pruned = true};
    }
    if (++looked_at == prune.limit) {
      pruned->next = DeliveryId(id);
      pruned->more = true;
      return;
    }
  }
}

void MemoryTables::PruneEvents(const ports::Prune& prune, ports::Pruned* pruned) {
  while (first_event <= static_cast<int64_t>(events.size()) && pruned->events < prune.limit) {
    EventRow& row = events[static_cast<size_t>(first_event - 1)];
    if (row.time >= prune.events_before) return;
    row = EventRow();
    ++first_event;
    ++pruned->events;
  }
  if (pruned->events == prune.limit) pruned->more = true;
}

void MemoryTables::PruneAnswers(const ports::Prune& prune, ports::Pruned* pruned) {
  const auto is_old = [&](absl::Time time) {
    return time != absl::InfinitePast() && time < prune.answers_before;
  };
  const auto limit = static_cast<size_t>(prune.limit);
  std::vector<std::pair<absl::Time, std::string>> old_requests;
  for (const auto& [id, request] : requests) {
    if (is_old(request.time)) old_requests.emplace_back(request.time, id);
  }
  std::sort(old_requests.begin(), old_requests.end());
  if (old_requests.size() > limit) old_requests.resize(limit);
  for (const auto& [time, id] : old_requests) requests.erase(id);

  std::vector<std::tuple<absl::Time, std::pair<CampaignKey, ImportId>, size_t>> old_chunks;
  for (const auto& [import, chunks] : imports) {
    for (size_t i = 0; i + 1 < chunks.size(); ++i) {  // The last one stays.
      if (!chunks[i].pruned && is_old(chunks[i].time)) {
        old_chunks.emplace_back(chunks[i].time, import, i);
      }
    }
  }
  std::sort(old_chunks.begin(), old_chunks.end());
  if (old_chunks.size() > limit) old_chunks.resize(limit);
  for (const auto& [time, import, i] : old_chunks) imports[import][i].pruned = true;

  // From the oldest on, up to the first younger.
  size_t keys = 0;
  for (; keys < limit && !engagement_events.empty() && is_old(engagement_events.front().first);
       ++keys) {
    engagement_keys.erase(engagement_events.front().second);
    engagement_events.pop_front();
  }

  pruned->answers = static_cast<int64_t>(old_requests.size() + old_chunks.size() + keys);
  if (old_requests.size() == limit || old_chunks.size() == limit || keys == limit) {
    pruned->more = true;
  }
}

}  // namespace crescendo::store
