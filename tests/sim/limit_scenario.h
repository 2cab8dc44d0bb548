// limit_scenario.h: a receiver with hidden limits, and the mail that is to go there, as data.
//
// The JSON is that of a scenario file: a list of objects such as
//   {"name": "steps", "days": 3, "seed": 7, "flavor": "gmail", "ips": 1, "quota": {"x": 1.2},
//    "limits": [{"type": "bucket", "rate": 0.4, "burst": 40, "steps": [[20, 0.35], [50, 1.2]]}]}
//
// Units    seconds and messages per second, unless a name ends in another.
// Errors   INVALID_ARGUMENT, naming the scenario and what is wrong.
// Threads  values.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::testing {

enum class LimitScope { kIp, kDomain, kIpText };  // kIpText: shared, but the reply blames the IP.

// Follows the sender's conduct from day to day.
struct ReputationLaw {
  double good = 0.01, bad = 0.05;  // Refused share of a day.
  double up = 1.5, down = 0.7;
  double max = 20, min = 0.2;
  double min_use = 0.5;  // Of the day's capacity.
};

struct BucketLimit {
  double rate = 1;
  double burst = 10;
  LimitScope scope = LimitScope::kIp;
  std::vector<std::pair<double, double>> steps;  // Since the start; the factor from then on.
  double diurnal_share = 0;
  double diurnal_peak = 14 * 3600.0;
  double charge_deferred = 0;
  std::optional<ReputationLaw> reputation;
};

struct WindowLimit {
  int cap = 1;
  double seconds = 3600;
  bool fixed = false;  // Aligned to the clock, not sliding.
  LimitScope scope = LimitScope::kIp;
};

struct PenaltyBox {
  int strikes = 1;
  double within = 60;
  double seconds = 900;
  bool extend = true;  // By each attempt in it.
};

// Shares of the messages, but `busy`: of all attempts.
struct NoiseMix {
  double grey = 0, full = 0, recipient_rate = 0, unknown = 0, spam = 0, busy = 0;
};

struct LimitScenario {
  std::string name;
  int days = 3;
  int seed = 1;
  int ips = 1;
  std::string flavor = "gmail";  // gmail, yahoo or outlook: whose words it uses.
  double latency_low = 0.25, latency_high = 0.6;
  double window_start = 0, window_end = 86400;  // Of each day.
  bool uniform = false;                         // Mail arrives over the window, not at its start.
  double quota_share = 1.15;                    // Of what the limits allow that day …
  std::vector<double> daily_quota;              // … unless given.
  NoiseMix mix;
  std::vector<BucketLimit> buckets;
  std::vector<WindowLimit> windows;
  int max_connections = 0;  // 0: any number.
  std::optional<PenaltyBox> penalty;
};

absl::StatusOr<std::vector<LimitScenario>> ParseScenarios(absl::string_view json);

}  // namespace crescendo::testing
