// webhook_hub.h: all webhooks: who is told of what, and by whom.
//
// Errors   ALREADY_EXISTS, NOT_FOUND, INVALID_ARGUMENT naming the field, RESOURCE_EXHAUSTED: as
// many
//          as may be; those of the store.
// Threads  safe from any thread; none of the calls waits for a receiver. Answers come on an engine
//          thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "scheduler/base/mutex.h"
#include "scheduler/engine/engine.h"
#include "scheduler/webhooks/courier.h"

namespace crescendo::webhooks {

struct HubOptions {
  CourierOptions courier;
  size_t most = 16;  // Each has a thread.
};

// The text that a receiver gets.
using RenderBody =
    std::function<std::string(const Webhook& webhook, absl::Span<const Event> events)>;

class WebhookHub {
 public:
  // All outlive it. `clock`: the machine's.
  WebhookHub(engine::Engine* engine, Poster* poster, const base::Clock* clock, RenderBody body,
             const HubOptions& options);
  ~WebhookHub();

  // Reads them, and begins. Blocks.
  absl::Status Start() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends all; what a receiver has not answered is sent again after the next start. Before the
  // engine's Stop.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  using Done = engine::Done<Webhook>;
  // The store's last event, if `webhook.delivered` is 0 and not `from_start`. Gives it a secret.
  void Create(Webhook webhook, bool from_start, engine::Request request, Done done)
      ABSL_LOCKS_EXCLUDED(mu_);
  enum class Verb { kPause, kResume, kRotateSecret, kDelete };
  void Change(const WebhookId& id, Verb verb, engine::Request request, Done done)
      ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<CourierStatus> Get(const WebhookId& id) const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<CourierStatus> List() const ABSL_LOCKS_EXCLUDED(mu_);  // By id.

 private:
  void Begin(const Webhook& webhook) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // On the committer's thread, which its own may wait for: it is told to end, and waited for later.
  void Forget(const WebhookId& id) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for those that were told to end. Not on the committer's thread.
  void Reap() ABSL_LOCKS_EXCLUDED(mu_);
  CourierEdges Edges();
  absl::StatusOr<EventBatch> Read(const EventSelection& selection, EventId after, int limit);

  engine::Engine* const engine_;
  Poster* const poster_;
  const base::Clock* const clock_;
  const RenderBody body_;
  const HubOptions options_;
  int64_t subscription_ = 0;
  mutable base::Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::map<WebhookId, std::unique_ptr<Courier>> couriers_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<Courier>> ended_ ABSL_GUARDED_BY(mu_);
  std::set<WebhookId> pending_ ABSL_GUARDED_BY(mu_);  // Being created.
};

}  // namespace crescendo::webhooks
