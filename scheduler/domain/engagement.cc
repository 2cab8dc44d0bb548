#include "scheduler/domain/engagement.h"

#include <algorithm>
#include <cmath>

namespace crescendo {
namespace {

constexpr absl::Duration kHalfLife = absl::Hours(24 * 30);
// A campaign does not last for so long; beyond it scores could not be told apart.
constexpr absl::Duration kMostAhead = absl::Hours(24 * 30 * 40);
constexpr double kClickWeight = 3.0;
constexpr double kOpenWeight = 1.0;
// A new sign-up has asked for mail, and may not have had any yet.
constexpr double kSubscribeWeight = 0.5;

double Decay(std::optional<absl::Time> time, absl::Time as_of) {
  if (!time.has_value()) return 0;
  const absl::Duration age = std::max(as_of - *time, -kMostAhead);
  return std::exp2(-absl::FDivDuration(age, kHalfLife));
}

// Many clicks say more than one, but not in proportion.
double Clicks(int64_t count) { return 1.0 + std::log1p(std::max<int64_t>(count - 1, 0)) / 2; }

// Below 2, however many: with a sign-up of the same day still less than one click. Machines open
// without end.
double Opens(int64_t count) { return 2.0 - 1.0 / static_cast<double>(std::max<int64_t>(count, 1)); }

using Time = std::optional<absl::Time>;
Time Later(Time a, Time b) { return std::max(a, b); }  // None is before all.

}  // namespace

EngagementParts PartsOf(const EngagementSignals& signals, absl::Time as_of) {
  return {
      .clicks = kClickWeight * Clicks(signals.click_count) * Decay(signals.last_click_time, as_of),
      .opens = kOpenWeight * Opens(signals.open_count) * Decay(signals.last_open_time, as_of),
      .subscription = kSubscribeWeight * Decay(signals.subscribe_time, as_of)};
}

absl::Time LastEngaged(const EngagementSignals& signals) {
  return std::max({signals.last_click_time.value_or(absl::InfinitePast()),
                   signals.last_open_time.value_or(absl::InfinitePast()),
                   signals.subscribe_time.value_or(absl::InfinitePast())});
}

double EngagementScore(const EngagementSignals& signals, absl::Time as_of) {
  return PartsOf(signals, as_of).score();
}

absl::string_view EngagementKindName(EngagementKind kind) {
  switch (kind) {
    case EngagementKind::kClick:
      return "CLICK";
    case EngagementKind::kOpen:
      return "OPEN";
    case EngagementKind::kMachineOpen:
      return "MACHINE_OPEN";
  }
  return "";
}

void Add(const EngagementEvent& event, Engagement* engagement) {
  const auto add = [&](Time* last, int64_t* count) {
    *last = Later(*last, event.time);
    ++*count;
  };
  switch (event.kind) {
    case EngagementKind::kClick:
      return add(&engagement->signals.last_click_time, &engagement->signals.click_count);
    case EngagementKind::kOpen:
      return add(&engagement->signals.last_open_time, &engagement->signals.open_count);
    case EngagementKind::kMachineOpen:
      return add(&engagement->last_machine_open_time, &engagement->machine_open_count);
  }
}

EngagementSignals BeyondReported(const EngagementSignals& given,
                                 const EngagementSignals& reported) {
  EngagementSignals beyond = given;
  beyond.click_count = std::max<int64_t>(given.click_count - reported.click_count, 0);
  beyond.open_count = std::max<int64_t>(given.open_count - reported.open_count, 0);
  return beyond;
}

EngagementSignals Together(const EngagementSignals& beyond, const EngagementSignals& reported) {
  EngagementSignals all = beyond;
  all.last_click_time = Later(beyond.last_click_time, reported.last_click_time);
  all.last_open_time = Later(beyond.last_open_time, reported.last_open_time);
  all.click_count += reported.click_count;
  all.open_count += reported.open_count;
  return all;
}

}  // namespace crescendo
