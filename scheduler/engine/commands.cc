// What callers ask for: checked against what is in force, written, and answered once it is too.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/pool_overflow.h"
#include "scheduler/engine/records.h"

namespace crescendo::engine {
namespace {

// One of each stream that imports, and more streams than that are not open.
constexpr size_t kMostImportsThatWait = 1000;

// What steers the flow of mail is told with its values.
std::string WhatChanged(const Pool& before, const Pool& after) {
  std::vector<std::string> changes;
  const auto tell = [&](const Pool& these, const Pool& others, absl::string_view sign) {
    for (const EgressIpId& ip : these.egress_ips) {
      const auto& known = others.egress_ips;
      if (std::find(known.begin(), known.end(), ip) == known.end()) {
        changes.push_back(absl::StrCat(sign, ip.text()));
      }
    }
  };
  tell(after, before, "+");
  tell(before, after, "-");
  const auto text = [](const PoolId& id) { return id.empty() ? "none" : id.text(); };
  if (before.overflow != after.overflow) {
    changes.push_back(
        absl::StrCat("overflow_pool: ", text(before.overflow), " -> ", text(after.overflow)));
  }
  std::string all = absl::StrJoin(changes, ", ");
  if (all.size() > 600) all = absl::StrCat(all.substr(0, 600), " ...");
  return all;
}

std::string WhatChanged(const Campaign& before, const Campaign& after) {
  std::vector<std::string> changes;
  const auto tell = [&](absl::string_view field, int from, int to) {
    if (from != to) changes.push_back(absl::StrCat(field, ": ", from, " -> ", to));
  };
  tell("weight", before.weight, after.weight);
  tell("sunset_days", before.sunset_days, after.sunset_days);
  return absl::StrJoin(changes, ", ");
}

}  // namespace

absl::Status Gone() {
  return absl::UnavailableError("the daemon is shutting down; try again later");
}

absl::Status NotFound(absl::string_view kind, absl::string_view id) {
  return absl::NotFoundError(absl::StrCat(kind, " \"", id, "\" does not exist"));
}

absl::Status Stale(absl::string_view kind, absl::string_view id) {
  return absl::AbortedError(
      absl::StrCat("etag: ", kind, " ", id, " has changed since it was read; read it again"));
}

std::string StateReason(const Request& request) {
  if (request.actor.empty()) return request.reason;
  return request.reason.empty() ? absl::StrCat("by ", request.actor)
                                : absl::StrCat(request.reason, " (", request.actor, ")");
}

std::string AuditText(const Request& request, bool create, absl::string_view kind,
                      absl::string_view what) {
  return absl::StrCat(kind, create ? " created" : " updated", what.empty() ? "" : " (", what,
                      what.empty() ? "" : ")", request.reason.empty() ? "" : ": ", request.reason);
}

Event Engine::Impl::AuditEvent(EventType type, const Request& request, std::string text) const {
  Event event;
  event.time = now();
  event.type = type;
  event.text = std::move(text);
  event.actor = request.actor;
  return event;
}

// --- Checks that need to know the other records
// -------------------------------------------------------

absl::Status Engine::Impl::CheckReferences(const EgressIp& ip) const {
  const std::string address = CanonicalIpAddress(ip.address);
  const auto taken = [&](const EgressIpId& other) {
    return absl::FailedPreconditionError(absl::StrCat("address ", ip.address,
                                                      " belongs to egress IP ", other.text(),
                                                      "; an address has one egress IP"));
  };
  for (const EgressIp& other : shard_.EgressIps()) {
    if (other.id != ip.id && CanonicalIpAddress(other.address) == address) return taken(other.id);
  }
  const auto coming = new_addresses_.find(address);
  if (coming != new_addresses_.end() && coming->second != ip.id) return taken(coming->second);
  return absl::OkStatus();
}

absl::Status Engine::Impl::CheckReferences(const Pool& pool) const {
  for (const EgressIpId& ip : pool.egress_ips) {
    if (shard_.FindEgressIp(ip) == nullptr) {
      return absl::NotFoundError(absl::StrCat("egress_ips: egress IP \"", ip.text(),
                                              "\" does not exist; create it first"));
    }
    const Pool* other = shard_.FindPoolOf(ip);
    if (other != nullptr && other->id != pool.id) {
      return absl::FailedPreconditionError(absl::StrCat("egress_ips: ", ip.text(), " is in pool ",
                                                        other->id.text(),
                                                        "; take it out there first"));
    }
  }
  return CheckOverflow(pool, [this](const PoolId& id) -> absl::StatusOr<std::optional<PoolId>> {
    const Pool* known = shard_.FindPool(id);
    if (known == nullptr) return std::nullopt;
    return known->overflow;
  });
}

absl::Status Engine::Impl::CheckReferences(const Campaign& campaign) const {
  if (shard_.FindPool(campaign.pool) == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("pool: pool \"", campaign.pool.text(), "\" does not exist; create it first"));
  }
  return absl::OkStatus();
}

