// Plans, as callers write them.
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/ramps/ramp_loader.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

constexpr int kMinutesPerDay = 24 * 60;
constexpr int64_t kLargestTarget = 10'000'000;

using StageProtos = google::protobuf::RepeatedPtrField<v1::Plan::Stage>;

std::vector<Stage> StagesFrom(const StageProtos& protos) {
  std::vector<Stage> stages;
  for (const v1::Plan::Stage& stage : protos) stages.push_back({stage.days(), stage.daily_cap()});
  return stages;
}

absl::StatusOr<std::vector<ProviderRamp>> ProviderRampsFrom(const v1::Plan& proto) {
  std::vector<ProviderRamp> ramps;
  for (int i = 0; i < proto.provider_ramps_size(); ++i) {
    const v1::Plan::ProviderRamp& ramp = proto.provider_ramps(i);
    ASSIGN_OR_RETURN(
        ProviderId provider,
        ParseProvider(absl::StrCat("plan.provider_ramps[", i, "].provider"), ramp.provider()));
    ramps.push_back({std::move(provider), StagesFrom(ramp.stages())});
  }
  return ramps;
}

Thresholds ThresholdsFrom(const v1::Plan::Thresholds& proto) {
  return {proto.hold(), proto.step_back(), proto.pause()};
}

Guardrails GuardrailsFrom(const v1::Plan& plan) {
  Guardrails guardrails;
  if (!plan.has_guardrails()) return guardrails;
  const v1::Plan::Guardrails& proto = plan.guardrails();
  if (proto.has_hard_bounces()) guardrails.hard_bounces = ThresholdsFrom(proto.hard_bounces());
  if (proto.has_complaints()) guardrails.complaints = ThresholdsFrom(proto.complaints());
  if (proto.has_deferrals()) guardrails.deferrals = ThresholdsFrom(proto.deferrals());
  if (proto.has_min_sample()) guardrails.min_sample = proto.min_sample();
  if (proto.has_min_complaints()) guardrails.min_complaints = proto.min_complaints();
  if (proto.has_clear_at()) guardrails.clear_at = proto.clear_at();
  if (proto.has_early_sample()) guardrails.early_sample = proto.early_sample();
  if (proto.has_blocklist_pause()) guardrails.blocklist_pause = proto.blocklist_pause();
  return guardrails;
}

absl::StatusOr<std::vector<ProviderCap>> ProviderCapsFrom(const v1::Plan& proto) {
  std::vector<ProviderCap> caps;
  for (int i = 0; i < proto.provider_caps_size(); ++i) {
    const v1::Plan::ProviderCap& cap = proto.provider_caps(i);
    ASSIGN_OR_RETURN(
        ProviderId provider,
        ParseProvider(absl::StrCat("plan.provider_caps[", i, "].provider"), cap.provider()));
    caps.push_back({std::move(provider), cap.daily_cap()});
  }
  return caps;
}

absl::StatusOr<std::string> TimeZoneFrom(const v1::Plan& proto) {
  const std::string zone = proto.time_zone().empty() ? "UTC" : proto.time_zone();
  if (const auto loaded = base::LoadZone(zone); !loaded.ok()) {
    return Fault(
        "plan.time_zone",
        absl::StrCat("is ", Quoted(zone), ", which is no time zone: ", loaded.status().message()));
  }
  return zone;
}

absl::StatusOr<SendingWindow> WindowFrom(const v1::Plan& proto) {
  if (!proto.has_sending_window()) return SendingWindow();
  const int start = proto.sending_window().start_minute();
  const int end = proto.sending_window().end_minute();
  if (start < 0 || start >= kMinutesPerDay) {
    return Fault("plan.sending_window.start_minute",
                 absl::StrCat("is ", start, "; it must be 0 to 1439"));
  }
  if (end <= start || end > kMinutesPerDay) {
    return Fault("plan.sending_window.end_minute",
                 absl::StrCat("is ", end, "; it must be ", start + 1, " to 1440"));
  }
  return SendingWindow{absl::Minutes(start), absl::Minutes(end)};
}

// `zone`: "" was given, the day it is there.
absl::StatusOr<absl::CivilDay> StartDateFrom(const v1::Plan& proto, const std::string& zone,
                                             absl::Time now) {
  if (proto.start_date().empty()) {
    ASSIGN_OR_RETURN(const absl::TimeZone loaded, base::LoadZone(zone));
    return base::DayOf(now, loaded);
  }
  auto day = base::ParseDay(proto.start_date());
  if (!day.ok()) {
    return Fault("plan.start_date", absl::StrCat("is ", Quoted(proto.start_date()),
                                                 ", which is no date; write it YYYY-MM-DD"));
  }
  return day;
}

absl::StatusOr<AdvanceRule> AdvanceRuleFrom(const v1::Plan& proto) {
  switch (proto.advance_rule()) {
    case v1::Plan::ADVANCE_RULE_UNSPECIFIED:
    case v1::Plan::DELIVERED:
      return AdvanceRule::kDelivered;
    case v1::Plan::CALENDAR:
      return AdvanceRule::kCalendar;
    case v1::Plan::SENDING_DAY:
      return AdvanceRule::kSendingDay;
    default:
      return Fault("plan.advance_rule",
                   absl::StrCat("is ", static_cast<int>(proto.advance_rule()),
                                "; it must be DELIVERED, CALENDAR or SENDING_DAY"));
  }
}

