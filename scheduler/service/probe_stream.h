// probe_stream.h: one Probe stream.
//
// Asks one after the other: which egress IPs, which hosts, where a message is to be sent whether
// the plan lets it and what it is; then the prober walks the session and each step is written. A
// session has some twenty, so they may wait here for a slow reader.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "crescendo/v1/diagnostics.pb.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/probe_report.h"
#include "scheduler/service/probe_target.h"
#include "scheduler/service/streams.h"

namespace crescendo::service {

class ProbeStream final : public grpc::ServerWriteReactor<v1::ProbeStep>,
                          public Stream,
                          public std::enable_shared_from_this<ProbeStream> {
 public:
  // All outlive it.
  struct Edges {
    engine::Engine* engine;
    ports::MxResolver* resolver;
    ports::Prober* prober;  // May be null: UNIMPLEMENTED.
    const base::Clock* clock;
    Streams* streams;
  };
  // Owns itself until its call is over.
  static ProbeStream* Start(const Edges& edges, const grpc::CallbackServerContext& context,
                            const v1::ProbeRequest& request);

  void End(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override;
  void OnDone() override;

 private:
  explicit ProbeStream(const Edges& edges) : edges_(edges) {}

  absl::Status Begin(const grpc::CallbackServerContext& context, const v1::ProbeRequest& request);
  // The answers, in this order. Each ends the stream if it is an error.
  void OnIps(absl::StatusOr<std::vector<EgressIp>> ips);
  void OnHosts(absl::StatusOr<ports::MxSet> mx) ABSL_LOCKS_EXCLUDED(mu_);
  void OnPlans(absl::StatusOr<std::vector<Plan>> plans);
  void OnMessage(absl::StatusOr<ports::ComposedMessage> composed);
  void Walk() ABSL_LOCKS_EXCLUDED(mu_);
  void OnStep(const ports::ProbeStep& step) ABSL_LOCKS_EXCLUDED(mu_);

  Campaign TheCampaign() const;
  absl::Duration elapsed() const { return edges_.clock->Now().steady - started_; }
  // A step, and then those that wait.
  void Write(v1::ProbeStep step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // After what waits is written; at once, if it is an error.
  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Edges edges_;
  std::shared_ptr<ProbeStream> self_;  // Until OnDone.
  engine::Request asked_;
  // Set by one answer, read by those behind it.
  ProbeTarget target_;
  absl::Duration started_;
  std::vector<EgressIp> ips_;
  ProbeRoute route_;

  base::Mutex mu_;
  std::optional<ProbeReport> report_ ABSL_GUARDED_BY(mu_);
  int64_t probe_ ABSL_GUARDED_BY(mu_) = 0;  // Running; 0: none.
  std::deque<v1::ProbeStep> waiting_ ABSL_GUARDED_BY(mu_);
  v1::ProbeStep step_ ABSL_GUARDED_BY(mu_);  // While it is written, not touched.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);  // To finish with.
};

}  // namespace crescendo::service
