#include "scheduler/webhooks/webhook_hub.h"

#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/ids.h"
#include "scheduler/webhooks/signature.h"

namespace crescendo::webhooks {
namespace {

absl::Status Stopping() {
  return absl::UnavailableError("the daemon is shutting down; try again later");
}

absl::Status NoSuch(const WebhookId& id) {
  return absl::NotFoundError(absl::StrCat("there is no webhook \"", id.text(), "\""));
}

// An answer that a thread waits for; UNAVAILABLE if who has it is dropped without giving one.
template <class T>
class Awaited {
 public:
  Awaited() : state_(std::make_shared<State>()), future_(state_->promise.get_future()) {}
  // To be called once. The last copy that goes ends the wait.
  engine::Done<T> Taker() {
    return [state = std::exchange(state_, nullptr)](absl::StatusOr<T> value) {
      state->Set(std::move(value));
    };
  }
  absl::StatusOr<T> Get() {
    state_ = nullptr;
    return future_.get();
  }

 private:
  struct State {
    ~State() { Set(Stopping()); }
    void Set(absl::StatusOr<T> value) {
      if (!std::exchange(set, true)) promise.set_value(std::move(value));
    }
    std::promise<absl::StatusOr<T>> promise;
    bool set = false;
  };
  std::shared_ptr<State> state_;
  std::future<absl::StatusOr<T>> future_;
};

absl::StatusOr<EventBatch> ReadBatch(ports::Store& store, const EventSelection& selection,
                                     EventId after, int limit) {
  EventBatch batch;
  ASSIGN_OR_RETURN(batch.first, store.FirstEvent());
  ASSIGN_OR_RETURN(batch.read, store.LastEvent());
  const ports::EventFilter filter{.campaign = selection.campaign,
                                  .egress_ip = selection.egress_ip,
                                  .provider = selection.provider,
                                  .plan = selection.plan,
                                  .types = selection.types};
  ASSIGN_OR_RETURN(batch.events, store.ListEvents(filter, after, limit));
  if (static_cast<int>(batch.events.size()) == limit) batch.read = batch.events.back().id;
  return batch;
}

// What is told of a change: "webhook crm paused: moving house".
std::string ChangeText(const WebhookId& id, absl::string_view what, const std::string& reason) {
  return absl::StrCat("webhook ", id.text(), " ", what, reason.empty() ? "" : ": ", reason);
}

}  // namespace

WebhookHub::WebhookHub(engine::Engine* engine, Poster* poster, const base::Clock* clock,
                       RenderBody body, const HubOptions& options)
    : engine_(engine), poster_(poster), clock_(clock), body_(std::move(body)), options_(options) {}

WebhookHub::~WebhookHub() { Stop(); }

absl::Status WebhookHub::Start() {
  Awaited<std::vector<Webhook>> all;
  if (!engine_->Read(
          [taker = all.Taker()](ports::Store& store) mutable { taker(store.ListWebhooks()); })) {
    return Stopping();
  }
  ASSIGN_OR_RETURN(const std::vector<Webhook> webhooks, all.Get());
  {
    base::MutexLock lock(&mu_);
    for (const Webhook& webhook : webhooks) Begin(webhook);
  }
  subscription_ = engine_->Subscribe([this] {
    base::MutexLock lock(&mu_);
    for (const auto& [id, courier] : couriers_) courier->Wake();
  });
  return absl::OkStatus();
}

void WebhookHub::Stop() {
  std::map<WebhookId, std::unique_ptr<Courier>> ended;
  {
    base::MutexLock lock(&mu_);
    if (std::exchange(stopped_, true)) return;
    ended.swap(couriers_);
  }
  if (subscription_ != 0) engine_->Unsubscribe(subscription_);
  Reap();
}

void WebhookHub::Begin(const Webhook& webhook) {
  if (stopped_) return;
  couriers_[webhook.id] = std::make_unique<Courier>(webhook, options_.courier, Edges());
}

CourierEdges WebhookHub::Edges() {
  CourierEdges edges;
  edges.read = [this](const EventSelection& selection, EventId after, int limit) {
    return Read(selection, after, limit);
  };
  edges.move = [this](const WebhookId& id, EventId delivered, int64_t lost) -> absl::Status {
    Awaited<EventId> moved;
    engine_->MoveWebhook(id, delivered, lost, moved.Taker());
    return moved.Get().status();
  };
  edges.pause = [this](const Webhook& webhook) {
    engine_->PutWebhook(webhook, EventType::kAlert,
                        ChangeText(webhook.id, "paused", webhook.state_reason), {},
                        [](const absl::StatusOr<Webhook>&) {});
  };
  edges.body = body_;
  edges.poster = poster_;
  edges.clock = clock_;
  return edges;
}

absl::StatusOr<EventBatch> WebhookHub::Read(const EventSelection& selection, EventId after,
                                            int limit) {
  Awaited<EventBatch> batch;
  if (!engine_->Read([&, taker = batch.Taker()](ports::Store& store) mutable {
        taker(ReadBatch(store, selection, after, limit));
      })) {
    return Stopping();
  }
  return batch.Get();
}

void WebhookHub::Create(Webhook webhook, bool from_start, engine::Request request, Done done) {
  Reap();
  const WebhookId id = webhook.id;
  if (const std::string fault = LabelFault(id.text()); !fault.empty()) {
    return done(absl::InvalidArgumentError(absl::StrCat("webhook_id ", fault)));
  }
  if (const absl::Status url = CheckUrl(webhook.url); !url.ok()) {
    return done(absl::InvalidArgumentError(absl::StrCat("webhook.url ", url.message())));
  }
  webhook.secret = NewSecret();
  webhook.create_time = engine_->clock().Now().wall;
  {
    base::MutexLock lock(&mu_);
    if (stopped_) return done(Stopping());
    if (couriers_.contains(id) || pending_.contains(id)) {
      return done(
          absl::AlreadyExistsError(absl::StrCat("webhook \"", id.text(), "\" exists already")));
    }
    if (couriers_.size() + pending_.size() >= options_.most) {
      return done(absl::ResourceExhaustedError(absl::StrCat(
          "there are ", options_.most, " webhooks, which is as many as may be; delete one")));
    }
    if (!request.validate_only) pending_.insert(id);
  }
  if (request.validate_only) return done(std::move(webhook));
  auto made = [this, id, done = std::move(done)](absl::StatusOr<Webhook> stored) mutable {
    {
      base::MutexLock lock(&mu_);
      pending_.erase(id);
      if (stored.ok()) Begin(*stored);
    }
    done(std::move(stored));
  };
  auto put = [this, request = std::move(request), made = std::move(made)](Webhook one) mutable {
    std::string text = ChangeText(one.id, "created", absl::StrCat("for ", one.url));
    engine_->PutWebhook(std::move(one), EventType::kCreated, std::move(text), std::move(request),
                        std::move(made));
  };
  if (from_start || webhook.delivered != EventId()) return put(std::move(webhook));
  const bool asked = engine_->Read(
      [webhook = std::move(webhook), put = std::move(put)](ports::Store& store) mutable {
        // What cannot be read is the store's own trouble; then it begins with all that is kept.
        webhook.delivered = store.LastEvent().value_or(EventId());
        put(std::move(webhook));
      });
  if (asked) return;
  base::MutexLock lock(&mu_);
  pending_.erase(id);
}

void WebhookHub::Change(const WebhookId& id, Verb verb, engine::Request request, Done done) {
  Reap();
  Webhook webhook;
  {
    base::MutexLock lock(&mu_);
    const auto found = couriers_.find(id);
    if (found == couriers_.end()) return done(NoSuch(id));
    webhook = found->second->status().webhook;
  }
  const char* what = "deleted";
  switch (verb) {
    case Verb::kPause:
      webhook.paused = true;
      what = "paused";
      break;
    case Verb::kResume:
      webhook.paused = false;
      what = "resumed";
      break;
    case Verb::kRotateSecret:
      webhook.secret = NewSecret();
      what = "has a new secret";
      break;
    case Verb::kDelete:
      break;
  }
  std::string text = ChangeText(id, what, request.reason);
  if (verb == Verb::kDelete) {
    auto forget = [this, webhook = std::move(webhook),
                   done = std::move(done)](absl::StatusOr<WebhookId> deleted) mutable {
      if (!deleted.ok()) return done(deleted.status());
      Forget(*deleted);
      done(std::move(webhook));
    };
    return engine_->DeleteWebhook(id, std::move(text), std::move(request), std::move(forget));
  }
  if (verb != Verb::kRotateSecret) {
    webhook.state_reason = request.reason.empty()
                               ? absl::StrCat("by ", request.actor)
                               : absl::StrCat(request.reason, " (", request.actor, ")");
  }
  auto change = [this, done = std::move(done)](absl::StatusOr<Webhook> stored) mutable {
    if (stored.ok()) {
      base::MutexLock lock(&mu_);
      const auto found = couriers_.find(stored->id);
      if (found != couriers_.end()) found->second->Change(*stored);
    }
    done(std::move(stored));
  };
  engine_->PutWebhook(std::move(webhook), EventType::kUpdated, std::move(text), std::move(request),
                      std::move(change));
}

void WebhookHub::Forget(const WebhookId& id) {
  base::MutexLock lock(&mu_);
  const auto found = couriers_.find(id);
  if (found == couriers_.end()) return;
  found->second->End();
  ended_.push_back(std::move(found->second));
  couriers_.erase(found);
}

void WebhookHub::Reap() {
  std::vector<std::unique_ptr<Courier>> ended;
  {
    base::MutexLock lock(&mu_);
    ended.swap(ended_);
  }
}

absl::StatusOr<CourierStatus> WebhookHub::Get(const WebhookId& id) const {
  base::MutexLock lock(&mu_);
  const auto found = couriers_.find(id);
  if (found == couriers_.end()) return NoSuch(id);
  return found->second->status();
}

std::vector<CourierStatus> WebhookHub::List() const {
  base::MutexLock lock(&mu_);
  std::vector<CourierStatus> all;
  for (const auto& [id, courier] : couriers_) all.push_back(courier->status());
  return all;
}

}  // namespace crescendo::webhooks
