// retention.h: when what is finished and old is pruned: every hour a sweep of short steps, with
// pauses between them for everybody else's commits.
//
// Threads  one thread (the engine's).
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/core/options.h"
#include "scheduler/ports/store.h"

namespace crescendo::engine {

class Retention {
 public:
  // The first sweep begins a minute after `start`, when the start is over.
  Retention(const core::RetentionOptions& options, absl::Duration start);

  // The next step if one is due; no other before Done.
  std::optional<ports::Prune> Next(const base::Moment& now);
  // How the step went. After a failure the sweep goes on in a minute.
  void Done(const absl::StatusOr<ports::Pruned>& result, absl::Duration now);

  // On the steady clock; InfiniteDuration while a step is under way.
  absl::Duration next_time() const { return running_ ? absl::InfiniteDuration() : next_; }
  // Of the sweep that runs, or of the last one.
  const ports::Pruned& sum() const { return sum_; }
  bool sweeping() const { return sweep_.has_value(); }

 private:
  const core::RetentionOptions options_;
  absl::Duration next_;
  bool running_ = false;
  std::optional<ports::Prune> sweep_;
  ports::Pruned sum_;
};

}  // namespace crescendo::engine
