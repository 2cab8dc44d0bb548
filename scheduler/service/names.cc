#include "scheduler/service/names.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/campaign.h"
#include "scheduler/domain/plan.h"
#include "scheduler/service/errors.h"

namespace crescendo::service {
namespace {

constexpr absl::string_view kAny = "-";

absl::Status BadName(absl::string_view field, absl::string_view name, absl::string_view format) {
  if (name.empty()) return Fault(field, absl::StrCat("is empty; its format is ", format));
  return Fault(field, absl::StrCat("is ", Quoted(name), "; its format is ", format));
}

// The segments of `name` that stand where `format` has {variables}.
absl::StatusOr<std::vector<std::string>> Match(absl::string_view field, absl::string_view name,
                                               absl::string_view format) {
  const std::vector<absl::string_view> want = absl::StrSplit(format, '/');
  const std::vector<absl::string_view> have = absl::StrSplit(name, '/');
  if (want.size() != have.size()) return BadName(field, name, format);
  std::vector<std::string> variables;
  for (size_t i = 0; i < want.size(); ++i) {
    if (want[i].front() == '{') {
      variables.emplace_back(have[i]);
    } else if (want[i] != have[i]) {
      return BadName(field, name, format);
    }
  }
  return variables;
}

absl::Status CheckLabel(absl::string_view field, absl::string_view name, absl::string_view variable,
                        absl::string_view label) {
  const std::string fault = LabelFault(label);
  if (fault.empty()) return absl::OkStatus();
  return Fault(field, absl::StrCat("is ", Quoted(name), ", whose ", variable, " ", fault));
}

// A provider of a lane may be a site of its own, "default.example.net": label and host name.
absl::Status CheckLaneProvider(absl::string_view field, absl::string_view name,
                               absl::string_view provider) {
  absl::string_view host = provider;
  if (!absl::ConsumePrefix(&host, "default.")) {
    return CheckLabel(field, name, "{provider}", provider);
  }
  const std::string fault = HostNameFault(host);
  if (fault.empty()) return absl::OkStatus();
  return Fault(field, absl::StrCat("is ", Quoted(name), ", whose {provider} ", fault));
}

// `any`: "-" is allowed, and gives an empty id.
template <class Id>
absl::StatusOr<Id> ParseOne(absl::string_view field, absl::string_view name,
                            absl::string_view format, bool any = false) {
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, Match(field, name, format));
  if (any && ids[0] == kAny) return Id();
  RETURN_IF_ERROR(CheckLabel(field, name, format.substr(format.find('{')), ids[0]));
  return Id(ids[0]);
}

// A decimal number without sign, leading zeros or an end beyond int64.
std::optional<int64_t> ParseNumber(absl::string_view text, int64_t least) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < least || absl::StrCat(value) != text) {
    return std::nullopt;
  }
  return value;
}

absl::StatusOr<DeliveryRef> ParseBelowDelivery(absl::string_view field, absl::string_view name,
                                               absl::string_view format) {
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, Match(field, name, format));
  DeliveryRef ref;
  if (ids[0] != kAny) {
    RETURN_IF_ERROR(CheckLabel(field, name, "{campaign}", ids[0]));
    ref.campaign = CampaignId(ids[0]);
  }
  const std::optional<int64_t> number = ParseNumber(ids[1], 1);
  if (!number.has_value()) return BadName(field, name, absl::StrCat(format, ", the last a number"));
  ref.delivery = DeliveryId(*number);
  return ref;
}

template <class Id>
std::string Joined(absl::string_view collection, const Id& id) {
  return id.empty() ? "" : absl::StrCat(collection, "/", id.text());
}

}  // namespace

std::string NameOf(const EgressIpId& id) { return Joined("egressIps", id); }
std::string NameOf(const PoolId& id) { return Joined("pools", id); }
std::string NameOf(const PlanId& id) { return Joined("plans", id); }
std::string NameOf(const ProviderId& id) { return Joined("providers", id); }
std::string NameOf(const CampaignId& id) { return Joined("campaigns", id); }

std::string NameOf(const Lane& lane) {
  return absl::StrCat(NameOf(lane.egress_ip), "/lanes/", lane.provider.text());
}

std::string NameOf(EventId id) { return absl::StrCat("events/", id.value()); }

std::string PlanDayName(const PlanId& plan, absl::CivilDay day) {
  return absl::StrCat(NameOf(plan), "/days/", base::FormatDay(day));
}

