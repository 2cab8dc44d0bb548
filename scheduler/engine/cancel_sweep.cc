#include "scheduler/engine/cancel_sweep.h"

#include <utility>

namespace crescendo::engine {
namespace {

constexpr int kRows = 500;
constexpr absl::Duration kAfterFailure = absl::Minutes(1);
// A step takes some milliseconds: sending has the store for the most part.
constexpr absl::Duration kPause = absl::Milliseconds(10);

}  // namespace

void CancelSweep::Add(const CampaignId& campaign) {
  ports::CancelDeliveries step;
  step.campaign = campaign;
  step.limit = kRows;
  steps_.push_front(std::move(step));
  next_ = -absl::InfiniteDuration();
}

std::optional<ports::CancelDeliveries> CancelSweep::Next(const base::Moment& now) {
  if (next_time() > now.steady) return std::nullopt;
  running_ = std::move(steps_.front());
  steps_.pop_front();
  running_->now = now.wall;
  return running_;
}

void CancelSweep::Done(const absl::StatusOr<ports::CancelledDeliveries>& result,
                       absl::Duration now) {
  ports::CancelDeliveries step = *std::exchange(running_, std::nullopt);
  next_ = now + (result.ok() ? kPause : kAfterFailure);
  if (result.ok() && !result->more) return;
  if (result.ok()) step.after = result->next;
  steps_.push_front(std::move(step));
}

absl::Duration CancelSweep::next_time() const {
  return running_.has_value() || steps_.empty() ? absl::InfiniteDuration() : next_;
}

}  // namespace crescendo::engine
