// crescendo lane: what each lane does, and why it does no more.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/lane_view.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/lane.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::LaneService::Stub;

struct LaneOptions {
  std::string lane, provider, ip, reason;
};

std::string ShortName(const v1::Lane& lane) {
  // egressIps/{egress_ip}/lanes/{provider}
  const std::string& name = lane.name();
  const size_t from = name.find('/') + 1;
  return absl::StrCat(name.substr(from, name.find('/', from) - from), "/", IdOf(name));
}

absl::Status Show(Context& context, const v1::Lane& lane) {
  Emit(context, lane, [&context](const v1::Lane& shown) {
    Card card;
    card.Add("LANE", ShortName(shown));
    card.Add("STATE", {v1::Lane::State_Name(shown.state()), StyleOf(shown.state())});
    card.Add("PLAN", IdOf(shown.plan()));
    card.Add("DAY", shown.plan_day());
    card.Add("SENT/CAP", SentOfCap(shown));
    card.Add("ACCEPTED", CountText(shown.today().accepted()));
    card.Add("REFUSED", CountText(shown.today().refused()));
    card.Add("IN DOUBT", CountText(shown.today().in_doubt()));
    card.Add("DEFERRED", absl::StrCat(CountText(shown.today().deferred()), " (",
                                      DeferredShare(shown.today()), ")"));
    card.Add("QUEUED", absl::StrCat(CountText(shown.queued()), ", ", CountText(shown.retrying()),
                                    " of them for a retry"));
    card.Add("CONNECTIONS",
             absl::StrCat(shown.open_connections(), " of ", shown.connection_limit()));
    card.Add("RATE", shown.rate_per_hour() > 0
                         ? absl::StrFormat("%.1f an hour", shown.rate_per_hour())
                         : "not limited");
    card.Add("TLS", TlsText(shown.tls()));
    card.Add("WHY NOT MORE", WhyNotMore(shown.wait(), std::nullopt));
    card.Add("LAST STOP", shown.throttle().stop_reason());
    card.Add("PAUSED", shown.pause_reason());
    card.Print(context.streams);
  });
  return absl::OkStatus();
}

absl::Status List(const LaneOptions& options, Context& context) {
  v1::ListLanesRequest request;
  request.set_parent("egressIps/-");
  if (!options.ip.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_parent(), EgressIpName(options.ip));
  }
  if (!options.provider.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_provider(), ProviderName(options.provider));
  }
  return PrintList(
      context, &Stub::ListLanes, request,
      [](const auto& response) -> const auto& { return response.lanes(); },
      Table({{"LANE", Column::kLeft},
             {"STATE", Column::kLeft},
             {"SENT/CAP", Column::kRight},
             {"QUEUED", Column::kRight},
             {"DEFERRED", Column::kRight},
             {"WHY NOT MORE", Column::kProse}}),
      [](const v1::Lane& lane) -> std::vector<Cell> {
        return {ShortName(lane),
                {v1::Lane::State_Name(lane.state()), StyleOf(lane.state())},
                SentOfCap(lane),
                CountText(lane.queued()),
                DeferredShare(lane.today()),
                WhyNotMore(lane.wait(), std::nullopt)};
      });
}

template <typename Request>
absl::Status Do(const LaneOptions& options, Context& context,
                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Lane*),
                Request request) {
  ASSIGN_OR_RETURN(*request.mutable_name(), LaneName(options.lane, options.provider));
  ASSIGN_OR_RETURN(const v1::Lane lane, context.client.Call(method, request));
  return Show(context, lane);
}

}  // namespace

void AddLaneCommands(CommandTree& tree) {
  auto options = std::make_shared<LaneOptions>();
  LaneOptions* o = options.get();
  tree.Noun("lane", "Lanes: one egress IP to one provider");
  tree.Verb("lane", "list", "List the lanes, and why each does no more")
      .OptionalArgument("IP", &o->ip, "Only those of this egress IP")
      .Option("--provider", "PROVIDER", &o->provider, "Only those to this provider")
      .Note(
          "SENT/CAP is today's; a cap in brackets is the IP's, where the lane has none of its own.")
      .Example("crescendo lane list")
      .Example("crescendo lane list mta1-a")
      .Run([options](Context& context) { return List(*options, context); });
  tree.Verb("lane", "get", "Show one lane")
      .Argument("LANE", &o->lane, "mta1-a/gmail, or the egress IP")
      .OptionalArgument("PROVIDER", &o->provider, "gmail, when LANE is the egress IP")
      .Example("crescendo lane get mta1-a/gmail")
      .Run([options](Context& context) {
        return Do(*options, context, &Stub::GetLane, v1::GetLaneRequest());
      });
  tree.Verb("lane", "pause", "Start nothing more in a lane; what is in flight finishes")
      .Argument("LANE", &o->lane, "mta1-a/gmail, or the egress IP")
      .OptionalArgument("PROVIDER", &o->provider, "gmail, when LANE is the egress IP")
      .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
      .Example("crescendo lane pause mta1-a/gmail --reason 'complaints are up'")
      .Run([options](Context& context) {
        v1::PauseLaneRequest request;
        request.set_reason(options->reason);
        return Do(*options, context, &Stub::PauseLane, request);
      });
  tree.Verb("lane", "resume", "End an operator's pause of a lane")
      .Argument("LANE", &o->lane, "mta1-a/gmail, or the egress IP")
      .OptionalArgument("PROVIDER", &o->provider, "gmail, when LANE is the egress IP")
      .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
      .Example("crescendo lane resume mta1-a/gmail")
      .Run([options](Context& context) {
        v1::ResumeLaneRequest request;
        request.set_reason(options->reason);
        return Do(*options, context, &Stub::ResumeLane, request);
      });
}

}  // namespace crescendo::cli
