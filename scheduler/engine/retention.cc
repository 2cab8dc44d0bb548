#include "scheduler/engine/retention.h"

namespace crescendo::engine {
namespace {

constexpr absl::Duration kFirst = absl::Minutes(1);
constexpr absl::Duration kEvery = absl::Hours(1);
constexpr absl::Duration kAfterFailure = absl::Minutes(1);
// A step of 256 rows takes some milliseconds: sending has the store for the most part.
constexpr absl::Duration kPause = absl::Milliseconds(50);

}  // namespace

Retention::Retention(const core::RetentionOptions& options, absl::Duration start)
    : options_(options), next_(start + kFirst) {}

std::optional<ports::Prune> Retention::Next(const base::Moment& now) {
  if (running_ || now.steady < next_) return std::nullopt;
  if (!sweep_) {
    sweep_.emplace();
    sweep_->deliveries_before = now.wall - options_.recipients;
    sweep_->events_before = now.wall - options_.events;
    sweep_->answers_before = now.wall - options_.answers;
    sum_ = {};
  }
  running_ = true;
  return sweep_;
}

void Retention::Done(const absl::StatusOr<ports::Pruned>& result, absl::Duration now) {
  running_ = false;
  if (!result.ok()) {
    next_ = now + kAfterFailure;
    return;
  }
  sum_.deliveries += result->deliveries;
  sum_.events += result->events;
  sum_.answers += result->answers;
  if (!result->more) {
    sweep_.reset();
    next_ = now + kEvery;
    return;
  }
  sweep_->after = result->next;
  // Once through; what else there is goes on.
  if (result->next == DeliveryId()) sweep_->deliveries_before = absl::InfinitePast();
  next_ = now + kPause;
}

}  // namespace crescendo::engine
