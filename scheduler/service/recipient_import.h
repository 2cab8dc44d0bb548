// recipient_import.h: one ImportRecipients stream.
//
// Chunks are checked on the thread that brings them and handed to the engine; at most
// kMostUnanswered are unanswered, and until one is answered no further one is read, so that a fast
// caller is slowed down by the disk and not buffered. Answers go out in the order of the chunks.
// After the first error nothing more is read; what came before it is still answered.
//
// Messages come and go as bytes: gRPC would tell one that it cannot parse, and drops, as the
// caller's end of stream, and the import would end with OK.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "crescendo/v1/campaign.pb.h"
#include "scheduler/base/mutex.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/streams.h"

namespace crescendo::service {

class RecipientImport final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                              public Stream,
                              public std::enable_shared_from_this<RecipientImport> {
 public:
  static constexpr size_t kMostUnanswered = 4;

  // Owns itself until its call is over. `engine` and `streams` outlive it.
  static RecipientImport* Start(engine::Engine* engine, Streams* streams);

  void End(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override;
  void OnDone() override;

 private:
  // A chunk that was read and not answered. `answer` is none while the engine has it.
  struct Slot {
    int64_t number = 0;
    bool waits = false;  // For room in the engine; no further chunk is read meanwhile.
    std::optional<absl::StatusOr<v1::ImportRecipientsResponse>> answer;
  };
  using SlotPtr = std::shared_ptr<Slot>;

  RecipientImport(engine::Engine* engine, Streams* streams) : engine_(engine), streams_(streams) {}

  absl::Status TakeHeader();
  absl::Status TakeChunk() ABSL_LOCKS_EXCLUDED(mu_);
  void OpenFor(absl::StatusOr<Campaign> campaign) ABSL_LOCKS_EXCLUDED(mu_);
  void Settle(const SlotPtr& slot, absl::StatusOr<v1::ImportRecipientsResponse> answer)
      ABSL_LOCKS_EXCLUDED(mu_);
  // No further chunk is read; ends with `status` once all before it are answered.
  void Close(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  // Writes what is due, reads when there is room, finishes when all is done.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FinishNow(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  engine::Engine* const engine_;
  Streams* const streams_;
  std::shared_ptr<RecipientImport> self_;  // Until OnDone.

  // The reading side: touched by one read's callback after the other.
  grpc::ByteBuffer bytes_;  // Of the request.
  v1::ImportRecipientsRequest request_;
  bool has_header_ = false;
  CampaignId campaign_;
  ImportId import_;
  bool skip_invalid_ = false;
  bool validate_only_ = false;
  bool update_scores_ = false;

  base::Mutex mu_;
  std::deque<SlotPtr> slots_ ABSL_GUARDED_BY(mu_);
  grpc::ByteBuffer response_ ABSL_GUARDED_BY(mu_);  // While written, not touched.
  bool open_ ABSL_GUARDED_BY(mu_) = true;           // More is read.
  bool ready_ ABSL_GUARDED_BY(mu_) = false;  // No read is under way, nor the header's look-up.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);  // To finish with.
};

}  // namespace crescendo::service
