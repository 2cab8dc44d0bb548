// plan_watch.h: one WatchPlanProgress stream.
//
// Looks at the plan, at most every min_interval of real time, and writes what has changed. At most
// one answer is in memory; a slow reader sees fewer.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include "absl/time/time.h"
#include "crescendo/v1/plan.pb.h"
#include "scheduler/base/mutex.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/streams.h"

namespace crescendo::service {

class PlanWatch final : public grpc::ServerWriteReactor<v1::PlanProgress>,
                        public Stream,
                        public std::enable_shared_from_this<PlanWatch> {
 public:
  // Owns itself until its call is over. `engine` and `streams` outlive it.
  static PlanWatch* Start(engine::Engine* engine, Streams* streams,
                          const v1::WatchPlanProgressRequest& request);

  void End(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override;
  void OnDone() override;

 private:
  PlanWatch(engine::Engine* engine, Streams* streams) : engine_(engine), streams_(streams) {}

  absl::Status Begin(const v1::WatchPlanProgressRequest& request);
  void Look();
  void Seen(absl::StatusOr<core::PlanStatus> status) ABSL_LOCKS_EXCLUDED(mu_);
  void LookLater() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  engine::Engine* const engine_;
  Streams* const streams_;
  std::shared_ptr<PlanWatch> self_;  // Until OnDone.
  PlanId plan_;
  absl::Duration interval_;

  base::Mutex mu_;
  v1::PlanProgress progress_ ABSL_GUARDED_BY(mu_);  // While it is written, not touched.
  std::string written_ ABSL_GUARDED_BY(mu_);        // The last answer but its read_time.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);  // To finish with.
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mu_);
};

}  // namespace crescendo::service
