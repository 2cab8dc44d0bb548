#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

constexpr int kMinutesPerDay = 24 * 60;
constexpr int64_t kLargestTarget = 10'000'000;

std::vector<Stage> StagesFrom(const v1::Plan& proto) {
  std::vector<Stage> stages;
  for (const v1::Plan::Stage& stage : proto.stages()) {
    stages.push_back({stage.days(), stage.daily_cap()});
  }
  return stages;
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
    default:
      return Fault("plan.advance_rule", absl::StrCat("is ", static_cast<int>(proto.advance_rule()),
                                                     "; it must be DELIVERED or CALENDAR"));
  }
}

absl::StatusOr<SendingShape> ShapeFrom(const v1::Plan& proto, bool hours, bool days,
                                       SendingShape shape) {
  if (hours) {
    shape.hourly_weights.assign(proto.hourly_weights().begin(), proto.hourly_weights().end());
  }
  if (!days) return shape;
  shape.sends_on.fill(true);
  for (int i = 0; i < proto.days_off_size(); ++i) {
    const int day = proto.days_off(i);
    if (day < v1::Plan::MONDAY || day > v1::Plan::SUNDAY) {
      return Fault(absl::StrCat("plan.days_off[", i, "]"),
                   absl::StrCat("is ", day, ", which is none of Plan.Weekday"));
    }
    shape.sends_on[static_cast<size_t>(day - v1::Plan::MONDAY)] = false;
  }
  return shape;
}

std::vector<EngagementFloor> FloorsFrom(const v1::Plan& proto) {
  std::vector<EngagementFloor> floors;
  for (const v1::Plan::EngagementFloor& floor : proto.engagement_floors()) {
    floors.push_back({floor.through_day(), floor.within_days()});
  }
  return floors;
}

int Minute(absl::Duration since_midnight) {
  return static_cast<int>(since_midnight / absl::Minutes(1));
}

}  // namespace

v1::Plan ToProto(const Plan& plan) {
  v1::Plan proto;
  proto.set_name(NameOf(plan.id));
  proto.set_egress_ip(NameOf(plan.egress_ip));
  for (const Stage& stage : plan.stages) {
    v1::Plan::Stage* added = proto.add_stages();
    added->set_days(stage.days);
    added->set_daily_cap(stage.daily_cap);
  }
  for (const ProviderCap& cap : plan.provider_caps) {
    v1::Plan::ProviderCap* added = proto.add_provider_caps();
    added->set_provider(NameOf(cap.provider));
    added->set_daily_cap(cap.daily_cap);
  }
  proto.set_time_zone(plan.time_zone);
  proto.mutable_sending_window()->set_start_minute(Minute(plan.window.start));
  proto.mutable_sending_window()->set_end_minute(Minute(plan.window.end));
  proto.set_start_date(base::FormatDay(plan.start_date));
  proto.set_advance_rule(plan.advance_rule == AdvanceRule::kCalendar ? v1::Plan::CALENDAR
                                                                     : v1::Plan::DELIVERED);
  for (const EngagementFloor& floor : plan.engagement_floors) {
    v1::Plan::EngagementFloor* added = proto.add_engagement_floors();
    added->set_through_day(floor.through_day);
    added->set_within_days(floor.within_days);
  }
  for (const int weight : plan.shape.hourly_weights) proto.add_hourly_weights(weight);
  for (size_t day = 0; day < plan.shape.sends_on.size(); ++day) {
    if (plan.shape.sends_on[day]) continue;
    proto.add_days_off(static_cast<v1::Plan::Weekday>(v1::Plan::MONDAY + static_cast<int>(day)));
  }
  proto.set_state(EnumNamed<v1::Plan::State>(PlanStateName(plan.state)));
  proto.set_state_reason(plan.state_reason);
  SetTime(plan.create_time, &proto, &v1::Plan::mutable_create_time);
  proto.set_etag(EtagOf(plan.revision));
  return proto;
}

v1::PlanDay ToProto(const PlanDay& day) {
  v1::PlanDay proto;
  proto.set_name(PlanDayName(day.plan, day.day));
  proto.set_day(base::FormatDay(day.day));
  proto.set_stage_index(day.stage);
  proto.set_day_in_stage(day.day_in_stage);
  proto.set_cap(day.cap);
  proto.set_decision(EnumNamed<v1::PlanDay::Decision>(DayDecisionName(day.decision)));
  proto.set_reason(day.reason);
  proto.set_accepted(day.accepted);
  return proto;
}

