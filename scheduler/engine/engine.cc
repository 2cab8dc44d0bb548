#include "scheduler/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/mutex.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/core/shard.h"
#include "scheduler/engine/committer.h"
#include "scheduler/engine/engine_impl.h"

namespace crescendo::engine {
namespace {

constexpr auto kLongestSleep = std::chrono::milliseconds(1000);

}  // namespace

Engine::Impl::Impl(const Edges& edges, const core::Options& options, Threads threads)
    : edges_(edges),
      options_(options),
      threads_(threads),
      shard_(*edges.providers, *edges.classifier, options, *edges.tls),
      retention_(options.retention, edges.clock->Now().steady),
      committer_(edges.store,
                 {.committed = [this] { NotifySubscribers(); },
                  .accepting = [this](bool accepting) { OnAccepting(accepting); },
                  .fatal = [this](absl::Status status) { OnFatal(std::move(status)); }}),
      loader_(&committer_, options.load_page,
              {.deliver =
                   [this](std::vector<QueuedDelivery> page, const core::QueueLoading& progress) {
                     OnPage(std::move(page), progress);
                   },
               .fail = [this](const absl::Status& status) { committer_.Fail(status); }}) {}

// --- Start and stop
// ------------------------------------------------------------------------------------

absl::Status Engine::Impl::Start() {
  edges_.transport->SetListener(
      [this](ports::TransportEvent event) { PostLetter(std::move(event)); });
  RETURN_IF_ERROR(SettleOpenClaims());
  RETURN_IF_ERROR(Load());
  committer_.CheckRoom();
  if (threads_ == Threads::kNone) {
    Turn();
    return absl::OkStatus();
  }
  committer_.Start();
  thread_ = std::thread([this] { Loop(); });
  base::MutexLock lock(&mu_);
  while (turns_ == 0) turned_.Wait(&mu_);
  return absl::OkStatus();
}

absl::Status Engine::Impl::SettleOpenClaims() {
  // A claim that a crash left open may have gone past its final dot: nobody knows (RFC 1047).
  ASSIGN_OR_RETURN(const std::vector<ports::OpenClaim> claims, edges_.store->LoadOpenClaims());
  if (claims.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ports::Directory directory, edges_.store->LoadDirectory());
  const absl::Time now = edges_.clock->Now().wall;
  const bool hold = options_.in_doubt == core::InDoubtPolicy::kHold;
  std::vector<ports::Write> writes;
  for (const ports::OpenClaim& claim : claims) {
    absl::TimeZone zone = absl::UTCTimeZone();
    for (const Plan& plan : directory.plans) {
      if (plan.egress_ip == claim.lane.egress_ip) zone = base::LoadZone(plan.time_zone).value();
    }
    ports::Settle settle;
    settle.delivery = claim.delivery.id;
    settle.lane = claim.lane;
    settle.claim_day = claim.day;
    // It may have been accepted just after midnight, if it is past that now.
    settle.settle_day = base::DayOf(now, zone) > claim.day ? claim.day + 1 : claim.day;
    settle.slot = ports::Settle::Slot::kInDoubt;
    settle.state = hold ? DeliveryState::kInDoubt : DeliveryState::kDeferred;
    if (!hold) settle.next_attempt_time = now + options_.retry.first;
    settle.reply = "the daemon ended while this was being sent";
    settle.now = now;
    Event event;
    event.time = now;
    event.type = EventType::kInDoubt;
    event.egress_ip = claim.lane.egress_ip;
    event.provider = claim.lane.provider;
    for (const Campaign& campaign : directory.campaigns) {
      if (campaign.key == claim.delivery.campaign) event.campaign = campaign.id;
    }
    event.delivery = claim.delivery.id;
    event.text = settle.reply;
    settle.events.push_back(std::move(event));
    writes.push_back(std::move(settle));
  }
  std::vector<ports::WriteResult> results;
  absl::Status status = edges_.store->Commit(writes, &results);
  // It ended on a full disk, perhaps: this is what the reserve is for.
  if (absl::IsResourceExhausted(status) && edges_.store->ReleaseReserve()) {
    status = edges_.store->Commit(writes, &results);
  }
  RETURN_IF_ERROR(status);
  for (const ports::WriteResult& result : results) RETURN_IF_ERROR(result.status);
  return absl::OkStatus();
}

absl::Status Engine::Impl::Load() {
  ASSIGN_OR_RETURN(ports::Directory directory, edges_.store->LoadDirectory());
  std::vector<core::Letter> letters;
  const auto add = [&](auto& records) {
    for (auto& record : records) letters.push_back(std::move(record));
  };
  add(directory.pools);
  add(directory.egress_ips);
  add(directory.plans);
  // Before plan days: an open day's pace depends on what it has used.
  add(directory.ledger);
  add(directory.plan_days);
  add(directory.lanes);
  // One whose recipients were not all taken off when the daemon ended.
  for (const Campaign& campaign : directory.campaigns) {
    if (campaign.state == CampaignState::kCancelled) cancels_.Add(campaign.id);
  }
  add(directory.campaigns);
  for (auto& [key, name] : directory.domains) letters.push_back(core::NewDomain{key, name});
  if (directory.queued > 0) {
    spdlog::info("loading {} queued recipients; nothing leaves until all are there",
                 directory.queued);
    letters.push_back(core::QueueLoading{0, directory.queued});
  }
  shard_.Take(edges_.clock->Now(), letters);
  loader_.Start(directory);
  return absl::OkStatus();
}

void Engine::Impl::OnPage(std::vector<QueuedDelivery> page, const core::QueueLoading& progress) {
  PostLetter(std::move(page));
  PostLetter(progress);
  PostTask([this, progress] {
    if (progress.done) spdlog::info("{} queued recipients are loaded", progress.loaded);
    loader_.Taken();
  });
}

void Engine::Impl::Stop(absl::Duration limit) {
  if (stopped()) return;
  loader_.Stop();
  backups_.Stop();
  if (threads_ == Threads::kNone) {
    PostLetter(core::Drain{});
    Turn();
  } else if (thread_.joinable()) {
    PostLetter(core::Drain{});
    const auto step = std::chrono::milliseconds(20);
    for (auto waited = std::chrono::nanoseconds(0); waited < absl::ToChronoNanoseconds(limit);
         waited += step) {
      base::MutexLock lock(&mu_);
      if (drained_ && in_flight_ == 0 && letters_.empty()) break;
      wake_.NotifyOne();
      turned_.WaitFor(&mu_, step);
    }
    {
      base::MutexLock lock(&mu_);
      stopping_ = true;
      wake_.NotifyOne();
    }
    thread_.join();
  }
  committer_.Stop();
  std::deque<Task> tasks;
  std::deque<PendingImport> imports;
  {
    base::MutexLock lock(&mu_);
    stopped_ = true;
    tasks.swap(tasks_);
    imports.swap(imports_);
  }
  // Answers that wait for an engine that is gone: their callers must not wait for ever.
  for (Task& task : tasks) task();
  for (PendingImport& import : imports) {
    import.done(absl::UnavailableError("the daemon is shutting down; try again later"));
  }
}

void Engine::Impl::OnAccepting(bool accepting) {
  if (accepting) {
    spdlog::info("the store's disk has room again: new work is taken");
  } else {
    spdlog::warn(
        "the store's disk is full: no new work is taken until there is room (and for "
        "store.reserve_mib); free some space");
  }
  PostLetter(core::StoreHealth{accepting});
}

void Engine::Impl::OnFatal(absl::Status status) {
  absl::AnyInvocable<void(absl::Status)> handler;
  {
    base::MutexLock lock(&mu_);
    handler = std::move(fatal_handler_);
    fatal_handler_ = nullptr;
  }
  if (handler) handler(std::move(status));
}

// --- Letters and turns
// -----------------------------------------------------------------------------------

void Engine::Impl::PostLetter(core::Letter letter) {
  base::MutexLock lock(&mu_);
  letters_.push_back(std::move(letter));
  wake_.NotifyOne();
}

void Engine::Impl::PostTask(Task task) {
  {
    base::MutexLock lock(&mu_);
    if (!stopped_) {
      tasks_.push_back(std::move(task));
      wake_.NotifyOne();
      return;
    }
  }
  task();
}

bool Engine::Impl::stopped() const {
  base::MutexLock lock(&mu_);
  return stopped_;
}

void Engine::Impl::Loop() {
  StepOnce();  // Start waits for it, also when there is nothing to load.
  while (true) {
    {
      base::MutexLock lock(&mu_);
      if (letters_.empty() && tasks_.empty() && !stopping_) {
        const absl::Duration until = NextWake() - edges_.clock->Now().wall;
        const absl::Duration real = edges_.clock->RealDelay(until);
        if (real > absl::ZeroDuration()) {
          wake_.WaitFor(&mu_, std::min<std::chrono::nanoseconds>(absl::ToChronoNanoseconds(real),
                                                                 kLongestSleep));
        }
      }
      if (stopping_) return;
    }
    StepOnce();
  }
}

bool Engine::Impl::StepOnce() {
  std::vector<core::Letter> letters;
  std::deque<Task> tasks;
  {
    base::MutexLock lock(&mu_);
    letters.swap(letters_);
    tasks.swap(tasks_);
  }
  const base::Moment now = edges_.clock->Now();
  CarryOut(shard_.Step(now, letters));
  PruneIfDue(now);
  CancelIfDue(now);
  // After the step, so that what a task answers is in force.
  for (Task& task : tasks) task();
  base::MutexLock lock(&mu_);
  ++turns_;
  for (const core::Letter& letter : letters) {
    if (std::holds_alternative<core::Drain>(letter)) drained_ = true;
  }
  if (drained_) in_flight_ = shard_.in_flight();  // Who stops waits for them.
  turned_.NotifyAll();
  return !letters_.empty() || !tasks_.empty() || shard_.next_wake() <= now.wall;
}

absl::Time Engine::Impl::Turn() {
  CRESCENDO_CHECK(threads_ == Threads::kNone);
  bool busy = true;
  while (busy) {
    busy = StepOnce();
    busy = committer_.RunPending() || busy;
  }
  return NextWake();
}

absl::Time Engine::Impl::NextWake() const {
  const base::Moment now = edges_.clock->Now();
  const absl::Duration sweep = std::min(retention_.next_time(), cancels_.next_time());
  return std::min(shard_.next_wake(), now.wall + (sweep - now.steady));
}

bool Engine::Impl::PruneIfDue(const base::Moment& now) {
  std::optional<ports::Prune> step = retention_.Next(now);
  if (!step) return false;
  Job job;
  job.critical = true;  // It makes room.
  job.writes.push_back(*step);
  job.done = [this](absl::Status status, absl::Span<ports::WriteResult> results) {
    if (status.ok()) status = results[0].status;
    absl::StatusOr<ports::Pruned> pruned = ports::Pruned();
    if (status.ok()) pruned = std::get<ports::Pruned>(results[0].value);
    if (!status.ok()) pruned = status;
    PostTask([this, pruned = std::move(pruned)] {
      retention_.Done(pruned, edges_.clock->Now().steady);
      const ports::Pruned& sum = retention_.sum();
      if (!pruned.ok()) {
        spdlog::warn("pruning goes on in a minute: {}", pruned.status().ToString());
      } else if (!retention_.sweeping() && sum.deliveries + sum.events > 0) {
        spdlog::info("pruned {} finished recipients and {} events", sum.deliveries, sum.events);
      }
    });
  };
  committer_.Post(std::move(job));
  return true;
}

bool Engine::Impl::CancelIfDue(const base::Moment& now) {
  std::optional<ports::CancelDeliveries> step = cancels_.Next(now);
  if (!step) return false;
  Job job;
  job.writes.push_back(*step);
  job.done = [this](absl::Status status, absl::Span<ports::WriteResult> results) {
    if (status.ok()) status = results[0].status;
    absl::StatusOr<ports::CancelledDeliveries> outcome = ports::CancelledDeliveries();
    if (status.ok()) {
      outcome = std::get<ports::CancelledDeliveries>(std::move(results[0].value));
      PostLetter(core::Ended{outcome->ended});
    } else {
      outcome = status;
    }
    PostTask([this, outcome = std::move(outcome)] {
      if (!outcome.ok()) {
        spdlog::warn("taking cancelled recipients off goes on in a minute: {}",
                     outcome.status().ToString());
      }
      cancels_.Done(outcome, edges_.clock->Now().steady);
    });
  };
  committer_.Post(std::move(job));
  return true;
}

void Engine::Impl::CarryOut(std::vector<core::Effect> effects) {
  std::vector<ports::Write> outcomes;  // All that must not be lost, in order.
  for (core::Effect& effect : effects) {
    if (auto* save = std::get_if<core::Save>(&effect); save != nullptr && save->claim == 0) {
      outcomes.push_back(std::move(save->write));
      continue;
    }
    // What follows a claim or an open must find the outcomes before it written first.
    std::visit([this, &outcomes](auto& one) { CarryOutOne(one, outcomes); }, effect);
  }
  PostOutcomes(std::move(outcomes));
}

void Engine::Impl::PostOutcomes(std::vector<ports::Write> writes) {
  if (writes.empty()) return;
  std::vector<DeliveryId> settled;  // By write; 0: another kind.
  for (const ports::Write& write : writes) {
    const auto* settle = std::get_if<ports::Settle>(&write);
    settled.push_back(settle == nullptr ? DeliveryId() : settle->delivery);
  }
  Job job;
  job.critical = true;
  job.writes = std::move(writes);
  job.done = [this, settled = std::move(settled)](const absl::Status& status,
                                                  absl::Span<ports::WriteResult> results) {
    if (!status.ok()) spdlog::error("outcomes are not recorded: {}", status.ToString());
    std::vector<Event> alerts;
    for (size_t i = 0; i < results.size(); ++i) {
      if (Plan* plan = std::get_if<Plan>(&results[i].value)) {
        PostLetter(std::move(*plan));  // With its new revision.
      } else if (absl::IsAborted(results[i].status)) {
        // An operator's change came first; the shard decides anew when it learns of it.
        spdlog::info("overtaken by another change: {}", results[i].status.ToString());
      } else if (!results[i].status.ok()) {
        alerts.push_back(Refused(settled[i], results[i].status));
      }
    }
    if (alerts.empty()) return;
    Job alert;
    alert.critical = true;
    alert.writes.push_back(ports::AppendEvents{std::move(alerts)});
    alert.done = [](const absl::Status& written, absl::Span<ports::WriteResult>) {
      if (!written.ok()) spdlog::error("an alert is not recorded: {}", written.ToString());
    };
    committer_.Post(std::move(alert));
  };
  committer_.Post(std::move(job));
}

Event Engine::Impl::Refused(DeliveryId settled, const absl::Status& status) const {
  Event event;
  event.time = now();
  event.type = EventType::kAlert;
  event.text = status.ToString();
  if (settled != DeliveryId()) {
    event.text = absl::StrCat("the outcome of delivery ", settled.value(),
                              " was refused by the store and is not recorded: ", event.text);
    if (!absl::IsNotFound(status)) event.delivery = settled;
  } else {
    event.text = absl::StrCat("a write of the scheduler was refused by the store: ", event.text);
  }
  event.text.resize(std::min<size_t>(event.text.size(), 1000));
  spdlog::error("{}", event.text);
  return event;
}

void Engine::Impl::CarryOutOne(core::Save& save, std::vector<ports::Write>& outcomes) {
  PostOutcomes(std::exchange(outcomes, {}));
  Job job;
  job.writes.push_back(std::move(save.write));
  job.done = [this, claim = save.claim](absl::Status status,
                                        absl::Span<ports::WriteResult> results) {
    if (status.ok()) status = results[0].status;
    using Claimed = std::vector<ports::ClaimedDelivery>;
    PostLetter(core::ClaimAnswer{
        claim, status.ok() ? absl::StatusOr<Claimed>(std::get<Claimed>(std::move(results[0].value)))
                           : absl::StatusOr<Claimed>(status)});
  };
  committer_.Post(std::move(job));
}

void Engine::Impl::CarryOutOne(ports::OpenConnection& open, std::vector<ports::Write>&) {
  edges_.transport->Open(std::move(open));
}

void Engine::Impl::CarryOutOne(core::Send& send, std::vector<ports::Write>&) {
  const Campaign* campaign = shard_.FindCampaign(send.delivery.campaign);
  CRESCENDO_CHECK(campaign != nullptr);
  absl::StatusOr<ports::ComposedMessage> composed = edges_.composer->Compose(
      *campaign, send.delivery.id, send.delivery.address, send.delivery.variables, send.date);
  if (!composed.ok()) return NotComposed(*campaign, send, composed.status());
  ports::SendMessage message;
  message.connection = send.connection;
  message.delivery = send.delivery.id;
  message.attempt = send.delivery.attempts + 1;
  message.mail_from = std::move(composed->mail_from);
  message.message = std::move(composed->message);
  message.rcpt_to = std::move(send.delivery.address);
  edges_.transport->Send(std::move(message));
}

// A key that was taken away, say. The recipient is not to blame: the delivery waits, and so does
// the campaign, until somebody has seen to it.
void Engine::Impl::NotComposed(const Campaign& campaign, const core::Send& send,
                               const absl::Status& status) {
  ports::TransportEvent event;
  event.kind = ports::TransportEvent::Kind::kSent;
  event.connection = send.connection;
  event.delivery = send.delivery.id;
  event.result = ports::TransportEvent::SentResult::kNotTransferred;
  event.connection_usable = true;
  event.local_failure = true;
  event.detail = absl::StrCat("not sent: ", status.message());
  spdlog::error("campaign {} is paused: {}", campaign.id.text(), event.detail);
  Request request;
  request.actor = "crescendod";
  request.reason = event.detail;
  ChangeCampaign(
      campaign.id, CampaignVerb::kPause, 0, std::move(request),
      [](const absl::StatusOr<Campaign>&) {}, 0);
  PostLetter(std::move(event));
}

void Engine::Impl::CarryOutOne(core::Close& close, std::vector<ports::Write>&) {
  edges_.transport->Close(close.connection);
}

void Engine::Impl::CarryOutOne(core::Resolve& resolve, std::vector<ports::Write>&) {
  edges_.resolver->Resolve(resolve.name,
                           [this, key = resolve.domain](absl::StatusOr<ports::MxSet> mx) {
                             PostLetter(core::MxAnswer{key, std::move(mx)});
                           });
}

// --- Subscribers
// -------------------------------------------------------------------------------------------

void Engine::Impl::NotifySubscribers() {
  base::MutexLock lock(&subscribers_mu_);
  for (auto& [id, listener] : subscribers_) listener();
}

int64_t Engine::Impl::Subscribe(absl::AnyInvocable<void()> listener) {
  base::MutexLock lock(&subscribers_mu_);
  subscribers_.emplace(++last_subscriber_, std::move(listener));
  return last_subscriber_;
}

void Engine::Impl::Unsubscribe(int64_t id) {
  base::MutexLock lock(&subscribers_mu_);
  subscribers_.erase(id);
}

}  // namespace crescendo::engine
