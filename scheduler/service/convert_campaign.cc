#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

constexpr int kMostVariables = 64;

absl::StatusOr<absl::Duration> LifetimeFrom(const v1::Campaign& proto) {
  if (!proto.has_lifetime()) return Campaign().lifetime;
  return DurationFrom("campaign.lifetime", proto.lifetime());
}

absl::StatusOr<TlsPolicy> TlsFrom(const v1::Campaign& proto) {
  switch (proto.tls_policy()) {
    case v1::Provider::TLS_POLICY_UNSPECIFIED:
      return TlsPolicy::kNever;
    case v1::Provider::OPPORTUNISTIC:
      return TlsPolicy::kOpportunistic;
    case v1::Provider::REQUIRED:
      return TlsPolicy::kRequired;
    case v1::Provider::VERIFIED:
      return TlsPolicy::kVerified;
    case v1::Provider::NEVER:
      return Fault("campaign.tls_policy",
                   "is NEVER, but a campaign cannot ask for less than the provider; leave it out");
    default:
      return Fault(
          "campaign.tls_policy",
          absl::StrCat("is ", proto.tls_policy(), "; use OPPORTUNISTIC, REQUIRED or VERIFIED"));
  }
}

std::string AddressFrom(const std::string& given) {
  return NormalOrGiven(NormaliseAddress(given), given);
}

std::vector<std::pair<std::string, std::string>> HeadersFrom(const v1::Campaign& proto) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& header : proto.headers()) headers.emplace_back(header.name(), header.value());
  return headers;
}

absl::Status CheckVariableName(absl::string_view name) {
  const bool good = !name.empty() && name.size() <= 64 && !absl::StrContains(name, "}}") &&
                    std::none_of(name.begin(), name.end(), [](char c) {
                      return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
                    });
  if (good) return absl::OkStatus();
  return Fault("variables", absl::StrCat("has the name ", Quoted(name),
                                         "; use 1 to 64 bytes without blanks, controls and }}"));
}

}  // namespace

v1::Campaign ToProto(const Campaign& campaign) {
  v1::Campaign proto;
  proto.set_name(NameOf(campaign.id));
  proto.set_pool(NameOf(campaign.pool));
  proto.set_from_name(campaign.from_name);
  proto.set_from_address(campaign.from_address);
  proto.set_return_path(campaign.return_path);
  proto.set_subject(campaign.subject);
  proto.set_text_body(campaign.text_body);
  proto.set_html_body(campaign.html_body);
  for (const auto& [name, value] : campaign.headers) {
    v1::Campaign::Header* header = proto.add_headers();
    header->set_name(name);
    header->set_value(value);
  }
  proto.set_raw_message(campaign.raw_message);
  proto.set_list_unsubscribe(campaign.list_unsubscribe);
  proto.set_feedback_sender_id(campaign.feedback_sender_id);
  if (campaign.tls != TlsPolicy::kNever) proto.set_tls_policy(ToProto(campaign.tls));
  *proto.mutable_lifetime() = ToProto(campaign.lifetime);
  proto.set_weight(campaign.weight);
  proto.set_sunset_days(campaign.sunset_days);
  proto.set_state(EnumNamed<v1::Campaign::State>(CampaignStateName(campaign.state)));
  proto.set_state_reason(campaign.state_reason);
  proto.mutable_counts();
  SetTime(campaign.create_time, &proto, &v1::Campaign::mutable_create_time);
  proto.set_etag(EtagOf(campaign.revision));
  return proto;
}

v1::Campaign::Counts ToProto(const CampaignCounts& counts) {
  v1::Campaign::Counts proto;
  proto.set_queued(counts.queued);
  proto.set_claimed(counts.claimed);
  proto.set_in_doubt(counts.in_doubt);
  proto.set_deferred(counts.deferred);
  proto.set_accepted(counts.accepted);
  proto.set_bounced(counts.bounced);
  proto.set_expired(counts.expired);
  proto.set_suppressed(counts.suppressed);
  proto.set_cancelled(counts.cancelled);
  proto.set_total(counts.total());
  return proto;
}

