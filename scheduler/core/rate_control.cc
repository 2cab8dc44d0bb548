#include "scheduler/core/rate_control.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_format.h"

namespace crescendo::core {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr size_t kKnots = 64;

double Seconds(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }
double Seconds(absl::Duration duration) { return absl::ToDoubleSeconds(duration); }
absl::Time Time(double seconds) {
  return seconds == kNever ? absl::InfiniteFuture() : absl::UnixEpoch() + absl::Seconds(seconds);
}

// What a full bucket that refills at `rate` must have held for this run to pass.
double Drawdown(const std::vector<RateControl::Knot>& run, double rate) {
  double most = 0;
  for (const RateControl::Knot& knot : run) {
    most = std::max(most, run.back().passed - knot.passed - rate * (run.back().at - knot.at));
  }
  return most;
}

}  // namespace

RateControl::RateControl(const RateControlOptions* options, double needed, absl::Time now)
    : options_(options), needed_(needed) {
  const double at = Seconds(now);
  state_.rate = std::max(options->lowest_rate, needed * options->start_share);
  state_.run_start = state_.watched_since = state_.level_at = state_.raised_at = at;
  state_.climb.push_back({at, 0});
  step_start_ = due_ = at;
  rate_in_use_ = state_.rate;
}

RateControl::RateControl(const RateControlOptions* options, State state, absl::Time now)
    : options_(options), state_(std::move(state)) {
  step_start_ = Seconds(now);
  rate_in_use_ = TargetRate(step_start_);
  due_ = step_start_ + 1 / rate_in_use_;
  needed_ = rate_in_use_;
}

void RateControl::Assume(double rate) {
  if (state_.phase == Phase::kClimbing) state_.rate = std::max(rate, options_->lowest_rate);
}

double RateControl::Expected(double now) const {
  return state_.estimate *
         RatePattern::Factor(state_.pattern, state_.measured_at, now, Seconds(options_->day));
}

void RateControl::Believe(double rate, double at) {
  state_.estimate = std::max(rate, options_->lowest_rate);
  state_.measured_at = at;
}

double RateControl::ErrorWorth() const {
  const double horizon = state_.estimate * Seconds(options_->horizon);
  return std::clamp(RefusalCost() / std::max(1.0, horizon), options_->least_error,
                    options_->worth_error);
}

double RateControl::RefusalCost() const {
  return options_->refusal_cost + state_.box * state_.estimate;
}

double RateControl::TargetRate(double now) const {
  double rate = state_.rate;
  switch (state_.phase) {
    case Phase::kClimbing:
      break;
    case Phase::kSweeping: {
      const double part = std::clamp((now - state_.run_start) / state_.sweep_seconds, 0.0,
                                     state_.searching ? 2.0 : 1.0);
      rate = state_.sweep_from + 2 * (state_.sweep_to - state_.sweep_from) * part;
      break;
    }
    case Phase::kCruising: {
      const double worth = ErrorWorth();
      double offset = -worth;
      if (state_.error > worth) {
        const double part = state_.passed / std::max(1.0, options_->refine * state_.last_run);
        offset = state_.error * (-1 + 2 * std::min(2.0, part));
      }
      rate = Expected(now) * (1 + offset);
      break;
    }
    case Phase::kFilling:
      rate = Expected(now) * options_->fill_rate;
      break;
    case Phase::kProbing:
      rate = Expected(now) * state_.probe_factor;
      break;
  }
  return std::max(rate, options_->lowest_rate);
}

// Messages per second, per second.
double RateControl::RampSlope() const {
  if (state_.phase == Phase::kSweeping) {
    return 2 * (state_.sweep_to - state_.sweep_from) / state_.sweep_seconds;
  }
  if (state_.phase != Phase::kCruising || state_.error <= ErrorWorth()) return 0;
  const double seconds = options_->refine * std::max(1.0, state_.last_run) / state_.estimate;
  return 2 * state_.error * state_.estimate / seconds;
}

double RateControl::ProbeInterval(double now) const {
  const double watched = now - state_.watched_since + Seconds(options_->prior_time);
  double hazard = (options_->prior_changes + state_.changes) / watched;  // Per second.
  if (state_.best > 1.15 * state_.estimate && !state_.pattern.daily) hazard *= options_->recovery;
  const double best = options_->probe_gain *
                      std::sqrt(4 * RefusalCost() / std::max(1e-12, hazard * state_.estimate));
  return std::clamp(best, Seconds(options_->probe_least), Seconds(options_->probe_longest));
}

