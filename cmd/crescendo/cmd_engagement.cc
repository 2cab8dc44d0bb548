// crescendo engagement: clicks and opens, and the scores that follow from them.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/engagement_import.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/engagement.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

struct EngagementOptions {
  std::string address;
  EngagementImportOptions import;
};

// "3, last 2026-01-01 08:00:00Z"; "" for none.
std::string LastText(int64_t count, bool set, const google::protobuf::Timestamp& last) {
  if (count == 0 && !set) return "";
  return absl::StrCat(CountText(count), set ? ", last " : "", set ? TimeText(FromProto(last)) : "");
}

std::string ScoreText(const v1::Engagement::Score& score) {
  return absl::StrFormat("%.3f = s / (1 + s), s = clicks %.2f + opens %.2f + subscription %.2f",
                         score.value(), score.clicks(), score.opens(), score.subscription());
}

std::string Origin(const v1::Engagement::Waiting& waiting) {
  if (waiting.score_given()) return "given at the import; events do not change it";
  const v1::EngagementSignals& signals = waiting.signals();
  std::vector<std::string> parts;
  const auto add = [&](const char* noun, int64_t count, bool set,
                       const google::protobuf::Timestamp& last) {
    const std::string text = LastText(count, set, last);
    if (!text.empty()) parts.push_back(absl::StrCat(noun, " ", text));
  };
  add("clicks", signals.click_count(), signals.has_last_click_time(), signals.last_click_time());
  add("opens", signals.open_count(), signals.has_last_open_time(), signals.last_open_time());
  if (signals.has_subscribe_time()) {
    parts.push_back(absl::StrCat("subscribed ", TimeText(FromProto(signals.subscribe_time()))));
  }
  return parts.empty() ? "no signals" : absl::StrJoin(parts, "; ");
}

void PrintWaiting(const v1::Engagement& engagement, Context& context) {
  if (engagement.waiting().empty()) {
    context.streams.out << "\nIt does not wait in any campaign.\n";
    return;
  }
  Table table({{"WAITS AS", Column::kLeft},
               {"STATE", Column::kLeft},
               {"RANK BY", Column::kRight},
               {"NOW", Column::kRight},
               {"FROM", Column::kProse}});
  for (const v1::Engagement::Waiting& waiting : engagement.waiting()) {
    table.Add({ShortDeliveryName(waiting.delivery()), v1::Delivery::State_Name(waiting.state()),
               absl::StrFormat("%.3f", waiting.score()),
               waiting.score_given() ? "-" : absl::StrFormat("%.3f", waiting.score_now().value()),
               Origin(waiting)});
  }
  context.streams.out << "\n";
  table.Print(context.streams);
}

absl::Status Get(const EngagementOptions& options, Context& context) {
  v1::GetEngagementRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), EngagementName(options.address));
  ASSIGN_OR_RETURN(const v1::Engagement engagement,
                   context.client.Call(&v1::EngagementService::Stub::GetEngagement, request));
  Emit(context, engagement, [&context](const v1::Engagement& shown) {
    const v1::EngagementSignals& signals = shown.signals();
    const auto or_none = [](const std::string& text) { return text.empty() ? "0" : text; };
    Card card;
    card.Add("ADDRESS", AddressOf(shown.name()));
    card.Add("CLICKS", or_none(LastText(signals.click_count(), signals.has_last_click_time(),
                                        signals.last_click_time())));
    card.Add("OPENS", or_none(LastText(signals.open_count(), signals.has_last_open_time(),
                                       signals.last_open_time())));
    if (shown.machine_open_count() > 0) {
      card.Add("BY MACHINES",
               absl::StrCat(LastText(shown.machine_open_count(), shown.has_last_machine_open_time(),
                                     shown.last_machine_open_time()),
                            "; these count for nothing"));
    }
    card.Add("SCORE NOW", ScoreText(shown.score()));
    card.Print(context.streams);
    PrintWaiting(shown, context);
  });
  return absl::OkStatus();
}

}  // namespace

void AddEngagementCommands(CommandTree& tree) {
  auto options = std::make_shared<EngagementOptions>();
  EngagementOptions* o = options.get();
  tree.Noun("engagement", "Engagement: clicks and opens that re-rank what still waits");
  tree.Verb("engagement", "import", "Record clicks and opens from a CSV or JSON Lines file")
      .Argument("FILE", &o->import.file, "CSV with a header row, or JSON Lines")
      .Choice("--format", "FORMAT", {"csv", "jsonl"}, &o->import.format,
              "Default: by the file's name")
      .Option("--batch-size", "N", &o->import.batch_size, 1,
              "Events a call; default 1000, at most 10000")
      .Flag("--dry-run", &o->import.dry_run, "Check only; store nothing")
      .Note(
          "Columns: email or address, kind (click, open, machine_open), time, and event_id if "
          "there is one. Lines that cannot be taken are listed; the others are recorded.")
      .Note(
          "An event that was recorded before counts for nothing: by its event_id, else by address, "
          "kind and time. So the same file may be imported again.")
      .Example("crescendo engagement import clicks.csv")
      .Example("crescendo engagement import clicks.csv --dry-run -o json")
      .Run([options](Context& context) { return ImportEngagement(options->import, context); });
  tree.Verb("engagement", "get", "Show an address's engagement, its score, and where it waits")
      .Argument("ADDRESS", &o->address, "ann@example.com")
      .Note(
          "RANK BY is as of the campaign's creation, NOW as of now: all decay alike, so the order "
          "is the same.")
      .Example("crescendo engagement get ann@example.com")
      .Run([options](Context& context) { return Get(*options, context); });
}

}  // namespace crescendo::cli
