// streams.h: the streams that are open, so that a stop can end them, and how many there may be.
//
// A stream's reactor outlives its own call as long as an answer of the engine is on its way to it:
// it is shared, by itself until OnDone and by each callback that it waits for.
//
// Threads  safe from any thread.
#pragma once

#include <memory>
#include <set>

#include "absl/status/status.h"
#include "scheduler/base/mutex.h"

namespace crescendo::service {

class Stream {
 public:
  virtual ~Stream() = default;
  // Ends the stream with `status`, soon. Does nothing when it has ended.
  virtual void End(const absl::Status& status) = 0;
};

class Streams {
 public:
  // `what` they are, for people.
  explicit Streams(size_t most, const char* what = "streams") : most_(most), what_(what) {}

  // Not OK: RESOURCE_EXHAUSTED (as many are open as may be), UNAVAILABLE (after EndAll). Then the
  // stream must end itself; it must not be removed.
  absl::Status Add(std::shared_ptr<Stream> stream) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(const std::shared_ptr<Stream>& stream) ABSL_LOCKS_EXCLUDED(mu_);
  // For a stop: ends all, now and from now on, as UNAVAILABLE.
  void EndAll() ABSL_LOCKS_EXCLUDED(mu_);
  size_t size() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const size_t most_;
  const char* const what_;
  mutable base::Mutex mu_;
  std::set<std::shared_ptr<Stream>> open_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace crescendo::service