absl::Time RateControl::Next(absl::Time time) {
  const double now = Seconds(time);
  if (state_.stopped) {
    if (canary_out_) return absl::InfiniteFuture();
    return Time(std::max(now, state_.stop_until));
  }
  double next = std::max(now, due_);
  if (state_.window.known && next <= now) next = WindowModel::Next(state_.window, now);
  return next <= now ? time : Time(next);
}

double RateControl::FullEnough() const {
  return std::min(BurstGuess(), options_->probe_messages) - 1.5;
}

// How long filling would take from here.
double RateControl::FillSeconds() const {
  return std::max(0.0, FullEnough() - state_.level) /
         std::max(1e-9, state_.estimate * (1 - options_->fill_rate));
}

double RateControl::BurstGuess() const {
  return state_.burst > 0 ? state_.burst : 5 + 60 * state_.estimate;
}

void RateControl::UpdateLevel(double now) {
  const double since = std::max(0.0, now - state_.level_at);
  state_.level += Expected(now - since / 2) * since;
  state_.level_at = now;
  const double over = state_.level - BurstGuess();
  if (over <= 0) return;
  state_.level -= over;
  state_.lost += over;
  state_.was_full = true;
}

void RateControl::OnSend(absl::Time time, double needed) {
  const double now = Seconds(time);
  needed_ = needed;
  open_.push_back(now);
  UpdateLevel(now);
  state_.level -= 1;
  if (state_.stopped) {
    canary_out_ = true;
    canary_started_ = now;
    return;
  }
  if (state_.phase == Phase::kProbing) StepProbe(now);
  double rate =
      std::min(TargetRate(now), std::max(needed * options_->front, options_->lowest_rate));
  if (state_.window.known) {
    const double window_rate = WindowModel::Rate(state_.window, now);
    if (window_rate < rate) WindowModel::TryMore(state_.window, now);
    rate = std::min(rate, window_rate);
  }
  rate_in_use_ = rate;
  due_ = std::max(due_, now - options_->late_messages / rate) + 1 / rate;
}

void RateControl::OnResult(absl::Time time, absl::Time started_time, Verdict verdict,
                           absl::string_view reply) {
  const double now = Seconds(time), started = Seconds(started_time);
  const auto at = std::lower_bound(open_.begin(), open_.end(), started);
  if (at != open_.end() && *at == started) open_.erase(at);
  if (verdict != Verdict::kPassed) state_.level += 1;
  switch (verdict) {
    case Verdict::kPassed:
      WindowModel::Count(state_.window, started);
      Passed(now, started);
      break;
    case Verdict::kRefused:
      if (state_.stopped) {
        if (canary_out_ && started == canary_started_) CanaryRefused(now);
        break;
      }
      if (started < state_.run_start) break;  // In flight when the last stop began.
      state_.reply = std::string(reply.substr(0, 300));
      Refused(now, started);
      break;
    case Verdict::kNoVerdict:
      if (state_.stopped && canary_out_ && started == canary_started_) {
        canary_out_ = false;
        state_.stop_until = std::max(state_.stop_until, now + Seconds(options_->stop_least));
      }
      break;
  }
}

