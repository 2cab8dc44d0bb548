#include "scheduler/core/rate_pattern.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace crescendo::core {
namespace {

constexpr size_t kPoints = 160;
constexpr double kKept = 3;                // Days.
constexpr double kOwnError = 0.02;         // No rate is steadier than that.
constexpr double kLongestSlope = 1.0 / 8;  // Days between two points.
constexpr double kLargestMove = 0.2;       // More is a step, not a slope.
constexpr double kSlopeLasts = 1.5;        // Times what lay between the two points.

double Phase(double at, double day) { return 2 * std::numbers::pi * at / day; }

using Vector = std::array<double, 3>;

// Solves the symmetric system by elimination; false: too little is known.
bool Solve(std::array<Vector, 3> matrix, Vector right, Vector& solution) {
  for (int i = 0; i < 3; ++i) {
    if (std::abs(matrix[i][i]) < 1e-9) return false;
    for (int row = i + 1; row < 3; ++row) {
      const double factor = matrix[row][i] / matrix[i][i];
      for (int column = i; column < 3; ++column) matrix[row][column] -= factor * matrix[i][column];
      right[row] -= factor * right[i];
    }
  }
  for (int i = 2; i >= 0; --i) {
    solution[i] = right[i];
    for (int column = i + 1; column < 3; ++column) {
      solution[i] -= matrix[i][column] * solution[column];
    }
    solution[i] /= matrix[i][i];
  }
  return true;
}

void FitDay(RatePattern::State& state, double day) {
  state.daily = false;
  const std::deque<RatePattern::Point>& points = state.points;
  if (points.size() < 8 || points.back().at - points.front().at < 0.6 * day) return;
  std::array<bool, 8> eighths = {};
  std::array<Vector, 3> matrix = {};
  Vector right = {}, fit = {};
  double weights = 0, mean = 0;
  for (const RatePattern::Point& point : points) {
    const double weight = 1 / (point.error * point.error + kOwnError * kOwnError);
    const double phase = Phase(point.at, day);
    const Vector row = {1, std::cos(phase), std::sin(phase)};
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) matrix[i][j] += weight * row[i] * row[j];
      right[i] += weight * row[i] * point.log_rate;
    }
    weights += weight;
    mean += weight * point.log_rate;
    eighths[static_cast<size_t>(std::fmod(point.at, day) / day * 8) % 8] = true;
  }
  mean /= weights;
  if (std::count(eighths.begin(), eighths.end(), true) < 5) return;
  matrix[1][1] += 1e-6 * weights;
  matrix[2][2] += 1e-6 * weights;
  if (!Solve(matrix, right, fit)) return;
  double spread = 0, rest = 0;
  for (const RatePattern::Point& point : points) {
    const double weight = 1 / (point.error * point.error + kOwnError * kOwnError);
    const double phase = Phase(point.at, day);
    const double wave = fit[0] + fit[1] * std::cos(phase) + fit[2] * std::sin(phase);
    spread += weight * (point.log_rate - mean) * (point.log_rate - mean);
    rest += weight * (point.log_rate - wave) * (point.log_rate - wave);
  }
  const double size = std::hypot(fit[1], fit[2]);
  if (size < 0.05 || size > 2 || rest > 0.12 * spread) return;
  state.daily = true;
  state.cosine = fit[1];
  state.sine = fit[2];
}

}  // namespace

void RatePattern::Note(State& state, double at, double rate, double error, double day) {
  state.points.push_back({at, std::log(rate), error});
  while (state.points.size() > kPoints || state.points.front().at < at - kKept * day) {
    state.points.pop_front();
  }
  FitDay(state, day);
  state.slope = 0;
  if (state.daily || state.points.size() < 2) return;
  const Point& last = state.points.back();
  const Point& before = state.points[state.points.size() - 2];
  const double gap = last.at - before.at;
  const double move = last.log_rate - before.log_rate;
  if (gap <= 0 || gap > kLongestSlope * day || std::abs(move) > kLargestMove) return;
  const double noise = std::hypot(last.error, before.error);
  if (std::abs(move) < noise) return;
  state.slope = move / gap * (1 - noise / std::abs(move) / 2);
  state.slope_from = last.at;
  state.slope_until = last.at + kSlopeLasts * gap;
}

double RatePattern::Factor(const State& state, double from, double until, double day) {
  if (state.daily) {
    const double a = Phase(from, day), b = Phase(until, day);
    return std::exp(state.cosine * (std::cos(b) - std::cos(a)) +
                    state.sine * (std::sin(b) - std::sin(a)));
  }
  if (state.slope == 0) return 1;
  const double a = std::clamp(from, state.slope_from, state.slope_until);
  const double b = std::clamp(until, state.slope_from, state.slope_until);
  return std::exp(state.slope * (b - a));
}

}  // namespace crescendo::core
