// crescendo plan: warm-up plans, how far they are, and what each day decided.
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/lane_view.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/plan_flow.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/retry.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/plan.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::PlanService::Stub;

struct PlanOptions {
  std::string name, ip, time_zone, window, hours, start_date, advance, etag, reason, request_id;
  std::vector<std::string> stages, caps, floors, days_off;
  int64_t target = 0;
  std::optional<absl::Duration> interval;
  bool dry_run = false;
};

absl::StatusOr<int32_t> ParseMinute(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  int hours = 0, minutes = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &hours) ||
      !absl::SimpleAtoi(parts[1], &minutes) || hours < 0 || hours > 24 || minutes < 0 ||
      minutes > 59) {
    return UsageError(
        absl::StrCat("--window: \"", OneLine(text), "\" is not a time: want 08:00-20:00"));
  }
  return hours * 60 + minutes;
}

// What the options set, and the mask of it.
absl::Status Fill(const PlanOptions& options, v1::Plan* plan, google::protobuf::FieldMask* mask) {
  for (const std::string& text : options.stages) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
    int days = 0;
    const absl::StatusOr<int64_t> cap = ParseCount(parts.second);
    if (!absl::SimpleAtoi(parts.first, &days) || !cap.ok()) {
      return UsageError(
          absl::StrCat("--stage: \"", OneLine(text), "\" is not DAYS:CAP, such as 2:500"));
    }
    v1::Plan::Stage* stage = plan->add_stages();
    stage->set_days(days);
    stage->set_daily_cap(*cap);
  }
  if (!options.stages.empty()) mask->add_paths("stages");
  for (const std::string& text : options.caps) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
    const absl::StatusOr<int64_t> value = ParseCount(parts.second);
    if (!value.ok()) {
      return UsageError(absl::StrCat("--provider-cap: \"", OneLine(text),
                                     "\" is not PROVIDER=CAP, such as gmail=3000"));
    }
    v1::Plan::ProviderCap* cap = plan->add_provider_caps();
    ASSIGN_OR_RETURN(*cap->mutable_provider(), ProviderName(parts.first));
    cap->set_daily_cap(*value);
  }
  if (!options.caps.empty()) mask->add_paths("provider_caps");
  if (!options.time_zone.empty()) {
    plan->set_time_zone(options.time_zone);
    mask->add_paths("time_zone");
  }
  if (!options.window.empty()) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(options.window, absl::MaxSplits('-', 1));
    ASSIGN_OR_RETURN(const int32_t start, ParseMinute(parts.first));
    ASSIGN_OR_RETURN(const int32_t end, ParseMinute(parts.second));
    if (end <= start) {
      return UsageError(absl::StrCat("--window: \"", OneLine(options.window),
                                     "\" ends before it begins; it lies within one day, at most "
                                     "00:00-24:00"));
    }
    plan->mutable_sending_window()->set_start_minute(start);
    plan->mutable_sending_window()->set_end_minute(end);
    mask->add_paths("sending_window");
  }
  if (!options.start_date.empty()) {
    plan->set_start_date(options.start_date);
    mask->add_paths("start_date");
  }
  if (!options.advance.empty()) {
    plan->set_advance_rule(options.advance == "calendar" ? v1::Plan::CALENDAR
                                                         : v1::Plan::DELIVERED);
    mask->add_paths("advance_rule");
  }
  for (const std::string& text : options.floors) RETURN_IF_ERROR(AddFloor(text, plan));
  if (!options.floors.empty()) mask->add_paths("engagement_floors");
  if (!options.hours.empty()) {
    RETURN_IF_ERROR(SetHours(options.hours, plan));
    mask->add_paths("hourly_weights");
  }
  for (const std::string& text : options.days_off) RETURN_IF_ERROR(AddDayOff(text, plan));
  if (!options.days_off.empty()) mask->add_paths("days_off");
  return absl::OkStatus();
}

