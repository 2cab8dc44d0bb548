// names.h: resource names as operators write them: in full, or the bare id.
//
// Errors   UsageError, naming what was meant and how it is written.
// Threads  pure functions.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::cli {

// "mta1-a" or "egressIps/mta1-a" -> "egressIps/mta1-a".
absl::StatusOr<std::string> EgressIpName(absl::string_view text);
absl::StatusOr<std::string> PoolName(absl::string_view text);
absl::StatusOr<std::string> PlanName(absl::string_view text);
absl::StatusOr<std::string> ProviderName(absl::string_view text);
absl::StatusOr<std::string> CampaignName(absl::string_view text);
absl::StatusOr<std::string> WebhookName(absl::string_view text);
absl::StatusOr<std::string> EventName(absl::string_view text);
// The address may hold anything but blanks and controls, also slashes.
absl::StatusOr<std::string> SuppressionName(absl::string_view address);
absl::StatusOr<std::string> EngagementName(absl::string_view address);
// "mta1-a/gmail", or "mta1-a" with `provider` "gmail", or the full name with `provider` "".
absl::StatusOr<std::string> LaneName(absl::string_view lane, absl::string_view provider);
// "spring/17", or "spring" with `number` "17", or the full name with `number` "".
absl::StatusOr<std::string> DeliveryName(absl::string_view delivery, absl::string_view number);
absl::StatusOr<std::string> ImportName(absl::string_view campaign, absl::string_view import_id);

// What stands behind the first slash: "engagements/a/b@example.com" -> "a/b@example.com".
std::string AddressOf(absl::string_view name);
// "campaigns/spring/deliveries/17" -> "spring/17", which the commands take.
std::string ShortDeliveryName(const std::string& name);

// What stands behind the last slash: "egressIps/mta1-a" -> "mta1-a"; "" stays "".
std::string IdOf(absl::string_view name);

}  // namespace crescendo::cli