absl::StatusOr<std::array<bool, 7>> SendsOnFrom(const v1::Plan& proto) {
  std::array<bool, 7> sends_on = SendingShape().sends_on;
  for (int i = 0; i < proto.days_off_size(); ++i) {
    const int day = proto.days_off(i);
    if (day < v1::Plan::MONDAY || day > v1::Plan::SUNDAY) {
      return Fault(absl::StrCat("plan.days_off[", i, "]"),
                   absl::StrCat("is ", day, "; it must be MONDAY to SUNDAY"));
    }
    sends_on[static_cast<size_t>(day - v1::Plan::MONDAY)] = false;
  }
  return sends_on;
}

std::vector<int> HoursFrom(const v1::Plan& proto) {
  return {proto.hourly_weights().begin(), proto.hourly_weights().end()};
}

std::vector<EngagementFloor> FloorsFrom(const v1::Plan& proto) {
  std::vector<EngagementFloor> floors;
  for (const v1::Plan::EngagementFloor& floor : proto.engagement_floors()) {
    floors.push_back({floor.through_day(), floor.within_days()});
  }
  return floors;
}

// The civil day in `field`; unset: `otherwise`.
absl::StatusOr<absl::CivilDay> DayFrom(absl::string_view field, const std::string& text,
                                       absl::CivilDay otherwise) {
  if (text.empty()) return otherwise;
  auto day = base::ParseDay(text);
  if (!day.ok()) {
    return Fault(field,
                 absl::StrCat("is ", Quoted(text), ", which is no date; write it YYYY-MM-DD"));
  }
  return day;
}

}  // namespace

absl::StatusOr<int64_t> TargetFrom(int64_t target) {
  if (target >= 0 && target <= kLargestTarget) return target;
  return Fault("target", absl::StrCat("is ", target, "; it must be 1 to ", kLargestTarget,
                                      " messages per plan day, or 0 with plan.stages"));
}

namespace {

absl::StatusOr<std::vector<Stage>> NewStages(const v1::CreatePlanRequest& request,
                                             absl::CivilDay start, const SendingShape& shape) {
  ASSIGN_OR_RETURN(const int64_t target, TargetFrom(request.target()));
  if (target == 0) {
    if (!request.ramp().empty() || !request.by_date().empty()) {
      return Fault(request.ramp().empty() ? "by_date" : "ramp",
                   "is given without target; give target, the daily cap it leads to");
    }
    return StagesFrom(request.plan().stages());
  }
  if (request.plan().stages_size() > 0) {
    return Fault("target", "and plan.stages are both given; give one of them");
  }
  if (!request.by_date().empty()) {
    if (!request.ramp().empty()) {
      return Fault("by_date", "and ramp are both given; a ramp takes the days it takes");
    }
    ASSIGN_OR_RETURN(const absl::CivilDay by, DayFrom("by_date", request.by_date(), start));
    if (by < start) {
      return Fault("by_date", absl::StrCat("is ", request.by_date(), ", before the plan's start, ",
                                           base::FormatDay(start)));
    }
    // Days off are no plan days.
    absl::CivilDay plan_days = SendingDayFrom(shape, start);
    for (absl::CivilDay day = plan_days + 1; day <= by; ++day) plan_days += shape.SendsOn(day);
    return FitRamp(target, SendingDayFrom(shape, start), plan_days);
  }
  const std::string ramp = request.ramp().empty() ? "classic" : request.ramp();
  const RampPreset* preset = ramps::FindRamp(ramp);
  if (preset == nullptr) {
    return Fault("ramp", absl::StrCat("is ", Quoted(ramp), "; it must be one of ",
                                      absl::StrJoin(ramps::ShippedRamps(), ", ",
                                                    [](std::string* out, const RampPreset& one) {
                                                      *out += one.id;
                                                    })));
  }
  return StagesUpTo(*preset, target);
}

}  // namespace

absl::StatusOr<Plan> PlanFrom(const v1::CreatePlanRequest& request, absl::Time now) {
  const v1::Plan& proto = request.plan();
  Plan plan;
  plan.id = PlanId(request.plan_id());
  ASSIGN_OR_RETURN(plan.egress_ip, ParseEgressIp("plan.egress_ip", proto.egress_ip()));
  ASSIGN_OR_RETURN(plan.provider_caps, ProviderCapsFrom(proto));
  ASSIGN_OR_RETURN(plan.provider_ramps, ProviderRampsFrom(proto));
  ASSIGN_OR_RETURN(plan.time_zone, TimeZoneFrom(proto));
  ASSIGN_OR_RETURN(plan.window, WindowFrom(proto));
  ASSIGN_OR_RETURN(plan.start_date, StartDateFrom(proto, plan.time_zone, now));
  ASSIGN_OR_RETURN(plan.advance_rule, AdvanceRuleFrom(proto));
  plan.engagement_floors = FloorsFrom(proto);
  plan.shape.hourly_weights = HoursFrom(proto);
  ASSIGN_OR_RETURN(plan.shape.sends_on, SendsOnFrom(proto));
  plan.guardrails = GuardrailsFrom(proto);
  plan.rolling_day = proto.rolling_day();
  plan.bounded_growth = !proto.has_bounded_growth() || proto.bounded_growth();
  ASSIGN_OR_RETURN(plan.stages, NewStages(request, plan.start_date, plan.shape));
  return plan;
}

