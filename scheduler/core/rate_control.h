// rate_control.h: finds the rate that a receiver allows and does not tell, and stays under it.
//
//   climbing ──refused──▶ stopped ──canary passes──▶ sweeping ──▶ cruising ◀──▶ probing
//                            ▲  │ canary refused: wait longer        │  refused     │
//                            └──┴────────────────────────────────────┴──────────────┘
//
// What a receiver allows is thought of as a bucket of unknown size that refills at an unknown rate.
// A refusal says that it is empty. From there on every message that gets through is known to have
// been refilled, so that messages / time up to the next refusal *is* the rate, the better the more
// there were. So: after a refusal the *average* since then is swept up from well below (what is
// held back meanwhile is saved in the bucket, not lost), and cruising keeps within the error of the
// last measurement. How much a fast climb or a probe got through beyond the rate is the bucket's
// size; a probe that gets no more through than that has found no change, one that does has.
//
// Laws     L2: sends in any window w <= rate * w + late_messages + 1, also over a restart.
//          No attempt during a stop but one canary at a time. Only Verdict::kRefused moves a rate.
//          L12: no chance, no clock: what is told in the same order gives the same answers.
// Units    messages per second; absl::Time is the wall clock's.
// Threads  none of its own: the shard's.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/core/rate_pattern.h"
#include "scheduler/core/window_model.h"

namespace crescendo::core {

// Every constant of the law. Durations shrink with the clock of a time-scaled receiver.
struct RateControlOptions {
  // Climbing from nothing known.
  double start_share = 1.0 / 3;  // Of the rate that is needed.
  double climb_factor = 1.5;
  absl::Duration climb_interval = absl::Seconds(75);
  double climb_messages = 10;  // At least so many between two raises.
  double calm_factor = 1.15;   // Once the plan is served.
  absl::Duration calm_interval = absl::Minutes(15);
  // How far ahead of the plan: what is needed now, times this.
  double front = 1.04;
  double late_messages = 2;        // A late timer may catch up so many.
  double lowest_rate = 1.0 / 900;  // Messages per second.
  // Sweeping.
  double sweep_from = 0.45;  // Of the rate that was refused or is believed.
  double sweep_messages = 25;
  // Cruising: a measurement over n messages has an error of 1/n; within 2/n the rate creeps up over
  // `refine` * n messages, until the error is not worth a refusal any more.
  double refine = 8;
  double refusal_cost = 15;  // Messages that one refusal is worth.
  absl::Duration day = absl::Hours(24);
  absl::Duration horizon = absl::Hours(48);
  double least_error = 0.001, worth_error = 0.005;
  // Probing.
  double probe_least_factor = 1.25, probe_most_factor = 1.6;
  double probe_messages = 30;  // A probe that finds no change takes about so many.
  double probe_tolerance = 3;
  double fill_rate = 0.8;  // Of the estimate: a probe begins with a full bucket.
  double recovery = 25;    // A rate that has been cut is likelier to change: so many times.
  absl::Duration best_for = absl::Hours(48);
  double prior_changes = 0.3;  // Seen in prior_hours: what is believed before anything is seen.
  absl::Duration prior_time = absl::Hours(2);
  double probe_gain = 2.2;  // Of the interval at which a probe costs as much as it may find.
  absl::Duration burst_longest = absl::Minutes(10);  // A bucket holds no more than this much rate.
  absl::Duration probe_least = absl::Minutes(10);
  absl::Duration probe_longest = absl::Hours(24);
  absl::Duration day_turn_wait = absl::Minutes(2);
  // Stops.
  absl::Duration stop_least = absl::Seconds(3);
  double stop_messages = 2;  // So many intervals of the rate in use.
  absl::Duration box_first = absl::Minutes(5);
  double box_factor = 3;
  absl::Duration box_longest = absl::Hours(4);
  double box_grow = 1.25;                        // What was long enough before is not any more.
  absl::Duration box_known = absl::Seconds(30);  // Longer stops are boxes and are remembered.
};

enum class Verdict {
  kPassed,     // Whatever became of the message, the receiver's rate limit let it through.
  kRefused,    // For rate, in this control's scope.
  kNoVerdict,  // Connection lost, other scope, receiver's own trouble: says nothing.
};

class RateControl {
 public:
  enum class Phase { kClimbing, kSweeping, kCruising, kFilling, kProbing };
  // A point of a run: so many messages had passed since its start.
  struct Knot {
    double at = 0;
    double passed = 0;
    friend bool operator==(const Knot&, const Knot&) = default;
  };
  // What is kept over a restart. Times are seconds since the Unix epoch.
  struct State {
    Phase phase = Phase::kClimbing;
    double rate = 0;         // While climbing: the rate in use.
    double estimate = 0;     // Of the receiver's rate; 0: nothing known.
    double error = 1;        // Relative, of `estimate`.
    double measured_at = 0;  // When `estimate` was, or is taken to be, right.
    RatePattern::State pattern;
    double trusted = 0, trusted_error = 1,
           trusted_at = 0;         // The last estimate that was measured well.
    double best = 0, best_at = 0;  // The highest of late.
    double burst = 0;              // Of the receiver's bucket; 0: not known.
    double level = 0;              // Believed: messages in the bucket at `level_at`.
    double level_at = 0;
    double lost = 0;        // Believed: what ran over since the last refusal.
    bool was_full = false;  // Believed, since the last refusal.
    // The run since the last refusal.
    bool from_empty = false;  // The bucket was known to be empty at `run_start`.
    double run_start = 0;
    double passed = 0;
    double last_run = 0;  // Messages of the run that gave `estimate`.
    // Sweep and probe.
    double sweep_from = 0, sweep_to = 0, sweep_seconds = 0;
    bool searching = false;  // The sweep goes on upwards until refused.
    double probe_start = 0, probe_factor = 1, probe_step = 0, probe_level = 0;
    double next_probe = 0;
    int failed_probes = 0;
    // Stop.
    bool stopped = false;  // Until a canary passes.
    double stop_start = 0, stop_until = 0;
    double last_refused = 0;  // First refusal of the stop, or its last refused canary.
    int failed_canaries = 0;
    double box = 0;       // Length of this receiver's penalty box, as far as known …
    double box_most = 0;  // … and if attempts do not lengthen it.
    // How often this receiver's rate changes.
    double watched_since = 0;
    double changes = 0;
    int day_turns = 0, day_changes = 0;
    std::vector<Knot> climb;  // The end of the climb; cleared once `burst` is known.
    double raised_at = 0;     // While climbing.
    bool reached = false;     // While climbing: what the plan needs.
    WindowModel::State window;
    std::string reply;  // The refusal that began the last stop.
    friend bool operator==(const State&, const State&) = default;
  };

