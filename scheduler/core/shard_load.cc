// The queue after a start: read from the store page by page, while nothing leaves yet.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {
namespace {

// Put into the queues in one step, in some ten milliseconds: who asks for a snapshot meanwhile
// waits no longer.
constexpr int kFilledPerStep = 100'000;

}  // namespace

void Shard::Impl::On(const QueueLoading& loading) {
  if (!loading_.has_value()) {
    if (loading.done) return;
    loading_.emplace();
  }
  loading_->progress = loading;
}

void Shard::Impl::Load(const QueuedDelivery& delivery) {
  const bool fresh = delivery.attempts == 0 && delivery.pinned_ip.empty() &&
                     delivery.not_before == absl::InfinitePast() &&
                     delivery.first_attempt_time == absl::InfinitePast();
  // Of one that was tried there is more to keep than its rank.
  if (!fresh) return Enqueue(delivery);
  DomainState& domain = DomainOf(delivery.domain);
  if (domain.mx == DomainState::Mx::kUnknown) {
    domain.mx = DomainState::Mx::kAsked;
    to_ask_.push_back(delivery.domain);
  }
  loading_->queue.Add(delivery.campaign,
                      {delivery.score, delivery.id, delivery.domain, delivery.engaged_day});
}

void Shard::Impl::FillQueues() {
  if (!loading_.has_value() || !loading_->progress.done || draining_) return;
  CampaignKey campaign;
  std::vector<RecipientQueue*> queues;  // Of its pool, by provider; null: not looked up yet.
  for (int filled = 0; filled < kFilledPerStep; ++filled) {
    const std::optional<RecipientQueue::Ranked> next = loading_->queue.Next();
    if (!next.has_value()) {
      loading_.reset();
      WakeAll();
      return;
    }
    const CampaignKey key = next->campaign;
    Candidate candidate = next->candidate;
    if (const auto found = loading_->rescored.find(candidate.id);
        found != loading_->rescored.end()) {
      candidate.score = found->second.score;
      candidate.engaged_day = std::max(candidate.engaged_day, found->second.engaged_day);
    }
    const CampaignStatus& status = CampaignOf(key);
    // Cancelled since it was read.
    if (status.campaign.state == CampaignState::kCancelled) continue;
    DomainState& domain = DomainOf(candidate.domain);
    if (domain.mx != DomainState::Mx::kKnown) {
      domain.waiting.push_back({key, candidate, absl::InfinitePast()});
      if (domain.mx == DomainState::Mx::kNoMail) BounceWaiting(domain);
      continue;
    }
    if (key != std::exchange(campaign, key)) queues.clear();
    const auto provider = static_cast<size_t>(sites_[domain.site].provider);
    if (queues.size() <= provider) queues.resize(provider + 1);
    if (queues[provider] == nullptr) {
      queues[provider] = &QueueOf(status.pool, static_cast<ProviderIndex>(provider));
    }
    queues[provider]->Add(key, candidate);
  }
  wake_ = now_.wall;  // Goes on at once.
}

Wait Shard::Impl::LoadBlocking() const {
  return {Reason::kLoading, absl::InfiniteFuture(),
          absl::StrCat(loading_->progress.loaded, " of ", loading_->progress.total, " recipients")};
}

}  // namespace crescendo::core
