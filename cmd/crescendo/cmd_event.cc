// crescendo event: what happened, in order.
#include <memory>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/event_filter.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/retry.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/event.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::EventService::Stub;

// What an event is about, in short.
std::string About(const v1::Event& event) {
  std::string about;
  for (const std::string& name :
       {event.campaign(), event.pool(), event.plan(), event.egress_ip(), event.provider()}) {
    if (!name.empty()) absl::StrAppend(&about, about.empty() ? "" : " ", IdOf(name));
  }
  if (!event.address().empty()) absl::StrAppend(&about, about.empty() ? "" : " ", event.address());
  return about;
}

std::string Line(const v1::Event& event) {
  return absl::StrCat(TimeText(FromProto(event.time())), "  ", v1::Event::Type_Name(event.type()),
                      "  ", OneLine(About(event)), event.text().empty() ? "" : ": ",
                      OneLine(event.text()));
}

absl::Status List(const EventOptions& options, Context& context) {
  v1::ListEventsRequest request;
  ASSIGN_OR_RETURN(*request.mutable_filter(), FilterOf(options));
  if (!options.after.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_after_event(), EventName(options.after));
  }
  return PrintList(
      context, &Stub::ListEvents, request,
      [](const auto& response) -> const auto& { return response.events(); },
      Table({{"EVENT", Column::kRight},
             {"TIME", Column::kLeft},
             {"TYPE", Column::kLeft},
             {"ABOUT", Column::kLeft},
             {"TEXT", Column::kProse}}),
      [](const v1::Event& event) -> std::vector<Cell> {
        return {IdOf(event.name()), TimeText(FromProto(event.time())),
                v1::Event::Type_Name(event.type()), About(event), event.text()};
      },
      {options.all || context.options.json ? 0 : options.limit,
       "--all shows all, --after goes on, --type narrows it down"});
}

absl::Status Follow(const EventOptions& options, Context& context) {
  v1::StreamEventsRequest request;
  ASSIGN_OR_RETURN(*request.mutable_filter(), FilterOf(options));
  if (!options.after.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_after_event(), EventName(options.after));
  }
  // A daemon that was not there from the start is not waited for; and without an event there is no
  // place to go on from.
  bool heard = false;
  Retry retry(context);
  while (true) {
    const absl::Status status =
        context.client.Stream(&Stub::StreamEvents, request, [&](const v1::Event& event) {
          heard = true;
          retry.Heard();
          request.set_after_event(event.name());
          const bool reads = Emit(context, event, [&context](const v1::Event& shown) {
            context.streams.out << Line(shown) << "\n";
          });
          context.streams.out.flush();
          return reads && context.streams.out.good();
        });
    if (status.ok() || !heard || !retry.Wait(status)) return status;
    context.streams.err << "cut off: " << OneLine(status.message()) << "; going on behind event "
                        << IdOf(request.after_event()) << "\n";
  }
}

}  // namespace

void AddEventCommands(CommandTree& tree) {
  auto options = std::make_shared<EventOptions>();
  EventOptions* o = options.get();
  tree.Noun("event", "Events: what happened, in order");
  AddEventFilter(tree.Verb("event", "list", "List events, oldest first"), o)
      .Option("--limit", "N", &o->limit, 1, "Rows of the table; default 100")
      .Flag("--all", &o->all, "Every row; -o json always lists all")
      .Example("crescendo event list --type alert --type lane_stopped")
      .Run([options](Context& context) { return List(*options, context); });
  AddEventFilter(tree.Verb("event", "stream", "Print events as they happen"), o)
      .Note("Goes on until Ctrl-C. --after EVENT resumes without a gap.")
      .Example("crescendo event stream --ip mta1-a")
      .Run([options](Context& context) { return Follow(*options, context); });
}

}  // namespace crescendo::cli
