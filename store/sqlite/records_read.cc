// Reading the small records: at start, and to answer a request again.
#include "scheduler/base/status_macros.h"
#include "store/sqlite/plan_flow.h"
#include "store/sqlite/records.h"
#include "store/sqlite/variables.h"

namespace crescendo::store {
namespace {

// Binds as NULL when there is none: "?1 IS NULL OR id = ?1" then takes every row.
TextOrNull Only(const std::optional<std::string>& only) {
  return {only ? absl::string_view(*only) : absl::string_view()};
}

PlanDay ReadPlanDay(const Rows& row) {
  PlanDay day;
  day.plan = PlanId(row.Text(0));
  day.day = row.Day(1);
  day.egress_ip = EgressIpId(row.Text(2));
  day.stage = row.Int32(3);
  day.day_in_stage = row.Int32(4);
  day.cap = row.Int(5);
  day.decision = row.Enumerator(6, DayDecision::kGraduate);
  day.reason = row.String(7);
  day.accepted = row.Int(8);
  return day;
}

}  // namespace

absl::StatusOr<std::vector<EgressIp>> Records::EgressIps(std::optional<std::string> only) {
  Statement read(database_,
                 "SELECT id, address, ehlo_name, create_time_us, revision FROM egress_ips"
                 " WHERE ?1 IS NULL OR id = ?1 ORDER BY id");
  Rows rows = read.Query(Only(only));
  std::vector<EgressIp> ips;
  while (rows.Next()) {
    ips.push_back(
        {EgressIpId(rows.Text(0)), rows.String(1), rows.String(2), rows.Time(3), rows.Int(4)});
  }
  RETURN_IF_ERROR(rows.status());
  return ips;
}

absl::StatusOr<std::vector<Pool>> Records::Pools(std::optional<std::string> only) {
  Statement read(database_,
                 "SELECT id, create_time_us, revision, overflow FROM pools"
                 " WHERE ?1 IS NULL OR id = ?1 ORDER BY id");
  Statement read_members(database_,
                         "SELECT egress_ip FROM pool_members WHERE pool = ?1 ORDER BY position");
  Rows rows = read.Query(Only(only));
  std::vector<Pool> pools;
  while (rows.Next()) {
    Pool& pool = pools.emplace_back();
    pool.id = PoolId(rows.Text(0));
    pool.create_time = rows.Time(1);
    pool.revision = rows.Int(2);
    pool.overflow = PoolId(rows.Text(3));
    Rows members = read_members.Query(pool.id.text());
    while (members.Next()) pool.egress_ips.emplace_back(members.Text(0));
    RETURN_IF_ERROR(members.status());
  }
  RETURN_IF_ERROR(rows.status());
  return pools;
}

absl::StatusOr<std::vector<Plan>> Records::Plans(std::optional<std::string> only) {
  Statement read(database_,
                 "SELECT id, egress_ip, time_zone, window_start_us, window_end_us, start_day,"
                 " advance_rule, state, state_reason, create_time_us, revision"
                 " FROM plans WHERE ?1 IS NULL OR id = ?1 ORDER BY id");
  Statement read_stages(database_,
                        "SELECT days, daily_cap FROM plan_stages WHERE plan = ?1"
                        " ORDER BY position");
  Statement read_caps(database_,
                      "SELECT provider, daily_cap FROM plan_provider_caps WHERE plan = ?1"
                      " ORDER BY position");
  Rows rows = read.Query(Only(only));
  std::vector<Plan> plans;
  while (rows.Next()) {
    Plan& plan = plans.emplace_back();
    plan.id = PlanId(rows.Text(0));
    plan.egress_ip = EgressIpId(rows.Text(1));
    plan.time_zone = rows.String(2);
    plan.window = {rows.Span(3), rows.Span(4)};
    plan.start_date = rows.Day(5);
    plan.advance_rule = rows.Enumerator(6, AdvanceRule::kCalendar);
    plan.state = rows.Enumerator(7, PlanState::kGraduated);
    plan.state_reason = rows.String(8);
    plan.create_time = rows.Time(9);
    plan.revision = rows.Int(10);
    Rows stages = read_stages.Query(plan.id.text());
    while (stages.Next()) plan.stages.push_back({stages.Int32(0), stages.Int(1)});
    RETURN_IF_ERROR(stages.status());
    Rows caps = read_caps.Query(plan.id.text());
    while (caps.Next()) plan.provider_caps.push_back({ProviderId(caps.Text(0)), caps.Int(1)});
    RETURN_IF_ERROR(caps.status());
    RETURN_IF_ERROR(ReadPlanFlow(database_, &plan));
  }
  RETURN_IF_ERROR(rows.status());
  return plans;
}

absl::StatusOr<std::vector<Campaign>> Records::Campaigns(std::optional<std::string> only) {
  Statement read(
      database_,
      "SELECT key, id, state, pool, create_time_us, revision, lifetime_us, state_reason,"
      " from_name, from_address, return_path, subject, list_unsubscribe, text_body,"
      " html_body, feedback_sender_id, headers, raw_message, weight, sunset_days FROM campaigns"
      " WHERE ?1 IS NULL OR id = ?1 ORDER BY key");
  Rows rows = read.Query(Only(only));
  std::vector<Campaign> campaigns;
  while (rows.Next()) {
    Campaign& campaign = campaigns.emplace_back();
    campaign.key = CampaignKey(rows.Int(0));
    campaign.id = CampaignId(rows.Text(1));
    campaign.state = rows.Enumerator(2, CampaignState::kCancelled);
    campaign.pool = PoolId(rows.Text(3));
    campaign.create_time = rows.Time(4);
    campaign.revision = rows.Int(5);
    campaign.lifetime = rows.Span(6);
    campaign.state_reason = rows.String(7);
    campaign.from_name = rows.String(8);
    campaign.from_address = rows.String(9);
    campaign.return_path = rows.String(10);
    campaign.subject = rows.String(11);
    campaign.list_unsubscribe = rows.String(12);
    campaign.text_body = rows.String(13);
    campaign.html_body = rows.String(14);
    campaign.feedback_sender_id = rows.String(15);
    ASSIGN_OR_RETURN(campaign.headers, DecodeVariables(rows.Text(16)));
    campaign.raw_message = rows.String(17);
    campaign.weight = rows.Int32(18);
    campaign.sunset_days = rows.Int32(19);
  }
  RETURN_IF_ERROR(rows.status());
  return campaigns;
}

absl::StatusOr<std::vector<LaneRecord>> Records::Lanes() {
  Statement read(
      database_,
      "SELECT egress_ip, provider, paused, pause_reason, stopped_until_us, blocked,"
      " stop_reason, stop_count, rate_per_hour, connection_limit, last_raise_time_us FROM lanes"
      " ORDER BY egress_ip, provider");
  Rows rows = read.Query();
  std::vector<LaneRecord> lanes;
  while (rows.Next()) {
    LaneRecord& lane = lanes.emplace_back();
    lane.lane = {EgressIpId(rows.Text(0)), ProviderId(rows.Text(1))};
    lane.paused = rows.Int(2) != 0;
    lane.pause_reason = rows.String(3);
    lane.stopped_until = rows.Time(4);
    lane.blocked = rows.Int(5) != 0;
    lane.stop_reason = rows.String(6);
    lane.stop_count = rows.Int32(7);
    lane.rate_per_hour = rows.Real(8);
    lane.connection_limit = rows.Int32(9);
    lane.last_raise_time = rows.Time(10);
  }
  RETURN_IF_ERROR(rows.status());
  return lanes;
}

absl::StatusOr<std::vector<PlanDay>> Records::PlanDays(const PlanId& plan) {
  Statement read(database_,
                 "SELECT plan, day, egress_ip, stage, day_in_stage, cap, decision, reason, accepted"
                 " FROM plan_days WHERE plan = ?1 ORDER BY day");
  Rows rows = read.Query(plan.text());
  std::vector<PlanDay> days;
  while (rows.Next()) days.push_back(ReadPlanDay(rows));
  RETURN_IF_ERROR(rows.status());
  return days;
}

absl::StatusOr<std::vector<PlanDay>> Records::NewestPlanDays() {
  // With max(), SQLite takes the other columns from the row that has it.
  Statement read(database_,
                 "SELECT plan, max(day), egress_ip, stage, day_in_stage, cap, decision, reason,"
                 " accepted FROM plan_days GROUP BY plan ORDER BY plan");
  Rows rows = read.Query();
  std::vector<PlanDay> days;
  while (rows.Next()) days.push_back(ReadPlanDay(rows));
  RETURN_IF_ERROR(rows.status());
  return days;
}

}  // namespace crescendo::store
