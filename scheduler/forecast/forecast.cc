#include "scheduler/forecast/forecast.h"

#include <algorithm>
#include <utility>

#include "scheduler/base/status_macros.h"

namespace crescendo::forecast {

absl::StatusOr<Forecast> MakeForecast(const core::Snapshot& snapshot, const core::Options& options,
                                      const Subject& subject, absl::Time horizon,
                                      absl::FunctionRef<bool()> cancelled, const Assumed& assumed) {
  Forecast forecast;
  forecast.weight = snapshot.stride;
  const auto run = [&](const ReceiverModel& model) {
    return RunAhead(snapshot, options, model, subject, horizon, cancelled);
  };
  ASSIGN_OR_RETURN(forecast.expected, run(AsObserved(snapshot, assumed)));
  ASSIGN_OR_RETURN(const RunResult best, run(AcceptAll()));
  ASSIGN_OR_RETURN(const RunResult worst, run(Pessimistic(snapshot, assumed)));
  Estimate& at = forecast.at;
  at.expected = forecast.expected.at;
  at.earliest = best.at;
  at.latest = worst.at;
  // Chance may put the expected one outside by a message or two: the range holds it.
  if (at.expected.has_value()) {
    at.earliest = std::min(at.earliest.value_or(*at.expected), *at.expected);
    if (at.latest.has_value()) at.latest = std::max(*at.latest, *at.expected);
  }
  return forecast;
}

}  // namespace crescendo::forecast