std::string Stages(const v1::Plan& plan) {
  return absl::StrJoin(plan.stages(), ", ", [](std::string* out, const v1::Plan::Stage& stage) {
    absl::StrAppend(out, stage.days(), "d x ", CountText(stage.daily_cap()));
  });
}

std::string Window(const v1::Plan& plan) {
  if (!plan.has_sending_window()) return "the whole day";
  const auto& window = plan.sending_window();
  return absl::StrFormat("%02d:%02d-%02d:%02d", window.start_minute() / 60,
                         window.start_minute() % 60, window.end_minute() / 60,
                         window.end_minute() % 60);
}

absl::Status Show(Context& context, const v1::Plan& plan) {
  Emit(context, plan, [&context](const v1::Plan& shown) {
    Card card;
    card.Add("PLAN", IdOf(shown.name()));
    card.Add("IP", IdOf(shown.egress_ip()));
    card.Add("STATE", v1::Plan::State_Name(shown.state()));
    card.Add("WHY", shown.state_reason());
    card.Add("STAGES", Stages(shown));
    card.Add("PROVIDER CAPS", absl::StrJoin(shown.provider_caps(), ", ",
                                            [](std::string* out, const v1::Plan::ProviderCap& cap) {
                                              absl::StrAppend(out, IdOf(cap.provider()), " ",
                                                              CountText(cap.daily_cap()));
                                            }));
    card.Add("WINDOW", absl::StrCat(Window(shown), " ", shown.time_zone()));
    card.Add("HOURS", HoursText(shown));
    card.Add("DAYS OFF", DaysOffText(shown));
    card.Add("ENGAGED IN", FloorsText(shown));
    card.Add("START", shown.start_date());
    card.Add("ADVANCE", v1::Plan::AdvanceRule_Name(shown.advance_rule()));
    card.Add("ETAG", shown.etag());
    card.Print(context.streams);
  });
  return absl::OkStatus();
}

absl::Status Create(const PlanOptions& options, Context& context) {
  v1::CreatePlanRequest request;
  ASSIGN_OR_RETURN(const std::string name, PlanName(options.name));
  request.set_plan_id(IdOf(name));
  ASSIGN_OR_RETURN(*request.mutable_plan()->mutable_egress_ip(), EgressIpName(options.ip));
  google::protobuf::FieldMask mask;
  RETURN_IF_ERROR(Fill(options, request.mutable_plan(), &mask));
  request.set_target(options.target);
  request.set_request_id(options.request_id);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Plan plan, context.client.Call(&Stub::CreatePlan, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  RETURN_IF_ERROR(Show(context, plan));
  if (!options.dry_run) {
    Hint(context, absl::StrCat("next: crescendo plan start ", IdOf(plan.name())));
  }
  return absl::OkStatus();
}

absl::Status Update(const PlanOptions& options, Context& context) {
  v1::UpdatePlanRequest request;
  ASSIGN_OR_RETURN(*request.mutable_plan()->mutable_name(), PlanName(options.name));
  RETURN_IF_ERROR(Fill(options, request.mutable_plan(), request.mutable_update_mask()));
  if (request.update_mask().paths().empty()) {
    return UsageError("plan update: nothing to change; give --stage, --provider-cap, --window …");
  }
  request.mutable_plan()->set_etag(options.etag);
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Plan plan, context.client.Call(&Stub::UpdatePlan, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  return Show(context, plan);
}

template <typename Request>
absl::Status Change(const PlanOptions& options, Context& context,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Plan*)) {
  Request request;
  ASSIGN_OR_RETURN(*request.mutable_name(), PlanName(options.name));
  request.set_etag(options.etag);
  request.set_reason(options.reason);
  ASSIGN_OR_RETURN(const v1::Plan plan, context.client.Call(method, request));
  return Show(context, plan);
}

absl::Status Get(const PlanOptions& options, Context& context) {
  v1::GetPlanRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), PlanName(options.name));
  ASSIGN_OR_RETURN(const v1::Plan plan, context.client.Call(&Stub::GetPlan, request));
  return Show(context, plan);
}