// --- Records
// --------------------------------------------------------------------------------------------

void Engine::Put(EgressIp ip, Request request, Done<EgressIp> done) {
  impl_->PostTask([impl = impl_.get(), ip = std::move(ip), request = std::move(request),
                   done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    const EgressIp* before = impl->shard_.FindEgressIp(ip.id);
    absl::Status status = ValidateEgressIp(ip);
    absl::Status refusal = impl->CheckReferences(ip);
    if (status.ok() && !LeftToStore(request, ip.revision)) status = refusal;
    if (status.ok()) status = CheckRevision(ip, before, request.validate_only, "egress IP");
    if (!status.ok()) return done(status);
    Stamp(ip, before, impl->now());
    if (request.validate_only) return done(std::move(ip));
    const bool create = ip.revision == 0;
    Event event = impl->AuditEvent(create ? EventType::kCreated : EventType::kUpdated, request,
                                   AuditText(request, create, "egress IP"));
    Describe(event, ip);
    const std::string address = CanonicalIpAddress(ip.address);
    const bool reserved = refusal.ok() && impl->new_addresses_.emplace(address, ip.id).second;
    impl->CommitPut<EgressIp>(
        ports::Put<EgressIp>{std::move(ip), request.key, {std::move(event)}, std::move(refusal)},
        [impl, address, reserved, done = std::move(done)](absl::StatusOr<EgressIp> stored) mutable {
          if (reserved) impl->new_addresses_.erase(address);
          done(std::move(stored));
        });
  });
}

void Engine::Put(Pool pool, Request request, Done<Pool> done) {
  impl_->PostTask([impl = impl_.get(), pool = std::move(pool), request = std::move(request),
                   done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    const Pool* before = impl->shard_.FindPool(pool.id);
    absl::Status status = ValidatePool(pool);
    absl::Status refusal = impl->CheckReferences(pool);
    if (status.ok() && !LeftToStore(request, pool.revision)) status = refusal;
    if (status.ok()) status = CheckRevision(pool, before, request.validate_only, "pool");
    if (!status.ok()) return done(status);
    Stamp(pool, before, impl->now());
    if (request.validate_only) return done(std::move(pool));
    const bool create = pool.revision == 0;
    Event event = impl->AuditEvent(
        create ? EventType::kCreated : EventType::kUpdated, request,
        AuditText(request, create, "pool", create ? "" : WhatChanged(*before, pool)));
    Describe(event, pool);
    impl->CommitPut(
        ports::Put<Pool>{std::move(pool), request.key, {std::move(event)}, std::move(refusal)},
        std::move(done));
  });
}

void Engine::Put(Campaign campaign, Request request, Done<Campaign> done) {
  impl_->PostTask([impl = impl_.get(), campaign = std::move(campaign), request = std::move(request),
                   done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    const Campaign* before = impl->shard_.FindCampaign(campaign.id);
    absl::Status status = ValidateCampaign(campaign);
    if (status.ok()) status = impl->edges_.composer->Check(campaign);
    absl::Status refusal = impl->CheckReferences(campaign);
    if (status.ok() && !LeftToStore(request, campaign.revision)) status = refusal;
    if (status.ok()) status = CheckRevision(campaign, before, request.validate_only, "campaign");
    if (!status.ok()) return done(status);
    Stamp(campaign, before, impl->now());
    const bool create = campaign.revision == 0;
    campaign.key = create ? CampaignKey() : before->key;
    campaign.state = create ? CampaignState::kDraft : before->state;
    campaign.state_reason = create ? "" : before->state_reason;
    if (request.validate_only) return done(std::move(campaign));
    Event event = impl->AuditEvent(
        create ? EventType::kCreated : EventType::kUpdated, request,
        AuditText(request, create, "campaign", create ? "" : WhatChanged(*before, campaign)));
    Describe(event, campaign);
    impl->CommitPut(
        ports::Put<Campaign>{
            std::move(campaign), request.key, {std::move(event)}, std::move(refusal)},
        std::move(done));
  });
}

