// ids.h: the ids of this domain.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "scheduler/base/ids.h"

namespace crescendo {

// Labels: 1 to 63 of [a-z0-9-], chosen by people. They appear in resource names.
using EgressIpId = base::StringId<struct EgressIpTag>;
using PoolId = base::StringId<struct PoolTag>;
using PlanId = base::StringId<struct PlanTag>;
using ProviderId = base::StringId<struct ProviderTag>;
using CampaignId = base::StringId<struct CampaignTag>;
using ImportId = base::StringId<struct ImportTag>;
using WebhookId = base::StringId<struct WebhookTag>;

// Numbers, given by the store (DeliveryId, EventId) or by the shard (the others; not kept).
using DeliveryId = base::NumberId<struct DeliveryTag>;      // One recipient of one campaign.
using EventId = base::NumberId<struct EventTag>;            // Ascending: a cursor.
using ConnectionId = base::NumberId<struct ConnectionTag>;  // One SMTP connection of ours.

// "" if `text` is a label, else what is wrong with it, for an error that names the field.
std::string LabelFault(absl::string_view text);

}  // namespace crescendo
