// crescendo plan forecast, campaign forecast, explain: when it will be, and why not now.
#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/forecast_commands.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/forecast.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

// As long as the daemon gives a forecast, which it makes beside the mail (limits.forecast_limit).
constexpr absl::Duration kTakes = absl::Seconds(30);

using Stub = v1::ForecastService::Stub;

struct ForecastOptions {
  std::string name;
  int64_t days = 0;
  std::vector<std::string> assumed;
};

// "5%" or "0.05".
bool ParsePart(absl::string_view text, double* part) {
  const bool percent = absl::ConsumeSuffix(&text, "%");
  if (!absl::SimpleAtod(text, part)) return false;
  if (percent) *part /= 100;
  return true;
}

// "deferred=5%,refused=1%", "gmail:deferred=20%".
absl::Status FillAssumed(const std::vector<std::string>& texts, v1::ReceiverModel* model) {
  for (const std::string& text : texts) {
    v1::ReceiverModel::Shares* shares = model->add_shares();
    absl::string_view rest = text;
    if (const size_t colon = rest.find(':'); colon != absl::string_view::npos) {
      ASSIGN_OR_RETURN(*shares->mutable_provider(), ProviderName(rest.substr(0, colon)));
      rest.remove_prefix(colon + 1);
    }
    for (const absl::string_view part : absl::StrSplit(rest, ',')) {
      const std::pair<absl::string_view, absl::string_view> pair = absl::StrSplit(part, '=');
      double share = 0;
      const bool known = pair.first == "deferred" || pair.first == "refused";
      if (!known || !ParsePart(pair.second, &share)) {
        return UsageError(absl::StrCat("--assume: \"", OneLine(text),
                                       "\" is not [PROVIDER:]deferred=5%,refused=1%"));
      }
      if (pair.first == "deferred") shares->set_deferred(share);
      if (pair.first == "refused") shares->set_refused(share);
    }
  }
  return absl::OkStatus();
}

// "egressIps/mta1-a/lanes/gmail" -> "mta1-a/gmail", "egressIps/mta1-a" -> "mta1-a".
std::string Place(const std::string& name) {
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  if (parts.size() == 4) return absl::StrCat(parts[1], "/", parts[3]);
  return parts.size() == 2 ? parts[1] : name;
}

std::string AtText(bool known, const google::protobuf::Timestamp& time) {
  return known ? TimeText(FromProto(time)) : "never";
}

std::string EstimateText(const v1::Estimate& at) {
  if (!at.has_expected_time() && !at.has_earliest_time()) return "not in sight";
  return absl::StrCat(AtText(at.has_expected_time(), at.expected_time()), ", between ",
                      AtText(at.has_earliest_time(), at.earliest_time()), " and ",
                      AtText(at.has_latest_time(), at.latest_time()));
}

