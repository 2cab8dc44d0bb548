// window_model.h: does this receiver count messages per hour, quarter of a day or day?
//
// Such a limit shows when a stop ends as that window would let go, and the next one comes at the
// same count. Once known it is kept exactly: no refusal is needed to stay under it.
//
// Units    messages; seconds since the Unix epoch.
// Threads  none of its own.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <vector>

namespace crescendo::core {

class WindowModel {
 public:
  struct Bin {
    double start = 0;
    int passed = 0;
    friend bool operator==(const Bin&, const Bin&) = default;
  };
  struct Window {
    bool fixed = false;  // Aligned to the clock; else sliding.
    double seconds = 0;
    friend bool operator==(const Window&, const Window&) = default;
  };
  struct Limit {
    Window window;
    int cap = 0;
    friend bool operator==(const Limit&, const Limit&) = default;
  };
  struct State {
    std::array<std::deque<Bin>, 3> logs;  // One for each length, in bins of a part of it.
    bool known = false;
    Limit limit;
    double explained_at = 0;
    int explained = 0;    // Refusals in quick succession.
    double raise_at = 0;  // When a larger cap is tried.
    double raise_after = 0;
    double raise_share = 0;       // Of the cap; doubled by each that was not refused.
    std::vector<Limit> suspects;  // That would explain the last stop.
    std::vector<Window> ruled_out;
    friend bool operator==(const State&, const State&) = default;
  };

  static void Count(State& state, double now);

  // Ends of the stop that began at `refused_at`, by every window that may explain it; ascending.
  static std::vector<double> Releases(const State& state, double refused_at);
  // The stop that began at `refused_at`, with a refused canary at `last_refused`, ended at
  // `passed_at`. True if a window explains it, and either the one before too or its cap is near
  // what the plan needs (messages per second); it is then known. `first`: of the receiver's
  // refusals. Later ones must last to count: a rate that is merely too high ends a short stop, too.
  static bool Learn(State& state, double refused_at, double last_refused, double passed_at,
                    double needed, bool first);
  // Refused although the window is known. False: the window does not explain it and is dropped.
  static bool Explains(State& state, double refused_at);
  // All of it is in use and more is wanted: a larger cap is tried now and then.
  static void TryMore(State& state, double now);

  // When the known window lets the next message through; <= now: at once.
  static double Next(const State& state, double now);
  // The even rate that uses it up.
  static double Rate(const State& state, double now);
};

}  // namespace crescendo::core