// --- Verbs
// ----------------------------------------------------------------------------------------------

namespace {

struct CampaignMove {
  CampaignState to;
  EventType event;
};

absl::StatusOr<CampaignMove> Decide(const Campaign& campaign, CampaignVerb verb) {
  const auto refuse = [&](absl::string_view what) {
    return absl::FailedPreconditionError(absl::StrCat(
        "campaign ", campaign.id.text(), " is ", CampaignStateName(campaign.state), "; ", what));
  };
  if (campaign.state == CampaignState::kCancelled && verb != CampaignVerb::kCancel) {
    return refuse("that is final");
  }
  switch (verb) {
    case CampaignVerb::kStart:
      if (campaign.state == CampaignState::kPaused) return refuse("resume it instead");
      return CampaignMove{CampaignState::kSending, EventType::kCampaignStarted};
    case CampaignVerb::kPause:
      if (campaign.state == CampaignState::kDraft) return refuse("it sends nothing yet");
      return CampaignMove{CampaignState::kPaused, EventType::kCampaignPaused};
    case CampaignVerb::kResume:
      if (campaign.state == CampaignState::kDraft) return refuse("start it instead");
      return CampaignMove{CampaignState::kSending, EventType::kCampaignResumed};
    case CampaignVerb::kCancel:
      return CampaignMove{CampaignState::kCancelled, EventType::kCampaignCancelled};
  }
  return refuse("the verb is unknown");
}

}  // namespace

void Engine::Impl::ChangeCampaign(CampaignId id, CampaignVerb verb, int64_t revision,
                                  Request request, Done<Campaign> done, int tries) {
  if (stopped()) return done(Gone());
  const Campaign* before = shard_.FindCampaign(id);
  if (before == nullptr) return done(NotFound("campaign", id.text()));
  if (revision != 0 && revision != before->revision) return done(Stale("campaign", id.text()));
  const absl::StatusOr<CampaignMove> move = Decide(*before, verb);
  if (!move.ok()) return done(move.status());
  if (move->to == before->state) return done(*before);
  if (move->to == CampaignState::kSending) {
    if (absl::Status ready = edges_.composer->CheckReady(*before); !ready.ok()) return done(ready);
  }
  Campaign campaign = *before;
  campaign.state = move->to;
  campaign.state_reason = StateReason(request);
  if (request.validate_only) return done(std::move(campaign));
  Event event = AuditEvent(move->event, request, request.reason);
  Describe(event, campaign);
  CommitPut<Campaign>(ports::Put<Campaign>{std::move(campaign), {}, {std::move(event)}},
                      [this, id, verb, revision, request, tries,
                       done = std::move(done)](absl::StatusOr<Campaign> stored) mutable {
                        if (stored.ok() && verb == CampaignVerb::kCancel) {
                          // The first step before the answer, whose counts then show it: all, if
                          // there are few.
                          cancels_.Add(id);
                          CancelIfDue(edges_.clock->Now());
                        }
                        const bool met = absl::IsAborted(stored.status()) && revision == 0;
                        if (!met || tries >= kMostTries) return done(std::move(stored));
                        PostTask([this, id, verb, request = std::move(request), tries,
                                  done = std::move(done)]() mutable {
                          ChangeCampaign(id, verb, 0, std::move(request), std::move(done),
                                         tries + 1);
                        });
                      });
}

void Engine::Impl::ChangeLane(Lane lane, LaneVerb verb, Request request,
                              Done<core::LaneStatus> done) {
  if (stopped()) return done(Gone());
  const std::optional<core::LaneStatus> status = shard_.StatusOf(lane);
  if (!status.has_value()) {
    return done(NotFound("lane", absl::StrCat(lane.egress_ip.text(), "/", lane.provider.text())));
  }
  const bool pause = verb == LaneVerb::kPause;
  if (status->record.paused == pause || request.validate_only) return done(*status);
  LaneRecord record = status->record;
  record.paused = pause;
  record.pause_reason = pause ? StateReason(request) : "";
  Event event = AuditEvent(pause ? EventType::kLanePaused : EventType::kLaneUnpaused, request,
                           request.reason);
  event.egress_ip = lane.egress_ip;
  event.provider = lane.provider;
  Job job;
  job.writes.push_back(ports::PutLane{record, {std::move(event)}});
  job.done = [this, record, done = std::move(done)](
                 absl::Status committed, absl::Span<ports::WriteResult> results) mutable {
    if (committed.ok()) committed = results[0].status;
    if (committed.ok()) PostLetter(record);
    PostTask([this, record, committed, done = std::move(done)]() mutable {
      if (!committed.ok()) return done(committed);
      SaveLaneAgain(record, std::move(done));
    });
  };
  committer_.Post(std::move(job));
}

