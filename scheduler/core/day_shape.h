// day_shape.h: how a plan's day spreads over real time: its sending window, hour by hour.
//
// Made for one civil day of one zone, so hours that a clock change repeats or skips are in it as
// they are. What falls to a span of time is its amount: hours times their weight.
//
// Units    wall time; amounts in weighted hours.
// Threads  a value.
#pragma once

#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "scheduler/domain/plan.h"

namespace crescendo::core {

class DayShape {
 public:
  DayShape() = default;  // Nothing ever leaves.
  // REQUIRES: both are valid (ValidatePlan). Empty on a day off; on any other day there is at least
  // a minute, also when a clock change skips the whole window.
  DayShape(const SendingWindow& window, const SendingShape& shape, absl::CivilDay day,
           absl::TimeZone zone);
  static DayShape Even(absl::Time start, absl::Time end);

  // When the first may leave, and none any more; both the day's start when it is empty.
  absl::Time start() const { return spans_.empty() ? day_start_ : spans_.front().start; }
  absl::Time end() const { return spans_.empty() ? day_start_ : spans_.back().end; }
  // `time` if mail may leave then, else when it next may; InfiniteFuture: not on this day any more.
  absl::Time OpenFrom(absl::Time time) const;
  // Weight of an hour at that time; 0: nothing leaves.
  double WeightAt(absl::Time time) const;

  double Amount() const { return Amount(start(), end()); }
  double Amount(absl::Time from, absl::Time to) const;
  // When `amount` has passed since `from`; end() if there is no more than that.
  absl::Time After(absl::Time from, double amount) const;

 private:
  struct Span {
    absl::Time start, end;
    double weight;  // > 0.
  };
  void Add(absl::Time start, absl::Time end, double weight);

  absl::Time day_start_;
  std::vector<Span> spans_;  // Apart, ascending.
};

}  // namespace crescendo::core