absl::Status List(Context& context) {
  return PrintList(
      context, &Stub::ListPlans, v1::ListPlansRequest(),
      [](const auto& response) -> const auto& { return response.plans(); },
      Table({{"PLAN", Column::kLeft},
             {"IP", Column::kLeft},
             {"STATE", Column::kLeft},
             {"START", Column::kLeft},
             {"STAGES", Column::kProse}}),
      [](const v1::Plan& plan) -> std::vector<Cell> {
        return {IdOf(plan.name()), IdOf(plan.egress_ip()), v1::Plan::State_Name(plan.state()),
                plan.start_date(), Stages(plan)};
      });
}

absl::Status Days(const PlanOptions& options, Context& context) {
  v1::ListPlanDaysRequest request;
  ASSIGN_OR_RETURN(*request.mutable_parent(), PlanName(options.name));
  return PrintList(
      context, &Stub::ListPlanDays, request,
      [](const auto& response) -> const auto& { return response.plan_days(); },
      Table({{"DAY", Column::kLeft},
             {"STAGE", Column::kRight},
             {"STEP", Column::kRight},
             {"CAP", Column::kRight},
             {"ACCEPTED", Column::kRight},
             {"DECISION", Column::kLeft},
             {"REASON", Column::kProse}}),
      [](const v1::PlanDay& day) -> std::vector<Cell> {
        return {day.day(), absl::StrCat(day.stage_index() + 1),
                absl::StrCat(day.day_in_stage() + 1), CountText(day.cap()),
                // Counted when the day is closed; plan progress shows today's.
                day.decision() == v1::PlanDay::OPEN ? "-" : CountText(day.accepted()),
                v1::PlanDay::Decision_Name(day.decision()), day.reason()};
      });
}

std::string AndIfAny(int64_t count, const char* what) {
  return count == 0 ? "" : absl::StrCat(", ", CountText(count), what);
}

void PrintProgress(Context& context, const v1::PlanProgress& progress) {
  const absl::Time now = FromProto(progress.read_time());
  const v1::Plan& plan = progress.plan();
  Card card;
  card.Add("PLAN", absl::StrCat(IdOf(plan.name()), " of ", IdOf(plan.egress_ip()), ", ",
                                v1::Plan::State_Name(plan.state())));
  card.Add("TIME", TimeText(now));
  if (progress.has_today()) {
    const v1::PlanDay& today = progress.today();
    const v1::Ledger& total = progress.today_total();
    card.Add("DAY", absl::StrCat(today.day(), ", stage ", today.stage_index() + 1, " of ",
                                 plan.stages_size(), ", step ", today.day_in_stage() + 1));
    card.Add("TODAY",
             absl::StrCat(CountText(total.accepted()), " accepted, ", CountText(total.refused()),
                          " refused, ", CountText(total.deferred()), " deferred",
                          AndIfAny(total.in_doubt(), " in doubt"),
                          AndIfAny(total.claimed(), " in flight"), "; ",
                          CountText(Remaining(today.cap(), total)), " of ", CountText(today.cap()),
                          " left"));
  }
  // The IP itself may be free while each of its lanes waits for something of its own.
  card.Add("WHY NOT MORE", progress.wait().reason() == v1::Wait::NONE
                               ? "nothing holds the IP back; see its lanes"
                               : WhyNotMore(progress.wait(), now));
  card.Print(context.streams);
  Table table({{"PROVIDER", Column::kLeft},
               {"STATE", Column::kLeft},
               {"SENT/CAP", Column::kRight},
               {"QUEUED", Column::kRight},
               {"DEFERRED", Column::kRight},
               {"WHY NOT MORE", Column::kProse}});
  for (const v1::Lane& lane : progress.lanes()) {
    table.Add(
        {IdOf(lane.name()),
         {v1::Lane::State_Name(lane.state()), StyleOf(lane.state())},
         SentOfCap(lane),
         CountText(lane.queued()),
         DeferredShare(lane.today()),
         lane.wait().reason() == progress.wait().reason() && lane.wait().reason() != v1::Wait::NONE
             ? "waits with the IP"
             : WhyNotMore(lane.wait(), now)});
  }
  if (!table.empty()) table.Print(context.streams);
}