void Engine::Impl::SaveLaneAgain(const LaneRecord& written, Done<core::LaneStatus> done) {
  const core::LaneStatus status = *shard_.StatusOf(written.lane);
  if (stopped() || status.record == written) return done(status);
  // The throttle moved meanwhile: its record, from before the pause, may stand above ours, or ours
  // above its. From now on both are in what the shard knows.
  Job job;
  job.writes.push_back(ports::PutLane{status.record, {}});
  job.done = [this, lane = written.lane, done = std::move(done)](
                 absl::Status committed, absl::Span<ports::WriteResult> results) mutable {
    if (committed.ok()) committed = results[0].status;
    PostTask([this, lane, committed, done = std::move(done)]() mutable {
      if (!committed.ok()) return done(committed);
      done(*shard_.StatusOf(lane));
    });
  };
  committer_.Post(std::move(job));
}

void Engine::Change(CampaignId campaign, CampaignVerb verb, int64_t revision, Request request,
                    Done<Campaign> done) {
  impl_->PostTask([impl = impl_.get(), campaign, verb, revision, request = std::move(request),
                   done = std::move(done)]() mutable {
    impl->ChangeCampaign(campaign, verb, revision, std::move(request), std::move(done), 1);
  });
}

void Engine::Change(Lane lane, LaneVerb verb, Request request, Done<core::LaneStatus> done) {
  impl_->PostTask([impl = impl_.get(), lane, verb, request = std::move(request),
                   done = std::move(done)]() mutable {
    impl->ChangeLane(lane, verb, std::move(request), std::move(done));
  });
}

// --- Recipients and suppressions
// ------------------------------------------------------------------------

bool Engine::Import(ports::AppendRecipients chunk, Done<ports::AppendOutcome> done) {
  return impl_->Import({std::move(chunk), std::move(done)});
}

bool Engine::Impl::Import(PendingImport import) {
  absl::Status refused;
  {
    base::MutexLock lock(&mu_);
    if (stopping_ || stopped_) {
      refused = Gone();
    } else if (chunks_ < options_.max_queued_chunks) {
      ++chunks_;
    } else if (imports_.size() < kMostImportsThatWait) {
      imports_.push_back(std::move(import));
      return false;
    } else {
      refused = absl::ResourceExhaustedError(
          absl::StrCat(chunks_ + static_cast<int>(imports_.size()),
                       " chunks of imports wait for the disk already; send this one again later"));
    }
  }
  if (refused.ok()) {
    PostImport(std::move(import));
  } else {
    import.done(refused);
  }
  return true;
}

void Engine::Impl::PostImport(PendingImport import) {
  Job job;
  job.rows = std::max<size_t>(import.chunk.rows.size(), 1);
  job.writes.push_back(std::move(import.chunk));
  job.done = [this, done = std::move(import.done)](absl::Status status,
                                                   absl::Span<ports::WriteResult> results) mutable {
    PostNextImport();
    if (status.ok()) status = results[0].status;
    if (!status.ok()) return done(status);
    auto outcome = std::get<ports::AppendOutcome>(std::move(results[0].value));
    for (const auto& [key, name] : outcome.new_domains) PostLetter(core::NewDomain{key, name});
    if (!outcome.queued.empty()) PostLetter(outcome.queued);
    if (!outcome.rescored.empty()) PostLetter(outcome.rescored);
    done(std::move(outcome));
  };
  committer_.Post(std::move(job));
}

void Engine::Impl::PostNextImport() {
  std::optional<PendingImport> next;
  {
    base::MutexLock lock(&mu_);
    // Once it stops, what waits is answered by Stop: a list of millions must not keep it.
    if (imports_.empty() || stopping_) {
      --chunks_;
      return;
    }
    next = std::move(imports_.front());
    imports_.pop_front();
  }
  PostImport(*std::move(next));
}

