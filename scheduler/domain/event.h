// event.h: one record per change that somebody may ask about: outcomes, throttle moves, decisions,
// and what operators did (the audit trail).
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "scheduler/domain/campaign.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/ids.h"
#include "scheduler/domain/reply.h"

namespace crescendo {

enum class EventType {
  // A delivery's life.
  kAccepted,
  kDeferred,
  kBounced,
  kInDoubt,
  kExpired,
  kSuppressed,
  // A lane's throttle.
  kLaneStopped,
  kLaneResumed,
  kRateCut,
  kRateRaised,
  kConnectionsCut,
  kConnectionsRaised,
  // A wider hold: sending domain, campaign at a provider.
  kHoldStarted,
  kHoldEnded,
  // A plan's life.
  kPlanDayOpened,
  kPlanDayClosed,
  kPlanStarted,
  kPlanPaused,
  kPlanResumed,
  kPlanGraduated,
  // What operators and platforms did.
  kCreated,
  kUpdated,
  kCampaignStarted,
  kCampaignPaused,
  kCampaignResumed,
  kCampaignCancelled,
  kLanePaused,
  kLaneUnpaused,
  kSuppressionAdded,
  kSuppressionRemoved,
  kImported,
  // An operator must look.
  kAlert,
  // A probe sent a message.
  kProbed,
  // More of a plan's life, and of what operators did.
  kPlanHeld,
  kPlanMoved,  // To another stage.
  kPlanAborted,
  kDeleted,
};
inline constexpr EventType kLastEventType = EventType::kDeleted;
absl::string_view EventTypeName(EventType type);  // "ACCEPTED" …
std::optional<EventType> ParseEventType(absl::string_view name);

struct Event {
  EventId id;  // Given by the store: ascending without gaps for a reader.
  absl::Time time;
  EventType type = EventType::kAlert;
  // What it is about; whatever does not apply is empty.
  EgressIpId egress_ip;
  ProviderId provider;
  PoolId pool;
  PlanId plan;
  CampaignId campaign;
  DeliveryId delivery;
  std::string address;
  std::optional<ReplyCategory> category;
  std::string text;   // The reply, the reason, or what changed. At most 1,000 characters.
  std::string actor;  // Who did it; "" for the scheduler itself.
};

}  // namespace crescendo
