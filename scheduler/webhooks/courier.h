// courier.h: takes the events of one webhook to its receiver: in order, each at least once.
//
// A batch is what is behind the last event that was taken; the next one is read when it is. So the
// order holds, memory is bounded, and a receiver that is away loses nothing that the daemon keeps.
//
// Units    real time: receivers know no other.
// Threads  one of its own; all public methods are safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"
#include "scheduler/base/random.h"
#include "scheduler/domain/webhook.h"
#include "scheduler/webhooks/http_post.h"

namespace crescendo::webhooks {

struct CourierOptions {
  int batch = 100;  // Events in one request. Range: [1, 1000].
  absl::Duration first_retry = absl::Seconds(1);
  absl::Duration longest_retry = absl::Minutes(10);  // Doubled up to this, and tried for ever.
};

// A part of the events.
struct EventBatch {
  std::vector<Event> events;  // Those that are selected.
  EventId read;               // All up to this one were looked at.
  EventId first;              // The oldest that is kept.
};

// What it needs of the daemon. All block, and are called on its thread alone.
struct CourierEdges {
  // Behind `after`, at most `limit`. UNAVAILABLE: the daemon stops.
  std::function<absl::StatusOr<EventBatch>(const EventSelection& selection, EventId after,
                                           int limit)>
      read;
  // Keeps how far it got: durable when it returns OK.
  std::function<absl::Status(const WebhookId& webhook, EventId delivered, int64_t lost)> move;
  // The receiver wants no more of it: keeps that it is paused.
  std::function<void(const Webhook& webhook)> pause;
  std::function<std::string(const Webhook& webhook, absl::Span<const Event> events)> body;
  Poster* poster = nullptr;
  const base::Clock* clock = nullptr;  // The machine's.
};

// How it goes, for people.
struct CourierStatus {
  Webhook webhook;
  int failures = 0;                                // In a row.
  std::string last_fault{};                        // Of the last one; "": none since the start.
  absl::Time next_try = absl::InfinitePast();      // After a failure.
  absl::Time last_success = absl::InfinitePast();  // Since the start.
};

class Courier {
 public:
  // The edges' poster and clock outlive it.
  Courier(Webhook webhook, const CourierOptions& options, CourierEdges edges);
  ~Courier();  // Gives up what is under way: it is sent again after the next start.

  // Gives up soon; the destructor waits for it.
  void End() ABSL_LOCKS_EXCLUDED(mu_);
  // There may be new events.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);
  // What an operator changed: all but `delivered` and `lost` are taken from `webhook`. What waits
  // for a retry is tried at once.
  void Change(const Webhook& webhook) ABSL_LOCKS_EXCLUDED(mu_);
  CourierStatus status() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  // False: nothing to do before it is woken.
  bool Round() ABSL_LOCKS_EXCLUDED(mu_);
  void PassOver() ABSL_LOCKS_EXCLUDED(mu_);
  void Delivered() ABSL_LOCKS_EXCLUDED(mu_);
  void Advance(bool keep) ABSL_LOCKS_EXCLUDED(mu_);
  void Failed(const PostAnswer& answer) ABSL_LOCKS_EXCLUDED(mu_);
  PostRequest RequestFor(const Webhook& webhook, absl::Span<const Event> events) const;
  bool stopping() const ABSL_LOCKS_EXCLUDED(mu_);

  const CourierOptions options_;
  const CourierEdges edges_;
  mutable base::Mutex mu_;
  base::CondVar wake_;
  Webhook webhook_ ABSL_GUARDED_BY(mu_);
  int failures_ ABSL_GUARDED_BY(mu_) = 0;
  std::string last_fault_ ABSL_GUARDED_BY(mu_);
  base::Moment next_try_ ABSL_GUARDED_BY(mu_) = {absl::InfinitePast(), absl::ZeroDuration()};
  absl::Time last_success_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  bool woken_ ABSL_GUARDED_BY(mu_) = true;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool changed_ ABSL_GUARDED_BY(mu_) = false;  // The batch may not be the right one any more.
  // Of the courier's thread:
  base::Random random_;
  EventBatch batch_;  // Being delivered.
  int64_t lost_ = 0;  // Before the batch.
  EventId kept_;      // The newest `delivered` that is durable.
  std::thread thread_;
};

}  // namespace crescendo::webhooks