void Engine::RecordEngagement(ports::RecordEngagement record, Done<ports::EngagementOutcome> done) {
  impl_->RecordEngagement(std::move(record), std::move(done));
}

void Engine::Impl::RecordEngagement(ports::RecordEngagement record,
                                    Done<ports::EngagementOutcome> done) {
  absl::Status refused;
  {
    base::MutexLock lock(&mu_);
    if (stopping_ || stopped_) {
      refused = Gone();
    } else if (engagements_ < options_.max_queued_chunks) {
      ++engagements_;
    } else {
      refused = absl::ResourceExhaustedError(absl::StrCat(
          engagements_,
          " calls with engagement wait for the disk already; send this one again later"));
    }
  }
  if (!refused.ok()) return done(refused);
  Job job;
  job.rows = std::max<size_t>(record.events.size(), 1);
  job.writes.push_back(std::move(record));
  job.done = [this, done = std::move(done)](absl::Status status,
                                            absl::Span<ports::WriteResult> results) mutable {
    {
      base::MutexLock lock(&mu_);
      --engagements_;
    }
    if (status.ok()) status = results[0].status;
    if (!status.ok()) return done(status);
    auto outcome = std::get<ports::EngagementOutcome>(std::move(results[0].value));
    if (!outcome.rescored.empty()) PostLetter(outcome.rescored);
    done(std::move(outcome));
  };
  committer_.Post(std::move(job));
}

namespace {

// The lane of the newest message that `address` was sent; none if no delivery of it is known.
std::optional<Delivery> NewestAccepted(ports::Store& store, const std::string& address) {
  std::optional<Delivery> newest;
  ports::DeliveryFilter filter;
  filter.address = address;
  DeliveryId after;
  while (true) {
    const auto page = store.ListDeliveries(filter, after, 500);
    if (!page.ok() || page->empty()) return newest;
    after = page->back().id;
    for (const Delivery& delivery : *page) {
      if (delivery.state == DeliveryState::kAccepted) newest = delivery;
    }
  }
}

}  // namespace

void Engine::Suppress(std::vector<Suppression> suppressions, Request request, Done<int64_t> done) {
  Impl* impl = impl_.get();
  const bool complaints = std::any_of(
      suppressions.begin(), suppressions.end(),
      [](const Suppression& one) { return one.reason == SuppressionReason::kComplaint; });
  if (!complaints) {
    impl->Suppress(std::move(suppressions), {}, std::move(request), std::move(done));
    return;
  }
  // A complaint counts against the lane that the message went by; one that is known already does
  // not count again.
  auto shared = std::make_shared<Done<int64_t>>(std::move(done));
  const bool taken = impl->committer_.PostRead([impl, suppressions = std::move(suppressions),
                                                request = std::move(request),
                                                shared](ports::Store& store) mutable {
    std::vector<Delivery> about;
    for (const Suppression& one : suppressions) {
      if (one.reason != SuppressionReason::kComplaint) continue;
      const auto known = store.GetSuppression(one.address);
      if (known.ok() && known->reason == SuppressionReason::kComplaint) continue;
      if (auto delivery = NewestAccepted(store, one.address)) about.push_back(*std::move(delivery));
    }
    impl->PostTask([impl, suppressions = std::move(suppressions), about = std::move(about),
                    request = std::move(request), shared]() mutable {
      if (impl->stopped()) return (*shared)(Gone());
      impl->Suppress(std::move(suppressions), std::move(about), std::move(request),
                     std::move(*shared));
    });
  });
  if (!taken) {
    (*shared)(impl->stopped() ? Gone()
                              : absl::ResourceExhaustedError(
                                    "too many reads wait for the store; try again later"));
  }
}

