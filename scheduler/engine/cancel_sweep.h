// cancel_sweep.h: takes the recipients of cancelled campaigns off, in short steps with pauses
// between them for everybody else's commits. That nothing leaves any more does not wait for it.
//
// Threads  one thread (the engine's).
#pragma once

#include <deque>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/ports/store.h"

namespace crescendo::engine {

class CancelSweep {
 public:
  // REQUIRES: it is cancelled, in the store. It comes first: it may be small, and somebody waits.
  void Add(const CampaignId& campaign);

  // The next step if one is due; no other before Done.
  std::optional<ports::CancelDeliveries> Next(const base::Moment& now);
  // How the step went. After a failure it is tried again in a minute.
  void Done(const absl::StatusOr<ports::CancelledDeliveries>& result, absl::Duration now);

  // On the steady clock; InfiniteDuration when nothing is due before an Add or a Done.
  absl::Duration next_time() const;

 private:
  std::deque<ports::CancelDeliveries> steps_;  // The next one of each campaign.
  std::optional<ports::CancelDeliveries> running_;
  absl::Duration next_;
};

}  // namespace crescendo::engine
