// Reading the small records: at start, and to answer a request again.
#include "scheduler/base/status_macros.h"
#include "store/sqlite/records.h"
#include "store/sqlite/variables.h"

namespace crescendo::store {
namespace {

// Binds as NULL when there is none: "?1 IS NULL OR id = ?1" then takes every row.
TextOrNull Only(const std::optional<std::string>& only) {
  return {only ? absl::string_view(*only) : absl::string_view()};
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

absl::StatusOr<std::vector<Campaign>> Records::Campaigns(std::optional<std::string> only) {
  Statement read(database_,
                 "SELECT key, id, state, pool, create_time_us, revision, lifetime_us, state_reason,"
                 " from_name, from_address, return_path, subject, list_unsubscribe, text_body,"
                 " html_body, feedback_sender_id, headers, raw_message, tls, weight, sunset_days"
                 " FROM campaigns WHERE ?1 IS NULL OR id = ?1 ORDER BY key");
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
    campaign.tls = rows.Enumerator(18, TlsPolicy::kVerified);
    campaign.weight = rows.Int32(19);
    campaign.sunset_days = rows.Int32(20);
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

}  // namespace crescendo::store