std::string ReasonText(v1::Wait::Reason reason) {
  std::string text = v1::Wait::Reason_Name(reason);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string LimitsText(const v1::Forecast& forecast) {
  return absl::StrJoin(forecast.limits(), ", ", [](std::string* out, const auto& limit) {
    absl::StrAppend(out, ReasonText(limit.reason()), " of ", Place(limit.where()), " (",
                    PercentText(static_cast<int64_t>(1000 * limit.share()), 1000), ")");
  });
}

// What a day's mail is by provider, or by egress IP; the largest first.
std::string SplitText(const v1::Forecast::Day& day, bool by_provider) {
  std::map<std::string, int64_t> sums;
  for (const v1::Forecast::LaneVolume& lane : day.lanes()) {
    const std::vector<std::string> parts = absl::StrSplit(Place(lane.lane()), '/');
    sums[by_provider ? parts.back() : parts.front()] += lane.accepted();
  }
  std::vector<std::pair<int64_t, std::string>> sorted;
  for (const auto& [key, sum] : sums) sorted.emplace_back(-sum, key);
  std::sort(sorted.begin(), sorted.end());
  return absl::StrJoin(sorted, ", ", [](std::string* out, const auto& part) {
    absl::StrAppend(out, part.second, " ", CountText(-part.first));
  });
}

void PrintHead(Context& context, const v1::Forecast& forecast, const char* label) {
  Card card;
  card.Add(label, IdOf(forecast.name()));
  card.Add("AS OF", TimeText(FromProto(forecast.read_time())));
  card.Add("RECIPIENTS", absl::StrCat(CountText(forecast.recipients()), " wait"));
  card.Add("FINISH", EstimateText(forecast.finish()));
  if (forecast.left() > 0 && !forecast.finish().has_expected_time()) {
    card.Add("LEFT", absl::StrCat(CountText(forecast.left()), " on ",
                                  TimeText(FromProto(forecast.horizon_time()))));
  }
  card.Add("LIMITED BY", LimitsText(forecast));
  card.Add("TAKES IT THAT", absl::StrJoin(forecast.assumptions(), "; "));
  if (forecast.weight() > 1) {
    card.Add("IN STEPS OF", absl::StrCat(CountText(forecast.weight()), " recipients"));
  }
  card.Print(context.streams);
}

// One row a day; days that are alike share one. `cells`: all but the day.
template <class Cells>
void AddDays(const v1::Forecast& forecast, Cells cells, Table* table) {
  std::vector<std::string> row;
  std::string first, last;
  const auto add = [&] {
    if (row.empty()) return;
    std::vector<Cell> shown = {first == last ? first : absl::StrCat(first, " to ", last)};
    shown.insert(shown.end(), row.begin(), row.end());
    table->Add(std::move(shown));
  };
  for (const v1::Forecast::Day& day : forecast.days()) {
    std::vector<std::string> next = cells(day);
    if (next != row) {
      add();
      row = std::move(next);
      first = day.day();
    }
    last = day.day();
  }
  add();
}

void PrintPlan(Context& context, const v1::Forecast& forecast) {
  PrintHead(context, forecast, "PLAN");
  Table table({{"DAY", Column::kLeft},
               {"STAGE", Column::kRight},
               {"CAP", Column::kRight},
               {"ACCEPTED", Column::kRight},
               {"DECISION", Column::kLeft},
               {"BY PROVIDER", Column::kProse}});
  const auto cells = [](const v1::Forecast::Day& day) -> std::vector<std::string> {
    return {absl::StrCat(day.stage_index() + 1), CountText(day.cap()), CountText(day.accepted()),
            v1::PlanDay::Decision_Name(day.decision()), SplitText(day, /*by_provider=*/true)};
  };
  AddDays(forecast, cells, &table);
  if (!table.empty()) table.Print(context.streams);
}

void PrintCampaign(Context& context, const v1::Forecast& forecast) {
  PrintHead(context, forecast, "CAMPAIGN");
  Table table({{"DAY", Column::kLeft},
               {"ACCEPTED", Column::kRight},
               {"DONE", Column::kRight},
               {"BY IP", Column::kProse}});
  const auto cells = [](const v1::Forecast::Day& day) -> std::vector<std::string> {
    return {CountText(day.accepted()), PercentText(static_cast<int64_t>(1000 * day.done()), 1000),
            SplitText(day, /*by_provider=*/false)};
  };
  AddDays(forecast, cells, &table);
  if (!table.empty()) table.Print(context.streams);
}

absl::Status ForecastPlan(const ForecastOptions& options, Context& context) {
  v1::ForecastPlanRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), PlanName(options.name));
  request.set_horizon_days(static_cast<int32_t>(std::min<int64_t>(options.days, INT32_MAX)));
  RETURN_IF_ERROR(FillAssumed(options.assumed, request.mutable_receiver_model()));
  ASSIGN_OR_RETURN(const v1::Forecast forecast,
                   context.client.Call(&Stub::ForecastPlan, request, kTakes));
  Emit(context, forecast, [&context](const v1::Forecast& shown) { PrintPlan(context, shown); });
  return absl::OkStatus();
}

absl::Status ForecastCampaign(const ForecastOptions& options, Context& context) {
  v1::ForecastCampaignRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CampaignName(options.name));
  request.set_horizon_days(static_cast<int32_t>(std::min<int64_t>(options.days, INT32_MAX)));
  RETURN_IF_ERROR(FillAssumed(options.assumed, request.mutable_receiver_model()));
  ASSIGN_OR_RETURN(const v1::Forecast forecast,
                   context.client.Call(&Stub::ForecastCampaign, request, kTakes));
  Emit(context, forecast, [&context](const v1::Forecast& shown) { PrintCampaign(context, shown); });
  return absl::OkStatus();
}

