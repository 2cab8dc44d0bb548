// What callers ask of plans: checked against what is in force, written, and answered once it is
// too.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/engine/records.h"

namespace crescendo::engine {
namespace {

constexpr size_t kLongestText = 1000;

// "Gmail defers: state: ACTIVE -> HELD".
std::string ChangeText(const Request& request, const core::PlanChange& change) {
  const std::string diff = DiffText(change.fields);
  std::string text =
      absl::StrCat(request.reason, request.reason.empty() || diff.empty() ? "" : ": ", diff);
  // A reason may be anything in UTF-8: cut before a character, not in it.
  size_t end = std::min(text.size(), kLongestText);
  while (end < text.size() && end > 0 && (text[end] & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

Done<core::ChangedPlan> OnlyPlan(Done<Plan> done) {
  return [done = std::move(done)](absl::StatusOr<core::ChangedPlan> changed) mutable {
    if (!changed.ok()) return done(changed.status());
    done(std::move(changed->plan));
  };
}

}  // namespace

absl::Status Engine::Impl::CheckProvider(absl::string_view field, const ProviderId& id) const {
  if (edges_.providers->Find(id) != nullptr) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(field, ": provider \"", id.text(),
                                          "\" does not exist; see the list of providers"));
}

absl::Status Engine::Impl::CheckReferences(const Plan& plan) const {
  for (const ProviderCap& cap : plan.provider_caps) {
    RETURN_IF_ERROR(CheckProvider("provider_caps", cap.provider));
  }
  for (const ProviderRamp& ramp : plan.provider_ramps) {
    RETURN_IF_ERROR(CheckProvider("provider_ramps", ramp.provider));
  }
  if (shard_.FindEgressIp(plan.egress_ip) == nullptr) {
    return absl::NotFoundError(absl::StrCat("egress_ip: egress IP \"", plan.egress_ip.text(),
                                            "\" does not exist; create it first"));
  }
  const Plan* other = shard_.FindPlanOf(plan.egress_ip);
  if (other != nullptr && other->id != plan.id) {
    return absl::FailedPreconditionError(absl::StrCat("egress_ip: ", plan.egress_ip.text(),
                                                      " has plan ", other->id.text(),
                                                      "; an egress IP has one plan"));
  }
  return absl::OkStatus();
}

absl::Status Engine::Impl::CheckSameIp(const Plan& plan) const {
  const Plan* before = shard_.FindPlan(plan.id);
  if (before == nullptr || plan.revision == 0 || before->egress_ip == plan.egress_ip) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("egress_ip: a plan's egress IP cannot change; make a new plan");
}

void Engine::Impl::PutPlan(Plan plan, core::Effective effective, Request request,
                           Done<core::ChangedPlan> done) {
  if (stopped()) return done(Gone());
  const Plan* before = shard_.FindPlan(plan.id);
  absl::Status status = ValidatePlan(plan);
  if (status.ok()) status = CheckSameIp(plan);
  absl::Status refusal = CheckReferences(plan);
  if (status.ok() && !LeftToStore(request, plan.revision)) status = refusal;
  if (status.ok()) status = CheckRevision(plan, before, request.validate_only, "plan");
  if (!status.ok()) return done(status);
  const bool create = plan.revision == 0;
  core::ChangedPlan changed;
  std::string text;
  if (create) {
    // Its state moves by verbs only.
    static_cast<PlanShape&>(changed.plan) = plan;
    changed.plan.id = plan.id;
    changed.plan.egress_ip = plan.egress_ip;
    changed.plan.create_time = now();
    changed.change.effective_time = now();
    changed.event = EventType::kCreated;
    text = AuditText(request, create, "plan");
  } else {
    changed = core::Edit(*before, NewestDay(plan.id), plan, effective, now());
    text = ChangeText(request, changed.change);
    if (text.empty()) text = AuditText(request, create, "plan");
  }
  if (request.validate_only) return done(std::move(changed));
  Event event = AuditEvent(changed.event, request, std::move(text));
  Describe(event, changed.plan);
  CommitPut<Plan>(
      ports::Put<Plan>{changed.plan, request.key, {std::move(event)}, std::move(refusal)},
      [change = std::move(changed.change), what = changed.event,
       done = std::move(done)](absl::StatusOr<Plan> stored) mutable {
        if (!stored.ok()) return done(stored.status());
        done(core::ChangedPlan{*std::move(stored), std::move(change), what});
      });
}

std::optional<PlanDay> Engine::Impl::NewestDay(const PlanId& plan) const {
  const std::optional<core::PlanStatus> status = shard_.StatusOf(plan);
  return status.has_value() ? status->today : std::nullopt;
}

void Engine::Impl::ChangePlan(PlanId id, core::PlanAction action, int64_t revision, Request request,
                              Done<core::ChangedPlan> done, int tries) {
  if (stopped()) return done(Gone());
  const Plan* before = shard_.FindPlan(id);
  if (before == nullptr) return done(NotFound("plan", id.text()));
  if (revision != 0 && revision != before->revision) return done(Stale("plan", id.text()));
  absl::StatusOr<core::ChangedPlan> changed = core::Act(*before, NewestDay(id), action, now());
  if (!changed.ok()) return done(changed.status());
  if (changed->change.fields.empty()) return done(*std::move(changed));
  if (changed->plan.state != before->state) changed->plan.state_reason = StateReason(request);
  if (request.validate_only) return done(*std::move(changed));
  Event event = AuditEvent(changed->event, request, ChangeText(request, changed->change));
  Describe(event, changed->plan);
  CommitPut<Plan>(
      ports::Put<Plan>{changed->plan, {}, {std::move(event)}},
      [this, id, action, revision, request, tries, change = changed->change, what = changed->event,
       done = std::move(done)](absl::StatusOr<Plan> stored) mutable {
        const bool met = absl::IsAborted(stored.status()) && revision == 0;
        if (met && tries < kMostTries) {
          PostTask([this, id, action, request = std::move(request), tries,
                    done = std::move(done)]() mutable {
            ChangePlan(id, action, 0, std::move(request), std::move(done), tries + 1);
          });
          return;
        }
        if (!stored.ok()) return done(stored.status());
        done(core::ChangedPlan{*std::move(stored), std::move(change), what});
      });
}

absl::Status Engine::Impl::CheckDelete(const Plan& plan) const {
  const auto refuse = [&](absl::string_view what) {
    return absl::FailedPreconditionError(
        absl::StrCat("plan ", plan.id.text(), " is ", PlanStateName(plan.state), "; ", what));
  };
  switch (plan.state) {
    case PlanState::kActive:
    case PlanState::kHeld:
    case PlanState::kPaused:
      return refuse("abort it before you delete it");
    case PlanState::kGraduated:
      return absl::OkStatus();
    default:
      break;
  }
  const Pool* pool = shard_.FindPoolOf(plan.egress_ip);
  if (pool == nullptr) return absl::OkStatus();
  return refuse(absl::StrCat("take ", plan.egress_ip.text(), " out of pool ", pool->id.text(),
                             " first: without a plan nothing caps what it sends"));
}

void Engine::Impl::DeletePlan(PlanId id, int64_t revision, Request request,
                              Done<core::ChangedPlan> done) {
  if (stopped()) return done(Gone());
  const Plan* before = shard_.FindPlan(id);
  if (before == nullptr) return done(NotFound("plan", id.text()));
  if (revision != 0 && revision != before->revision) return done(Stale("plan", id.text()));
  if (absl::Status status = CheckDelete(*before); !status.ok()) return done(status);
  core::ChangedPlan changed;
  changed.plan = *before;
  changed.event = EventType::kDeleted;
  changed.change.fields = {{"plan", id.text(), ""}};
  changed.change.effective_time = now();
  if (request.validate_only) return done(std::move(changed));
  Event event =
      AuditEvent(EventType::kDeleted, request,
                 absl::StrCat("plan deleted", request.reason.empty() ? "" : ": ", request.reason));
  Describe(event, *before);
  Job job;
  job.writes.push_back(ports::DeletePlan{id, before->revision, {std::move(event)}});
  job.done = [this, id, changed = std::move(changed), done = std::move(done)](
                 absl::Status status, absl::Span<ports::WriteResult> results) mutable {
    if (status.ok()) status = results[0].status;
    if (status.ok()) PostLetter(core::PlanDeleted{id});
    PostTask([status, changed = std::move(changed), done = std::move(done)]() mutable {
      if (!status.ok()) return done(status);
      done(std::move(changed));
    });
  };
  committer_.Post(std::move(job));
}

// --- The face

void Engine::Put(Plan plan, Request request, Done<Plan> done) {
  PutPlan(std::move(plan), core::Effective::kNow, std::move(request), OnlyPlan(std::move(done)));
}

void Engine::PutPlan(Plan plan, core::Effective effective, Request request,
                     Done<core::ChangedPlan> done) {
  impl_->PostTask([impl = impl_.get(), plan = std::move(plan), effective,
                   request = std::move(request), done = std::move(done)]() mutable {
    impl->PutPlan(std::move(plan), effective, std::move(request), std::move(done));
  });
}

void Engine::Change(PlanId plan, PlanVerb verb, int64_t revision, Request request,
                    Done<Plan> done) {
  ChangePlan(std::move(plan), {verb}, revision, std::move(request), OnlyPlan(std::move(done)));
}

void Engine::ChangePlan(PlanId plan, core::PlanAction action, int64_t revision, Request request,
                        Done<core::ChangedPlan> done) {
  impl_->PostTask([impl = impl_.get(), plan = std::move(plan), action, revision,
                   request = std::move(request), done = std::move(done)]() mutable {
    impl->ChangePlan(std::move(plan), action, revision, std::move(request), std::move(done), 1);
  });
}

void Engine::DeletePlan(PlanId plan, int64_t revision, Request request,
                        Done<core::ChangedPlan> done) {
  impl_->PostTask([impl = impl_.get(), plan = std::move(plan), revision,
                   request = std::move(request), done = std::move(done)]() mutable {
    impl->DeletePlan(std::move(plan), revision, std::move(request), std::move(done));
  });
}

}  // namespace crescendo::engine
