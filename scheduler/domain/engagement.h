// engagement.h: how engaged a recipient is, as one number to rank by (DESIGN §5, L5), and the
// events that change it after an import.
//
// Every signal decays with the same half-life, so the order of two recipients does not change while
// time passes: only new engagement re-ranks, and a score computed at import stays good. Scores are
// compared when they are of the same time; what happened after that time weighs the more.
//
// Units    score in [0, 1): 0 never engaged, 0.5 about one click a month ago and a few opens.
// Errors   none: negative counts as 0. Times in the future are for the caller to keep out.
// Threads  pure functions.
// See      Clicks outweigh opens: mail privacy proxies open everything (PRACTICE: Apple MPP).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/domain/campaign.h"

namespace crescendo {

// What a score is made of, as of one time.
struct EngagementParts {
  double clicks = 0, opens = 0, subscription = 0;  // Each 0 or more.
  double score() const {
    const double sum = clicks + opens + subscription;
    return sum / (1.0 + sum);
  }
};
EngagementParts PartsOf(const EngagementSignals& signals, absl::Time as_of);
double EngagementScore(const EngagementSignals& signals, absl::Time as_of);
// The latest of their times, a sign-up among them: it asks for mail. InfinitePast: none is known.
absl::Time LastEngaged(const EngagementSignals& signals);

enum class EngagementKind {
  kClick,
  kOpen,
  kMachineOpen,  // By a privacy proxy or a scanner: counted, and nothing to the score.
};
absl::string_view EngagementKindName(EngagementKind kind);  // "CLICK" …

// Somebody did something with a message of whatever campaign.
struct EngagementEvent {
  std::string address;  // Normalised.
  EngagementKind kind = EngagementKind::kClick;
  absl::Time time;
  uint64_t key = 0;  // Another event with the same key is this one again.
};

// All that was reported of an address, over all campaigns.
struct Engagement {
  EngagementSignals signals;  // Without subscribe_time.
  std::optional<absl::Time> last_machine_open_time;
  int64_t machine_open_count = 0;
};
// In any order of the events the same.
void Add(const EngagementEvent& event, Engagement* engagement);

// What `given`, at an import, holds beyond what was reported by then: its counts include that, for
// the platform knows it too. So Together(BeyondReported(given, reported), reported) is about
// `given`, and an event that is reported later adds one to it.
EngagementSignals BeyondReported(const EngagementSignals& given, const EngagementSignals& reported);
EngagementSignals Together(const EngagementSignals& beyond, const EngagementSignals& reported);

}  // namespace crescendo
