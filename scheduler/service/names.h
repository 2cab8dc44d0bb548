// names.h: resource names (AIP-122), both ways.
//
// Errors   Parse* return INVALID_ARGUMENT naming the field, what stands there, and the format.
// Threads  pure functions, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/ids.h"

namespace crescendo::service {

// "" for an empty id.
std::string NameOf(const EgressIpId& id);
std::string NameOf(const PoolId& id);
std::string NameOf(const PlanId& id);
std::string NameOf(const ProviderId& id);
std::string NameOf(const CampaignId& id);
std::string NameOf(const WebhookId& id);
std::string NameOf(const Lane& lane);
std::string NameOf(EventId id);  // events/0 for none: it is a cursor.
std::string PlanDayName(const PlanId& plan, absl::CivilDay day);
std::string ImportName(const CampaignId& campaign, const ImportId& import);
// An empty campaign is "-": events of a restart know the delivery only.
std::string DeliveryName(const CampaignId& campaign, DeliveryId delivery);
std::string TranscriptName(const CampaignId& campaign, DeliveryId delivery);
std::string SuppressionName(absl::string_view address);
std::string EngagementName(absl::string_view address);

absl::StatusOr<EgressIpId> ParseEgressIp(absl::string_view field, absl::string_view name);
absl::StatusOr<PoolId> ParsePool(absl::string_view field, absl::string_view name);
absl::StatusOr<PlanId> ParsePlan(absl::string_view field, absl::string_view name);
absl::StatusOr<ProviderId> ParseProvider(absl::string_view field, absl::string_view name);
absl::StatusOr<CampaignId> ParseCampaign(absl::string_view field, absl::string_view name);
absl::StatusOr<WebhookId> ParseWebhook(absl::string_view field, absl::string_view name);
absl::StatusOr<Lane> ParseLane(absl::string_view field, absl::string_view name);
absl::StatusOr<EventId> ParseEvent(absl::string_view field, absl::string_view name);
absl::StatusOr<std::pair<CampaignId, ImportId>> ParseImport(absl::string_view field,
                                                            absl::string_view name);

// The campaign is empty when the name says "-": any.
struct DeliveryRef {
  CampaignId campaign;
  DeliveryId delivery;
};
absl::StatusOr<DeliveryRef> ParseDelivery(absl::string_view field, absl::string_view name);
absl::StatusOr<DeliveryRef> ParseTranscript(absl::string_view field, absl::string_view name);
// The normalised address, as the next.
absl::StatusOr<std::string> ParseSuppression(absl::string_view field, absl::string_view name);
absl::StatusOr<std::string> ParseEngagement(absl::string_view field, absl::string_view name);

// Collections whose parent may be "-", for all: then the id is empty.
absl::StatusOr<EgressIpId> ParseEgressIpOrAny(absl::string_view field, absl::string_view name);
absl::StatusOr<CampaignId> ParseCampaignOrAny(absl::string_view field, absl::string_view name);

}  // namespace crescendo::service
