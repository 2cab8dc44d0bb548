// status.h: snapshots of the shard's state, for people, dashboards and the API.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "scheduler/core/wait.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/ledger.h"
#include "scheduler/domain/plan.h"

namespace crescendo::core {

enum class LaneState {
  kWarming,     // Under an active plan.
  kSteady,      // No plan, or a graduated one.
  kHeld,        // Stopped by the scheduler.
  kPaused,      // The lane or its plan, by an operator or a guardrail; or its plan is aborted.
  kNotStarted,  // Its plan has not started.
};
absl::string_view LaneStateName(LaneState state);  // "WARMING" …

// How a lane's connections fared, since the daemon started.
struct LaneTls {
  int64_t opened = 0;
  int64_t in_the_clear = 0;  // Of `opened`.
  std::string reason;        // Of the last in the clear.
};

struct LaneStatus {
  Lane lane;
  LaneState state = LaneState::kSteady;
  LedgerRow today;                      // Of the current plan day.
  std::optional<int64_t> ip_cap;        // Messages per plan day of the IP. None: no plan caps it.
  int64_t ip_used = 0;                  // Over all providers.
  std::optional<int64_t> provider_cap;  // Of this lane. None: only ip_cap.
  std::optional<ProviderDay> own_ramp;  // Where the provider's own ramp stands, if it has one.
  int64_t queued = 0;    // Recipients that could leave by this lane; shared with its pool.
  int64_t retrying = 0;  // Of these: waiting for their retry time.
  int in_flight = 0;
  int connections = 0;  // Open or opening.
  int connection_limit = 0;
  LaneTls tls;
  double rate_per_hour = 0;  // What the lane may do now. 0: not limited.
  Wait wait;
  LaneRecord record;  // Throttle state and operator's pause.
};

struct PlanStatus {
  Plan plan;
  std::optional<PlanDay> today;         // None before the start date.
  LedgerRow today_total;                // Sum over providers; its lane's provider is empty.
  absl::Time day_start, day_end;        // Of `today`.
  std::optional<PlanDay> would_decide;  // `today`, if it ended now.
  // The ramp's last day, if every day from today on counts. None: the ramp does not move.
  std::optional<absl::CivilDay> projected_end;
  std::vector<LaneStatus> lanes;  // Of the plan's IP, by provider.
  Wait wait;                      // Of the IP as a whole.
};

}  // namespace crescendo::core