void RateControl::Passed(double now, double started) {
  if (state_.stopped) {
    if (canary_out_ && started == canary_started_) Unlock(now, started);
    return;
  }
  if (started < state_.run_start) return;
  state_.passed += 1;
  step_passed_ += 1;
  const double step = now - step_start_;
  switch (state_.phase) {
    case Phase::kClimbing: {
      if (state_.climb.size() >= kKnots) state_.climb.erase(state_.climb.begin());
      if (now - state_.climb.back().at >= 15) state_.climb.push_back({started, state_.passed});
      // Once it serves the plan it grows only with what is sent over a longer time: mail that comes
      // in clumps, or a plan that is late, is no reason to find the limit.
      const bool calm = state_.reached;
      if (step >= Seconds(calm ? options_->calm_interval : options_->climb_interval) &&
          step_passed_ >= options_->climb_messages) {
        // Never a rate that is not in use: the plan, or another limit, is the brake.
        if (step_passed_ / step > (calm ? 0.9 : 0.8) * state_.rate) {
          state_.rate *= calm ? options_->calm_factor : options_->climb_factor;
          state_.raised_at = now;
        }
        state_.reached |= state_.rate >= needed_ * options_->front;
        step_start_ = now;
        step_passed_ = 0;
      }
      break;
    }
    case Phase::kSweeping:
      if (now - state_.run_start < state_.sweep_seconds * (state_.searching ? 2 : 1)) break;
      if (state_.searching) {
        // Nothing refused up to here: so much is proven, and there is more to find.
        Believe(std::max(std::min(state_.estimate, rate_in_use_),
                         state_.passed / (now - state_.run_start)),
                now);
        state_.last_run = options_->sweep_messages;
        state_.error = 0.1;
        state_.level = 0;
        state_.next_probe = now;
        state_.searching = false;
      }
      state_.phase = Phase::kCruising;
      step_start_ = now;
      step_passed_ = 0;
      break;
    case Phase::kCruising:
      if (state_.from_empty) {
        // So much was refilled since the bucket was empty, that is sure.
        const double sure = (state_.passed - 1) / std::max(1.0, started - state_.run_start);
        const double middle = (started + state_.run_start) / 2;
        if (sure > Expected(middle)) Believe(sure, middle);
      }
      state_.level = std::max(state_.level, -1.0);
      if (now + FillSeconds() >= state_.next_probe && needed_ > Expected(now) * 1.02 && step > 60) {
        // Only a rate that is really in use can be probed.
        if (step_passed_ / step > 0.85 * rate_in_use_) state_.phase = Phase::kFilling;
        step_start_ = now;
        step_passed_ = 0;
      } else if (step > 900) {
        step_start_ = now;
        step_passed_ = 0;
      }
      break;
    case Phase::kFilling:
      if (state_.level >= FullEnough()) BeginProbe(now);
      break;
    case Phase::kProbing:
      break;
  }
}

double RateControl::RunPassed(double started) const {
  double passed = state_.passed;
  for (const double open : open_) passed += open >= state_.run_start && open < started ? 1 : 0;
  return passed;
}

void RateControl::Refused(double now, double started) {
  if (state_.window.known && WindowModel::Explains(state_.window, started)) {
    Stop(now, started);
    return;
  }
  switch (state_.phase) {
    case Phase::kClimbing: {
      const double passed = RunPassed(started);
      state_.climb.push_back({started, passed});
      const double top = std::min(state_.rate, rate_in_use_);
      if (started - state_.raised_at > 1800 && passed > 100) {
        // This rate was allowed for long: the receiver has changed its mind.
        state_.trusted = top;
        state_.trusted_error = 0.02;
        state_.trusted_at = started;
      }
      Believe(top, started);
      state_.error = 1;
      state_.last_run = 0;
      Stop(now, started);
      BeginSweep(started, top * 0.3, top * 0.9);
      state_.searching = true;
      break;
    }
    case Phase::kProbing:
      EndProbe(now, started);
      Stop(now, started);
      break;
    default:
      Measure(now, started);
      Stop(now, started);
      break;
  }
}

// A run from an empty bucket to an empty bucket: what passed is what was refilled.
void RateControl::Measure(double now, double started) {
  const double passed = RunPassed(started);
  const double took = std::max(1.0, started - state_.run_start);
  const double before = Expected(started);
  double rate, error, at = started;
  UpdateLevel(started);
  // A rate far below the receiver's let the bucket run over: who knows how much.
  if (state_.from_empty && (state_.lost < 10 || state_.lost < 0.05 * passed)) {
    const double lost = state_.lost < 0.15 * passed ? state_.lost : 0;
    rate = (passed + lost) / took;
    error = std::max(1.0, lost / 2) / std::max(1.0, passed);
    at = (started + state_.run_start) / 2;  // It is a mean.
    if (passed < 8) {
      // Few messages say little; the rate in use was too fast, that is sure.
      const double prior = 0.8 * std::min(rate_in_use_, before);
      rate = (passed + 2) / (took + 2 / prior);
      error = 0.3;
      at = started;
    }
  } else {
    // From a full bucket: a rising rate began to drain it when it passed the receiver's, and what
    // it held is the area in between.
    const double above = std::sqrt(2 * RampSlope() * BurstGuess());
    rate = std::max(rate_in_use_ - above, 0.6 * rate_in_use_);
    if (passed > 1.5 * BurstGuess()) rate = std::max(rate, (passed - BurstGuess()) / took);
    rate = std::min(rate, rate_in_use_ * 0.99);
    error = std::clamp(0.4 * (rate_in_use_ / rate - 1) + 0.01, 0.01, 0.2);
  }
  Believe(rate, at);
  state_.error = std::clamp(error, options_->least_error, 0.3);
  state_.last_run = std::max(passed, 4.0);
  LearnBurst();
  Trust(now, at, state_.from_empty);
  const double expected = Expected(now);
  BeginSweep(started, expected * (error > 0.2 ? 0.6 : options_->sweep_from),
             expected * (1 - std::min(0.1, state_.error)));
}

