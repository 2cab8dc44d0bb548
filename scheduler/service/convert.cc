#include "scheduler/service/convert.h"

#include "scheduler/base/status_macros.h"
#include "scheduler/domain/domain_name.h"
#include "scheduler/service/names.h"

namespace crescendo::service {

v1::Provider::TlsPolicy ToProto(TlsPolicy policy) {
  switch (policy) {
    case TlsPolicy::kOpportunistic:
      return v1::Provider::OPPORTUNISTIC;
    case TlsPolicy::kRequired:
      return v1::Provider::REQUIRED;
    case TlsPolicy::kVerified:
      return v1::Provider::VERIFIED;
    case TlsPolicy::kNever:
      return v1::Provider::NEVER;
  }
  return v1::Provider::TLS_POLICY_UNSPECIFIED;
}

v1::EgressIp ToProto(const EgressIp& ip) {
  v1::EgressIp proto;
  proto.set_name(NameOf(ip.id));
  proto.set_address(ip.address);
  proto.set_ehlo_name(ip.ehlo_name);
  SetTime(ip.create_time, &proto, &v1::EgressIp::mutable_create_time);
  proto.set_etag(EtagOf(ip.revision));
  return proto;
}

EgressIp EgressIpFrom(const std::string& id, const v1::EgressIp& proto) {
  EgressIp ip;
  ip.id = EgressIpId(id);
  ip.address = proto.address();
  ip.ehlo_name = NormalOrGiven(NormaliseDomain(proto.ehlo_name()), proto.ehlo_name());
  return ip;
}

v1::Pool ToProto(const Pool& pool) {
  v1::Pool proto;
  proto.set_name(NameOf(pool.id));
  for (const EgressIpId& ip : pool.egress_ips) proto.add_egress_ips(NameOf(ip));
  if (!pool.overflow.empty()) proto.set_overflow_pool(NameOf(pool.overflow));
  SetTime(pool.create_time, &proto, &v1::Pool::mutable_create_time);
  proto.set_etag(EtagOf(pool.revision));
  return proto;
}

absl::StatusOr<std::vector<EgressIpId>> PoolMembersFrom(const v1::Pool& proto) {
  std::vector<EgressIpId> members;
  for (int i = 0; i < proto.egress_ips_size(); ++i) {
    ASSIGN_OR_RETURN(EgressIpId id,
                     ParseEgressIp(absl::StrCat("pool.egress_ips[", i, "]"), proto.egress_ips(i)));
    members.push_back(std::move(id));
  }
  return members;
}

absl::StatusOr<PoolId> OverflowFrom(const v1::Pool& proto) {
  if (proto.overflow_pool().empty()) return PoolId();
  return ParsePool("pool.overflow_pool", proto.overflow_pool());
}

v1::Provider ToProto(const Provider& provider) {
  v1::Provider proto;
  proto.set_name(NameOf(provider.id));
  proto.set_display_name(provider.display_name);
  for (const std::string& suffix : provider.mx_suffixes) proto.add_mx_suffixes(suffix);
  proto.set_max_connections_per_ip(provider.max_connections_per_ip);
  proto.set_messages_per_connection(provider.messages_per_connection);
  proto.set_lane_rate_per_hour(provider.lane_rate_per_hour);
  proto.set_provider_rate_per_hour(provider.provider_rate_per_hour);
  proto.set_warming_daily_cap(provider.warming_daily_cap);
  *proto.mutable_rate_limit_stop() = ToProto(provider.rate_limit_stop);
  *proto.mutable_block_stop() = ToProto(provider.block_stop);
  proto.set_tls_policy(ToProto(provider.tls));
  proto.set_source(provider.source);
  return proto;
}

v1::Suppression ToProto(const Suppression& suppression) {
  v1::Suppression proto;
  proto.set_name(SuppressionName(suppression.address));
  proto.set_address(suppression.address);
  proto.set_reason(EnumNamed<v1::Suppression::Reason>(SuppressionReasonName(suppression.reason)));
  proto.set_note(suppression.note);
  SetTime(suppression.create_time, &proto, &v1::Suppression::mutable_create_time);
  return proto;
}

absl::StatusOr<Suppression> SuppressionFrom(const v1::Suppression& proto) {
  Suppression suppression;
  auto address = NormaliseAddress(proto.address());
  if (!address.ok()) return Fault("suppression.address:", address.status().message());
  suppression.address = *std::move(address);
  RETURN_IF_ERROR(CheckFreeText("suppression.note", proto.note(), 1000));
  suppression.note = proto.note();
  if (proto.reason() != v1::Suppression::REASON_UNSPECIFIED) {
    const auto reason = DomainNamed(proto.reason(),
                                    {SuppressionReason::kHardBounce, SuppressionReason::kComplaint,
                                     SuppressionReason::kUnsubscribe, SuppressionReason::kManual},
                                    SuppressionReasonName);
    if (!reason.has_value()) {
      return Fault("suppression.reason", absl::StrCat("is ", static_cast<int>(proto.reason()),
                                                      ", which is none of Suppression.Reason"));
    }
    suppression.reason = *reason;
  }
  return suppression;
}

}  // namespace crescendo::service
