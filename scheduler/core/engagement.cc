#include "scheduler/core/engagement.h"

#include <algorithm>
#include <cmath>

namespace crescendo::core {
namespace {

constexpr absl::Duration kHalfLife = absl::Hours(24 * 30);
constexpr double kClickWeight = 3.0;
constexpr double kOpenWeight = 1.0;
// A new sign-up has asked for mail, and may not have had any yet.
constexpr double kSubscribeWeight = 0.5;

double Decay(std::optional<absl::Time> time, absl::Time as_of) {
  if (!time.has_value()) return 0;
  const absl::Duration age = std::max(as_of - *time, absl::ZeroDuration());
  return std::exp2(-absl::FDivDuration(age, kHalfLife));
}

// Many clicks say more than one, but not in proportion.
double Clicks(int64_t count) { return 1.0 + std::log1p(std::max<int64_t>(count - 1, 0)) / 2; }

// Below 2, however many: with a sign-up of the same day still less than one click. Machines open
// without end.
double Opens(int64_t count) { return 2.0 - 1.0 / static_cast<double>(std::max<int64_t>(count, 1)); }

}  // namespace

absl::Time LastEngaged(const EngagementSignals& signals) {
  return std::max({signals.last_click_time.value_or(absl::InfinitePast()),
                   signals.last_open_time.value_or(absl::InfinitePast()),
                   signals.subscribe_time.value_or(absl::InfinitePast())});
}

double EngagementScore(const EngagementSignals& signals, absl::Time as_of) {
  const double clicks =
      kClickWeight * Clicks(signals.click_count) * Decay(signals.last_click_time, as_of);
  const double opens =
      kOpenWeight * Opens(signals.open_count) * Decay(signals.last_open_time, as_of);
  const double sum = clicks + opens + kSubscribeWeight * Decay(signals.subscribe_time, as_of);
  return sum / (1.0 + sum);
}

}  // namespace crescendo::core
