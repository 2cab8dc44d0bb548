// crescendo plan: warm-up plans, how far they are, and what each day decided.
#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/plan_options.h"
#include "cmd/crescendo/plan_view.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/retry.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/plan.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::PlanService::Stub;

absl::Status Show(Context& context, const v1::Plan& plan) {
  Emit(context, plan, [&context](const v1::Plan& shown) { PrintPlan(context, shown); });
  return absl::OkStatus();
}

// A change that was made, or would be.
absl::Status ShowChanged(Context& context, bool dry_run, const v1::Plan& plan) {
  if (dry_run) context.streams.err << "dry run: nothing was stored\n";
  Emit(context, plan, [&context, dry_run](const v1::Plan& shown) {
    dry_run ? PrintChange(context, shown) : PrintPlan(context, shown);
  });
  if (!context.options.json && !dry_run) TellChange(context, plan.change());
  if (!context.options.json && dry_run) {
    v1::Plan::Change warnings;
    *warnings.mutable_warnings() = plan.change().warnings();
    TellChange(context, warnings);
  }
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
  request.set_ramp(options.ramp);
  request.set_by_date(options.by);
  request.set_request_id(options.request_id);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Plan plan, context.client.Call(&Stub::CreatePlan, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  RETURN_IF_ERROR(Show(context, plan));
  if (!context.options.json) TellChange(context, plan.change());
  if (!options.dry_run) {
    Hint(context, absl::StrCat("next: crescendo plan start ", IdOf(plan.name())));
  }
  return absl::OkStatus();
}

absl::Status Update(const PlanOptions& options, Context& context) {
  v1::UpdatePlanRequest request;
  ASSIGN_OR_RETURN(*request.mutable_plan()->mutable_name(), PlanName(options.name));
  request.mutable_plan()->set_etag(options.etag);
  if (!options.guardrails.empty()) {
    // What no option names stays as it is, or as it will be.
    v1::GetPlanRequest get;
    get.set_name(request.plan().name());
    ASSIGN_OR_RETURN(const v1::Plan plan, context.client.Call(&Stub::GetPlan, get));
    const bool next = plan.has_next() && options.effective != "now";
    *request.mutable_plan()->mutable_guardrails() =
        next ? plan.next().guardrails() : plan.guardrails();
    if (options.etag.empty()) request.mutable_plan()->set_etag(plan.etag());
  }
  RETURN_IF_ERROR(Fill(options, request.mutable_plan(), request.mutable_update_mask()));
  if (request.update_mask().paths().empty()) {
    return UsageError("plan update: nothing to change; give --stage, --provider-cap, --window …");
  }
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  request.set_effective(EffectiveOf(options));
  ASSIGN_OR_RETURN(const v1::Plan plan, context.client.Call(&Stub::UpdatePlan, request));
  return ShowChanged(context, options.dry_run, plan);
}

template <typename Request>
absl::StatusOr<Request> VerbRequest(const PlanOptions& options) {
  Request request;
  ASSIGN_OR_RETURN(*request.mutable_name(), PlanName(options.name));
  request.set_etag(options.etag);
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  return request;
}

template <typename Request>
absl::Status Change(const PlanOptions& options, Context& context,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Plan*)) {
  ASSIGN_OR_RETURN(const Request request, VerbRequest<Request>(options));
  ASSIGN_OR_RETURN(const v1::Plan plan, context.client.Call(method, request));
  return ShowChanged(context, options.dry_run, plan);
}

template <typename Request>
absl::Status MoveStage(const PlanOptions& options, Context& context,
                       grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                    v1::Plan*)) {
  ASSIGN_OR_RETURN(Request request, VerbRequest<Request>(options));
  request.set_effective(EffectiveOf(options));
  if constexpr (std::is_same_v<Request, v1::SetPlanStageRequest>) {
    request.set_stage_index(static_cast<int32_t>(std::min<int64_t>(options.stage, 1'000'000)) - 1);
  }
  ASSIGN_OR_RETURN(const v1::Plan plan, context.client.Call(method, request));
  return ShowChanged(context, options.dry_run, plan);
}

absl::Status Delete(const PlanOptions& options, Context& context) {
  ASSIGN_OR_RETURN(const auto request, VerbRequest<v1::DeletePlanRequest>(options));
  ASSIGN_OR_RETURN(const v1::Plan plan, context.client.Call(&Stub::DeletePlan, request));
  Emit(context, plan, [&](const v1::Plan& gone) {
    context.streams.out << IdOf(gone.name())
                        << (options.dry_run ? " would be deleted\n" : " is deleted\n");
  });
  return absl::OkStatus();
}

