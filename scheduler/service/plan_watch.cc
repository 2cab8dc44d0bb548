#include "scheduler/service/plan_watch.h"

#include <utility>

#include <grpc/support/time.h>

#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

constexpr absl::Duration kDefaultInterval = absl::Seconds(1);
constexpr absl::Duration kShortestInterval = absl::Milliseconds(100);
constexpr absl::Duration kLongestInterval = absl::Hours(1);

absl::StatusOr<absl::Duration> IntervalFrom(const v1::WatchPlanProgressRequest& request) {
  if (!request.has_min_interval()) return kDefaultInterval;
  ASSIGN_OR_RETURN(const absl::Duration interval,
                   DurationFrom("min_interval", request.min_interval()));
  if (interval < kShortestInterval || interval > kLongestInterval) {
    return Fault("min_interval",
                 absl::StrCat("is ", absl::FormatDuration(interval), "; it must be 100ms to 1h"));
  }
  return interval;
}

}  // namespace

PlanWatch* PlanWatch::Start(engine::Engine* engine, Streams* streams,
                            const v1::WatchPlanProgressRequest& request) {
  std::shared_ptr<PlanWatch> watch(new PlanWatch(engine, streams));
  watch->self_ = watch;
  const absl::Status status = watch->Begin(request);
  if (status.ok()) {
    watch->Look();
  } else {
    watch->End(status);
  }
  return watch.get();
}

absl::Status PlanWatch::Begin(const v1::WatchPlanProgressRequest& request) {
  ASSIGN_OR_RETURN(plan_, ParsePlan("name", request.name()));
  ASSIGN_OR_RETURN(interval_, IntervalFrom(request));
  return streams_->Add(shared_from_this());
}

void PlanWatch::Look() {
  engine_->GetPlanStatus(plan_,
                         [self = shared_from_this()](absl::StatusOr<core::PlanStatus> status) {
                           self->Seen(std::move(status));
                         });
}

void PlanWatch::Seen(absl::StatusOr<core::PlanStatus> status) {
  if (!status.ok()) return End(status.status());
  v1::PlanProgress progress = ToProto(*status, absl::InfinitePast());
  std::string bytes = progress.SerializeAsString();
  base::MutexLock lock(&mu_);
  if (ended_) return;
  if (bytes == written_) return LookLater();
  written_ = std::move(bytes);
  progress_ = std::move(progress);
  SetTime(engine_->clock().Now().wall, &progress_, &v1::PlanProgress::mutable_read_time);
  writing_ = true;
  StartWrite(&progress_);
}

void PlanWatch::OnWriteDone(bool ok) {
  base::MutexLock lock(&mu_);
  writing_ = false;
  if (!ok && !ended_) {
    ended_ = true;
    status_ = absl::CancelledError("the caller has gone");
  }
  if (!ended_) return LookLater();
  if (!std::exchange(finished_, true)) Finish(ToGrpc(status_));
}

void PlanWatch::LookLater() {
  // A timespan counts from now: no clock is read here.
  const gpr_timespec wait =
      gpr_time_from_millis(absl::ToInt64Milliseconds(interval_), GPR_TIMESPAN);
  // Weak, for the alarm keeps its callback and is kept by this.
  alarm_.Set(wait, [weak = weak_from_this()](bool due) {
    if (!due) return;
    if (const auto self = weak.lock()) self->Look();
  });
}

void PlanWatch::End(const absl::Status& status) {
  base::MutexLock lock(&mu_);
  if (ended_) return;
  ended_ = true;
  status_ = status;
  // A write that is under way ends first.
  if (!writing_ && !std::exchange(finished_, true)) Finish(ToGrpc(status_));
}

void PlanWatch::OnCancel() { End(absl::CancelledError("the caller has gone")); }

void PlanWatch::OnDone() {
  streams_->Remove(shared_from_this());
  const std::shared_ptr<PlanWatch> last = std::move(self_);
}

}  // namespace crescendo::service
