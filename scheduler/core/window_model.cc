#include "scheduler/core/window_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace crescendo::core {
namespace {

constexpr double kLengths[] = {3600, 21600, 86400};
constexpr double kBins = 240;      // To a window.
constexpr double kFirstRaise = 4;  // Windows after it was learnt.
constexpr double kShortStop = 240;
constexpr int kQuickRefusals = 3;
constexpr double kLikelyShare = 0.3;  // A plan is rarely that wrong.
constexpr double kRaiseShare = 0.05;
constexpr int kFewest = 20;  // Counts below say nothing about a cap.

double FloorTo(double now, double step) { return std::floor(now / step) * step; }

double BinOf(double seconds) { return seconds / kBins; }

const std::deque<WindowModel::Bin>& LogOf(const WindowModel::State& state, double seconds) {
  return state
      .logs[std::find(std::begin(kLengths), std::end(kLengths), seconds) - std::begin(kLengths)];
}

int CountIn(const WindowModel::State& state, const WindowModel::Window& window, double now) {
  const std::deque<WindowModel::Bin>& log = LogOf(state, window.seconds);
  // A fixed window begins with a bin; of a sliding one the bin it cuts counts whole.
  const double from =
      window.fixed ? FloorTo(now, window.seconds) : now - window.seconds - BinOf(window.seconds);
  int count = 0;
  for (auto bin = log.rbegin(); bin != log.rend() && bin->start > from - 1e-6; ++bin) {
    if (bin->start <= now) count += bin->passed;
  }
  return count;
}

// The most that such a window held before `until`.
int MostIn(const WindowModel::State& state, const WindowModel::Window& window, double until) {
  const std::deque<WindowModel::Bin>& log = LogOf(state, window.seconds);
  int most = 0, run = 0;
  size_t tail = 0;
  double fixed_start = -1;
  for (size_t i = 0; i < log.size() && log[i].start < until - BinOf(window.seconds); ++i) {
    const WindowModel::Bin& bin = log[i];
    if (window.fixed) {
      const double start = FloorTo(bin.start, window.seconds);
      if (start != fixed_start) run = 0;
      fixed_start = start;
    }
    run += bin.passed;
    while (!window.fixed && log[tail].start <= bin.start - window.seconds) {
      run -= log[tail++].passed;
    }
    most = std::max(most, run);
  }
  return most;
}

double ReleaseOf(const WindowModel::State& state, const WindowModel::Window& window,
                 double refused_at) {
  if (window.fixed) return FloorTo(refused_at, window.seconds) + window.seconds;
  for (const WindowModel::Bin& bin : LogOf(state, window.seconds)) {
    if (bin.start + BinOf(window.seconds) > refused_at - window.seconds) {
      return bin.start + window.seconds;
    }
  }
  return refused_at + window.seconds;
}

std::vector<WindowModel::Window> Candidates(const WindowModel::State& state, double refused_at) {
  std::vector<WindowModel::Window> candidates;
  for (const double seconds : kLengths) {
    for (const bool fixed : {false, true}) {
      const WindowModel::Window window = {fixed, seconds};
      if (std::find(state.ruled_out.begin(), state.ruled_out.end(), window) !=
          state.ruled_out.end()) {
        continue;
      }
      const int count = CountIn(state, window, refused_at);
      if (count < kFewest || MostIn(state, window, refused_at) > count * 1.02 + 2) continue;
      candidates.push_back(window);
    }
  }
  return candidates;
}

}  // namespace

void WindowModel::Count(State& state, double now) {
  for (size_t i = 0; i < state.logs.size(); ++i) {
    std::deque<Bin>& log = state.logs[i];
    const double start = FloorTo(now, BinOf(kLengths[i]));
    if (log.empty() || log.back().start < start) log.push_back({start, 0});
    while (log.front().start < now - 2 * kLengths[i]) log.pop_front();
    ++log.back().passed;
  }
}