absl::Status Ramps(const PlanOptions& options, Context& context) {
  v1::ListRampsRequest request;
  request.set_target(options.target);
  ASSIGN_OR_RETURN(const v1::ListRampsResponse response,
                   context.client.Call(&Stub::ListRamps, request));
  bool first = true;
  for (const v1::Ramp& ramp : response.ramps()) {
    Emit(context, ramp, [&](const v1::Ramp& shown) {
      if (!std::exchange(first, false)) context.streams.out << "\n";
      PrintRamp(context, shown);
    });
  }
  return absl::OkStatus();
}

absl::Status History(const PlanOptions& options, Context& context) {
  v1::GetPlanHistoryRequest request;
  ASSIGN_OR_RETURN(*request.mutable_parent(), PlanName(options.name));
  request.set_first_day(options.first_day);
  request.set_last_day(options.last_day);
  Table table({{"DAY", Column::kLeft},
               {"PROVIDER", Column::kLeft},
               {"STAGE", Column::kRight},
               {"CAP", Column::kRight},
               {"ACCEPTED", Column::kRight},
               {"REFUSED", Column::kRight},
               {"DEFERRED", Column::kRight},
               {"IN DOUBT", Column::kRight},
               {"BOUNCES", Column::kRight},
               {"COMPLAINTS", Column::kRight},
               {"DECISION", Column::kLeft}});
  const auto add = [&table](const std::string& day, const std::string& provider, int stage,
                            int64_t cap, const v1::Ledger& ledger, const std::string& decision) {
    table.Add({day, provider, stage < 0 ? "-" : absl::StrCat(stage + 1),
               cap < 0 ? "-" : CountText(cap), CountText(ledger.accepted()),
               CountText(ledger.refused()), CountText(ledger.deferred()),
               CountText(ledger.in_doubt()), CountText(ledger.hard_bounces()),
               CountText(ledger.complaints()), decision});
  };
  request.set_page_size(1000);
  return context.client.Pages(
      &Stub::GetPlanHistory, request, [&](const v1::GetPlanHistoryResponse& response) {
        for (const v1::PlanHistoryDay& entry : response.history()) {
          const bool reads = Emit(context, entry, [&](const v1::PlanHistoryDay& shown) {
            const v1::PlanDay& day = shown.day();
            add(day.day(), "all", day.stage_index(), day.cap(), shown.total(),
                v1::PlanDay::Decision_Name(day.decision()));
            if (!options.lanes) return;
            for (const v1::PlanHistoryDay::LaneCounts& lane : shown.lanes()) {
              const auto step =
                  std::find_if(day.provider_steps().begin(), day.provider_steps().end(),
                               [&](const auto& one) { return one.provider() == lane.provider(); });
              const bool own = step != day.provider_steps().end();
              add(day.day(), IdOf(lane.provider()), own ? step->stage_index() : -1,
                  own ? step->cap() : -1, lane.ledger(),
                  own ? v1::PlanDay::Decision_Name(step->decision()) : "");
            }
          });
          if (!reads) return false;
        }
        if (!table.empty()) table.Print(context.streams);
        return context.streams.out.good();
      });
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
                plan.start_date(), StagesText(plan.stages())};
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
      .Option("--target", "CAP", &o->target, 1,
              "A ramp up to so many messages a day, instead of --stage")
      .Option("--ramp", "NAME", &o->ramp, "With --target: one of plan ramps; default classic")
      .Option("--by", "DATE", &o->by,
              "With --target: fit the ramp, so that the target is allowed on this day")
      .Option("--request-id", "ID", &o->request_id, "Makes a repeated call safe")
      .Example("crescendo plan create warm-a --ip mta1-a --target 50000")
      .Example(
          "crescendo plan create warm-b --ip mta1-b --stage 2:200 --stage 3:500 --provider-cap "
          "gmail=300")
      .Example(
          "crescendo plan create warm-c --ip mta1-c --target 1000000 --by 2027-03-01 --dry-run")
      .Example(
          "crescendo plan create warm-d --ip mta1-d --target 50000 --hours 9-12:2,12-20:1 "
          "--day-off sunday --floor 30@14 --floor 60@28 --floor 90")
      .Run([options](Context& context) { return Create(*options, context); });
  tree.Verb("plan", "get", "Show one plan")
      .Argument("NAME", &o->name, "warm-a or plans/warm-a")
      .Example("crescendo plan get warm-a")
      .Run([options](Context& context) { return Get(*options, context); });
  tree.Verb("plan", "list", "List the plans")
      .Example("crescendo plan list")
      .Run([](Context& context) { return List(context); });
  WithShape(
      tree.Verb("plan", "update", "Change a plan, also while it runs; today's cap is never passed"),
      o)
      .Argument("NAME", &o->name, "warm-a or plans/warm-a")
      .Option("--etag", "ETAG", &o->etag, "Refuse if it has changed since this was read")
      .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
      .Choice("--effective", "WHEN", {"now", "next-plan-day"}, &o->effective,
              "Default: what raises today's cap, and a new zone, the next plan day; all else now")
      .Example("crescendo plan update warm-a --provider-cap gmail=200 --reason 'Gmail defers'")
      .Example("crescendo plan update warm-a --guardrail complaints=0.08%,0.2%,0.4% --dry-run")
      .Run([options](Context& context) { return Update(*options, context); });
  const auto common = [o](Command command) {
    command.Argument("NAME", &o->name, "warm-a or plans/warm-a")
        .Option("--etag", "ETAG", &o->etag, "Refuse if it has changed since this was read")
        .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
        .Flag("--dry-run", &o->dry_run, "Show what would change; change nothing");
    return command;
  };
  const auto verb = [&](const char* name, const char* summary, auto method, const char* example) {
    common(tree.Verb("plan", name, summary))
        .Example(example)
        .Run([options, method](Context& context) { return Change(*options, context, method); });
  };
  const auto effective = [o](Command command) {
    command.Choice("--effective", "WHEN", {"now", "next-plan-day"}, &o->effective,
                   "Default: now, but the next plan day if it raises today's cap");
    return command;
  };
  const auto move = [&](const char* name, const char* summary, auto method, const char* example) {
    effective(common(tree.Verb("plan", name, summary)))
        .Example(example)
        .Run([options, method](Context& context) { return MoveStage(*options, context, method); });
  };
  using Context_ = grpc::ClientContext;
