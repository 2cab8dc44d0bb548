// Plans, as the wire shows them.
#include <algorithm>
#include <utility>

#include "scheduler/base/civil_day.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

using StageProtos = google::protobuf::RepeatedPtrField<v1::Plan::Stage>;

void AddStages(absl::Span<const Stage> stages, StageProtos* protos) {
  for (const Stage& stage : stages) {
    v1::Plan::Stage* added = protos->Add();
    added->set_days(stage.days);
    added->set_daily_cap(stage.daily_cap);
  }
}

void Fill(const Thresholds& thresholds, v1::Plan::Thresholds* proto) {
  proto->set_hold(thresholds.hold);
  proto->set_step_back(thresholds.step_back);
  proto->set_pause(thresholds.pause);
}

void Fill(const Guardrails& guardrails, v1::Plan::Guardrails* proto) {
  Fill(guardrails.hard_bounces, proto->mutable_hard_bounces());
  Fill(guardrails.complaints, proto->mutable_complaints());
  Fill(guardrails.deferrals, proto->mutable_deferrals());
  proto->set_min_sample(guardrails.min_sample);
  proto->set_min_complaints(guardrails.min_complaints);
  proto->set_clear_at(guardrails.clear_at);
  proto->set_early_sample(guardrails.early_sample);
  proto->set_blocklist_pause(guardrails.blocklist_pause);
}

v1::Plan::AdvanceRule ToProto(AdvanceRule rule) {
  switch (rule) {
    case AdvanceRule::kDelivered:
      return v1::Plan::DELIVERED;
    case AdvanceRule::kCalendar:
      return v1::Plan::CALENDAR;
    case AdvanceRule::kSendingDay:
      return v1::Plan::SENDING_DAY;
  }
  return v1::Plan::ADVANCE_RULE_UNSPECIFIED;
}

int Minute(absl::Duration since_midnight) {
  return static_cast<int>(since_midnight / absl::Minutes(1));
}

void Fill(const PlanShape& shape, v1::Plan* proto) {
  AddStages(shape.stages, proto->mutable_stages());
  for (const ProviderCap& cap : shape.provider_caps) {
    v1::Plan::ProviderCap* added = proto->add_provider_caps();
    added->set_provider(NameOf(cap.provider));
    added->set_daily_cap(cap.daily_cap);
  }
  for (const ProviderRamp& ramp : shape.provider_ramps) {
    v1::Plan::ProviderRamp* added = proto->add_provider_ramps();
    added->set_provider(NameOf(ramp.provider));
    AddStages(ramp.stages, added->mutable_stages());
  }
  proto->set_time_zone(shape.time_zone);
  proto->mutable_sending_window()->set_start_minute(Minute(shape.window.start));
  proto->mutable_sending_window()->set_end_minute(Minute(shape.window.end));
  proto->set_start_date(base::FormatDay(shape.start_date));
  proto->set_advance_rule(ToProto(shape.advance_rule));
  for (const EngagementFloor& floor : shape.engagement_floors) {
    v1::Plan::EngagementFloor* added = proto->add_engagement_floors();
    added->set_through_day(floor.through_day);
    added->set_within_days(floor.within_days);
  }
  for (const int weight : shape.shape.hourly_weights) proto->add_hourly_weights(weight);
  for (size_t day = 0; day < shape.shape.sends_on.size(); ++day) {
    if (shape.shape.sends_on[day]) continue;
    proto->add_days_off(static_cast<v1::Plan::Weekday>(v1::Plan::MONDAY + static_cast<int>(day)));
  }
  Fill(shape.guardrails, proto->mutable_guardrails());
  proto->set_rolling_day(shape.rolling_day);
  proto->set_bounded_growth(shape.bounded_growth);
}

std::string TextOf(const Breach& breach) {
  absl::string_view name;
  switch (breach.signal) {
    case Signal::kHardBounces:
      name = "hard bounces";
      break;
    case Signal::kComplaints:
      name = "complaints";
      break;
    case Signal::kDeferrals:
      name = "deferrals";
      break;
  }
  return absl::StrCat(name, breach.provider.empty() ? "" : " at ", breach.provider.text());
}

}  // namespace

v1::Plan ToProto(const Plan& plan) {
  v1::Plan proto;
  proto.set_name(NameOf(plan.id));
  proto.set_egress_ip(NameOf(plan.egress_ip));
  Fill(plan, &proto);
  proto.set_state(EnumNamed<v1::Plan::State>(PlanStateName(plan.state)));
  proto.set_state_reason(plan.state_reason);
  SetTime(plan.create_time, &proto, &v1::Plan::mutable_create_time);
  proto.set_etag(EtagOf(plan.revision));
  if (plan.next.has_value()) {
    Fill(*plan.next, proto.mutable_next());
    proto.set_next_date(base::FormatDay(plan.next_from));
  }
  return proto;
}

v1::Plan ToProto(const core::ChangedPlan& changed) {
  v1::Plan proto = ToProto(changed.plan);
  v1::Plan::Change* change = proto.mutable_change();
  for (const FieldChange& field : changed.change.fields) {
    v1::Plan::Change::Field* added = change->add_fields();
    added->set_name(field.field);
    added->set_from(field.from);
    added->set_to(field.to);
  }
  if (changed.change.cap_before.has_value()) {
    change->set_today_cap_before(*changed.change.cap_before);
  }
  if (changed.change.cap_after.has_value()) {
    change->set_today_cap_after(*changed.change.cap_after);
  }
  SetTime(changed.change.effective_time, change, &v1::Plan::Change::mutable_effective_time);
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
  proto.set_peak_cap(day.peak_cap);
  for (const Breach& breach : day.breaches) proto.add_breaches(TextOf(breach));
  for (const ProviderId& provider : day.paused_lanes) proto.add_paused_lanes(NameOf(provider));
  for (const ProviderDay& own : day.providers) {
    v1::PlanDay::ProviderStep* step = proto.add_provider_steps();
    step->set_provider(NameOf(own.provider));
    step->set_stage_index(own.stage);
    step->set_day_in_stage(own.day_in_stage);
    step->set_cap(own.cap);
    step->set_decision(EnumNamed<v1::PlanDay::Decision>(DayDecisionName(own.decision)));
    step->set_reason(own.reason);
    step->set_accepted(own.accepted);
  }
  return proto;
}

v1::Ramp ToProto(const RampPreset& ramp, int64_t target) {
  v1::Ramp proto;
  proto.set_name(ramp.id);
  proto.set_display_name(ramp.display_name);
  proto.set_source(ramp.source);
  AddStages(StagesUpTo(ramp, target), proto.mutable_stages());
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
  if (status.today.has_value()) {
    proto.set_remaining(std::max<int64_t>(status.today->cap - status.today_total.used(), 0));
  }
  if (status.would_decide.has_value()) {
    *proto.mutable_would_decide() = ToProto(*status.would_decide);
  }
  if (status.projected_end.has_value()) {
    proto.set_projected_end_date(base::FormatDay(*status.projected_end));
  }
  for (const core::LaneStatus& lane : status.lanes) {
    *proto.add_lanes() = ToProto(lane, status.plan.id);
  }
  *proto.mutable_wait() = ToProto(status.wait);
  SetTime(read_time, &proto, &v1::PlanProgress::mutable_read_time);
  return proto;
}

}  // namespace crescendo::service