std::string ImportName(const CampaignId& campaign, const ImportId& import) {
  return absl::StrCat(NameOf(campaign), "/imports/", import.text());
}

std::string DeliveryName(const CampaignId& campaign, DeliveryId delivery) {
  return absl::StrCat("campaigns/", campaign.empty() ? kAny : absl::string_view(campaign.text()),
                      "/deliveries/", delivery.value());
}

std::string TranscriptName(const CampaignId& campaign, DeliveryId delivery) {
  return absl::StrCat(DeliveryName(campaign, delivery), "/transcript");
}

std::string SuppressionName(absl::string_view address) {
  return absl::StrCat("suppressions/", address);
}

absl::StatusOr<EgressIpId> ParseEgressIp(absl::string_view field, absl::string_view name) {
  return ParseOne<EgressIpId>(field, name, "egressIps/{egress_ip}");
}
absl::StatusOr<PoolId> ParsePool(absl::string_view field, absl::string_view name) {
  return ParseOne<PoolId>(field, name, "pools/{pool}");
}
absl::StatusOr<PlanId> ParsePlan(absl::string_view field, absl::string_view name) {
  return ParseOne<PlanId>(field, name, "plans/{plan}");
}
absl::StatusOr<ProviderId> ParseProvider(absl::string_view field, absl::string_view name) {
  return ParseOne<ProviderId>(field, name, "providers/{provider}");
}
absl::StatusOr<CampaignId> ParseCampaign(absl::string_view field, absl::string_view name) {
  return ParseOne<CampaignId>(field, name, "campaigns/{campaign}");
}
absl::StatusOr<EgressIpId> ParseEgressIpOrAny(absl::string_view field, absl::string_view name) {
  return ParseOne<EgressIpId>(field, name, "egressIps/{egress_ip}", /*any=*/true);
}
absl::StatusOr<CampaignId> ParseCampaignOrAny(absl::string_view field, absl::string_view name) {
  return ParseOne<CampaignId>(field, name, "campaigns/{campaign}", /*any=*/true);
}

absl::StatusOr<Lane> ParseLane(absl::string_view field, absl::string_view name) {
  ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                   Match(field, name, "egressIps/{egress_ip}/lanes/{provider}"));
  RETURN_IF_ERROR(CheckLabel(field, name, "{egress_ip}", ids[0]));
  RETURN_IF_ERROR(CheckLaneProvider(field, name, ids[1]));
  return Lane{EgressIpId(ids[0]), ProviderId(ids[1])};
}

absl::StatusOr<EventId> ParseEvent(absl::string_view field, absl::string_view name) {
  constexpr absl::string_view kFormat = "events/{event}";
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, Match(field, name, kFormat));
  const std::optional<int64_t> number = ParseNumber(ids[0], 0);
  if (!number.has_value()) return BadName(field, name, "events/{event}, a decimal number");
  return EventId(*number);
}

absl::StatusOr<std::pair<CampaignId, ImportId>> ParseImport(absl::string_view field,
                                                            absl::string_view name) {
  ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                   Match(field, name, "campaigns/{campaign}/imports/{import}"));
  RETURN_IF_ERROR(CheckLabel(field, name, "{campaign}", ids[0]));
  RETURN_IF_ERROR(CheckLabel(field, name, "{import}", ids[1]));
  return std::make_pair(CampaignId(ids[0]), ImportId(ids[1]));
}

absl::StatusOr<DeliveryRef> ParseDelivery(absl::string_view field, absl::string_view name) {
  return ParseBelowDelivery(field, name, "campaigns/{campaign}/deliveries/{delivery}");
}

absl::StatusOr<DeliveryRef> ParseTranscript(absl::string_view field, absl::string_view name) {
  return ParseBelowDelivery(field, name, "campaigns/{campaign}/deliveries/{delivery}/transcript");
}

absl::StatusOr<std::string> ParseSuppression(absl::string_view field, absl::string_view name) {
  absl::string_view address = name;
  if (!absl::ConsumePrefix(&address, "suppressions/")) {
    return BadName(field, name, "suppressions/{address}");
  }
  auto normal = NormaliseAddress(address);
  if (!normal.ok()) return Fault(field, absl::StrCat("names the ", normal.status().message()));
  return normal;
}

}  // namespace crescendo::service