void RateControl::LearnBurst() {
  if (state_.climb.size() < 3) return;
  state_.burst = std::max(1.0, Drawdown(state_.climb, state_.estimate));
  if (state_.burst > state_.estimate * Seconds(options_->burst_longest) + 20) state_.burst = 0;
  if (state_.error < 0.03) state_.climb.clear();
}

// Compares a measurement with the last good one: has the receiver's rate changed in between?
void RateControl::Trust(double now, double at, bool measured) {
  if (state_.error > 0.15) return;
  const double day = Seconds(options_->day);
  if (state_.trusted > 0) {
    const double predicted =
        state_.trusted * RatePattern::Factor(state_.pattern, state_.trusted_at, at, day);
    const double moved = std::abs(std::log(state_.estimate / predicted));
    if (moved > 0.02 + 1.5 * (state_.error + state_.trusted_error)) {
      state_.climb.clear();
      state_.changes += 1;
    }
  }
  if (measured) RatePattern::Note(state_.pattern, at, state_.estimate, state_.error, day);
  const bool forgotten = now - state_.best_at > Seconds(options_->best_for);
  if (forgotten || state_.estimate > 0.97 * state_.best) {
    state_.best = forgotten ? state_.estimate : std::max(state_.best, state_.estimate);
    state_.best_at = now;
  }
  state_.trusted = state_.estimate;
  state_.trusted_error = state_.error;
  state_.trusted_at = at;
}

void RateControl::BeginSweep(double, double from, double to) {
  state_.phase = Phase::kSweeping;
  state_.sweep_from = from;
  state_.sweep_to = std::max(to, from);
  double messages = options_->sweep_messages;
  if (state_.burst > 0) {
    // What is held back at first must find room in the bucket.
    const double held_back = 1 - state_.sweep_from / state_.sweep_to;
    messages = std::clamp(1.6 * state_.burst / std::max(0.1, held_back), 8.0, 2 * messages);
  }
  state_.sweep_seconds = messages / std::max(1e-6, state_.sweep_to);
  state_.searching = false;
}

void RateControl::BeginProbe(double now) {
  state_.phase = Phase::kProbing;
  state_.probe_start = state_.probe_step = now;
  state_.probe_factor = std::clamp(1 + BurstGuess() / options_->probe_messages,
                                   options_->probe_least_factor, options_->probe_most_factor);
  UpdateLevel(now);
  state_.probe_level = state_.level;
}

// How much more than the bucket may have held a probe must get through to have found a change.
double RateControl::Tolerance() const {
  return options_->probe_tolerance +
         (state_.burst > 0 ? 0.15 * state_.burst * state_.was_full : 2 * BurstGuess());
}

// A probe that got more through than the bucket can hold tries for more.
void RateControl::StepProbe(double now) {
  const double in_use = std::min(state_.probe_factor, needed_ * options_->front / Expected(now));
  if (in_use < 1.01) {
    // The plan does not ask for more any more.
    state_.phase = Phase::kCruising;
    return;
  }
  if (state_.level < -Tolerance() && now - state_.probe_step > std::max(30.0, 6 / rate_in_use_)) {
    state_.probe_factor *= 1.35;
    state_.probe_step = now;
    state_.climb.clear();
  }
}

void RateControl::EndProbe(double now, double started) {
  const double before = Expected(started);
  UpdateLevel(started);
  const double took = std::max(1.0, started - state_.probe_start);
  if (state_.level >= -Tolerance()) {
    ++state_.failed_probes;
    const double used = std::max(1.0, state_.probe_level - state_.level);
    // Refused sooner than thought: the bucket is smaller, unless the rate alone explains it.
    const double middle = (started + state_.run_start) / 2;
    const bool explained =
        state_.from_empty && RunPassed(started) / std::max(1.0, started - state_.run_start) >
                                 Expected(middle) * (1 - 1.5 * state_.error - 0.003);
    const bool smaller = state_.level > 1.5 && !explained;
    if (smaller || state_.was_full) {
      if (state_.burst <= 0) {
        state_.burst = used;
      } else {
        state_.burst = smaller ? std::max(used, 0.7 * state_.burst) : (state_.burst + used) / 2;
      }
    }
    if (state_.from_empty && !smaller && state_.lost < 0.1 * RunPassed(started)) {
      Measure(now, started);
      return;
    }
    if (state_.from_empty) {
      const double sure = (RunPassed(started) - 1) / std::max(1.0, started - state_.run_start);
      if (sure > Expected(middle)) Believe(sure, middle);
    }
    const double expected = Expected(now);
    BeginSweep(started, expected * options_->sweep_from,
               expected * (1 - std::min(0.1, state_.error)));
    return;
  }
  const double extra = -state_.level / took;
  Believe(std::min(before + extra, rate_in_use_), started);
  state_.error = 0.3;
  state_.last_run = options_->sweep_messages;
  state_.failed_probes = 0;
  BeginSweep(started, before * 0.9, std::max(state_.estimate, before) * 1.15);
  state_.searching = true;
}

