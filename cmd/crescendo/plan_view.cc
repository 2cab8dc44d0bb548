#include "cmd/crescendo/plan_view.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendo/lane_view.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/plan_flow.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"

namespace crescendo::cli {
namespace {

std::string Window(const v1::Plan& plan) {
  if (!plan.has_sending_window()) return "the whole day";
  const auto& window = plan.sending_window();
  return absl::StrFormat("%02d:%02d-%02d:%02d", window.start_minute() / 60,
                         window.start_minute() % 60, window.end_minute() / 60,
                         window.end_minute() % 60);
}

std::string Percents(const v1::Plan::Thresholds& t) {
  std::vector<std::string> shares;
  for (const double share : {t.hold(), t.step_back(), t.pause()}) {
    shares.push_back(share == 0 ? "-" : absl::StrFormat("%.3g", 100 * share));
  }
  while (shares.size() > 1 && shares.back() == "-") shares.pop_back();
  return shares == std::vector<std::string>{"-"} ? "off" : absl::StrJoin(shares, "/") + "%";
}

std::string Guardrails(const v1::Plan::Guardrails& g) {
  return absl::StrCat("bounces ", Percents(g.hard_bounces()), ", complaints ",
                      Percents(g.complaints()), ", deferrals ", Percents(g.deferrals()), ", from ",
                      CountText(g.min_sample()), " messages",
                      g.blocklist_pause() ? "" : "; blocklists ignored");
}

// What an operator shapes, by label; "" is not shown.
std::vector<std::pair<std::string, std::string>> ShapeOf(const v1::Plan& plan) {
  return {
      {"STAGES", StagesText(plan.stages())},
      {"PROVIDER CAPS", absl::StrJoin(plan.provider_caps(), ", ",
                                      [](std::string* out, const v1::Plan::ProviderCap& cap) {
                                        absl::StrAppend(out, IdOf(cap.provider()), " ",
                                                        CountText(cap.daily_cap()));
                                      })},
      {"PROVIDER RAMPS", absl::StrJoin(plan.provider_ramps(), "; ",
                                       [](std::string* out, const v1::Plan::ProviderRamp& ramp) {
                                         absl::StrAppend(out, IdOf(ramp.provider()), " ",
                                                         StagesText(ramp.stages()));
                                       })},
      {"WINDOW", absl::StrCat(Window(plan), " ", plan.time_zone())},
      {"HOURS", HoursText(plan)},
      {"DAYS OFF", DaysOffText(plan)},
      {"ENGAGED IN", FloorsText(plan)},
      {"START", plan.start_date()},
      {"ADVANCE", v1::Plan::AdvanceRule_Name(plan.advance_rule())},
      {"GUARDRAILS", Guardrails(plan.guardrails())},
      {"ROLLING DAY", plan.rolling_day() ? "on" : ""},
      {"GROWTH", plan.bounded_growth() ? "" : "free once graduated"}};
}

std::string AndIfAny(int64_t count, const char* what) {
  return count == 0 ? "" : absl::StrCat(", ", CountText(count), what);
}

// "stage 2 of 9, step 1"
std::string StepText(const v1::Plan& plan, const v1::PlanDay& day) {
  if (day.stage_index() >= plan.stages_size()) return "graduated";
  return absl::StrCat("stage ", day.stage_index() + 1, " of ", plan.stages_size(), ", step ",
                      day.day_in_stage() + 1);
}

const char* WouldText(v1::PlanDay::Decision decision) {
  switch (decision) {
    case v1::PlanDay::ADVANCE:
      return "would advance: ";
    case v1::PlanDay::REPEAT:
      return "would repeat: ";
    case v1::PlanDay::GRADUATE:
      return "would graduate: ";
    case v1::PlanDay::HOLD:
      return "would hold: ";
    case v1::PlanDay::STEP_BACK:
      return "would step back: ";
    case v1::PlanDay::PAUSE:
      return "would pause: ";
    default:
      return "";
  }
}

std::string BouncedShare(const v1::Ledger& ledger) {
  return PercentText(ledger.hard_bounces(), ledger.accepted() + ledger.refused());
}

}  // namespace

std::string StagesText(const google::protobuf::RepeatedPtrField<v1::Plan::Stage>& stages) {
  return absl::StrJoin(stages, ", ", [](std::string* out, const v1::Plan::Stage& stage) {
    absl::StrAppend(out, stage.days(), "d x ", CountText(stage.daily_cap()));
  });
}

void PrintPlan(Context& context, const v1::Plan& plan) {
  Card card;
  card.Add("PLAN", IdOf(plan.name()));
  card.Add("IP", IdOf(plan.egress_ip()));
  card.Add("STATE", v1::Plan::State_Name(plan.state()));
  card.Add("WHY", plan.state_reason());
  const auto shape = ShapeOf(plan);
  for (const auto& [label, text] : shape) card.Add(label, text);
  if (plan.has_next()) {
    const auto next = ShapeOf(plan.next());
    for (size_t i = 0; i < next.size(); ++i) {
      if (next[i].second == shape[i].second) continue;
      const std::string& text = next[i].second;
      card.Add(absl::StrCat("FROM ", plan.next_date()),
               absl::StrCat(next[i].first, " ", text.empty() ? "none" : text));
    }
  }
  card.Add("ETAG", plan.etag());
  card.Print(context.streams);
}

void PrintChange(Context& context, const v1::Plan& plan) {
  const v1::Plan::Change& change = plan.change();
  Table table({{"FIELD", Column::kLeft}, {"FROM", Column::kLeft}, {"TO", Column::kProse}});
  for (const v1::Plan::Change::Field& field : change.fields()) {
    table.Add({field.name(), field.from().empty() ? "-" : OneLine(field.from()),
               field.to().empty() ? "-" : OneLine(field.to())});
  }
  if (change.has_today_cap_before()) {
    table.Add(
        {"today's cap", CountText(change.today_cap_before()), CountText(change.today_cap_after())});
  }
  if (change.fields().empty()) {
    context.streams.out << "nothing would change\n";
    return;
  }
  table.Add({"holds from", "", TimeText(FromProto(change.effective_time()))});
  table.Print(context.streams);
}

void TellChange(Context& context, const v1::Plan::Change& change) {
  for (const v1::Plan::Change::Field& field : change.fields()) {
    context.streams.err << "changed: " << field.name() << ": "
                        << (field.from().empty() ? "none" : OneLine(field.from())) << " -> "
                        << (field.to().empty() ? "none" : OneLine(field.to())) << "\n";
  }
  if (change.has_today_cap_before() && change.today_cap_before() != change.today_cap_after()) {
    context.streams.err << "changed: today's cap: " << CountText(change.today_cap_before())
                        << " -> " << CountText(change.today_cap_after()) << "\n";
  }
  for (const std::string& warning : change.warnings()) {
    context.streams.err << "warning: " << OneLine(warning) << "\n";
  }
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
    card.Add("DAY", absl::StrCat(today.day(), ", ", StepText(plan, today)));
    card.Add("TODAY",
             absl::StrCat(CountText(total.accepted()), " accepted, ", CountText(total.refused()),
                          " refused, ", CountText(total.deferred()), " deferred",
                          AndIfAny(total.in_doubt(), " in doubt"),
                          AndIfAny(total.claimed(), " in flight"),
                          AndIfAny(total.hard_bounces(), " hard bounces"),
                          AndIfAny(total.complaints(), " complaints"), "; ",
                          CountText(Remaining(today.cap(), total)), " of ", CountText(today.cap()),
                          " left"));
    if (progress.has_would_decide()) {
      const v1::PlanDay& would = progress.would_decide();
      card.Add("NOW", absl::StrCat(WouldText(would.decision()), would.reason()));
    }
    card.Add("BREACHED", absl::StrJoin(today.breaches(), ", "));
    if (!progress.projected_end_date().empty()) {
      card.Add("DONE ON", absl::StrCat(progress.projected_end_date(), " if every day counts"));
    }
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
               {"BOUNCED", Column::kRight},
               {"COMPLAINTS", Column::kRight},
               {"WHY NOT MORE", Column::kProse}});
  for (const v1::Lane& lane : progress.lanes()) {
    table.Add(
        {IdOf(lane.name()),
         {v1::Lane::State_Name(lane.state()), StyleOf(lane.state())},
         SentOfCap(lane),
         CountText(lane.queued()),
         DeferredShare(lane.today()),
         BouncedShare(lane.today()),
         CountText(lane.today().complaints()),
         lane.wait().reason() == progress.wait().reason() && lane.wait().reason() != v1::Wait::NONE
             ? "waits with the IP"
             : WhyNotMore(lane.wait(), now)});
  }
  if (!table.empty()) table.Print(context.streams);
}

void PrintRamp(Context& context, const v1::Ramp& ramp) {
  int64_t days = 0;
  for (const v1::Plan::Stage& stage : ramp.stages()) days += stage.days();
  Card card;
  card.Add("RAMP", ramp.name());
  card.Add("WHAT", ramp.display_name());
  card.Add("DAYS", CountText(days));
  card.Add("STAGES", StagesText(ramp.stages()));
  card.Add("SOURCE", ramp.source());
  card.Print(context.streams);
}

}  // namespace crescendo::cli
