// limit_world.h: a sender against a HiddenReceiver, in simulated time, and how well it did.
//
// Units    seconds since the scenario's start; messages.
// Laws     every message is delivered, refused for good, or still there at the end: checked.
// Threads  free functions; nothing is shared.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "tests/sim/hidden_limits.h"
#include "tests/sim/limit_scenario.h"

namespace crescendo::testing {

inline constexpr double kNever = std::numeric_limits<double>::infinity();
inline constexpr double kBinSeconds = 600;

// What one IP of the sender may know when it is asked.
struct SenderView {
  double need = 0;  // Messages per second that finish the plan's day in its window.
  int open = 0;     // Connections, each with a message in flight.
};

// The policy under test: one for all IPs of a scenario.
class LimitSender {
 public:
  virtual ~LimitSender() = default;
  struct Turn {
    double at;  // When the next attempt may start; kNever: not before a result.
    int max_connections;
  };
  virtual Turn Next(int ip, double now, const SenderView& view) = 0;
  virtual void OnSend(int ip, double now) = 0;
  virtual void OnResult(int ip, double now, double started, const Reply& reply) = 0;
  // After the `attempts`th attempt of a message was refused for now.
  virtual double RetryDelay(int ip, double now, int attempts, const Reply& reply) = 0;
  // The rate it would use now, for pictures; 0: not known.
  virtual double RateInUse(int) const { return 0; }
};

struct LimitRun {
  int64_t delivered = 0, permanent = 0, attempts = 0;
  int64_t rate_refused = 0, connection_refused = 0, noise = 0;
  double penalty_seconds = 0;
  std::vector<int64_t> delivered_by_day, delivered_by_bin, refused_by_bin;
  std::vector<double> limit_by_bin, rate_by_bin;  // All IPs together.
};

struct LimitScore {
  double goodput = 0;   // Of what a clairvoyant sender delivers.
  double refused = 0;   // Rate and connection refusals per attempt.
  double penalty = 0;   // Share of the time in the penalty box.
  double day_fair = 0;  // Mean over the days of delivered / clairvoyant's.
  double worst_day = 1;
  std::optional<double> overshoot;  // Refusals in the hour after a step down / its capacity.
  std::optional<double> recovery;   // Seconds after a step up.
  double score = 0;                 // [0, 100]
};

// Messages per IP of each day.
std::vector<int> QuotaOf(const LimitScenario& scenario);

LimitRun Play(const LimitScenario& scenario, LimitSender& sender);
// A sender that knows the limits and is never refused.
LimitRun PlayClairvoyant(const LimitScenario& scenario);

LimitScore ScoreOf(const LimitScenario& scenario, const LimitRun& run, const LimitRun& clairvoyant);

}  // namespace crescendo::testing
