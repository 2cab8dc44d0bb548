#include "scheduler/core/throttle.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace crescendo::core {
namespace {

constexpr absl::Duration kMeterDecay = absl::Minutes(30);

double Decayed(double level, absl::Duration age) {
  return level * std::exp(-absl::FDivDuration(age, kMeterDecay));
}

}  // namespace

void RateMeter::Count(absl::Duration now) {
  level_ = Decayed(level_, now - at_) + 1;
  at_ = now;
}

double RateMeter::PerHour(absl::Duration now) const {
  return Decayed(level_, now - at_) * absl::FDivDuration(absl::Hours(1), kMeterDecay);
}

Throttle::Throttle(State state) : state_(std::move(state)) {
  canary_ = state_.stop_count > 0 && state_.rate_per_hour > 0 &&
            state_.last_raise_time <= state_.stopped_until;
}

void Throttle::Stop(absl::Time now, absl::Duration least, double rate_in_use,
                    absl::string_view reply, const ThrottleOptions& options) {
  const double longer = std::pow(options.stop_factor, std::min(state_.stop_count, 20));
  const absl::Duration stop = std::max(least, std::min(least * longer, options.longest_stop));
  // A refusal that comes while a longer stop is in force must not end that one early.
  state_.stopped_until = std::max(state_.stopped_until, now + stop);
  state_.stop_reason = std::string(reply.substr(0, 500));
  ++state_.stop_count;
  const double used =
      state_.rate_per_hour > 0 ? std::min(state_.rate_per_hour, rate_in_use) : rate_in_use;
  state_.rate_per_hour = std::max(used * options.rate_cut, options.lowest_rate_per_hour);
  state_.connection_limit = 1;
  state_.last_raise_time = state_.stopped_until;
  canary_ = true;
  canary_in_flight_ = false;
}

Throttle::Change Throttle::OnRateLimited(absl::Time now, absl::Duration least_stop,
                                         double rate_in_use, absl::string_view reply,
                                         const ThrottleOptions& options) {
  if (now < state_.stopped_until) return Change::kNone;
  Stop(now, least_stop, rate_in_use, reply, options);
  state_.blocked = false;
  return Change::kStopped;
}

Throttle::Change Throttle::OnBlocked(absl::Time now, absl::Duration least_stop, double rate_in_use,
                                     absl::string_view reply, const ThrottleOptions& options) {
  // A block outweighs a stop for rate: it may lengthen it.
  if (now < state_.stopped_until && state_.blocked) return Change::kNone;
  Stop(now, least_stop, rate_in_use, reply, options);
  state_.blocked = true;
  return Change::kStopped;
}

Throttle::Change Throttle::OnTooManyConnections(absl::Time now, int open, const ThrottleOptions&) {
  const int limit = std::max(1, open - 1);
  if (state_.connection_limit > 0 && state_.connection_limit <= limit) return Change::kNone;
  state_.connection_limit = limit;
  state_.last_raise_time = now;
  return Change::kConnectionsCut;
}

Throttle::Change Throttle::OnAccepted(absl::Time now, double rate_in_use, double base_rate,
                                      int base_connections, const ThrottleOptions& options) {
  // Answers to what was in flight when the stop began say nothing about now.
  if (now < state_.stopped_until) return Change::kNone;
  if (canary_) {
    canary_ = canary_in_flight_ = false;
    state_.blocked = false;
    state_.stopped_until = absl::InfinitePast();
    state_.last_raise_time = now;
    return Change::kResumed;
  }
  if (state_.rate_per_hour <= 0 && state_.connection_limit <= 0) return Change::kNone;
  if (now - state_.last_raise_time < options.raise_interval) return Change::kNone;
  state_.last_raise_time = now;
  if (state_.connection_limit > 0 && ++state_.connection_limit >= base_connections) {
    state_.connection_limit = 0;
  }
  if (state_.rate_per_hour <= 0) return Change::kConnectionsRaised;
  state_.rate_per_hour *= options.rate_raise;
  // A rate that is far above what is in use limits nothing any more, and one above the base cannot.
  const bool idle = state_.rate_per_hour > 4 * rate_in_use;
  if (idle || (base_rate > 0 && state_.rate_per_hour >= base_rate)) {
    state_.rate_per_hour = 0;
    state_.stop_count = 0;
  }
  return Change::kRaised;
}

Wait Throttle::Blocking(absl::Time now) const {
  if (now < state_.stopped_until) {
    return {state_.blocked ? Reason::kBlocked : Reason::kThrottled, state_.stopped_until,
            state_.stop_reason};
  }
  if (canary_in_flight_) {
    return {Reason::kInFlight, absl::InfiniteFuture(),
            "one message tests whether the stop is over"};
  }
  return {};
}

}  // namespace crescendo::core