absl::StatusOr<Campaign> CampaignFrom(const std::string& id, const v1::Campaign& proto) {
  Campaign campaign;
  campaign.id = CampaignId(id);
  ASSIGN_OR_RETURN(campaign.pool, ParsePool("campaign.pool", proto.pool()));
  campaign.from_name = proto.from_name();
  campaign.from_address = AddressFrom(proto.from_address());
  campaign.return_path = AddressFrom(proto.return_path());
  campaign.subject = proto.subject();
  campaign.text_body = proto.text_body();
  campaign.html_body = proto.html_body();
  campaign.headers = HeadersFrom(proto);
  campaign.raw_message = proto.raw_message();
  campaign.list_unsubscribe = proto.list_unsubscribe();
  campaign.feedback_sender_id = proto.feedback_sender_id();
  ASSIGN_OR_RETURN(campaign.tls, TlsFrom(proto));
  ASSIGN_OR_RETURN(campaign.lifetime, LifetimeFrom(proto));
  campaign.weight = proto.weight();
  campaign.sunset_days = proto.sunset_days();
  return campaign;
}

absl::StatusOr<Campaign> Merged(Campaign campaign, const v1::Campaign& proto,
                                const UpdateMask& mask) {
  if (campaign.state == CampaignState::kCancelled) {
    return absl::FailedPreconditionError(
        absl::StrCat(NameOf(campaign.id), " is CANCELLED, which is final; nothing of it changes"));
  }
  if (mask.Has("lifetime")) {
    ASSIGN_OR_RETURN(campaign.lifetime, LifetimeFrom(proto));
  }
  if (mask.Has("tls_policy")) {
    ASSIGN_OR_RETURN(campaign.tls, TlsFrom(proto));
  }
  if (mask.Has("weight")) campaign.weight = proto.weight();
  if (mask.Has("sunset_days")) campaign.sunset_days = proto.sunset_days();
  if (campaign.state != CampaignState::kDraft) {
    if (mask.everything()) return campaign;
    for (const std::string& field : mask.fields()) {
      if (field == "lifetime" || field == "tls_policy" || field == "weight" ||
          field == "sunset_days") {
        continue;
      }
      return absl::FailedPreconditionError(
          absl::StrCat(field, " may change while the campaign is a DRAFT only; ",
                       NameOf(campaign.id), " is ", CampaignStateName(campaign.state)));
    }
    return campaign;
  }
  if (mask.Has("pool")) {
    ASSIGN_OR_RETURN(campaign.pool, ParsePool("campaign.pool", proto.pool()));
  }
  if (mask.Has("from_name")) campaign.from_name = proto.from_name();
  if (mask.Has("from_address")) campaign.from_address = AddressFrom(proto.from_address());
  if (mask.Has("return_path")) campaign.return_path = AddressFrom(proto.return_path());
  if (mask.Has("subject")) campaign.subject = proto.subject();
  if (mask.Has("text_body")) campaign.text_body = proto.text_body();
  if (mask.Has("html_body")) campaign.html_body = proto.html_body();
  if (mask.Has("headers")) campaign.headers = HeadersFrom(proto);
  if (mask.Has("raw_message")) campaign.raw_message = proto.raw_message();
  if (mask.Has("list_unsubscribe")) campaign.list_unsubscribe = proto.list_unsubscribe();
  if (mask.Has("feedback_sender_id")) campaign.feedback_sender_id = proto.feedback_sender_id();
  return campaign;
}

absl::StatusOr<ports::AppendRecipients::Row> RecipientFrom(const v1::RecipientInput& proto,
                                                           absl::Time now) {
  ports::AppendRecipients::Row row;
  ASSIGN_OR_RETURN(row.address, NormaliseAddress(proto.address()));
  ASSIGN_OR_RETURN(const EngagementSignals signals, SignalsFrom(proto.signals(), now));
  if (proto.has_score()) {
    row.score = proto.score();
    // Written so that NaN fails too.
    if (!(row.score >= 0 && row.score <= 1)) {
      return Fault("score", absl::StrCat("is ", row.score, "; it must be 0 to 1"));
    }
  } else {
    row.signals = signals;
  }
  row.engaged_day = EngagedDayOf(LastEngaged(signals));
  if (proto.variables_size() > kMostVariables) {
    return Fault("variables", absl::StrCat("has ", proto.variables_size(), " entries; at most ",
                                           kMostVariables));
  }
  for (const auto& [name, value] : proto.variables()) {
    RETURN_IF_ERROR(CheckVariableName(name));
    row.variables.emplace_back(name, value);
  }
  // The map has no order; what is stored shall not depend on it.
  std::sort(row.variables.begin(), row.variables.end());
  return row;
}

}  // namespace crescendo::service