absl::Status Progress(const PlanOptions& options, Context& context) {
  v1::GetPlanProgressRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), PlanName(options.name));
  ASSIGN_OR_RETURN(const v1::PlanProgress progress,
                   context.client.Call(&Stub::GetPlanProgress, request));
  Emit(context, progress,
       [&context](const v1::PlanProgress& shown) { PrintProgress(context, shown); });
  return absl::OkStatus();
}

absl::Status Watch(const PlanOptions& options, Context& context) {
  v1::WatchPlanProgressRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), PlanName(options.name));
  *request.mutable_min_interval() = ToProto(options.interval.value_or(absl::Seconds(1)));
  bool heard = false;
  Retry retry(context);
  const auto show = [&](const v1::PlanProgress& progress) {
    heard = true;
    retry.Heard();
    const bool reads = Emit(context, progress, [&context](const v1::PlanProgress& shown) {
      // Home and clear: the view is drawn in place.
      if (context.streams.out_is_terminal) context.streams.out << "\x1b[H\x1b[2J";
      PrintProgress(context, shown);
      if (!context.streams.out_is_terminal) context.streams.out << "\n";
    });
    context.streams.out.flush();
    return reads && context.streams.out.good();
  };
  while (true) {
    const absl::Status status = context.client.Stream(&Stub::WatchPlanProgress, request, show);
    // A daemon that was not there from the start is not waited for.
    if (status.ok() || !heard || !retry.Wait(status)) return status;
    context.streams.err << "cut off: " << OneLine(status.message()) << "; watching again\n";
  }
}

Command WithShape(Command command, PlanOptions* o) {
  command.Option("--stage", "DAYS:CAP", &o->stages, "A stage, e.g. 2:500; given again in order")
      .Option("--provider-cap", "PROVIDER=CAP", &o->caps,
              "At most so many a day there, e.g. gmail=3000")
      .Option("--time-zone", "ZONE", &o->time_zone,
              "Of the plan days, e.g. Europe/Berlin; default UTC")
      .Option("--window", "FROM-TO", &o->window, "When mail may leave, e.g. 08:00-20:00")
      .Option("--hours", "HOURS", &o->hours,
              "Weights of hours, 9-12:2,12-20:1; no mail in the others; all: every hour alike")
      .Option(
          "--day-off", "DAY", &o->days_off,
          "No mail on this day of the week, and no plan day; can be repeated; none: no such day")
      .Option("--floor", "DAYS", &o->floors,
              "30@14: only who was engaged in the last 30 days, through day 14; can be repeated")
      .Option("--start-date", "DATE", &o->start_date, "No mail before, YYYY-MM-DD; default today")
      .Choice("--advance", "RULE", {"delivered", "calendar"}, &o->advance,
              "delivered: a day counts when 90 % of its cap was accepted")
      .Flag("--dry-run", &o->dry_run, "Check only; store nothing");
  return command;
}

}  // namespace

