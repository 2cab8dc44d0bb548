#include "scheduler/base/civil_day.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {

v1::Ledger ToProto(const LedgerRow& row) {
  v1::Ledger proto;
  proto.set_claimed(row.claimed);
  proto.set_accepted(row.accepted);
  proto.set_refused(row.refused);
  proto.set_in_doubt(row.in_doubt);
  proto.set_deferred(row.deferred);
  proto.set_carried(row.carried);
  proto.set_used(row.used());
  proto.set_hard_bounces(row.hard_bounces);
  proto.set_complaints(row.complaints);
  proto.set_pushback(row.pushback);
  return proto;
}

v1::Wait ToProto(const core::Wait& wait) {
  v1::Wait proto;
  proto.set_reason(EnumNamed<v1::Wait::Reason>(core::ReasonCode(wait.reason)));
  SetTime(wait.until, &proto, &v1::Wait::mutable_until_time);
  proto.set_detail(wait.detail);
  return proto;
}

v1::Lane ToProto(const core::LaneStatus& status, const PlanId& plan) {
  v1::Lane proto;
  proto.set_name(NameOf(status.lane));
  proto.set_state(EnumNamed<v1::Lane::State>(core::LaneStateName(status.state)));
  proto.set_plan(NameOf(plan));
  proto.set_plan_day(base::FormatDay(status.today.day));
  if (status.ip_cap.has_value()) proto.set_ip_daily_cap(*status.ip_cap);
  proto.set_ip_used(status.ip_used);
  if (status.provider_cap.has_value()) proto.set_provider_daily_cap(*status.provider_cap);
  *proto.mutable_today() = ToProto(status.today);
  proto.set_queued(status.queued);
  proto.set_retrying(status.retrying);
  proto.set_in_flight(status.in_flight);
  proto.set_open_connections(status.connections);
  proto.set_connection_limit(status.connection_limit);
  proto.set_rate_per_hour(status.rate_per_hour);
  *proto.mutable_wait() = ToProto(status.wait);

  v1::Lane::Throttle* throttle = proto.mutable_throttle();
  SetTime(status.record.stopped_until, throttle, &v1::Lane::Throttle::mutable_stopped_until_time);
  throttle->set_stop_reason(status.record.stop_reason);
  throttle->set_stop_count(status.record.stop_count);
  throttle->set_rate_per_hour(status.record.rate_per_hour);
  throttle->set_connection_limit(status.record.connection_limit);
  SetTime(status.record.last_raise_time, throttle, &v1::Lane::Throttle::mutable_last_raise_time);
  proto.set_pause_reason(status.record.pause_reason);
  if (status.own_ramp.has_value()) proto.set_stage_index(status.own_ramp->stage);
  v1::Lane::Tls* tls = proto.mutable_tls();
  tls->set_connections(status.tls.opened);
  tls->set_clear_connections(status.tls.in_the_clear);
  tls->set_clear_reason(status.tls.reason);
  return proto;
}

}  // namespace crescendo::service
