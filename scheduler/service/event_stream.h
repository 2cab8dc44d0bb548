// event_stream.h: one StreamEvents stream.
//
// Pages through the store from its cursor, and again whenever a commit has appended events. At most
// one page is in memory, and the next is read when the last is written: a slow reader costs nothing
// and misses nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <grpcpp/support/server_callback.h>

#include "crescendo/v1/event.pb.h"
#include "scheduler/base/mutex.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/streams.h"

namespace crescendo::service {

class EventStream final : public grpc::ServerWriteReactor<v1::Event>,
                          public Stream,
                          public std::enable_shared_from_this<EventStream> {
 public:
  // Owns itself until its call is over. `engine` and `streams` outlive it.
  static EventStream* Start(engine::Engine* engine, Streams* streams,
                            const v1::StreamEventsRequest& request);

  void End(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override;
  void OnDone() override;

 private:
  EventStream(engine::Engine* engine, Streams* streams) : engine_(engine), streams_(streams) {}

  absl::Status Begin(const v1::StreamEventsRequest& request) ABSL_LOCKS_EXCLUDED(mu_);
  // Can the stream go on behind the caller's cursor without a gap?
  absl::Status CheckCursor(ports::Store& store, EventId last) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);
  // Writes the page's next event, or reads the next page, or waits.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Read(ports::Store& store) ABSL_LOCKS_EXCLUDED(mu_);
  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  engine::Engine* const engine_;
  Streams* const streams_;
  std::shared_ptr<EventStream> self_;  // Until OnDone.
  int64_t subscription_ = 0;
  ports::EventFilter filter_;

  base::Mutex mu_;
  std::optional<EventId> cursor_ ABSL_GUARDED_BY(mu_);  // None: behind what is there at the start.
  bool checked_ ABSL_GUARDED_BY(mu_) = false;           // The caller's cursor.
  std::vector<Event> page_ ABSL_GUARDED_BY(mu_);
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;   // Of the page: the next to write.
  v1::Event event_ ABSL_GUARDED_BY(mu_);   // While it is written, not touched.
  bool more_ ABSL_GUARDED_BY(mu_) = true;  // There may be events behind the page.
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);  // To finish with.
};

}  // namespace crescendo::service
