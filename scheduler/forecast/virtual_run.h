// virtual_run.h: the real core, run ahead on a clock of its own against modelled receivers.
//
// The same shard that decides in the daemon gets the state of now and then the answers of a model;
// the clock jumps to whenever it wants to be asked again. Pure: same in, same out (L12).
//
// Units    volumes in recipients; days are plan days (UTC days where there is no plan).
// Threads  none of its own; `cancelled` is called now and then.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "scheduler/core/options.h"
#include "scheduler/core/snapshot.h"
#include "scheduler/core/wait.h"
#include "scheduler/forecast/receiver_model.h"
#include "scheduler/forecast/scaled_world.h"

namespace crescendo::forecast {

// What is asked, and so when a run may end before its horizon.
struct Subject {
  PlanId plan;           // Until it has graduated.
  CampaignKey campaign;  // Until its last recipient has an outcome. 0: none.
  // Until the first message leaves there. An empty provider: of the IP.
  std::optional<Lane> lane;
  std::optional<Watched> watched;  // Until it leaves.
};

struct Volume {
  int64_t accepted = 0, refused = 0, deferred = 0;
};

// A plan day that was opened, with its decision if it was closed.
struct PlannedDay {
  PlanId plan;
  absl::CivilDay day;
  int stage = 0;
  int64_t cap = 0;
  int64_t accepted = 0;
  DayDecision decision = DayDecision::kOpen;
};

// How long a lane waited for what, of the time that it had recipients.
struct Limit {
  Lane lane;  // An empty provider: all of the IP.
  core::Reason reason = core::Reason::kNone;
  absl::Duration time;
};

struct RunResult {
  // When what was asked happened; none: not before `end`.
  std::optional<absl::Time> at;
  absl::Time end;
  std::map<std::pair<absl::CivilDay, Lane>, Volume> volumes;  // Of the campaign, if one is asked.
  std::vector<PlannedDay> days;                               // In the order they opened.
  std::vector<Limit> limits;                                  // The longest first.
  int64_t left = 0;  // Recipients that have no outcome: of the campaign, or all.
  int64_t steps = 0;
};

// Runs until what is asked has happened, nothing can happen any more, or `horizon`.
// CANCELLED: `cancelled` said so.
absl::StatusOr<RunResult> RunAhead(const core::Snapshot& snapshot, const core::Options& options,
                                   const ReceiverModel& model, const Subject& subject,
                                   absl::Time horizon, absl::FunctionRef<bool()> cancelled);

}  // namespace crescendo::forecast
