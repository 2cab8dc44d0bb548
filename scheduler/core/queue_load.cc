#include "scheduler/core/queue_load.h"

#include <algorithm>
#include <utility>

namespace crescendo::core {
namespace {

// Sorted at once, in some ten milliseconds; ten million recipients are forty of them.
constexpr size_t kRun = size_t{1} << 18;

}  // namespace

void QueueLoad::Add(CampaignKey campaign, const Candidate& candidate) {
  std::vector<Run>& runs = campaigns_[campaign];
  if (runs.empty()) runs.emplace_back();
  runs.back().push_back(candidate);
  if (runs.back().size() < kRun) return;
  std::sort(runs.back().begin(), runs.back().end());
  runs.emplace_back();
}

std::optional<RecipientQueue::Ranked> QueueLoad::Next() {
  if (heads_.empty() && !BeginNext()) return std::nullopt;
  std::pop_heap(heads_.begin(), heads_.end(), Below);
  Head& head = heads_.back();
  const RecipientQueue::Ranked best{merged_, head.candidate};
  Run& run = runs_[head.run];
  if (++head.at < run.size()) {
    head.candidate = run[head.at];
    std::push_heap(heads_.begin(), heads_.end(), Below);
  } else {
    run = Run();
    heads_.pop_back();
  }
  return best;
}

bool QueueLoad::BeginNext() {
  if (campaigns_.empty()) return false;
  const auto first = campaigns_.begin();
  merged_ = first->first;
  runs_ = std::move(first->second);
  campaigns_.erase(first);
  if (runs_.back().empty()) runs_.pop_back();
  std::sort(runs_.back().begin(), runs_.back().end());
  for (size_t i = 0; i < runs_.size(); ++i) heads_.push_back({runs_[i].front(), i, 0});
  std::make_heap(heads_.begin(), heads_.end(), Below);
  return true;
}

}  // namespace crescendo::core
