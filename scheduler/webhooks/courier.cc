#include "scheduler/webhooks/courier.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/webhooks/signature.h"

namespace crescendo::webhooks {
namespace {

// Events that do not concern it are passed over; that is kept now and then, so that a start does
// not look at them all again.
constexpr int64_t kPassedOver = 10'000;
// A receiver may ask for a pause, but not for ever.
constexpr absl::Duration kMostRetryAfter = absl::Hours(1);
constexpr double kJitter = 0.2;

std::string FaultOf(const PostAnswer& answer) {
  if (answer.code == 0) return answer.fault;
  return absl::StrCat("HTTP ", answer.code, answer.fault.empty() ? "" : ": ", answer.fault);
}

}  // namespace

Courier::Courier(Webhook webhook, const CourierOptions& options, CourierEdges edges)
    : options_(options),
      edges_(std::move(edges)),
      webhook_(std::move(webhook)),
      random_(std::hash<std::string>()(webhook_.secret)),
      thread_([this] { Loop(); }) {}

Courier::~Courier() {
  End();
  thread_.join();
}

void Courier::End() {
  base::MutexLock lock(&mu_);
  stopping_ = true;
  wake_.NotifyAll();
}

void Courier::Wake() {
  base::MutexLock lock(&mu_);
  woken_ = true;
  wake_.NotifyAll();
}

void Courier::Change(const Webhook& webhook) {
  base::MutexLock lock(&mu_);
  const EventId delivered = webhook_.delivered;
  const int64_t lost = webhook_.lost;
  webhook_ = webhook;
  webhook_.delivered = delivered;
  webhook_.lost = lost;
  failures_ = 0;
  next_try_ = {absl::InfinitePast(), absl::ZeroDuration()};
  changed_ = true;
  woken_ = true;
  wake_.NotifyAll();
}

CourierStatus Courier::status() const {
  base::MutexLock lock(&mu_);
  return {webhook_, failures_, last_fault_, next_try_.wall, last_success_};
}

bool Courier::stopping() const {
  base::MutexLock lock(&mu_);
  return stopping_;
}

void Courier::Loop() {
  while (true) {
    {
      base::MutexLock lock(&mu_);
      while (!stopping_) {
        const absl::Duration wait = failures_ == 0 || webhook_.paused
                                        ? absl::ZeroDuration()
                                        : next_try_.steady - edges_.clock->Now().steady;
        if (wait > absl::ZeroDuration()) {
          wake_.WaitFor(&mu_, absl::ToChronoMilliseconds(wait) + std::chrono::milliseconds(1));
        } else if (woken_ || (failures_ > 0 && !webhook_.paused)) {
          break;
        } else {
          wake_.Wait(&mu_);
        }
      }
      if (stopping_) return;
      woken_ = false;
    }
    while (Round()) {
    }
  }
}

bool Courier::Round() {
  Webhook webhook;
  {
    base::MutexLock lock(&mu_);
    if (std::exchange(changed_, false)) batch_ = {};
    webhook = webhook_;
    if (stopping_ || webhook.paused) return false;
  }
  if (batch_.events.empty()) {
    absl::StatusOr<EventBatch> batch =
        edges_.read(webhook.selection, webhook.delivered, options_.batch);
    if (!batch.ok()) return false;
    batch_ = *std::move(batch);
    lost_ = std::max<int64_t>(batch_.first.value() - webhook.delivered.value() - 1, 0);
    if (batch_.events.empty()) {
      PassOver();
      return false;
    }
  }
  const PostAnswer answer =
      edges_.poster->Post(RequestFor(webhook, batch_.events), [this] { return stopping(); });
  if (answer.code >= 200 && answer.code < 300) {
    Delivered();
    return true;
  }
  Failed(answer);
  return false;
}

// Nothing of it is for this one.
void Courier::PassOver() {
  const bool keep = lost_ > 0 || batch_.read.value() - kept_.value() > kPassedOver;
  Advance(keep);
}

void Courier::Delivered() {
  {
    base::MutexLock lock(&mu_);
    failures_ = 0;
    last_success_ = edges_.clock->Now().wall;
  }
  Advance(/*keep=*/true);
}

// If it cannot be kept, a crash has events sent again: at least once, and each has its name.
void Courier::Advance(bool keep) {
  WebhookId id;
  EventId delivered;
  int64_t lost = 0;
  {
    base::MutexLock lock(&mu_);
    if (webhook_.delivered < batch_.read) webhook_.delivered = batch_.read;
    webhook_.lost += std::exchange(lost_, 0);
    id = webhook_.id;
    delivered = webhook_.delivered;
    lost = webhook_.lost;
  }
  batch_ = {};
  if (keep && edges_.move(id, delivered, lost).ok()) kept_ = delivered;
}

void Courier::Failed(const PostAnswer& answer) {
  Webhook gone;
  {
    base::MutexLock lock(&mu_);
    if (stopping_) return;
    last_fault_ = FaultOf(answer);
    ++failures_;
    absl::Duration wait = options_.first_retry;
    for (int i = 1; i < failures_ && wait < options_.longest_retry; ++i) wait *= 2;
    wait = std::min(wait, options_.longest_retry) * random_.Between(1 - kJitter, 1 + kJitter);
    wait = std::max(wait, std::min(answer.retry_after, kMostRetryAfter));
    const base::Moment now = edges_.clock->Now();
    next_try_ = {now.wall + wait, now.steady + wait};
    if (answer.code != 410) return;
    // The receiver wants no more of it.
    webhook_.paused = true;
    webhook_.state_reason = "the receiver answered 410 Gone";
    gone = webhook_;
  }
  edges_.pause(gone);
}

PostRequest Courier::RequestFor(const Webhook& webhook, absl::Span<const Event> events) const {
  PostRequest request;
  request.url = webhook.url;
  request.body = edges_.body(webhook, events);
  const std::string id = absl::StrCat(webhook.id.text(), "-", events.front().id.value(), "-",
                                      events.back().id.value());
  const int64_t now = absl::ToUnixSeconds(edges_.clock->Now().wall);
  request.headers = {{"Content-Type", "application/json"},
                     {"User-Agent", "crescendo"},
                     {"webhook-id", id},
                     {"webhook-timestamp", absl::StrCat(now)}};
  const absl::StatusOr<std::string> signature = Sign(webhook.secret, id, now, request.body);
  if (signature.ok()) request.headers.emplace_back("webhook-signature", *signature);
  return request;
}

}  // namespace crescendo::webhooks
