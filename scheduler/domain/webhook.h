// webhook.h: an address of a platform's that is told of events, in order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/domain/event.h"
#include "scheduler/domain/ids.h"

namespace crescendo {

// Of which events it is told: all that is set must match.
struct EventSelection {
  std::optional<CampaignId> campaign;
  std::optional<EgressIpId> egress_ip;
  std::optional<ProviderId> provider;
  std::optional<PlanId> plan;
  std::vector<EventType> types;  // Empty: all.
};

struct Webhook {
  WebhookId id;
  std::string url;     // https://, or http:// to a loopback address.
  std::string secret;  // "whsec_" and 32 bytes in base64: the key of its signatures.
  EventSelection selection;
  bool paused = false;
  std::string state_reason;  // Who paused or resumed it and why, or what paused it.
  EventId delivered;         // All of its events up to this one were taken by the receiver.
  int64_t lost = 0;          // Events of any kind that retention took away before it got to them.
  absl::Time create_time;
};

}  // namespace crescendo
