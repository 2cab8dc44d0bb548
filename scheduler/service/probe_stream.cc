#include "scheduler/service/probe_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/errors.h"
#include "scheduler/service/unary.h"

namespace crescendo::service {
namespace {

constexpr char kSubject[] = "Crescendo probe";
constexpr char kBody[] =
    "This message was sent by an operator to see whether mail arrives.\n"
    "There is nothing to do.\n";

}  // namespace

ProbeStream* ProbeStream::Start(const Edges& edges, const grpc::CallbackServerContext& context,
                                const v1::ProbeRequest& request) {
  std::shared_ptr<ProbeStream> stream(new ProbeStream(edges));
  stream->self_ = stream;
  const absl::Status status = stream->Begin(context, request);
  if (!status.ok()) {
    stream->End(status);
    return stream.get();
  }
  edges.engine->ListEgressIps(
      [stream](absl::StatusOr<std::vector<EgressIp>> ips) { stream->OnIps(std::move(ips)); });
  return stream.get();
}

absl::Status ProbeStream::Begin(const grpc::CallbackServerContext& context,
                                const v1::ProbeRequest& request) {
  if (edges_.prober == nullptr) {
    return absl::UnimplementedError("this daemon has no SMTP client to probe with");
  }
  started_ = edges_.clock->Now().steady;
  ASSIGN_OR_RETURN(target_, ProbeTargetFrom(request));
  ASSIGN_OR_RETURN(asked_, RequestOf(context, "", /*validate_only=*/false));
  return edges_.streams->Add(shared_from_this());
}

void ProbeStream::OnIps(absl::StatusOr<std::vector<EgressIp>> ips) {
  if (!ips.ok()) return End(ips.status());
  if (ips->empty()) {
    return End(absl::FailedPreconditionError(
        "there is no egress IP to probe from; create one, as for mail"));
  }
  if (!target_.egress_ip.empty()) {
    std::erase_if(*ips, [&](const EgressIp& ip) { return ip.id != target_.egress_ip; });
    if (ips->empty()) {
      return End(absl::NotFoundError(
          absl::StrCat("egress IP ", Quoted(target_.egress_ip.text()), " does not exist")));
    }
  }
  ips_ = *std::move(ips);
  if (target_.literal) return OnHosts(LiteralHosts(target_));
  edges_.resolver->Resolve(target_.name,
                           [self = shared_from_this()](absl::StatusOr<ports::MxSet> mx) {
                             self->OnHosts(std::move(mx));
                           });
}

void ProbeStream::OnHosts(absl::StatusOr<ports::MxSet> mx) {
  v1::ProbeStep resolve;
  if (mx.ok()) {
    route_ = ChooseRoute(target_, *mx, ips_, edges_.engine->providers(), *edges_.prober);
    resolve = ProbeReport(edges_.engine, route_).Resolved(elapsed());
  } else {
    resolve = ProbeReport::NotResolved(target_.name, mx.status(), elapsed());
  }
  {
    base::MutexLock lock(&mu_);
    if (ended_) return;
    Write(resolve);
    if (resolve.verdict() == v1::ProbeStep::FAILED) {
      Write(ProbeReport::NoSession(resolve));
      return EndLocked(absl::OkStatus());
    }
  }
  // On the engine's thread, as the answers to the other questions.
  edges_.engine->ListPlans([self = shared_from_this()](absl::StatusOr<std::vector<Plan>> plans) {
    self->OnPlans(std::move(plans));
  });
}

void ProbeStream::OnPlans(absl::StatusOr<std::vector<Plan>> plans) {
  if (!target_.send_message) return Walk();
  if (!plans.ok()) return End(plans.status());
  for (const Plan& plan : *plans) {
    if (plan.egress_ip != route_.ip.id) continue;
    if (!IsCapped(plan)) continue;  // L1: no cap could be passed.
    return End(absl::FailedPreconditionError(absl::StrCat(
        route_.ip.id.text(), " has the plan ", plan.id.text(), ", which is ",
        PlanStateName(plan.state),
        " and counts every message that leaves, as a probe's would not be. Probe without the "
        "message, or send it from an IP whose growth no plan bounds")));
  }
  edges_.engine->Compose(
      TheCampaign(), DeliveryId(absl::ToUnixMicros(edges_.engine->clock().Now().wall)),
      target_.rcpt_to,
      [self = shared_from_this()](absl::StatusOr<ports::ComposedMessage> composed) {
        self->OnMessage(std::move(composed));
      });
}

// What the composer makes a message of, with the keys of its From domain.
Campaign ProbeStream::TheCampaign() const {
  Campaign campaign;
  campaign.id = CampaignId("probe");
  const std::string& from = route_.probe.mail_from;
  campaign.from_address = from.empty() ? absl::StrCat("postmaster@", route_.ip.ehlo_name) : from;
  campaign.subject = kSubject;
  campaign.text_body = kBody;
  // Composers remember campaigns by key and revision; this one is like no other.
  campaign.revision = absl::ToUnixMicros(edges_.clock->Now().wall);
  return campaign;
}

void ProbeStream::OnMessage(absl::StatusOr<ports::ComposedMessage> composed) {
  if (!composed.ok()) {
    return End(absl::Status(composed.status().code(), absl::StrCat("mail_from is the message's ",
                                                                   composed.status().message())));
  }
  route_.probe.message = std::move(composed->message);
  edges_.engine->Record(
      EventType::kProbed, route_.ip.id,
      absl::StrCat("a probe sends a message from ", route_.ip.address, " to ", target_.rcpt_to,
                   " at ", route_.probe.host.name, " [", route_.probe.host.address, "]"),
      asked_, [self = shared_from_this()](absl::StatusOr<EventType> recorded) {
        if (!recorded.ok()) return self->End(recorded.status());
        self->Walk();
      });
}

void ProbeStream::Walk() {
  base::MutexLock lock(&mu_);
  if (ended_) return;
  report_.emplace(edges_.engine, route_);
  ports::Probe probe = route_.probe;
  probe.limit = std::max(target_.limit - elapsed(), absl::ZeroDuration());
  probe_ = edges_.prober->StartProbe(
      std::move(probe),
      [self = shared_from_this()](const ports::ProbeStep& step) { self->OnStep(step); });
}

void ProbeStream::OnStep(const ports::ProbeStep& step) {
  base::MutexLock lock(&mu_);
  if (ended_) return;
  if (step.kind != ports::ProbeStep::Kind::kEnded) return Write(report_->Explain(step));
  probe_ = 0;
  Write(report_->Result(step, elapsed()));
  EndLocked(absl::OkStatus());
}

void ProbeStream::Write(v1::ProbeStep step) {
  waiting_.push_back(std::move(step));
  WriteNext();
}

void ProbeStream::WriteNext() {
  if (writing_ || finished_) return;
  if (!waiting_.empty() && (!ended_ || status_.ok())) {
    step_ = std::move(waiting_.front());
    waiting_.pop_front();
    writing_ = true;
    return StartWrite(&step_);
  }
  if (!ended_) return;
  finished_ = true;
  Finish(ToGrpc(status_));
}

void ProbeStream::OnWriteDone(bool ok) {
  base::MutexLock lock(&mu_);
  writing_ = false;
  if (!ok) {
    status_ = absl::CancelledError("the caller has gone");
    if (!ended_) EndLocked(status_);
  }
  WriteNext();
}

void ProbeStream::End(const absl::Status& status) {
  base::MutexLock lock(&mu_);
  EndLocked(status);
}

void ProbeStream::EndLocked(const absl::Status& status) {
  if (ended_) return;
  ended_ = true;
  status_ = status;
  if (probe_ != 0) edges_.prober->CancelProbe(std::exchange(probe_, 0));
  WriteNext();
}

void ProbeStream::OnCancel() { End(absl::CancelledError("the caller has gone")); }

void ProbeStream::OnDone() {
  edges_.streams->Remove(shared_from_this());
  const std::shared_ptr<ProbeStream> last = std::move(self_);
}

}  // namespace crescendo::service