void AddPlanCommands(CommandTree& tree) {
  auto options = std::make_shared<PlanOptions>();
  PlanOptions* o = options.get();
  tree.Noun("plan", "Plans: how much a warming egress IP may send on each day");
  WithShape(tree.Verb("plan", "create", "Make a plan for an egress IP; it starts with plan start"),
            o)
      .Argument("NAME", &o->name, "Its id: 1 to 63 of a-z, 0-9 and -")
      .Option("--ip", "IP", &o->ip, "The egress IP it is for")
      .Required()
      .Option("--target", "CAP", &o->target, 1, "The classic ramp up to so many messages a day")
      .Option("--request-id", "ID", &o->request_id, "Makes a repeated call safe")
      .Example("crescendo plan create warm-a --ip mta1-a --target 50000")
      .Example(
          "crescendo plan create warm-b --ip mta1-b --stage 2:200 --stage 3:500 --provider-cap "
          "gmail=300")
      .Example(
          "crescendo plan create warm-c --ip mta1-c --target 50000 --hours 9-12:2,12-20:1 "
          "--day-off "
          "sunday --floor 30@14 --floor 60@28 --floor 90")
      .Run([options](Context& context) { return Create(*options, context); });
  tree.Verb("plan", "get", "Show one plan")
      .Argument("NAME", &o->name, "warm-a or plans/warm-a")
      .Example("crescendo plan get warm-a")
      .Run([options](Context& context) { return Get(*options, context); });
  tree.Verb("plan", "list", "List the plans")
      .Example("crescendo plan list")
      .Run([](Context& context) { return List(context); });
  WithShape(
      tree.Verb("plan", "update", "Change a plan; caps hold at once, and today's is never passed"),
      o)
      .Argument("NAME", &o->name, "warm-a or plans/warm-a")
      .Option("--etag", "ETAG", &o->etag, "Refuse if it has changed since this was read")
      .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
      .Example("crescendo plan update warm-a --provider-cap gmail=200 --reason 'Gmail defers'")
      .Run([options](Context& context) { return Update(*options, context); });
  const auto verb = [&tree, o, options](const char* name, const char* summary, auto method,
                                        const char* example) {
    tree.Verb("plan", name, summary)
        .Argument("NAME", &o->name, "warm-a or plans/warm-a")
        .Option("--etag", "ETAG", &o->etag, "Refuse if it has changed since this was read")
        .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
        .Example(example)
        .Run([options, method](Context& context) { return Change(*options, context, method); });
  };
  using Context_ = grpc::ClientContext;
  verb("start", "Start a plan",
       static_cast<grpc::Status (Stub::*)(Context_*, const v1::StartPlanRequest&, v1::Plan*)>(
           &Stub::StartPlan),
       "crescendo plan start warm-a");
  verb("pause", "Stop all sending of the plan's egress IP; what is in flight finishes",
       static_cast<grpc::Status (Stub::*)(Context_*, const v1::PausePlanRequest&, v1::Plan*)>(
           &Stub::PausePlan),
       "crescendo plan pause warm-a --reason 'blocked at Outlook'");
  verb("resume", "End a pause",
       static_cast<grpc::Status (Stub::*)(Context_*, const v1::ResumePlanRequest&, v1::Plan*)>(
           &Stub::ResumePlan),
       "crescendo plan resume warm-a");
  tree.Verb("plan", "progress", "Show how today goes, and why no more leaves now")
      .Argument("NAME", &o->name, "warm-a or plans/warm-a")
      .Note(
          "SENT/CAP is today's; a cap in brackets is the IP's, where the lane has none of its own.")
      .Example("crescendo plan progress warm-a")
      .Run([options](Context& context) { return Progress(*options, context); });
  tree.Verb("plan", "watch", "Show progress as it changes, until Ctrl-C")
      .Argument("NAME", &o->name, "warm-a or plans/warm-a")
      .Option("--interval", "DURATION", &o->interval, "Not more often than this; default 1s")
      .Example("crescendo plan watch warm-a")
      .Run([options](Context& context) { return Watch(*options, context); });
  tree.Verb("plan", "days", "List the plan's days with their decisions, newest first")
      .Argument("NAME", &o->name, "warm-a or plans/warm-a")
      .Example("crescendo plan days warm-a")
      .Run([options](Context& context) { return Days(*options, context); });
}

}  // namespace crescendo::cli
