// engagement.h: how engaged a recipient is, as one number to rank by (DESIGN §5, L5).
//
// Every signal decays with the same half-life, so the order of two recipients does not change while
// time passes: only new engagement re-ranks, and a score computed at import stays good.
//
// Units    score in [0, 1): 0 never engaged, 0.5 about one click a month ago and a few opens.
// Errors   none: times in the future count as now, negative counts as 0.
// Threads  a pure function.
// See      Clicks outweigh opens: mail privacy proxies open everything (PRACTICE: Apple MPP).
#pragma once

#include "absl/time/time.h"
#include "scheduler/domain/campaign.h"

namespace crescendo::core {

// The latest of their times, a sign-up among them: it asks for mail. InfinitePast: none is known.
absl::Time LastEngaged(const EngagementSignals& signals);

double EngagementScore(const EngagementSignals& signals, absl::Time as_of);

}  // namespace crescendo::core