void Engine::Impl::Suppress(std::vector<Suppression> suppressions, std::vector<Delivery> complained,
                            Request request, Done<int64_t> done) {
  std::vector<Event> events;
  std::vector<std::string> addresses;
  for (Suppression& suppression : suppressions) {
    suppression.create_time = now();
    Event event = AuditEvent(EventType::kSuppressionAdded, request,
                             absl::StrCat(SuppressionReasonName(suppression.reason),
                                          suppression.note.empty() ? "" : ": ", suppression.note));
    event.address = suppression.address;
    for (const Delivery& delivery : complained) {
      if (delivery.address != suppression.address) continue;
      event.egress_ip = delivery.egress_ip;
      event.provider = delivery.provider;
      event.campaign = delivery.campaign;
    }
    addresses.push_back(suppression.address);
    events.push_back(std::move(event));
  }
  Job job;
  job.writes.push_back(ports::AddSuppressions{std::move(suppressions), std::move(events)});
  std::vector<core::Complaint> complaints;
  for (const Delivery& delivery : complained) {
    const Lane lane{delivery.egress_ip, delivery.provider};
    // An egress IP or a provider may be gone.
    const std::optional<core::LaneStatus> status = shard_.StatusOf(lane);
    if (!status.has_value()) continue;
    complaints.push_back({lane, status->today.day});
    job.writes.push_back(ports::CountComplaint{lane, status->today.day});
  }
  job.done = [this, addresses = std::move(addresses), complaints = std::move(complaints),
              done = std::move(done)](absl::Status status,
                                      absl::Span<ports::WriteResult> results) mutable {
    if (status.ok()) {
      for (size_t i = 0; i < complaints.size(); ++i) {
        if (results[i + 1].status.ok()) PostLetter(complaints[i]);
      }
      status = results[0].status;
    }
    if (status.ok()) {
      for (const std::string& address : addresses) PostLetter(core::SuppressedAddress{address});
    }
    PostTask(
        [status, count = static_cast<int64_t>(addresses.size()), done = std::move(done)]() mutable {
          if (!status.ok()) return done(status);
          done(count);
        });
  };
  committer_.Post(std::move(job));
}

void Engine::Unsuppress(std::string address, Request request, Done<std::string> done) {
  Impl* impl = impl_.get();
  Event event = impl->AuditEvent(EventType::kSuppressionRemoved, request, request.reason);
  event.address = address;
  Job job;
  job.writes.push_back(ports::RemoveSuppression{address, {std::move(event)}});
  job.done = [address, done = std::move(done)](absl::Status status,
                                               absl::Span<ports::WriteResult> results) mutable {
    if (status.ok()) status = results[0].status;
    if (!status.ok()) return done(status);
    done(std::move(address));
  };
  impl->committer_.Post(std::move(job));
}

// --- Reads
// ----------------------------------------------------------------------------------------------

namespace {

template <class T>
absl::StatusOr<T> Found(const T* record, absl::string_view kind, absl::string_view id) {
  if (record == nullptr) return NotFound(kind, id);
  return *record;
}

}  // namespace

#define CRESCENDO_ASK(answer)                                                 \
  impl_->PostTask([=, impl = impl_.get(), done = std::move(done)]() mutable { \
    if (impl->stopped()) return done(Gone());                                 \
    done(answer);                                                             \
  })

void Engine::GetEgressIp(EgressIpId id, Done<EgressIp> done) {
  CRESCENDO_ASK(Found(impl->shard_.FindEgressIp(id), "egress IP", id.text()));
}
void Engine::ListEgressIps(Done<std::vector<EgressIp>> done) {
  CRESCENDO_ASK(impl->shard_.EgressIps());
}
void Engine::GetPool(PoolId id, Done<Pool> done) {
  CRESCENDO_ASK(Found(impl->shard_.FindPool(id), "pool", id.text()));
}
void Engine::ListPools(Done<std::vector<Pool>> done) { CRESCENDO_ASK(impl->shard_.Pools()); }
void Engine::GetPlan(PlanId id, Done<Plan> done) {
  CRESCENDO_ASK(Found(impl->shard_.FindPlan(id), "plan", id.text()));
}
void Engine::ListPlans(Done<std::vector<Plan>> done) { CRESCENDO_ASK(impl->shard_.Plans()); }
void Engine::GetCampaign(CampaignId id, Done<Campaign> done) {
  CRESCENDO_ASK(Found(impl->shard_.FindCampaign(id), "campaign", id.text()));
}
void Engine::ListCampaigns(Done<std::vector<Campaign>> done) {
  CRESCENDO_ASK(impl->shard_.Campaigns());
}

void Engine::GetPlanStatus(PlanId id, Done<core::PlanStatus> done) {
  impl_->PostTask([impl = impl_.get(), id, done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    std::optional<core::PlanStatus> status = impl->shard_.StatusOf(id);
    if (!status.has_value()) return done(NotFound("plan", id.text()));
    done(*std::move(status));
  });
}