#define CRESCENDO_PLAN_VERB(verb) \
  static_cast<grpc::Status (Stub::*)(Context_*, const v1::verb##Request&, v1::Plan*)>(&Stub::verb)
  verb("start", "Start a plan", CRESCENDO_PLAN_VERB(StartPlan), "crescendo plan start warm-a");
  verb("hold", "Let the ramp stand still, with the same cap each day, while mail goes on",
       CRESCENDO_PLAN_VERB(HoldPlan), "crescendo plan hold warm-a --reason 'a new template'");
  verb("pause", "Stop all sending of the plan's egress IP; what is in flight finishes",
       CRESCENDO_PLAN_VERB(PausePlan), "crescendo plan pause warm-a --reason 'blocked at Outlook'");
  verb("resume", "End a pause or a hold", CRESCENDO_PLAN_VERB(ResumePlan),
       "crescendo plan resume warm-a");
  move("advance", "Go to the next stage", CRESCENDO_PLAN_VERB(AdvancePlan),
       "crescendo plan advance warm-a --effective now --reason 'the list is clean'");
  move("step-back", "Go back to the stage before", CRESCENDO_PLAN_VERB(StepBackPlan),
       "crescendo plan step-back warm-a --dry-run");
  effective(common(tree.Verb("plan", "set-stage", "Go to a stage"))
                .Option("--stage", "N", &o->stage, 1, "Its number, from 1")
                .Required())
      .Example("crescendo plan set-stage warm-a --stage 3")
      .Run([options](Context& context) {
        return MoveStage(*options, context, CRESCENDO_PLAN_VERB(SetPlanStage));
      });
  verb("complete", "Graduate now; only growth stays bounded", CRESCENDO_PLAN_VERB(CompletePlan),
       "crescendo plan complete warm-a --reason 'warmed up elsewhere'");
  verb("abort", "Give a plan up, for good; its egress IP sends nothing",
       CRESCENDO_PLAN_VERB(AbortPlan), "crescendo plan abort warm-b --reason 'wrong IP'");
#undef CRESCENDO_PLAN_VERB
  tree.Verb("plan", "ramps", "List the shipped ramps, with their steps and sources")
      .Option("--target", "CAP", &o->target, 1, "Where they end; default 1,000,000")
      .Example("crescendo plan ramps --target 50000")
      .Run([options](Context& context) { return Ramps(*options, context); });
  tree.Verb("plan", "history", "List the counts of each plan day, oldest first")
      .Argument("NAME", &o->name, "warm-a or plans/warm-a")
      .Flag("--lanes", &o->lanes, "And of each lane")
      .Option("--from", "DATE", &o->first_day, "Only from this day on, YYYY-MM-DD")
      .Option("--to", "DATE", &o->last_day, "Only up to this day")
      .Example("crescendo plan history warm-a --lanes --from 2026-01-01")
      .Run([options](Context& context) { return History(*options, context); });
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
  common(tree.Verb("plan", "delete", "Delete a plan that does not run, with its days"))
      .Example("crescendo plan delete warm-a")
      .Run([options](Context& context) { return Delete(*options, context); });
}

}  // namespace crescendo::cli
