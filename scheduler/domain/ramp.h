// ramp.h: shapes of ramps: shipped ones, one fitted to a target and a date, and how fast is safe.
//
// Units    messages per plan day; plan days.
// Errors   none.
// Threads  values and pure functions: safe from any thread.
// See      DESIGN §3: a cap may grow ×2 below 50,000, ×1.5 below 100,000, ×1.2 below 250,000 and
// ×1.1
//          above (iPost's rule, PRACTICE §1.1).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/types/span.h"
#include "scheduler/domain/plan.h"

namespace crescendo {

// A ramp that is shipped (scheduler/ramps/data).
struct RampPreset {
  std::string id;            // A label: "classic".
  std::string display_name;  // For people, at most a line.
  std::string source;        // Whose practice it is, and where it is written.
  std::vector<Stage> stages;
  // How it goes on behind the last of them: stages of so many days, each so many times the one
  // before. With `safe_growth`, never faster than SafeGrowth says.
  int days = 2;
  double factor = 2;
  bool safe_growth = false;
};
// The stages of `preset` below `target`, and then `target` itself.
// REQUIRES: 1 <= target <= 10000000.
std::vector<Stage> StagesUpTo(const RampPreset& preset, int64_t target);

// The largest factor by which a daily cap of `cap` may grow in one step.
double SafeGrowth(int64_t cap);
// cap × SafeGrowth(cap), rounded down, at most 10,000,000.
int64_t SafeNext(int64_t cap);

// For each step that grows faster than that: "stage 3 to 4 grows from 20,000 to 60,000, ×3.0; above
// ×2 is unsafe below 50,000". Names at most five.
std::vector<std::string> UnsafeSteps(absl::Span<const Stage> stages);

// A ramp that starts at `start` and allows `target` from `by` on: as even as can be, from 200 a
// day. It may be unsafe: see UnsafeSteps. REQUIRES: start <= by; 1 <= target <= 10000000.
std::vector<Stage> FitRamp(int64_t target, absl::CivilDay start, absl::CivilDay by);

}  // namespace crescendo
