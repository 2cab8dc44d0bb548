#include "scheduler/service/trace_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/campaign.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

absl::StatusOr<ports::TraceFilter> FilterFrom(const v1::TraceRequest& request) {
  if (request.lane().empty() == request.recipient().empty()) {
    return Fault("lane", request.lane().empty() ? "and recipient are both empty; give one of them"
                                                : "and recipient are both given; give one of them");
  }
  ports::TraceFilter filter;
  if (!request.lane().empty()) {
    ASSIGN_OR_RETURN(filter.lane, ParseLane("lane", request.lane()));
    return filter;
  }
  auto address = NormaliseAddress(request.recipient());
  if (!address.ok()) return Fault("recipient:", address.status().message());
  filter.recipient = *std::move(address);
  return filter;
}

v1::TraceLine ToProto(const ports::TraceLine& line) {
  v1::TraceLine proto;
  if (!line.earlier) SetTime(line.time, &proto, &v1::TraceLine::mutable_time);
  proto.set_connection(line.connection.value());
  proto.set_lane(NameOf(line.lane));
  proto.set_host(line.host);
  if (line.delivery != DeliveryId()) proto.set_delivery(DeliveryName(CampaignId(), line.delivery));
  proto.set_recipient(line.recipient);
  proto.set_text(line.text);
  proto.set_earlier(line.earlier);
  proto.set_missed_count(line.missed);
  return proto;
}

}  // namespace

TraceStream* TraceStream::Start(ports::Tracer* tracer, Streams* streams,
                                const v1::TraceRequest& request) {
  std::shared_ptr<TraceStream> stream(new TraceStream(tracer, streams));
  stream->self_ = stream;
  const absl::Status status = stream->Begin(request);
  if (!status.ok()) stream->End(status);
  return stream.get();
}

absl::Status TraceStream::Begin(const v1::TraceRequest& request) {
  if (tracer_ == nullptr) {
    return absl::UnimplementedError("this daemon has no SMTP client to watch");
  }
  ASSIGN_OR_RETURN(ports::TraceFilter filter, FilterFrom(request));
  // Who counts the streams may take one that is counted for one that listens.
  ASSIGN_OR_RETURN(
      const int64_t watcher,
      tracer_->Watch(std::move(filter), [self = shared_from_this()] { self->Wake(); }));
  if (const absl::Status added = streams_->Add(shared_from_this()); !added.ok()) {
    tracer_->Unwatch(watcher);
    return added;
  }
  base::MutexLock lock(&mu_);
  watcher_ = watcher;
  if (!ended_) {
    // So that a caller knows when it is watching: nothing after this is missed.
    StartSendInitialMetadata();
    Advance();
  }
  return absl::OkStatus();
}

void TraceStream::Wake() {
  base::MutexLock lock(&mu_);
  Advance();
}

void TraceStream::Advance() {
  if (ended_ || writing_ || watcher_ == 0) return;
  if (next_ == batch_.size()) {
    batch_ = tracer_->Take(watcher_);
    next_ = 0;
  }
  if (batch_.empty()) return;
  line_ = ToProto(batch_[next_++]);
  writing_ = true;
  StartWrite(&line_);
}

void TraceStream::OnWriteDone(bool ok) {
  base::MutexLock lock(&mu_);
  writing_ = false;
  if (!ok) EndLocked(absl::CancelledError("the caller has gone"));
  if (!ended_) return Advance();
  if (!std::exchange(finished_, true)) Finish(ToGrpc(status_));
}

void TraceStream::End(const absl::Status& status) {
  base::MutexLock lock(&mu_);
  EndLocked(status);
}

void TraceStream::EndLocked(const absl::Status& status) {
  if (ended_) return;
  ended_ = true;
  status_ = status;
  // A write that is under way ends first.
  if (!writing_ && !std::exchange(finished_, true)) Finish(ToGrpc(status_));
}

void TraceStream::OnCancel() { End(absl::CancelledError("the caller has gone")); }

void TraceStream::OnDone() {
  int64_t watcher = 0;
  {
    base::MutexLock lock(&mu_);
    watcher = watcher_;
  }
  if (watcher != 0) tracer_->Unwatch(watcher);
  streams_->Remove(shared_from_this());
  const std::shared_ptr<TraceStream> last = std::move(self_);
}

}  // namespace crescendo::service
