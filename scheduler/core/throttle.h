// throttle.h: what a refusal for rate or reputation does to one scope (a lane, or a sending domain
// at a provider), and the slow way back.
//
//   open ──refused──▶ stopped (least wait of the provider, doubled for each further refusal)
//     ▲                  │ over
//     │                  ▼
//     └──raises──── one canary on one connection ──accepted──▶ cut rate, raised at most once an
//     hour
//
// An attempt during a stop would extend many receivers' penalty, so there is none.
//
// Units    messages per hour; wall time for what is kept over a restart (LaneRecord).
// Threads  none of its own: the shard's.
// See      Google's procedure for 421 4.7.28 (support.google.com/a/answer/3726730): stop at least
// 10
//          minutes, restart on one connection, add connections one at a time.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "scheduler/core/options.h"
#include "scheduler/core/wait.h"

namespace crescendo::core {

// Messages per hour over about the last half hour.
class RateMeter {
 public:
  void Count(absl::Duration now);
  double PerHour(absl::Duration now) const;

 private:
  double level_ = 0;  // Messages, decayed.
  absl::Duration at_ = absl::ZeroDuration();
};

class Throttle {
 public:
  // What is kept over a restart.
  struct State {
    absl::Time stopped_until = absl::InfinitePast();
    std::string stop_reason;
    bool blocked = false;  // Stopped by reputation, not by rate.
    int stop_count = 0;
    double rate_per_hour = 0;  // 0: not cut.
    int connection_limit = 0;  // 0: not cut.
    absl::Time last_raise_time = absl::InfinitePast();
    friend bool operator==(const State&, const State&) = default;
  };
  enum class Change { kNone, kStopped, kResumed, kRaised, kConnectionsCut, kConnectionsRaised };

  Throttle() = default;
  // A restored throttle that was stopped or cut begins with a canary.
  explicit Throttle(State state);

  // Refused for rate. `rate_in_use`: messages per hour. No change while stopped: those were in
  // flight.
  Change OnRateLimited(absl::Time now, absl::Duration least_stop, double rate_in_use,
                       absl::string_view reply, const ThrottleOptions& options);
  // Refused for reputation, a blocklist or the like: stopped, and an operator must look.
  Change OnBlocked(absl::Time now, absl::Duration least_stop, double rate_in_use,
                   absl::string_view reply, const ThrottleOptions& options);
  // `open`: connections there were.
  Change OnTooManyConnections(absl::Time now, int open, const ThrottleOptions& options);
  // Accepted. `base_rate`: the rate without a cut, 0 for none; `base_connections` likewise.
  Change OnAccepted(absl::Time now, double rate_in_use, double base_rate, int base_connections,
                    const ThrottleOptions& options);
  // The canary ended without a verdict (deferred for its own reasons, connection lost).
  void OnOther() { canary_in_flight_ = false; }
  void OnAttempt() { canary_in_flight_ = canary_; }

  // kNone when an attempt may start.
  Wait Blocking(absl::Time now) const;
  // 0: not cut.
  double rate_per_hour() const { return state_.rate_per_hour; }
  int connection_limit() const { return canary_ ? 1 : state_.connection_limit; }
  const State& state() const { return state_; }

 private:
  void Stop(absl::Time now, absl::Duration least, double rate_in_use, absl::string_view reply,
            const ThrottleOptions& options);

  State state_;
  bool canary_ = false;  // The next acceptance ends the stop.
  bool canary_in_flight_ = false;
};

}  // namespace crescendo::core
