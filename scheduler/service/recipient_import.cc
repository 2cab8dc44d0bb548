#include "scheduler/service/recipient_import.h"

#include <utility>

#include <grpcpp/impl/codegen/proto_utils.h>

#include "scheduler/base/check.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/fingerprint.h"
#include "scheduler/service/names.h"
#include "scheduler/service/unreadable.h"

namespace crescendo::service {
namespace {

constexpr int kMostRecipients = 10'000;
constexpr size_t kLargestChunk = 4 << 20;

absl::Status CheckSize(const v1::ImportRecipientsRequest::Chunk& chunk) {
  if (chunk.number() < 1) {
    return Fault("chunk.number", absl::StrCat("is ", chunk.number(), "; chunks are 1, 2, 3 …"));
  }
  const std::string where = absl::StrCat("chunk ", chunk.number(), ": recipients");
  if (chunk.recipients_size() > kMostRecipients) {
    return Fault(where, absl::StrCat("has ", chunk.recipients_size(), " entries; at most ",
                                     kMostRecipients, ", so send smaller chunks"));
  }
  if (chunk.ByteSizeLong() > kLargestChunk) {
    return Fault(where, absl::StrCat("is ", chunk.ByteSizeLong(),
                                     " bytes large; at most 4 MiB, so send smaller chunks"));
  }
  return absl::OkStatus();
}

void AddRejected(int index, const v1::RecipientInput& recipient, const absl::Status& fault,
                 v1::ImportRecipientsResponse* response) {
  v1::ImportRecipientsResponse::Rejected* rejected = response->add_rejected();
  rejected->set_index(index);
  rejected->set_address(ShownAddress(recipient.address()));
  rejected->set_fault(std::string(fault.message()));
}

}  // namespace

RecipientImport* RecipientImport::Start(engine::Engine* engine, Streams* streams) {
  std::shared_ptr<RecipientImport> import(new RecipientImport(engine, streams));
  import->self_ = import;
  if (const absl::Status status = streams->Add(import); !status.ok()) {
    import->End(status);
  } else {
    import->StartRead(&import->bytes_);
  }
  return import.get();
}

void RecipientImport::OnReadDone(bool ok) {
  if (!ok) {
    // The caller's end of stream, or a cut; then OnCancel ends it.
    return Close(has_header_ ? absl::OkStatus()
                             : Fault("header", "is missing; send it first, then chunks"));
  }
  absl::Status status;
  if (!grpc::SerializationTraits<v1::ImportRecipientsRequest>::Deserialize(&bytes_, &request_)
           .ok()) {
    status = Unreadable();
  } else if (request_.has_header()) {
    status = TakeHeader();
    if (status.ok()) return;  // OpenFor goes on.
  } else if (request_.has_chunk()) {
    status = TakeChunk();
  } else {
    status = Fault("part", "is not set; send a header first, then chunks");
  }
  if (!status.ok()) return Close(status);
  base::MutexLock lock(&mu_);
  ready_ = true;
  Advance();
}

absl::Status RecipientImport::TakeHeader() {
  const v1::ImportRecipientsRequest::Header& header = request_.header();
  if (has_header_) return Fault("header", "is there a second time; send it once, first");
  ASSIGN_OR_RETURN(campaign_, ParseCampaign("header.campaign", header.campaign()));
  if (const std::string fault = LabelFault(header.import_id()); !fault.empty()) {
    return Fault("header.import_id", fault);
  }
  has_header_ = true;
  import_ = ImportId(header.import_id());
  skip_invalid_ = header.skip_invalid();
  validate_only_ = header.validate_only();
  update_scores_ = header.update_scores();
  engine_->GetCampaign(campaign_, [self = shared_from_this()](absl::StatusOr<Campaign> campaign) {
    self->OpenFor(std::move(campaign));
  });
  return absl::OkStatus();
}

void RecipientImport::OpenFor(absl::StatusOr<Campaign> campaign) {
  if (!campaign.ok()) return Close(campaign.status());
  if (campaign->state == CampaignState::kCancelled) {
    return Close(absl::FailedPreconditionError(absl::StrCat(
        NameOf(campaign_), " is CANCELLED, which is final; import into another campaign")));
  }
  base::MutexLock lock(&mu_);
  ready_ = true;
  Advance();
}

absl::Status RecipientImport::TakeChunk() {
  if (!has_header_) return Fault("header", "is missing; send it first, then chunks");
  const v1::ImportRecipientsRequest::Chunk& chunk = request_.chunk();
  RETURN_IF_ERROR(CheckSize(chunk));

  ports::AppendRecipients append;
  v1::ImportRecipientsResponse response;
  response.set_number(chunk.number());
  append.now = engine_->clock().Now().wall;
  append.rows.reserve(static_cast<size_t>(chunk.recipients_size()));
  for (int i = 0; i < chunk.recipients_size(); ++i) {
    auto row = RecipientFrom(chunk.recipients(i), append.now);
    if (row.ok()) {
      append.rows.push_back(*std::move(row));
    } else if (skip_invalid_) {
      AddRejected(i, chunk.recipients(i), row.status(), &response);
    } else {
      return Fault(absl::StrCat("chunk ", chunk.number(), ": recipients[", i, "]:"),
                   row.status().message());
    }
  }
  const auto slot = std::make_shared<Slot>();
  slot->number = chunk.number();
  {
    base::MutexLock lock(&mu_);
    slots_.push_back(slot);
  }
  if (validate_only_) {
    response.set_added(static_cast<int64_t>(append.rows.size()));
    Settle(slot, std::move(response));
    return absl::OkStatus();
  }
  append.campaign = campaign_;
  append.import = import_;
  append.chunk = chunk.number();
  append.fingerprint = Fingerprint(chunk);
  if (update_scores_) append.fingerprint = ~append.fingerprint;  // It means something else.
  append.update_scores = update_scores_;
  const bool taken = engine_->Import(
      std::move(append), [self = shared_from_this(), slot, response = std::move(response)](
                             absl::StatusOr<ports::AppendOutcome> outcome) mutable {
        if (!outcome.ok()) return self->Settle(slot, outcome.status());
        response.set_added(outcome->added);
        response.set_duplicates(outcome->duplicates);
        response.set_suppressed(outcome->suppressed);
        response.set_updated(outcome->updated);
        response.set_replayed(outcome->replayed);
        response.set_durable(true);
        self->Settle(slot, std::move(response));
      });
  base::MutexLock lock(&mu_);
  slot->waits = !taken;
  return absl::OkStatus();
}

void RecipientImport::Settle(const SlotPtr& slot,
                             absl::StatusOr<v1::ImportRecipientsResponse> answer) {
  base::MutexLock lock(&mu_);
  slot->answer = std::move(answer);
  Advance();
}

void RecipientImport::Close(const absl::Status& status) {
  base::MutexLock lock(&mu_);
  if (!std::exchange(open_, false)) return;
  status_ = status;
  Advance();
}

void RecipientImport::Advance() {
  if (finished_) return;
  if (!writing_ && !slots_.empty() && slots_.front()->answer.has_value()) {
    auto& answer = *slots_.front()->answer;
    if (!answer.ok()) {
      return FinishNow(absl::Status(
          answer.status().code(),
          absl::StrCat("chunk ", slots_.front()->number, ": ", answer.status().message())));
    }
    bool own = false;
    response_.Clear();  // Of the last answer: a long one is not written over it.
    const grpc::Status written = grpc::SerializationTraits<v1::ImportRecipientsResponse>::Serialize(
        *answer, &response_, &own);
    CRESCENDO_CHECK(written.ok());
    slots_.pop_front();
    writing_ = true;
    StartWrite(&response_);
  }
  // It can only be the last one.
  const bool waits = !slots_.empty() && slots_.back()->waits && !slots_.back()->answer.has_value();
  if (open_ && ready_ && !waits && slots_.size() + (writing_ ? 1 : 0) < kMostUnanswered) {
    ready_ = false;
    StartRead(&bytes_);
  }
  if (!open_ && slots_.empty() && !writing_) FinishNow(status_);
}

void RecipientImport::OnWriteDone(bool ok) {
  base::MutexLock lock(&mu_);
  writing_ = false;
  if (!ok) return FinishNow(absl::CancelledError("the caller has gone"));
  Advance();
}

void RecipientImport::FinishNow(const absl::Status& status) {
  open_ = false;
  if (!std::exchange(finished_, true)) Finish(ToGrpc(status));
}

void RecipientImport::End(const absl::Status& status) {
  base::MutexLock lock(&mu_);
  open_ = false;
  status_ = status;
  slots_.clear();
  // A write that is under way ends first.
  if (!writing_) FinishNow(status);
}

void RecipientImport::OnCancel() { End(absl::CancelledError("the caller has gone")); }

void RecipientImport::OnDone() {
  streams_->Remove(shared_from_this());
  const std::shared_ptr<RecipientImport> last = std::move(self_);
}

}  // namespace crescendo::service
