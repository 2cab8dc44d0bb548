#include "scheduler/service/convert_forecast.h"

#include <algorithm>
#include <map>

#include "scheduler/base/civil_day.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

constexpr int kMostLimits = 5;

std::string NameOfPlace(const Lane& where) {
  return where.provider.empty() ? NameOf(where.egress_ip) : NameOf(where);
}

v1::Estimate ToProto(const forecast::Estimate& at) {
  v1::Estimate proto;
  const absl::Time none = absl::InfiniteFuture();
  SetTime(at.earliest.value_or(none), &proto, &v1::Estimate::mutable_earliest_time);
  SetTime(at.expected.value_or(none), &proto, &v1::Estimate::mutable_expected_time);
  SetTime(at.latest.value_or(none), &proto, &v1::Estimate::mutable_latest_time);
  return proto;
}

void Fill(const core::Snapshot& snapshot, const forecast::Forecast& forecast,
          absl::Duration horizon, int64_t recipients, v1::Forecast* proto) {
  SetTime(snapshot.now.wall, proto, &v1::Forecast::mutable_read_time);
  SetTime(snapshot.now.wall + horizon, proto, &v1::Forecast::mutable_horizon_time);
  *proto->mutable_finish() = ToProto(forecast.at);
  proto->set_recipients(recipients);
  proto->set_left(std::min(forecast.expected.left, recipients));
  proto->set_weight(forecast.weight);
  absl::Duration all;
  for (const forecast::Limit& limit : forecast.expected.limits) all += limit.time;
  for (const forecast::Limit& limit : forecast.expected.limits) {
    if (proto->limits_size() == kMostLimits) break;
    v1::Forecast::Limit* added = proto->add_limits();
    added->set_where(NameOfPlace(limit.lane));
    added->set_reason(EnumNamed<v1::Wait::Reason>(core::ReasonCode(limit.reason)));
    added->set_share(absl::FDivDuration(limit.time, all));
  }
}

// By day. `of`: only what this egress IP does; "": all.
std::map<absl::CivilDay, v1::Forecast::Day> DaysOf(const forecast::RunResult& result,
                                                   const EgressIpId& of) {
  std::map<absl::CivilDay, v1::Forecast::Day> days;
  for (const auto& [key, volume] : result.volumes) {
    const auto& [day, lane] = key;
    if (!of.empty() && lane.egress_ip != of) continue;
    v1::Forecast::Day& proto = days[day];
    v1::Forecast::LaneVolume* added = proto.add_lanes();
    added->set_lane(NameOf(lane));
    added->set_accepted(volume.accepted);
    added->set_refused(volume.refused);
    added->set_deferred(volume.deferred);
    proto.set_accepted(proto.accepted() + volume.accepted);
  }
  return days;
}

// A cap that was rounded up to a whole number of heavy recipients is not passed in what is told.
void KeepToCap(v1::Forecast::Day* day) {
  int64_t over = day->accepted() - day->cap();
  if (day->cap() == 0 || over <= 0) return;
  for (v1::Forecast::LaneVolume& lane : *day->mutable_lanes()) {
    const int64_t less = std::min(over, lane.accepted());
    lane.set_accepted(lane.accepted() - less);
    over -= less;
  }
  day->set_accepted(day->cap());
}

void AddDays(std::map<absl::CivilDay, v1::Forecast::Day> days, int64_t recipients,
             v1::Forecast* proto) {
  int64_t ended = 0;
  for (auto& [day, filled] : days) {
    filled.set_day(base::FormatDay(day));
    for (const v1::Forecast::LaneVolume& lane : filled.lanes()) {
      ended += lane.accepted() + lane.refused();
    }
    const double done =
        recipients == 0 ? 1 : static_cast<double>(ended) / static_cast<double>(recipients);
    filled.set_done(std::min(done, 1.0));
    KeepToCap(&filled);
    *proto->add_days() = std::move(filled);
  }
}

}  // namespace

void FillPlanForecast(const core::Snapshot& snapshot, const forecast::Forecast& forecast,
                      const Plan& plan, absl::Duration horizon, v1::Forecast* proto) {
  int64_t recipients = 0;
  for (const Pool& pool : snapshot.pools) {
    const auto& ips = pool.egress_ips;
    if (std::find(ips.begin(), ips.end(), plan.egress_ip) == ips.end()) continue;
    for (const core::QueueGroup& group : snapshot.queue) {
      if (group.pool == pool.id) recipients += group.ready + group.waiting;
    }
  }
  Fill(snapshot, forecast, horizon, recipients, proto);
  auto days = DaysOf(forecast.expected, plan.egress_ip);
  for (const forecast::PlannedDay& planned : forecast.expected.days) {
    if (planned.plan != plan.id) continue;
    v1::Forecast::Day& day = days[planned.day];
    day.set_cap(planned.cap);
    day.set_stage_index(planned.stage);
    day.set_decision(EnumNamed<v1::PlanDay::Decision>(DayDecisionName(planned.decision)));
  }
  AddDays(std::move(days), recipients, proto);
}

void FillCampaignForecast(const core::Snapshot& snapshot, const forecast::Forecast& forecast,
                          const Campaign& campaign, absl::Duration horizon, v1::Forecast* proto) {
  int64_t recipients = 0;
  for (const core::QueueGroup& group : snapshot.queue) {
    if (group.campaign == campaign.key) recipients += group.ready + group.waiting;
  }
  Fill(snapshot, forecast, horizon, recipients, proto);
  if (recipients == 0) proto->clear_finish();
  AddDays(DaysOf(forecast.expected, {}), recipients, proto);
}

void FillExplanation(const forecast::Explanation& explanation, v1::Explanation* proto) {
  for (const forecast::Cause& cause : explanation.causes) {
    v1::Cause* added = proto->add_causes();
    const bool anywhere = cause.where.egress_ip.empty();
    if (!anywhere) added->set_where(NameOfPlace(cause.where));
    *added->mutable_wait() = ToProto(cause.wait);
    added->set_text(std::string(core::ReasonText(cause.wait.reason)));
    added->set_remedy(cause.remedy);
  }
  proto->set_fact(explanation.fact);
  *proto->mutable_next() = ToProto(explanation.at);
  if (explanation.ahead.has_value()) proto->set_better_ranked(*explanation.ahead);
}

}  // namespace crescendo::service
