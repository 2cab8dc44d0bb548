// forecast.h: when will it be, day by day until then, and what limits it.
//
// The same state is run ahead three times (virtual_run.h): with receivers as they were observed of
// late, with receivers that accept all, and with receivers that give twice the trouble. The first
// is what is expected, the others are the range.
//
// What it does not know: recipients that are imported later, edits of plans, receivers that change
// their mind. What it leaves out, for it ends by itself within hours: holds and back-offs of now.
// A recipient of it stands for `weight` real ones (scaled_world.h).
//
// Threads  pure functions: safe from any thread.
#pragma once

#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/core/options.h"
#include "scheduler/core/snapshot.h"
#include "scheduler/forecast/virtual_run.h"

namespace crescendo::forecast {

// Samples that a snapshot should have at most: what three runs manage in about two seconds.
inline constexpr int64_t kMostSamples = 60'000;

// None: not before the horizon, or never as things stand.
struct Estimate {
  std::optional<absl::Time> earliest, expected, latest;
};

struct Forecast {
  Estimate at;         // What was asked.
  RunResult expected;  // Day by day.
  int64_t weight = 1;
};

// CANCELLED: `cancelled` said so.
absl::StatusOr<Forecast> MakeForecast(const core::Snapshot& snapshot, const core::Options& options,
                                      const Subject& subject, absl::Time horizon,
                                      absl::FunctionRef<bool()> cancelled,
                                      const Assumed& assumed = {});

}  // namespace crescendo::forecast