std::vector<double> WindowModel::Releases(const State& state, double refused_at) {
  std::vector<double> releases;
  for (const Window& window : Candidates(state, refused_at)) {
    releases.push_back(ReleaseOf(state, window, refused_at));
  }
  std::sort(releases.begin(), releases.end());
  return releases;
}

bool WindowModel::Learn(State& state, double refused_at, double last_refused, double passed_at,
                        double needed, bool first) {
  const std::vector<Limit> before = std::move(state.suspects);
  state.suspects.clear();
  if (!first && last_refused - refused_at < kShortStop) return false;
  double nearest = std::numeric_limits<double>::infinity();
  for (const Window& window : Candidates(state, refused_at)) {
    const double release = ReleaseOf(state, window, refused_at);
    const double slack = 0.02 * (passed_at - refused_at) + 2 * BinOf(window.seconds);
    if (release < last_refused - slack || release > passed_at + slack) continue;
    const int cap = CountIn(state, window, refused_at);
    state.suspects.push_back({window, cap});
    const bool again = std::any_of(before.begin(), before.end(), [&](const Limit& suspect) {
      return suspect.window == window && std::abs(suspect.cap - cap) <= 2 + 0.03 * cap;
    });
    const double distance = std::abs(release - passed_at);
    const bool likely = cap / window.seconds > kLikelyShare * needed;
    if ((!again && !likely) || distance >= nearest) continue;
    nearest = distance;
    state.limit = {window, cap};
    state.known = true;
  }
  if (state.known) {
    state.raise_share = kRaiseShare;
    state.raise_after = kFirstRaise * state.limit.window.seconds;
    state.raise_at = passed_at + state.raise_after;
  }
  return state.known;
}

bool WindowModel::Explains(State& state, double refused_at) {
  const int count = CountIn(state, state.limit.window, refused_at);
  // What is kept exactly is not refused again and again.
  const bool quick = refused_at - state.explained_at < state.limit.window.seconds / 4;
  state.explained = quick ? state.explained + 1 : 0;
  state.explained_at = refused_at;
  if (count >= 0.93 * state.limit.cap && state.explained < kQuickRefusals) {
    state.limit.cap = std::max(kFewest, std::min(state.limit.cap, count) - 1);
    state.raise_after *= 2;
    state.raise_share = kRaiseShare;
    state.raise_at = refused_at + state.raise_after;
    return true;
  }
  state.ruled_out.push_back(state.limit.window);
  state.known = false;
  return false;
}

void WindowModel::TryMore(State& state, double now) {
  if (now < state.raise_at) return;
  state.limit.cap += 2 + static_cast<int>(state.limit.cap * state.raise_share);
  state.raise_share *= 2;
  state.raise_at = now + 1.1 * state.limit.window.seconds;
}

double WindowModel::Next(const State& state, double now) {
  const Window& window = state.limit.window;
  const int use = std::max(1, static_cast<int>(state.limit.cap * 0.998) - 1);
  int over = CountIn(state, window, now) - use + 1;
  if (over <= 0) return now;
  if (window.fixed) return FloorTo(now, window.seconds) + window.seconds + 1;
  const double bin_seconds = BinOf(window.seconds);
  for (const Bin& bin : LogOf(state, window.seconds)) {
    if (bin.start <= now - window.seconds - bin_seconds) continue;
    over -= bin.passed;
    if (over <= 0) return std::max(now + 1, bin.start + bin_seconds + window.seconds + 0.5);
  }
  return now + window.seconds;
}

double WindowModel::Rate(const State& state, double now) {
  const double use = state.limit.cap * 0.995;
  if (!state.limit.window.fixed) return use / state.limit.window.seconds * 1.005;
  const double left = FloorTo(now, state.limit.window.seconds) + state.limit.window.seconds - now;
  const double rest = use - CountIn(state, state.limit.window, now);
  return std::max(use / state.limit.window.seconds * 0.5,
                  rest / std::max(left, 0.02 * state.limit.window.seconds));
}

}  // namespace crescendo::core