// "mta1-a", "mta1-a/gmail", "campaigns/spring", "spring/17", an address, or a full name.
absl::Status Fill(const std::string& what, v1::ExplainWaitRequest* request) {
  if (absl::StrContains(what, '@')) {
    request->set_address(what);
    return absl::OkStatus();
  }
  const std::vector<std::string> parts = absl::StrSplit(what, '/');
  int64_t number = 0;
  if (absl::StartsWith(what, "campaigns/")) {
    if (parts.size() == 2) {
      ASSIGN_OR_RETURN(*request->mutable_name(), CampaignName(what));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(*request->mutable_name(), DeliveryName(what, ""));
  } else if (parts.size() == 2 && absl::SimpleAtoi(parts[1], &number)) {
    ASSIGN_OR_RETURN(*request->mutable_name(), DeliveryName(what, ""));
  } else if (parts.size() == 1 || (parts.size() == 2 && parts[0] == "egressIps")) {
    ASSIGN_OR_RETURN(*request->mutable_name(), EgressIpName(what));
  } else {
    ASSIGN_OR_RETURN(*request->mutable_name(), LaneName(what, ""));
  }
  return absl::OkStatus();
}

std::string EndText(const v1::Wait& wait) {
  if (wait.has_until_time()) return TimeText(FromProto(wait.until_time()));
  switch (wait.reason()) {
    case v1::Wait::NO_RECIPIENTS:
      return "with the next import";
    case v1::Wait::CONNECTING:
    case v1::Wait::CONNECTION_LIMIT:
    case v1::Wait::IN_FLIGHT:
      return "with the answer";
    case v1::Wait::STORE_UNAVAILABLE:
      return "when the disk has room";
    case v1::Wait::LOADING:
      return "when all are loaded";
    case v1::Wait::NO_ROUTE:
      return "when the DNS answers";
    case v1::Wait::REASON_UNSPECIFIED:
      return "not in sight";
    default:
      return "when an operator acts";
  }
}

void PrintExplanation(Context& context, const v1::Explanation& shown) {
  const bool campaign = absl::StartsWith(shown.name(), "campaigns/");
  const bool delivery = absl::StrContains(shown.name(), "/deliveries/");
  Card card;
  card.Add(delivery ? "DELIVERY" : campaign ? "CAMPAIGN" : "SENDER", Place(shown.name()));
  if (!shown.fact().empty()) {
    card.Add("STATE", shown.fact());
  } else {
    card.Add(delivery   ? "LEAVES"
             : campaign ? "FINISH"
                        : "NEXT MESSAGE",
             EstimateText(shown.next()));
  }
  if (shown.has_better_ranked()) card.Add("AHEAD", CountText(shown.better_ranked()));
  if (shown.causes().empty() && shown.fact().empty()) card.Add("WHY", "nothing holds it back");
  card.Print(context.streams);
  Table table({{"WHERE", Column::kLeft},
               {"WHY NOT NOW", Column::kLeft},
               {"ENDS", Column::kLeft},
               {"WHAT TO DO", Column::kProse}});
  for (const v1::Cause& cause : shown.causes()) {
    const bool told =
        cause.wait().detail().empty() || cause.wait().reason() == v1::Wait::REASON_UNSPECIFIED;
    table.Add({cause.where().empty() ? "-" : Place(cause.where()),
               absl::StrCat(told && !cause.wait().detail().empty() ? "" : cause.text(),
                            told ? "" : ": ", OneLine(cause.wait().detail())),
               EndText(cause.wait()), cause.remedy().empty() ? "wait" : cause.remedy()});
  }
  if (!table.empty()) table.Print(context.streams);
}

absl::Status Explain(const std::string& what, Context& context) {
  v1::ExplainWaitRequest request;
  RETURN_IF_ERROR(Fill(what, &request));
  ASSIGN_OR_RETURN(const v1::ExplainWaitResponse response,
                   context.client.Call(&Stub::ExplainWait, request, kTakes));
  Emit(context, response, [&context](const v1::ExplainWaitResponse& shown) {
    for (const v1::Explanation& one : shown.explanations()) PrintExplanation(context, one);
  });
  return absl::OkStatus();
}

}  // namespace

void AddForecastCommands(CommandTree& tree) {
  auto options = std::make_shared<ForecastOptions>();
  ForecastOptions* o = options.get();
  tree.Verb("plan", "forecast", "Show day by day how the plan will go, and when it is done")
      .Argument("NAME", &o->name, "warm-a or plans/warm-a")
      .Option("--days", "N", &o->days, 1, "How far to look ahead; default 180")
      .Option("--assume", "SHARES", &o->assumed,
              "What if receivers do this: [PROVIDER:]deferred=5%,refused=1%; may be repeated")
      .Note(
          "FINISH is with receivers as they were of late; between when they accept all, and when "
          "they give twice the trouble.")
      .Example("crescendo plan forecast warm-a")
      .Example("crescendo plan forecast warm-a --assume refused=3% --assume gmail:deferred=20%")
      .Run([options](Context& context) { return ForecastPlan(*options, context); });
  tree.Verb("campaign", "forecast", "Show day by day how it will go, and when it is done")
      .Argument("NAME", &o->name, "spring or campaigns/spring")
      .Option("--days", "N", &o->days, 1, "How far to look ahead; default 180")
      .Option("--assume", "SHARES", &o->assumed,
              "What if receivers do this: [PROVIDER:]deferred=5%,refused=1%; may be repeated")
      .Note(
          "FINISH is with receivers as they were of late; between when they accept all, and when "
          "they give twice the trouble.")
      .Example("crescendo campaign forecast spring")
      .Run([options](Context& context) { return ForecastCampaign(*options, context); });
  tree.Verb("", "explain", "Why does it wait, when does each reason end, and what can be done?")
      .Argument("WHAT", &o->name,
                "mta1-a, mta1-a/gmail, campaigns/spring, spring/17, or a recipient's address")
      .Example("crescendo explain mta1-a/gmail")
      .Example("crescendo explain campaigns/spring")
      .Example("crescendo explain ann@example.com")
      .Run([options](Context& context) { return Explain(options->name, context); });
}

}  // namespace crescendo::cli
