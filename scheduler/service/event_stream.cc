#include "scheduler/service/event_stream.h"

#include <utility>

#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

constexpr int kPage = 256;

}  // namespace

EventStream* EventStream::Start(engine::Engine* engine, Streams* streams,
                                const v1::StreamEventsRequest& request) {
  std::shared_ptr<EventStream> stream(new EventStream(engine, streams));
  stream->self_ = stream;
  const absl::Status status = stream->Begin(request);
  if (!status.ok()) {
    stream->End(status);
    return stream.get();
  }
  // Before the first read, so that nothing falls between the two.
  stream->subscription_ = engine->Subscribe([stream] { stream->Wake(); });
  stream->Wake();
  return stream.get();
}

absl::Status EventStream::CheckCursor(ports::Store& store, EventId last) const {
  if (last < *cursor_) {
    return Fault("after_event",
                 absl::StrCat("is ", NameOf(*cursor_), ", which has not happened; the newest is ",
                              NameOf(last)));
  }
  ASSIGN_OR_RETURN(const EventId first, store.FirstEvent());
  const EventId before_first(first.value() - 1);
  if (*cursor_ == EventId(0) || !(*cursor_ < before_first)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("after_event is ", NameOf(*cursor_), "; the events up to ", NameOf(before_first),
                   " are older than the retention and gone: go on behind ", NameOf(before_first)));
}

absl::Status EventStream::Begin(const v1::StreamEventsRequest& request) {
  if (!request.after_event().empty()) {
    ASSIGN_OR_RETURN(const EventId after, ParseEvent("after_event", request.after_event()));
    base::MutexLock lock(&mu_);
    cursor_ = after;
  }
  ASSIGN_OR_RETURN(filter_, EventFilterFrom(request.filter()));
  return streams_->Add(shared_from_this());
}

void EventStream::Wake() {
  base::MutexLock lock(&mu_);
  more_ = true;
  Advance();
}

void EventStream::Advance() {
  if (ended_ || writing_) return;
  if (next_ < page_.size()) {
    event_ = ToProto(page_[next_++]);
    writing_ = true;
    return StartWrite(&event_);
  }
  if (reading_ || !more_) return;
  more_ = false;
  reading_ = engine_->Read([self = shared_from_this()](ports::Store& store) { self->Read(store); });
  if (!reading_) EndLocked(absl::UnavailableError("too many wait for the store; resume later"));
}

void EventStream::Read(ports::Store& store) {
  base::MutexLock lock(&mu_);
  reading_ = false;
  if (ended_) return;
  const absl::StatusOr<EventId> last = store.LastEvent();
  if (!last.ok()) return EndLocked(last.status());
  if (!cursor_.has_value()) cursor_ = *last;
  if (!std::exchange(checked_, true)) {
    const absl::Status fault = CheckCursor(store, *last);
    if (!fault.ok()) return EndLocked(fault);
  }
  auto page = store.ListEvents(filter_, *cursor_, kPage);
  if (!page.ok()) return EndLocked(page.status());
  page_ = *std::move(page);
  next_ = 0;
  if (page_.size() == kPage) {
    cursor_ = page_.back().id;
    more_ = true;
  } else {
    // What the filter left out need not be looked at again.
    cursor_ = *last;
  }
  Advance();
}

void EventStream::OnWriteDone(bool ok) {
  base::MutexLock lock(&mu_);
  writing_ = false;
  if (!ok) EndLocked(absl::CancelledError("the caller has gone"));
  if (!ended_) return Advance();
  if (!std::exchange(finished_, true)) Finish(ToGrpc(status_));
}

void EventStream::End(const absl::Status& status) {
  base::MutexLock lock(&mu_);
  EndLocked(status);
}

void EventStream::EndLocked(const absl::Status& status) {
  if (ended_) return;
  ended_ = true;
  status_ = status;
  // A write that is under way ends first.
  if (!writing_ && !std::exchange(finished_, true)) Finish(ToGrpc(status_));
}

void EventStream::OnCancel() { End(absl::CancelledError("the caller has gone")); }

void EventStream::OnDone() {
  // Not under the mutex: it waits for a listener that may be running, which wants the mutex.
  if (subscription_ != 0) engine_->Unsubscribe(subscription_);
  streams_->Remove(shared_from_this());
  const std::shared_ptr<EventStream> last = std::move(self_);
}

}  // namespace crescendo::service
