#include "scheduler/core/recipient_queue.h"

#include <algorithm>
#include <iterator>

#include "scheduler/base/check.h"

namespace crescendo::core {

// --- One set -----------------------------------------------------------------------------------

bool RecipientQueue::Tier::Insert(const Candidate& candidate) {
  const size_t before = ready.size();
  // When they come by rank, as after a start, this is where each belongs.
  ready.insert(ready.end(), candidate);
  if (ready.size() == before) return false;
  if (reserved > 0 && !(last < candidate)) ++reserved;
  return true;
}

bool RecipientQueue::Tier::Erase(const Candidate& candidate) {
  if (ready.erase(candidate) == 0) return false;
  if (reserved > 0 && !(last < candidate)) --reserved;
  return true;
}

RecipientQueue::Set::const_iterator RecipientQueue::Tier::Beyond() const {
  return reserved == 0 ? ready.begin() : ready.upper_bound(last);
}

// --- The sets of a campaign ---------------------------------------------------------------------

size_t RecipientQueue::TierOf(const Candidate& candidate) const {
  size_t tier = 0;
  while (tier < floors_.size() && !EngagedWithin(candidate.engaged_day, floors_[tier], today_)) {
    ++tier;
  }
  return tier;
}

size_t RecipientQueue::TiersWithin(const Tiers& tiers, int days) const {
  if (days == 0) return tiers.size();
  // A floor that is none of floors_ takes the next higher one along; whoever looks must sift.
  const auto last = std::lower_bound(floors_.begin(), floors_.end(), days);
  return std::min(tiers.size(), static_cast<size_t>(last - floors_.begin()) + 1);
}

bool RecipientQueue::Insert(Tiers& tiers, const Candidate& candidate) {
  const size_t tier = TierOf(candidate);
  if (tiers.size() <= tier) tiers.resize(tier + 1);
  return tiers[tier].Insert(candidate);
}

bool RecipientQueue::Erase(Tiers& tiers, const Candidate& candidate) {
  return std::any_of(tiers.begin(), tiers.end(), [&](Tier& tier) { return tier.Erase(candidate); });
}

// --- The queue
// ------------------------------------------------------------------------------------

void RecipientQueue::Add(CampaignKey campaign, const Candidate& candidate) {
  if (Insert(ready_[campaign], candidate)) ++ready_count_;
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

void RecipientQueue::SetFloors(const std::vector<int>& days) {
  if (days == floors_) return;
  floors_ = days;
  for (auto& [campaign, tiers] : ready_) {
    // The first set may hold anybody: Age sends them where they belong.
    for (size_t i = 1; i < tiers.size(); ++i) {
      for (const Candidate& candidate : tiers[i].ready) tiers[0].Insert(candidate);
    }
    tiers.resize(std::min<size_t>(tiers.size(), 1));
  }
}

bool RecipientQueue::Age(int limit) {
  for (auto& [campaign, tiers] : ready_) {
    for (size_t i = 0; i < tiers.size() && i < floors_.size(); ++i) {
      while (!tiers[i].ready.empty()) {
        const Candidate first = *tiers[i].ready.begin();
        if (EngagedWithin(first.engaged_day, floors_[i], today_)) break;
        if (limit-- == 0) return false;
        tiers[i].Erase(first);
        Insert(tiers, first);
      }
    }
  }
  return true;
}

void RecipientQueue::Reserve(int64_t count, int engaged_within,
                             absl::FunctionRef<bool(CampaignKey)> open) {
  struct Line {
    Tier* tier;
    Set::const_iterator beyond;
  };
  std::vector<Line> lines;
  int64_t reserved = 0;
  for (auto& [campaign, tiers] : ready_) {
    if (!open(campaign)) continue;
    const size_t within = count == 0 ? 0 : TiersWithin(tiers, engaged_within);
    for (size_t i = 0; i < tiers.size(); ++i) {
      if (i >= within) {
        tiers[i].reserved = 0;
      } else if (!tiers[i].ready.empty()) {
        lines.push_back({&tiers[i], tiers[i].Beyond()});
        reserved += tiers[i].reserved;
      }
    }
  }
  const auto next = [&]() -> Line* {  // With the best that is not reserved.
    Line* best = nullptr;
    for (Line& line : lines) {
      if (line.beyond == line.tier->ready.end()) continue;
      if (best == nullptr || *line.beyond < *best->beyond) best = &line;
    }
    return best;
  };
  const auto worst = [&]() -> Line* {  // With the worst that is.
    Line* found = nullptr;
    for (Line& line : lines) {
      if (line.tier->reserved == 0) continue;
      if (found == nullptr || *std::prev(found->beyond) < *std::prev(line.beyond)) found = &line;
    }
    return found;
  };
  const auto take = [&](Line& line) {
    line.tier->last = *line.beyond++;
    ++line.tier->reserved;
    ++reserved;
  };
  const auto give = [&](Line& line) {
    --line.beyond;
    if (--line.tier->reserved > 0) line.tier->last = *std::prev(line.beyond);
    --reserved;
  };
  while (reserved > count) give(*worst());
  for (Line* line = next(); reserved < count && line != nullptr; line = next()) take(*line);
  // A campaign that was closed, or has come, may have better ones than some that are reserved.
  while (true) {
    Line* const in = next();
    Line* const out = worst();
    if (in == nullptr || out == nullptr || !(*in->beyond < *std::prev(out->beyond))) return;
    give(*out);
    take(*in);
  }
}

std::optional<RecipientQueue::Ranked> RecipientQueue::Best(
    absl::FunctionRef<bool(CampaignKey)> open) const {
  std::optional<Ranked> best;
  VisitBest(open, [&](const Ranked& ranked) {
    best = ranked;
    return false;
  });
  return best;
}

void RecipientQueue::VisitBest(absl::FunctionRef<bool(CampaignKey)> open,
                               absl::FunctionRef<bool(const Ranked&)> visit,
                               const Reach& reach) const {
  struct Cursor {
    CampaignKey campaign;
    Set::const_iterator at, end;
  };
  std::vector<Cursor> cursors;
  for (const auto& [campaign, tiers] : ready_) {
    bool is_open = false;
    const size_t within = TiersWithin(tiers, reach.engaged_within);
    for (size_t i = 0; i < within; ++i) {
      const Set& ready = tiers[i].ready;
      const auto first = reach.beyond_reserve ? tiers[i].Beyond() : ready.begin();
      if (first == ready.end()) continue;
      if (!is_open && !open(campaign)) break;
      is_open = true;
      cursors.push_back({campaign, first, ready.end()});
    }
  }
  while (!cursors.empty()) {
    const auto best =
        std::min_element(cursors.begin(), cursors.end(),
                         [](const Cursor& a, const Cursor& b) { return *a.at < *b.at; });
    const bool passes = reach.engaged_within == 0 ||
                        EngagedWithin(best->at->engaged_day, reach.engaged_within, today_);
    if (passes && !visit(Ranked{best->campaign, *best->at})) return;
    if (++best->at == best->end) cursors.erase(best);
  }
}

void RecipientQueue::Remove(const Ranked& ranked) {
  const auto found = ready_.find(ranked.campaign);
  CRESCENDO_CHECK(found != ready_.end() && Erase(found->second, ranked.candidate));
  --ready_count_;
}

bool RecipientQueue::Rescore(CampaignKey campaign, const Candidate& candidate,
                             absl::Time not_before, double score) {
  Candidate moved = candidate;
  moved.score = score;
  if (const auto ready = ready_.find(campaign); ready != ready_.end()) {
    for (Tier& tier : ready->second) {
      const auto found = tier.ready.find(candidate);
      if (found == tier.ready.end()) continue;
      moved.engaged_day = std::max(moved.engaged_day, found->engaged_day);
      tier.Erase(candidate);
      Insert(ready->second, moved);
      return true;
    }
  }
  const auto waiting = waiting_.find(campaign);
  if (waiting == waiting_.end()) return false;
  const auto found = waiting->second.find({not_before, candidate});
  if (found == waiting->second.end()) return false;
  moved.engaged_day = std::max(moved.engaged_day, found->second.engaged_day);
  waiting->second.erase(found);
  waiting->second.emplace(not_before, moved);
  return true;
}

void RecipientQueue::Drop(CampaignKey campaign) {
  if (const auto found = ready_.find(campaign); found != ready_.end()) {
    ready_count_ -= ready(campaign);
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
  for (const auto& [campaign, tiers] : ready_) {
    for (const Tier& tier : tiers) {
      for (const Candidate& candidate : tier.ready) {
        each(absl::InfinitePast(), {campaign, candidate});
      }
    }
  }
  for (const auto& [campaign, later] : waiting_) {
    for (const auto& [time, candidate] : later) each(time, {campaign, candidate});
  }
  ready_.clear();
  waiting_.clear();
  ready_count_ = waiting_count_ = 0;
  next_ripe_ = absl::InfiniteFuture();
}

int64_t RecipientQueue::in_reach(int engaged_within) const {
  int64_t count = 0;
  for (const auto& [campaign, tiers] : ready_) count += ready(campaign, {engaged_within, false});
  return count;
}

int64_t RecipientQueue::ready(CampaignKey campaign, const Reach& reach) const {
  const auto found = ready_.find(campaign);
  if (found == ready_.end()) return 0;
  int64_t count = 0;
  const size_t within = TiersWithin(found->second, reach.engaged_within);
  for (size_t i = 0; i < within; ++i) {
    const Tier& tier = found->second[i];
    count += static_cast<int64_t>(tier.ready.size()) - (reach.beyond_reserve ? tier.reserved : 0);
  }
  return count;
}

std::vector<RecipientQueue::Count> RecipientQueue::Counts() const {
  absl::btree_map<CampaignKey, Count> counts;
  for (const auto& [campaign, tiers] : ready_) {
    if (const int64_t may_go = ready(campaign); may_go > 0) counts[campaign].ready = may_go;
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
  using Cursor = std::pair<Set::const_iterator, Set::const_iterator>;  // At, end.
  std::vector<Cursor> cursors;
  for (const Tier& tier : found->second) {
    const Set& set = tier.ready;
    const auto at = sampling->last.has_value() ? set.upper_bound(*sampling->last) : set.begin();
    if (at != set.end()) cursors.emplace_back(at, set.end());
  }
  for (; !cursors.empty() && limit > 0; --limit) {
    const auto best =
        std::min_element(cursors.begin(), cursors.end(),
                         [](const Cursor& a, const Cursor& b) { return *a.first < *b.first; });
    const Candidate& candidate = *best->first++;
    sampling->last = candidate;
    if (sampling->skip-- <= 0) {
      sample->push_back(candidate);
      sampling->skip = stride - 1;
    }
    if (best->first == best->second) cursors.erase(best);
  }
  return cursors.empty();
}

}  // namespace crescendo::core
