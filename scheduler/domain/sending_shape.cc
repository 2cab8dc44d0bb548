#include "scheduler/domain/sending_shape.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace crescendo {
namespace {

constexpr int kLargestWeight = 100;

}  // namespace

absl::Status ValidateShape(const SendingShape& shape, absl::Duration window_start,
                           absl::Duration window_end) {
  const auto& weights = shape.hourly_weights;
  if (!weights.empty() && weights.size() != 24) {
    return absl::InvalidArgumentError(
        absl::StrCat("hourly_weights has ", weights.size(),
                     " entries; give 24, one for each hour from midnight on, or none"));
  }
  for (size_t hour = 0; hour < weights.size(); ++hour) {
    if (weights[hour] < 0 || weights[hour] > kLargestWeight) {
      return absl::InvalidArgumentError(absl::StrCat(
          "hourly_weights[", hour, "] is ", weights[hour], "; it must be 0 to ", kLargestWeight));
    }
  }
  bool any = weights.empty();
  for (int hour = 0; hour < static_cast<int>(weights.size()); ++hour) {
    const bool inside = absl::Hours(hour) < window_end && absl::Hours(hour + 1) > window_start;
    any = any || (inside && weights[hour] > 0);
  }
  if (!any) {
    return absl::InvalidArgumentError(
        "hourly_weights has no weight inside the sending window; nothing could ever leave");
  }
  if (std::none_of(shape.sends_on.begin(), shape.sends_on.end(), [](bool on) { return on; })) {
    return absl::InvalidArgumentError(
        "days_off names all seven days; leave one on which mail may leave");
  }
  return absl::OkStatus();
}

absl::CivilDay SendingDayFrom(const SendingShape& shape, absl::CivilDay day) {
  while (!shape.SendsOn(day)) ++day;
  return day;
}

}  // namespace crescendo
