// rate_pattern.h: how a receiver's rate moves of itself: over the day, or on its way up or down.
//
// Fits measurements of a day or more with one wave of 24 hours, if that explains them; until then
// the last two measurements give a slope, for a while.
//
// Units    seconds since the Unix epoch; logarithms of rates.
// Threads  pure functions on a State.
#pragma once

#include <deque>

namespace crescendo::core {

class RatePattern {
 public:
  struct Point {
    double at = 0;
    double log_rate = 0;
    double error = 0;
    friend bool operator==(const Point&, const Point&) = default;
  };
  struct State {
    std::deque<Point> points;
    bool daily = false;
    double cosine = 0, sine = 0;  // Of log_rate, if daily.
    double slope = 0;             // Per second, else …
    double slope_from = 0, slope_until = 0;
    friend bool operator==(const State&, const State&) = default;
  };

  // A measurement of the mean rate around `at`. `day`: the length of a day.
  static void Note(State& state, double at, double rate, double error, double day);
  // The rate at `until` is that at `from` times this.
  static double Factor(const State& state, double from, double until, double day);
};

}  // namespace crescendo::core
