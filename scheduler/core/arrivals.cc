#include "scheduler/core/arrivals.h"

#include <algorithm>

namespace crescendo::core {
namespace {

constexpr absl::Duration kStep = absl::Hours(1);
constexpr absl::Duration kLongest = absl::Hours(24 * 30);  // A campaign's lifetime.

}  // namespace

void Arrivals::Note(absl::Time now, DeliveryId id) {
  // What comes within an hour of a mark is taken for as old as the next one: never too old.
  if (marks_.empty() || now >= marks_.back().time + kStep) marks_.push_back({now + kStep, id});
  marks_.back().newest = std::max(marks_.back().newest, id);
  while (marks_.size() > 1 && marks_[1].time < now - kLongest) marks_.pop_front();
}

DeliveryId Arrivals::By(absl::Time time) const {
  const auto after =
      std::upper_bound(marks_.begin(), marks_.end(), time,
                       [](absl::Time value, const Mark& mark) { return value < mark.time; });
  return after == marks_.begin() ? DeliveryId() : std::prev(after)->newest;
}

}  // namespace crescendo::core