v1::PlanProgress ToProto(const core::PlanStatus& status, absl::Time read_time) {
  v1::PlanProgress proto;
  *proto.mutable_plan() = ToProto(status.plan);
  if (status.today.has_value()) {
    *proto.mutable_today() = ToProto(*status.today);
    SetTime(status.day_start, &proto, &v1::PlanProgress::mutable_day_start_time);
    SetTime(status.day_end, &proto, &v1::PlanProgress::mutable_day_end_time);
  }
  *proto.mutable_today_total() = ToProto(status.today_total);
  for (const core::LaneStatus& lane : status.lanes) {
    *proto.add_lanes() = ToProto(lane, status.plan.id);
  }
  *proto.mutable_wait() = ToProto(status.wait);
  SetTime(read_time, &proto, &v1::PlanProgress::mutable_read_time);
  return proto;
}

absl::StatusOr<Plan> PlanFrom(const std::string& id, const v1::Plan& proto, int64_t target,
                              absl::Time now) {
  Plan plan;
  plan.id = PlanId(id);
  ASSIGN_OR_RETURN(plan.egress_ip, ParseEgressIp("plan.egress_ip", proto.egress_ip()));
  if (target < 0 || target > kLargestTarget) {
    return Fault("target", absl::StrCat("is ", target, "; it must be 1 to ", kLargestTarget,
                                        " messages per plan day, or 0 with plan.stages"));
  }
  if (target != 0 && proto.stages_size() > 0) {
    return Fault("target", "and plan.stages are both given; give one of them");
  }
  plan.stages = target != 0 ? ClassicRamp(target) : StagesFrom(proto);
  ASSIGN_OR_RETURN(plan.provider_caps, ProviderCapsFrom(proto));
  ASSIGN_OR_RETURN(plan.time_zone, TimeZoneFrom(proto));
  ASSIGN_OR_RETURN(plan.window, WindowFrom(proto));
  ASSIGN_OR_RETURN(plan.start_date, StartDateFrom(proto, plan.time_zone, now));
  ASSIGN_OR_RETURN(plan.advance_rule, AdvanceRuleFrom(proto));
  plan.engagement_floors = FloorsFrom(proto);
  ASSIGN_OR_RETURN(plan.shape, ShapeFrom(proto, /*hours=*/true, /*days=*/true, plan.shape));
  return plan;
}

absl::StatusOr<Plan> Merged(Plan plan, const v1::Plan& proto, const UpdateMask& mask,
                            absl::Time now) {
  if (plan.state == PlanState::kGraduated) {
    return absl::FailedPreconditionError(
        absl::StrCat(NameOf(plan.id),
                     " is GRADUATED: its stages are done and it caps nothing any more, so "
                     "there is nothing to change"));
  }
  if (mask.Has("stages")) plan.stages = StagesFrom(proto);
  if (mask.Has("provider_caps")) {
    ASSIGN_OR_RETURN(plan.provider_caps, ProviderCapsFrom(proto));
  }
  if (mask.Has("time_zone")) {
    ASSIGN_OR_RETURN(plan.time_zone, TimeZoneFrom(proto));
  }
  if (mask.Has("sending_window")) {
    ASSIGN_OR_RETURN(plan.window, WindowFrom(proto));
  }
  // Without a mask, a start date left out stays: a default of "today" would move it.
  if (mask.Has("start_date") && !(mask.everything() && proto.start_date().empty())) {
    ASSIGN_OR_RETURN(plan.start_date, StartDateFrom(proto, plan.time_zone, now));
  }
  if (mask.Has("advance_rule")) {
    ASSIGN_OR_RETURN(plan.advance_rule, AdvanceRuleFrom(proto));
  }
  if (mask.Has("engagement_floors")) plan.engagement_floors = FloorsFrom(proto);
  ASSIGN_OR_RETURN(plan.shape,
                   ShapeFrom(proto, mask.Has("hourly_weights"), mask.Has("days_off"), plan.shape));
  return plan;
}

}  // namespace crescendo::service
