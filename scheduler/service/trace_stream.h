// trace_stream.h: one Trace stream.
//
// One batch of lines is in memory here, the rest waits in the tracer, which drops what does not
// fit.
#pragma once

#include <memory>
#include <vector>

#include <grpcpp/support/server_callback.h>

#include "crescendo/v1/diagnostics.pb.h"
#include "scheduler/base/mutex.h"
#include "scheduler/ports/tracer.h"
#include "scheduler/service/streams.h"

namespace crescendo::service {

class TraceStream final : public grpc::ServerWriteReactor<v1::TraceLine>,
                          public Stream,
                          public std::enable_shared_from_this<TraceStream> {
 public:
  // Owns itself until its call is over. Both outlive it; `tracer` may be null: UNIMPLEMENTED.
  static TraceStream* Start(ports::Tracer* tracer, Streams* streams,
                            const v1::TraceRequest& request);

  void End(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override;
  void OnDone() override;

 private:
  TraceStream(ports::Tracer* tracer, Streams* streams) : tracer_(tracer), streams_(streams) {}

  absl::Status Begin(const v1::TraceRequest& request) ABSL_LOCKS_EXCLUDED(mu_);
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  ports::Tracer* const tracer_;
  Streams* const streams_;
  std::shared_ptr<TraceStream> self_;  // Until OnDone.

  base::Mutex mu_;
  int64_t watcher_ ABSL_GUARDED_BY(mu_) = 0;  // 0: not yet.
  std::vector<ports::TraceLine> batch_ ABSL_GUARDED_BY(mu_);
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;     // Of the batch: the next to write.
  v1::TraceLine line_ ABSL_GUARDED_BY(mu_);  // While it is written, not touched.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);  // To finish with.
};

}  // namespace crescendo::service
