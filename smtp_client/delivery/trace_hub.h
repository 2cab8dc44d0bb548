// trace_hub.h: implements ports/Tracer for the connections of a transport.
//
// Threads  Tracer's methods from any; the rest on the transport's.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"
#include "scheduler/ports/tracer.h"
#include "smtp_client/session/session_observer.h"

namespace crescendo::smtp {

class TraceHub final : public ports::Tracer {
 public:
  static constexpr size_t kMostWatchers = 8;
  // Of one watcher, before it misses some.
  static constexpr size_t kMostLines = 1000;
  static constexpr size_t kMostBytes = 256 << 10;

  // `clock` outlives it: the daemon's, so that lines and events can be laid side by side.
  explicit TraceHub(const base::Clock* clock) : clock_(clock) {}

  absl::StatusOr<int64_t> Watch(ports::TraceFilter filter, std::function<void()> wake) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Unwatch(int64_t watcher) override ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<ports::TraceLine> Take(int64_t watcher) override ABSL_LOCKS_EXCLUDED(mu_);

  bool watched() const { return watched_.load(std::memory_order_relaxed); }
  // A line, whose `text` and `time` are set here, to whoever wants it. `opening`: of its session,
  // for watchers that have not seen it; may be null.
  void Tell(const ports::TraceLine& line, absl::string_view mark, absl::string_view text,
            const std::string* opening) ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing more comes of it.
  void Forget(ConnectionId connection) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Watcher {
    ports::TraceFilter filter;
    std::function<void()> wake;
    std::deque<ports::TraceLine> lines;
    size_t bytes = 0;
    absl::flat_hash_set<ConnectionId> seen;
  };

  static bool Wants(const Watcher& watcher, const ports::TraceLine& line);
  static void Push(ports::TraceLine line, Watcher* watcher);

  const base::Clock* const clock_;
  std::atomic<bool> watched_ = false;
  base::Mutex mu_;
  std::map<int64_t, std::shared_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mu_);
  int64_t last_ ABSL_GUARDED_BY(mu_) = 0;
};

// One connection's tap.
class Tap final : public SessionObserver {
 public:
  // `line` says what does not change. `hub` outlives it.
  Tap(TraceHub* hub, ports::TraceLine line) : hub_(hub), line_(std::move(line)) {}

  void OnConnected() override { Tell("* ", "connected"); }
  void OnSent(absl::string_view line) override { Tell("> ", line); }
  void OnBody(size_t bytes) override;
  void OnReply(const Reply& reply) override;
  void OnNote(absl::string_view text) override { Tell("* ", text); }

  void set_opening(std::shared_ptr<const std::string> opening) { opening_ = std::move(opening); }
  // The connection is gone; `why` may be "".
  void OnClosed(absl::string_view why);
  void Begin(DeliveryId delivery, std::string recipient);
  void End();

 private:
  void Tell(absl::string_view mark, absl::string_view text) {
    if (hub_->watched()) hub_->Tell(line_, mark, text, opening_.get());
  }

  TraceHub* const hub_;
  ports::TraceLine line_;
  std::shared_ptr<const std::string> opening_;
};

}  // namespace crescendo::smtp
