// crescendo delivery: how each recipient of a campaign fares.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/enum_text.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/delivery.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::DeliveryService::Stub;

struct DeliveryOptions {
  std::string campaign, delivery, number, state, address;
  int64_t limit = 100;
  bool all = false;
};

Style StyleOf(v1::Delivery::State state) {
  switch (state) {
    case v1::Delivery::ACCEPTED:
      return Style::kGood;
    case v1::Delivery::DEFERRED:
    case v1::Delivery::IN_DOUBT:
      return Style::kBusy;
    case v1::Delivery::BOUNCED:
    case v1::Delivery::EXPIRED:
      return Style::kBad;
    case v1::Delivery::SUPPRESSED:
    case v1::Delivery::CANCELLED:
      return Style::kFaint;
    default:
      return Style::kPlain;
  }
}

std::string ReplyText(const v1::Delivery& delivery) {
  if (!delivery.has_last_reply()) return "";
  const v1::Reply& reply = delivery.last_reply();
  return absl::StrCat(v1::Reply::Category_Name(reply.category()), ": ", reply.text());
}

std::string LaneText(const v1::Delivery& delivery) {
  if (delivery.egress_ip().empty()) return "-";
  return absl::StrCat(IdOf(delivery.egress_ip()), "/", IdOf(delivery.provider()));
}

absl::Status List(const DeliveryOptions& options, Context& context) {
  v1::ListDeliveriesRequest request;
  if (options.campaign == "-") {
    request.set_parent("campaigns/-");
  } else {
    ASSIGN_OR_RETURN(*request.mutable_parent(), CampaignName(options.campaign));
  }
  request.set_state(static_cast<v1::Delivery::State>(
      EnumNumber(v1::Delivery::State_descriptor(), options.state)));
  request.set_address(options.address);
  const bool everything = options.all || context.options.json;
  int64_t pruned = 0;
  RETURN_IF_ERROR(PrintList(
      context, &Stub::ListDeliveries, request,
      [&pruned](const auto& response) -> const auto& {
        pruned = response.pruned_count();
        return response.deliveries();
      },
      Table({{"DELIVERY", Column::kLeft},
             {"ADDRESS", Column::kElastic},
             {"STATE", Column::kLeft},
             {"SCORE", Column::kRight},
             {"TRIES", Column::kRight},
             {"LANE", Column::kLeft},
             {"NEXT TRY", Column::kLeft},
             {"LAST REPLY", Column::kProse}}),
      [](const v1::Delivery& delivery) -> std::vector<Cell> {
        return {ShortDeliveryName(delivery.name()),
                delivery.address(),
                {v1::Delivery::State_Name(delivery.state()), StyleOf(delivery.state())},
                absl::StrFormat("%.3f", delivery.score()),
                absl::StrCat(delivery.attempts()),
                LaneText(delivery),
                delivery.has_next_attempt_time() ? TimeText(FromProto(delivery.next_attempt_time()))
                                                 : "-",
                ReplyText(delivery)};
      },
      {everything ? 0 : options.limit, "--all shows all, --state and --address narrow it down"}));
  if (pruned > 0) {
    context.streams.err << CountText(pruned)
                        << " more were finished for longer than the daemon's retention; they are "
                           "counted, but not listed any more\n";
  }
  return absl::OkStatus();
}

void AddTime(const char* label, bool set, const google::protobuf::Timestamp& time, Card* card) {
  if (set) card->Add(label, TimeText(FromProto(time)));
}

absl::Status Get(const DeliveryOptions& options, Context& context) {
  v1::GetDeliveryRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), DeliveryName(options.delivery, options.number));
  ASSIGN_OR_RETURN(const v1::Delivery delivery, context.client.Call(&Stub::GetDelivery, request));
  Emit(context, delivery, [&context](const v1::Delivery& shown) {
    Card card;
    card.Add("DELIVERY", ShortDeliveryName(shown.name()));
    card.Add("ADDRESS", shown.address());
    card.Add("STATE", {v1::Delivery::State_Name(shown.state()), StyleOf(shown.state())});
    card.Add("SCORE", absl::StrFormat("%.3f", shown.score()));
    card.Add("ENGAGED", shown.last_engaged_date());
    card.Add("TRIES", absl::StrCat(shown.attempts()));
    if (shown.in_doubt_count() > 0) {
      card.Add("IN DOUBT", absl::StrCat(shown.in_doubt_count(), " times: the recipient may have ",
                                        "got as many copies more"));
    }
    card.Add("LANE", LaneText(shown));
    AddTime("IMPORTED", shown.has_create_time(), shown.create_time(), &card);
    AddTime("FIRST TRY", shown.has_first_attempt_time(), shown.first_attempt_time(), &card);
    AddTime("LAST TRY", shown.has_last_attempt_time(), shown.last_attempt_time(), &card);
    AddTime("NEXT TRY", shown.has_next_attempt_time(), shown.next_attempt_time(), &card);
    card.Add("LAST REPLY", ReplyText(shown));
    card.Print(context.streams);
  });
  return absl::OkStatus();
}

absl::Status Transcript(const DeliveryOptions& options, Context& context) {
  v1::GetTranscriptRequest request;
  ASSIGN_OR_RETURN(const std::string name, DeliveryName(options.delivery, options.number));
  request.set_name(absl::StrCat(name, "/transcript"));
  ASSIGN_OR_RETURN(const v1::Transcript transcript,
                   context.client.Call(&Stub::GetTranscript, request));
  Emit(context, transcript, [&context](const v1::Transcript& shown) {
    const std::string text = Lines(shown.text());
    context.streams.out << text << (text.empty() || text.back() != '\n' ? "\n" : "");
  });
  return absl::OkStatus();
}

}  // namespace

void AddDeliveryCommands(CommandTree& tree) {
  auto options = std::make_shared<DeliveryOptions>();
  DeliveryOptions* o = options.get();
  tree.Noun("delivery", "Deliveries: how each recipient of a campaign fares");
  tree.Verb("delivery", "list", "List the deliveries of a campaign, in the order of import")
      .Argument("CAMPAIGN", &o->campaign, "spring or campaigns/spring; with --address: - for all")
      .Choice("--state", "STATE", EnumChoices(v1::Delivery::State_descriptor()), &o->state,
              "Only those in this state")
      .Option("--address", "ADDRESS", &o->address, "Only those to this address")
      .Option("--limit", "N", &o->limit, 1, "Rows of the table; default 100")
      .Flag("--all", &o->all, "Every row; -o json always lists all")
      .Example("crescendo delivery list spring --state deferred")
      .Example("crescendo delivery list - --address ann@example.com")
      .Example("crescendo delivery list spring -o json")
      .Run([options](Context& context) { return List(*options, context); });
  tree.Verb("delivery", "get", "Show one delivery")
      .Argument("DELIVERY", &o->delivery, "spring/17, or the full name")
      .OptionalArgument("NUMBER", &o->number, "17, when DELIVERY is the campaign")
      .Example("crescendo delivery get spring/17")
      .Run([options](Context& context) { return Get(*options, context); });
  tree.Verb("delivery", "transcript", "Show the last SMTP dialogue of a delivery")
      .Argument("DELIVERY", &o->delivery, "spring/17, or the full name")
      .OptionalArgument("NUMBER", &o->number, "17, when DELIVERY is the campaign")
      .Note(
          "Transcripts are kept in memory, the newest only; refused ones have room of their own. "
          "delivery trace shows the next one as it happens.")
      .Example("crescendo delivery transcript spring/17")
      .Run([options](Context& context) { return Transcript(*options, context); });
}

}  // namespace crescendo::cli