void Engine::ListLanes(EgressIpId ip, Done<std::vector<core::LaneStatus>> done) {
  impl_->PostTask([impl = impl_.get(), ip, done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    if (!ip.empty()) {
      if (impl->shard_.FindEgressIp(ip) == nullptr) return done(NotFound("egress IP", ip.text()));
      return done(impl->shard_.LanesOf(ip));
    }
    std::vector<core::LaneStatus> all;
    for (const EgressIp& one : impl->shard_.EgressIps()) {
      for (core::LaneStatus& lane : impl->shard_.LanesOf(one.id)) all.push_back(std::move(lane));
    }
    done(std::move(all));
  });
}

void Engine::GetLane(Lane lane, Done<core::LaneStatus> done) {
  impl_->PostTask([impl = impl_.get(), lane, done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    std::optional<core::LaneStatus> status = impl->shard_.StatusOf(lane);
    if (!status.has_value()) {
      return done(NotFound("lane", absl::StrCat(lane.egress_ip.text(), "/", lane.provider.text())));
    }
    done(*std::move(status));
  });
}

// --- The face
// -------------------------------------------------------------------------------------------

Engine::Engine(const Edges& edges, const core::Options& options, Threads threads)
    : impl_(std::make_unique<Impl>(edges, options, threads)) {}
Engine::~Engine() { Stop(absl::ZeroDuration()); }

absl::Status Engine::Start() { return impl_->Start(); }
void Engine::Stop(absl::Duration limit) { impl_->Stop(limit); }
absl::Status Engine::Health() const { return impl_->committer_.health(); }
absl::Time Engine::Turn() { return impl_->Turn(); }

void Engine::SetFatalHandler(absl::AnyInvocable<void(absl::Status)> handler) {
  base::MutexLock lock(&impl_->mu_);
  impl_->fatal_handler_ = std::move(handler);
}

bool Engine::Read(absl::AnyInvocable<void(ports::Store&)> read) {
  return impl_->committer_.PostRead(std::move(read));
}

void Engine::Backup(std::string path,
                    absl::AnyInvocable<bool(const ports::BackupProgress&)> progress,
                    Done<ports::BackupProgress> done) {
  impl_->backups_.Start(std::move(path), std::move(progress), std::move(done));
}

int64_t Engine::Subscribe(absl::AnyInvocable<void()> listener) {
  return impl_->Subscribe(std::move(listener));
}
void Engine::Unsubscribe(int64_t id) { impl_->Unsubscribe(id); }

void Engine::Compose(Campaign campaign, DeliveryId number, std::string address,
                     Done<ports::ComposedMessage> done) {
  impl_->PostTask([impl = impl_.get(), campaign = std::move(campaign), number,
                   address = std::move(address), done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    if (const absl::Status ready = impl->edges_.composer->CheckReady(campaign); !ready.ok()) {
      return done(ready);
    }
    done(impl->edges_.composer->Compose(campaign, number, address, {}, impl->now()));
  });
}

void Engine::Record(EventType type, EgressIpId ip, std::string text, Request request,
                    Done<EventType> done) {
  impl_->PostTask([impl = impl_.get(), type, ip = std::move(ip), text = std::move(text),
                   request = std::move(request), done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    Event event = impl->AuditEvent(type, request, std::move(text));
    event.egress_ip = std::move(ip);
    Job job;
    job.writes.push_back(ports::AppendEvents{{std::move(event)}});
    job.done = [type, done = std::move(done)](absl::Status committed,
                                              absl::Span<ports::WriteResult> results) mutable {
      if (committed.ok()) committed = results[0].status;
      if (!committed.ok()) return done(committed);
      done(type);
    };
    impl->committer_.Post(std::move(job));
  });
}

const core::ReplyClassifier& Engine::classifier() const { return *impl_->edges_.classifier; }
const core::Options& Engine::options() const { return impl_->options_; }
const ProviderCatalog& Engine::providers() const { return *impl_->edges_.providers; }
const base::Clock& Engine::clock() const { return *impl_->edges_.clock; }
std::string Engine::Transcript(DeliveryId delivery) {
  return impl_->edges_.transport->Transcript(delivery);
}

}  // namespace crescendo::engine
