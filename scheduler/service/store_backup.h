// store_backup.h: one BackupStore stream.
//
// At most one answer is in memory; a slow reader sees fewer.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <grpcpp/support/server_callback.h>

#include "crescendo/v1/store.pb.h"
#include "scheduler/base/mutex.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/streams.h"

namespace crescendo::service {

class StoreBackup final : public grpc::ServerWriteReactor<v1::BackupStoreResponse>,
                          public Stream,
                          public std::enable_shared_from_this<StoreBackup> {
 public:
  // Owns itself until its call is over. `engine` and `streams` outlive it.
  static StoreBackup* Start(engine::Engine* engine, Streams* streams,
                            const v1::BackupStoreRequest& request);

  void End(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override;
  void OnDone() override;

 private:
  explicit StoreBackup(Streams* streams) : streams_(streams) {}

  absl::Status Begin(const v1::BackupStoreRequest& request);
  // False: nobody listens any more.
  bool Progressed(const ports::BackupProgress& progress) ABSL_LOCKS_EXCLUDED(mu_);
  void Done(const absl::StatusOr<ports::BackupProgress>& result) ABSL_LOCKS_EXCLUDED(mu_);
  void Write(const ports::BackupProgress& progress, bool complete)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Streams* const streams_;
  std::shared_ptr<StoreBackup> self_;  // Until OnDone.
  std::string path_;

  base::Mutex mu_;
  v1::BackupStoreResponse response_ ABSL_GUARDED_BY(mu_);  // While it is written, not touched.
  std::optional<ports::BackupProgress> last_ ABSL_GUARDED_BY(mu_);  // Complete, to be written.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);  // To finish with.
};

}  // namespace crescendo::service
