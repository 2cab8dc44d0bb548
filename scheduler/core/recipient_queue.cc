#include "scheduler/core/recipient_queue.h"

#include <algorithm>
#include <vector>

#include "scheduler/base/check.h"

namespace crescendo::core {

void RecipientQueue::Add(CampaignKey campaign, const Candidate& candidate) {
  absl::btree_set<Candidate>& candidates = ready_[campaign];
  const size_t before = candidates.size();
  // When they come by rank, as after a start, this is where each belongs.
  candidates.insert(candidates.end(), candidate);
  ready_count_ += static_cast<int64_t>(candidates.size() - before);
}

void RecipientQueue::AddLater(absl::Time not_before, CampaignKey campaign,
                              const Candidate& candidate) {
  if (waiting_[campaign].emplace(not_before, candidate).second) ++waiting_count_;
  next_ripe_ = std::min(next_ripe_, not_before);
}

bool RecipientQueue::Ripen(absl::Time now) {
  if (now < next_ripe_) return false;
  next_ripe_ = absl::InfiniteFuture();
  bool any = false;
  for (auto& [campaign, later] : waiting_) {
    while (!later.empty() && later.begin()->first <= now) {
      Add(campaign, later.begin()->second);
      later.erase(later.begin());
      --waiting_count_;
      any = true;
    }
    if (!later.empty()) next_ripe_ = std::min(next_ripe_, later.begin()->first);
  }
  return any;
}

std::optional<RecipientQueue::Ranked> RecipientQueue::Best(
    absl::FunctionRef<bool(CampaignKey)> open) const {
  std::optional<Ranked> best;
  for (const auto& [campaign, candidates] : ready_) {
    if (candidates.empty() || (best.has_value() && !(*candidates.begin() < best->candidate)))
      continue;
    if (open(campaign)) best = Ranked{campaign, *candidates.begin()};
  }
  return best;
}

void RecipientQueue::VisitBest(absl::FunctionRef<bool(CampaignKey)> open,
                               absl::FunctionRef<bool(const Ranked&)> visit) const {
  struct Cursor {
    CampaignKey campaign;
    absl::btree_set<Candidate>::const_iterator at, end;
  };
  std::vector<Cursor> cursors;
  for (const auto& [campaign, candidates] : ready_) {
    if (!candidates.empty() && open(campaign)) {
      cursors.push_back({campaign, candidates.begin(), candidates.end()});
    }
  }
  while (!cursors.empty()) {
    const auto best =
        std::min_element(cursors.begin(), cursors.end(),
                         [](const Cursor& a, const Cursor& b) { return *a.at < *b.at; });
    if (!visit(Ranked{best->campaign, *best->at})) return;
    if (++best->at == best->end) cursors.erase(best);
  }
}

void RecipientQueue::Remove(const Ranked& ranked) {
  const auto found = ready_.find(ranked.campaign);
  CRESCENDO_CHECK(found != ready_.end() && found->second.erase(ranked.candidate) == 1);
  --ready_count_;
}

bool RecipientQueue::Rescore(CampaignKey campaign, const Candidate& candidate,
                             absl::Time not_before, double score) {
  Candidate moved = candidate;
  moved.score = score;
  if (const auto ready = ready_.find(campaign);
      ready != ready_.end() && ready->second.erase(candidate) == 1) {
    ready->second.insert(moved);
    return true;
  }
  const auto waiting = waiting_.find(campaign);
  if (waiting == waiting_.end() || waiting->second.erase({not_before, candidate}) == 0)
    return false;
  waiting->second.emplace(not_before, moved);
  return true;
}

void RecipientQueue::Drop(CampaignKey campaign) {
  if (const auto found = ready_.find(campaign); found != ready_.end()) {
    ready_count_ -= static_cast<int64_t>(found->second.size());
    ready_.erase(found);
  }
  if (const auto found = waiting_.find(campaign); found != waiting_.end()) {
    waiting_count_ -= static_cast<int64_t>(found->second.size());
    waiting_.erase(found);
    next_ripe_ = absl::InfiniteFuture();
    for (const auto& [other, later] : waiting_) {
      if (!later.empty()) next_ripe_ = std::min(next_ripe_, later.begin()->first);
    }
  }
}

void RecipientQueue::Clear(absl::FunctionRef<void(absl::Time, const Ranked&)> each) {
  for (const auto& [campaign, candidates] : ready_) {
    for (const Candidate& candidate : candidates) each(absl::InfinitePast(), {campaign, candidate});
  }
  for (const auto& [campaign, later] : waiting_) {
    for (const auto& [time, candidate] : later) each(time, {campaign, candidate});
  }
  ready_.clear();
  waiting_.clear();
  ready_count_ = waiting_count_ = 0;
  next_ripe_ = absl::InfiniteFuture();
}

int64_t RecipientQueue::ready(CampaignKey campaign) const {
  const auto found = ready_.find(campaign);
  return found == ready_.end() ? 0 : static_cast<int64_t>(found->second.size());
}

std::vector<RecipientQueue::Count> RecipientQueue::Counts() const {
  absl::btree_map<CampaignKey, Count> counts;
  for (const auto& [campaign, candidates] : ready_) {
    if (!candidates.empty()) counts[campaign].ready = static_cast<int64_t>(candidates.size());
  }
  for (const auto& [campaign, later] : waiting_) {
    if (later.empty()) continue;
    Count& count = counts[campaign];
    count.waiting = static_cast<int64_t>(later.size());
    count.first_retry = later.begin()->first;
    count.last_retry = later.rbegin()->first;
  }
  std::vector<Count> all;
  for (auto& [campaign, count] : counts) {
    count.campaign = campaign;
    all.push_back(count);
  }
  return all;
}

bool RecipientQueue::Sample(CampaignKey campaign, int64_t stride, int64_t limit, Sampling* sampling,
                            std::vector<Candidate>* sample) const {
  const auto found = ready_.find(campaign);
  if (found == ready_.end()) return true;
  const absl::btree_set<Candidate>& candidates = found->second;
  auto at =
      sampling->last.has_value() ? candidates.upper_bound(*sampling->last) : candidates.begin();
  for (; at != candidates.end() && limit > 0; ++at, --limit) {
    sampling->last = *at;
    if (sampling->skip-- > 0) continue;
    sample->push_back(*at);
    sampling->skip = stride - 1;
  }
  return at == candidates.end();
}

}  // namespace crescendo::core