void RateControl::Stop(double now, double started) {
  state_.stopped = true;
  state_.stop_start = started;
  state_.last_refused = started;
  state_.failed_canaries = 0;
  canary_out_ = false;
  const double wait =
      std::max(Seconds(options_->stop_least),
               options_->stop_messages / std::max(state_.estimate * 0.7, options_->lowest_rate));
  state_.stop_until =
      now + (state_.box > Seconds(options_->box_known) ? std::max(wait, state_.box) : wait);
  if (state_.window.known) {
    state_.stop_until = std::max(state_.stop_until, WindowModel::Next(state_.window, now));
  }
}

void RateControl::CanaryRefused(double now) {
  canary_out_ = false;
  ++state_.failed_canaries;
  state_.last_refused = canary_started_;
  const double wait =
      std::min(Seconds(options_->box_longest),
               state_.box > 0 ? state_.box * std::pow(options_->box_grow, state_.failed_canaries)
                              : Seconds(options_->box_first) *
                                    std::pow(options_->box_factor, state_.failed_canaries - 1));
  double until = now + wait;
  if (state_.box > 0 && state_.failed_canaries == 1 &&
      state_.stop_start + state_.box_most > now + 30) {
    until = state_.stop_start + state_.box_most;
  }
  if (state_.failed_canaries > 2 || !state_.window.suspects.empty()) {
    for (const double release : WindowModel::Releases(state_.window, state_.stop_start)) {
      if (release > now + 30) {
        until = std::min(until, release + 60);
        break;
      }
    }
  }
  state_.stop_until = until;
}

void RateControl::Unlock(double now, double started) {
  const double gap = started - state_.last_refused;
  canary_out_ = false;
  state_.stopped = false;
  bool full = false;
  if (state_.failed_canaries > 0) {
    if (WindowModel::Learn(state_.window, state_.stop_start, state_.last_refused, started, needed_,
                           state_.error >= 1)) {
      state_.box = 0;
      state_.phase = Phase::kCruising;
    } else {
      const bool lengthened = state_.box_most < started - state_.stop_start - 60;
      state_.box_most = started - state_.stop_start;
      state_.box = state_.box > 0 && !lengthened ? state_.box_most : gap;
      full = true;
    }
  } else if (state_.box > Seconds(options_->box_known)) {
    full = true;
  }
  state_.from_empty = !full;
  state_.run_start = full ? started : state_.stop_start;
  state_.passed = 1;
  // What came in during the stop is there, but for the canary.
  state_.level = full ? BurstGuess() - 1 : 0;
  state_.level_at = full ? started : state_.stop_start;
  state_.lost = 0;
  state_.was_full = full;
  if (!full) state_.level -= 1;
  UpdateLevel(now);
  state_.next_probe = now + ProbeInterval(now);
  step_start_ = now;
  step_passed_ = 0;
  rate_in_use_ = TargetRate(now);
  due_ = now + 1 / rate_in_use_;
}

void RateControl::OnNewDay(absl::Time time) {
  if (state_.phase == Phase::kClimbing || state_.stopped) return;
  state_.next_probe = std::min(state_.next_probe, Seconds(time) + Seconds(options_->day_turn_wait));
}

std::string RateControl::Explain(absl::Time) const {
  switch (state_.phase) {
    case Phase::kClimbing:
      return absl::StrFormat("never refused yet; climbing, now %.0f/h", rate_in_use_ * 3600);
    case Phase::kSweeping:
      return absl::StrFormat("measuring: about %.0f/h, now %.0f/h", state_.estimate * 3600,
                             rate_in_use_ * 3600);
    case Phase::kCruising:
      return absl::StrFormat("about %.0f/h are allowed (%.1f %% exact)", state_.estimate * 3600,
                             state_.error * 100);
    case Phase::kFilling:
    case Phase::kProbing:
      return absl::StrFormat("probing above %.0f/h", state_.estimate * 3600);
  }
  return "";
}

}  // namespace crescendo::core