void Warn(const PlanShape& shape, v1::Plan::Change* change) {
  for (const RampPreset& ramp : ramps::ShippedRamps()) {
    if (!shape.stages.empty() && shape.stages == StagesUpTo(ramp, shape.stages.back().daily_cap)) {
      return;
    }
  }
  for (std::string& step : UnsafeSteps(shape.stages)) change->add_warnings(std::move(step));
  for (const ProviderRamp& ramp : shape.provider_ramps) {
    for (const std::string& step : UnsafeSteps(ramp.stages)) {
      change->add_warnings(absl::StrCat(ramp.provider.text(), ": ", step));
    }
  }
}

absl::StatusOr<core::Effective> EffectiveFrom(v1::Effective effective) {
  switch (effective) {
    case v1::EFFECTIVE_UNSPECIFIED:
      return core::Effective::kDefault;
    case v1::NOW:
      return core::Effective::kNow;
    case v1::NEXT_PLAN_DAY:
      return core::Effective::kNextPlanDay;
    default:
      return Fault("effective", absl::StrCat("is ", static_cast<int>(effective),
                                             "; it must be NOW or NEXT_PLAN_DAY"));
  }
}

absl::StatusOr<std::pair<absl::CivilDay, absl::CivilDay>> DaysFrom(
    const v1::GetPlanHistoryRequest& request) {
  ASSIGN_OR_RETURN(const absl::CivilDay first,
                   DayFrom("first_day", request.first_day(), absl::CivilDay(1970, 1, 1)));
  ASSIGN_OR_RETURN(const absl::CivilDay last,
                   DayFrom("last_day", request.last_day(), absl::CivilDay(2300, 1, 1)));
  if (last < first) {
    return Fault("last_day", absl::StrCat("is ", request.last_day(), ", before first_day"));
  }
  return std::pair(first, last);
}

absl::StatusOr<Plan> Merged(Plan plan, const v1::Plan& proto, const UpdateMask& mask,
                            core::Effective effective, absl::Time now) {
  if (plan.state == PlanState::kAborted) {
    return absl::FailedPreconditionError(
        absl::StrCat(NameOf(plan.id), " is ABORTED: that is final; delete it and make a new plan"));
  }
  static_cast<PlanShape&>(plan) = PlanShape(core::EditBase(plan, effective));
  const bool graduated = plan.state == PlanState::kGraduated;
  for (const char* field :
       {"stages", "provider_caps", "provider_ramps", "time_zone", "sending_window", "start_date",
        "advance_rule", "engagement_floors", "hourly_weights", "days_off"}) {
    if (!graduated || !mask.Has(field) || mask.everything()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(NameOf(plan.id), " is GRADUATED: its stages are done, so there is no ", field,
                     " to change; set a stage to warm it up again first"));
  }
  const auto has = [&](absl::string_view field) { return mask.Has(field) && !graduated; };
  if (has("stages")) plan.stages = StagesFrom(proto.stages());
  if (has("provider_caps")) {
    ASSIGN_OR_RETURN(plan.provider_caps, ProviderCapsFrom(proto));
  }
  if (has("provider_ramps")) {
    ASSIGN_OR_RETURN(plan.provider_ramps, ProviderRampsFrom(proto));
  }
  if (has("time_zone")) {
    ASSIGN_OR_RETURN(plan.time_zone, TimeZoneFrom(proto));
  }
  if (has("sending_window")) {
    ASSIGN_OR_RETURN(plan.window, WindowFrom(proto));
  }
  // Without a mask, a start date left out stays: a default of "today" would move it.
  if (has("start_date") && !(mask.everything() && proto.start_date().empty())) {
    ASSIGN_OR_RETURN(plan.start_date, StartDateFrom(proto, plan.time_zone, now));
  }
  if (has("advance_rule")) {
    ASSIGN_OR_RETURN(plan.advance_rule, AdvanceRuleFrom(proto));
  }
  if (has("engagement_floors")) plan.engagement_floors = FloorsFrom(proto);
  if (has("hourly_weights")) plan.shape.hourly_weights = HoursFrom(proto);
  if (has("days_off")) {
    ASSIGN_OR_RETURN(plan.shape.sends_on, SendsOnFrom(proto));
  }
  if (mask.Has("guardrails")) plan.guardrails = GuardrailsFrom(proto);
  if (mask.Has("rolling_day")) plan.rolling_day = proto.rolling_day();
  if (mask.Has("bounded_growth")) {
    plan.bounded_growth = !proto.has_bounded_growth() || proto.bounded_growth();
  }
  return plan;
}

}  // namespace crescendo::service
