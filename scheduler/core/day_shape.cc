#include "scheduler/core/day_shape.h"

#include <algorithm>

#include "scheduler/base/civil_day.h"

namespace crescendo::core {
namespace {

double Hours(absl::Duration time) { return absl::FDivDuration(time, absl::Hours(1)); }

}  // namespace

DayShape::DayShape(const SendingWindow& window, const SendingShape& shape, absl::CivilDay day,
                   absl::TimeZone zone)
    : day_start_(base::StartOf(day, zone)) {
  if (!shape.SendsOn(day)) return;
  const absl::Time day_end = base::EndOf(day, zone);
  const auto at = [&](absl::Duration time_of_day) {
    if (time_of_day >= absl::Hours(24)) return day_end;
    return absl::FromCivil(absl::CivilSecond(day) + absl::ToInt64Seconds(time_of_day), zone);
  };
  const absl::Time first = at(window.start), last = at(window.end);
  for (absl::Time time = first; time < last;) {
    const absl::CivilSecond local = zone.At(time).cs;  // Clocks change on a full local hour.
    absl::Time next =
        time + (absl::Hours(1) - absl::Minutes(local.minute()) - absl::Seconds(local.second()));
    next = std::min(next, last);
    Add(time, next, shape.WeightOf(local.hour()));
    time = next;
  }
  if (spans_.empty()) Add(first, first + absl::Minutes(1), 1);
}

DayShape DayShape::Even(absl::Time start, absl::Time end) {
  DayShape shape;
  shape.day_start_ = start;
  shape.Add(start, end, 1);
  return shape;
}

void DayShape::Add(absl::Time start, absl::Time end, double weight) {
  if (weight <= 0 || start >= end) return;
  if (!spans_.empty() && spans_.back().end == start && spans_.back().weight == weight) {
    spans_.back().end = end;
  } else {
    spans_.push_back({start, end, weight});
  }
}

absl::Time DayShape::OpenFrom(absl::Time time) const {
  for (const Span& span : spans_) {
    if (time < span.end) return std::max(time, span.start);
  }
  return absl::InfiniteFuture();
}

double DayShape::WeightAt(absl::Time time) const {
  for (const Span& span : spans_) {
    if (time < span.end) return time < span.start ? 0 : span.weight;
  }
  return 0;
}

double DayShape::Amount(absl::Time from, absl::Time to) const {
  double amount = 0;
  for (const Span& span : spans_) {
    const absl::Time start = std::max(span.start, from), end = std::min(span.end, to);
    if (start < end) amount += Hours(end - start) * span.weight;
  }
  return amount;
}

absl::Time DayShape::After(absl::Time from, double amount) const {
  for (const Span& span : spans_) {
    const absl::Time start = std::max(span.start, from);
    if (start >= span.end) continue;
    const double here = Hours(span.end - start) * span.weight;
    if (amount <= here) return std::min(span.end, start + absl::Hours(amount / span.weight));
    amount -= here;
  }
  return std::max(end(), from);
}

}  // namespace crescendo::core
