#include "scheduler/service/event_handlers.h"

#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/event_stream.h"
#include "scheduler/service/names.h"
#include "scheduler/service/paging.h"
#include "scheduler/service/unary.h"

namespace crescendo::service {

grpc::ServerUnaryReactor* EventHandlers::ListEvents(grpc::CallbackServerContext* context,
                                                    const v1::ListEventsRequest* request,
                                                    v1::ListEventsResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(ports::EventFilter filter, EventFilterFrom(request->filter()));
    EventId after;
    if (!request->after_event().empty()) {
      ASSIGN_OR_RETURN(after, ParseEvent("after_event", request->after_event()));
    }
    ASSIGN_OR_RETURN(Page page, ReadPage(*request));
    ASSIGN_OR_RETURN(const int64_t paged, NumberAfter(page));
    if (paged != 0) after = EventId(paged);
    ReadStore(engine_, std::move(answer),
              [filter = std::move(filter), after, page = std::move(page),
               response](ports::Store& store) -> absl::Status {
                // One more than asked for tells whether a page follows.
                ASSIGN_OR_RETURN(const std::vector<Event> found,
                                 store.ListEvents(filter, after, page.size + 1));
                for (const Event& event : found) {
                  if (response->events_size() == page.size) break;
                  *response->add_events() = ToProto(event);
                }
                if (found.size() > static_cast<size_t>(page.size)) {
                  const EventId last = found[static_cast<size_t>(page.size) - 1].id;
                  response->set_next_page_token(NextPageToken(page, absl::StrCat(last.value())));
                }
                ASSIGN_OR_RETURN(const EventId newest, store.LastEvent());
                response->set_last_event(NameOf(newest));
                ASSIGN_OR_RETURN(const EventId oldest, store.FirstEvent());
                response->set_first_event(NameOf(oldest));
                return absl::OkStatus();
              });
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::Event>* EventHandlers::StreamEvents(
    grpc::CallbackServerContext*, const v1::StreamEventsRequest* request) {
  return EventStream::Start(engine_, streams_, *request);
}

}  // namespace crescendo::service
