// tracer.h: SMTP dialogues as they happen, for people who watch.
//
// A watcher's lines wait in a queue of its own with an end: who reads too slowly misses lines and
// is told how many. Without a watcher a line costs one atomic load.
//
// Threads  safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/ids.h"

namespace crescendo::ports {

// Of one lane, or of the transactions with one recipient.
struct TraceFilter {
  Lane lane;
  std::string recipient;  // "": those of `lane`.
};

struct TraceLine {
  absl::Time time;  // By the daemon's clock.
  ConnectionId connection;
  Lane lane;
  std::string host;     // "mx1.example [192.0.2.25]:25"
  DeliveryId delivery;  // Under way; none between two.
  std::string recipient;
  std::string text;  // As in a transcript: "> …" is ours, "< …" the server's, "* …" a remark.
  bool earlier = false;  // Of the session's opening, which was before the watcher came.
  int64_t missed = 0;    // This stands for so many lines that there was no room for.
};

class Tracer {
 public:
  virtual ~Tracer() = default;
  // `wake` is called when there is something to Take, from a transport's thread; it must not block.
  // It may be called once more after Unwatch. RESOURCE_EXHAUSTED: as many watch as may.
  virtual absl::StatusOr<int64_t> Watch(TraceFilter filter, std::function<void()> wake) = 0;
  virtual void Unwatch(int64_t watcher) = 0;
  // All that waits, oldest first. After it, `wake` is called for the next.
  virtual std::vector<TraceLine> Take(int64_t watcher) = 0;
};

}  // namespace crescendo::ports
