#include "scheduler/domain/ramp.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace crescendo {
namespace {

constexpr int64_t kLargestCap = 10'000'000;
constexpr int64_t kFirstCap = 200;
constexpr size_t kMostFaults = 5;
constexpr double kSlack = 1.02;  // Caps are rounded for people.

struct Tier {
  int64_t below;
  double factor;
};
constexpr Tier kTiers[] = {{50'000, 2.0}, {100'000, 1.5}, {250'000, 1.2}};
constexpr double kTopFactor = 1.1;

// Two figures that matter below a thousand, three above: a cap is read by people.
int64_t Round(double cap) {
  const double unit = cap < 1000 ? 10 : std::pow(10, std::floor(std::log10(cap)) - 2);
  return std::clamp<int64_t>(static_cast<int64_t>(std::floor(cap / unit + 1e-9) * unit), 1,
                             kLargestCap);
}

std::string Grouped(int64_t count) {
  std::string digits = absl::StrCat(count);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

// The cap that is reached, each SafeGrowth to the power of `haste` above the one before. Beyond any
// target, by how much does not matter.
double AfterSteps(double first, int steps, double haste) {
  double cap = first;
  for (int i = 0; i < steps && cap <= kLargestCap; ++i) {
    cap *= std::pow(SafeGrowth(static_cast<int64_t>(cap)), haste);
  }
  return cap;
}

}  // namespace

std::vector<Stage> StagesUpTo(const RampPreset& preset, int64_t target) {
  std::vector<Stage> stages;
  int days = preset.days;
  for (const Stage& stage : preset.stages) {
    if (stage.daily_cap >= target) {
      days = stage.days;
      break;
    }
    stages.push_back(stage);
  }
  if (stages.size() == preset.stages.size()) {
    double cap = stages.empty() ? static_cast<double>(kFirstCap)
                                : static_cast<double>(stages.back().daily_cap);
    while (true) {
      const double most =
          preset.safe_growth ? SafeGrowth(static_cast<int64_t>(cap)) : preset.factor;
      const double exact = cap * std::min(preset.factor, most);
      const int64_t next = preset.safe_growth
                               ? Round(exact)
                               : static_cast<int64_t>(std::min<double>(exact, kLargestCap));
      if (next >= target || next <= static_cast<int64_t>(cap)) break;
      stages.push_back({preset.days, next});
      cap = static_cast<double>(next);
    }
  }
  stages.push_back({days, target});
  return stages;
}

double SafeGrowth(int64_t cap) {
  for (const Tier& tier : kTiers) {
    if (cap < tier.below) return tier.factor;
  }
  return kTopFactor;
}

int64_t SafeNext(int64_t cap) {
  return std::min(kLargestCap,
                  static_cast<int64_t>(static_cast<double>(cap) * SafeGrowth(cap) + 1e-6));
}

std::vector<std::string> UnsafeSteps(absl::Span<const Stage> stages) {
  std::vector<std::string> faults;
  size_t more = 0;
  for (size_t i = 1; i < stages.size(); ++i) {
    const int64_t from = stages[i - 1].daily_cap, to = stages[i].daily_cap;
    if (static_cast<double>(to) <= kSlack * static_cast<double>(from) * SafeGrowth(from)) continue;
    if (faults.size() == kMostFaults) {
      ++more;
      continue;
    }
    faults.push_back(absl::StrFormat(
        "stage %d to %d grows from %s to %s, ×%.1f; more than ×%g from there is unsafe", i, i + 1,
        Grouped(from), Grouped(to), static_cast<double>(to) / static_cast<double>(from),
        SafeGrowth(from)));
  }
  if (more > 0) faults.push_back(absl::StrCat("and ", more, " more such steps"));
  return faults;
}

std::vector<Stage> FitRamp(int64_t target, absl::CivilDay start, absl::CivilDay by) {
  const auto days = static_cast<int>(by - start);  // Before the target's own.
  if (days <= 0 || target <= kFirstCap) return {{std::clamp(days + 1, 2, 365), target}};
  // Two days a stage, as in the classic ramp; longer ones where there would be hundreds.
  const int stage_days = days == 1 ? 1 : std::max(2, (days + 119) / 120);
  const int steps = std::max(1, days / stage_days);
  const auto first = static_cast<double>(kFirstCap);
  double low = 0, high = 64;
  for (int i = 0; i < 100; ++i) {
    const double haste = (low + high) / 2;
    (AfterSteps(first, steps, haste) < static_cast<double>(target) ? low : high) = haste;
  }
  std::vector<Stage> stages;
  double cap = first;
  for (int i = 0; i < steps; ++i) {
    // What does not divide evenly is spent on the first stage.
    const int extra = i == 0 ? days - steps * stage_days : 0;
    const int64_t rounded = std::min(Round(cap), target);
    if (!stages.empty() && stages.back().daily_cap == rounded &&
        stages.back().days + stage_days <= 365) {
      stages.back().days += stage_days;
    } else {
      stages.push_back({stage_days + extra, rounded});
    }
    cap *= std::pow(SafeGrowth(static_cast<int64_t>(cap)), high);
  }
  stages.push_back({2, target});
  return stages;
}

}  // namespace crescendo
