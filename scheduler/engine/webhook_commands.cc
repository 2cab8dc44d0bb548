// What is kept of webhooks. The shard knows nothing of them.
#include <utility>

#include "scheduler/engine/records.h"

namespace crescendo::engine {
namespace {

// Commits one write, and answers with `value`.
template <class T>
Job OneWrite(ports::Write write, T value, Done<T> done) {
  Job job;
  job.writes.push_back(std::move(write));
  job.done = [value = std::move(value), done = std::move(done)](
                 absl::Status status, absl::Span<ports::WriteResult> results) mutable {
    if (status.ok()) status = results[0].status;
    if (!status.ok()) return done(status);
    done(std::move(value));
  };
  return job;
}

}  // namespace

void Engine::PutWebhook(Webhook webhook, EventType type, std::string text, Request request,
                        Done<Webhook> done) {
  impl_->PostTask([impl = impl_.get(), webhook = std::move(webhook), type, text = std::move(text),
                   request = std::move(request), done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    ports::PutWebhook put{webhook, {impl->AuditEvent(type, request, std::move(text))}};
    impl->committer_.Post(OneWrite<Webhook>(std::move(put), std::move(webhook), std::move(done)));
  });
}

void Engine::MoveWebhook(WebhookId webhook, EventId delivered, int64_t lost, Done<EventId> done) {
  impl_->committer_.Post(OneWrite<EventId>(ports::MoveWebhook{std::move(webhook), delivered, lost},
                                           delivered, std::move(done)));
}

void Engine::DeleteWebhook(WebhookId webhook, std::string text, Request request,
                           Done<WebhookId> done) {
  impl_->PostTask([impl = impl_.get(), webhook = std::move(webhook), text = std::move(text),
                   request = std::move(request), done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    ports::DeleteWebhook remove{webhook,
                                {impl->AuditEvent(EventType::kDeleted, request, std::move(text))}};
    impl->committer_.Post(
        OneWrite<WebhookId>(std::move(remove), std::move(webhook), std::move(done)));
  });
}

}  // namespace crescendo::engine