  // `needed`: messages per second the plan asks for.
  RateControl(const RateControlOptions* options, double needed, absl::Time now);
  // A restored control sends nothing faster than it may at once: no burst, no second canary.
  RateControl(const RateControlOptions* options, State state, absl::Time now);

  // When the next attempt may start (<= now: at once); InfiniteFuture: not before a result.
  absl::Time Next(absl::Time now);
  // An attempt starts. `needed` as above, at this moment.
  void OnSend(absl::Time now, double needed);
  // REQUIRES: an attempt started at `started` and has not been answered.
  void OnResult(absl::Time now, absl::Time started, Verdict verdict, absl::string_view reply);
  // A new day of the plan: receivers judge their senders about daily.
  void OnNewDay(absl::Time now);

  // The rate in use, messages per second.
  double rate() const { return rate_in_use_; }
  const State& state() const { return state_; }
  bool in_canary() const { return state_.stopped; }
  // Replaces what is believed of the rate: for a scope that others have measured already.
  void Assume(double rate);
  // For people: "about 1,260/h measured over 412 messages".
  std::string Explain(absl::Time now) const;

 private:
  double TargetRate(double now) const;
  // The estimate, moved on to `now`.
  double Expected(double now) const;
  void Believe(double rate, double at);
  double ErrorWorth() const;
  double RefusalCost() const;
  double ProbeInterval(double now) const;
  void Passed(double now, double started);
  void Refused(double now, double started);
  void Measure(double now, double started);
  void Stop(double now, double started);
  void Unlock(double now, double started);
  void CanaryRefused(double now);
  void BeginSweep(double now, double from, double to);
  void BeginProbe(double now);
  double Tolerance() const;
  void StepProbe(double now);
  void EndProbe(double now, double started);
  void Trust(double now, double at, bool measured);
  void UpdateLevel(double now);
  double FullEnough() const;
  double FillSeconds() const;
  double BurstGuess() const;
  double RampSlope() const;
  double RunPassed(double started) const;
  void LearnBurst();

  const RateControlOptions* options_;
  State state_;
  double needed_ = 0;
  double rate_in_use_ = 0;
  double due_ = 0;  // GCRA: when the next message is due.
  bool canary_out_ = false;
  double canary_started_ = 0;
  std::deque<double> open_;                  // Starts of the attempts in flight, ascending.
  double step_start_ = 0, step_passed_ = 0;  // Since the rate was last changed.
};

}  // namespace crescendo::core
