// campaign.h: what is sent, to whom, and how each recipient fares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/engaged_day.h"
#include "scheduler/domain/ids.h"
#include "scheduler/domain/provider.h"
#include "scheduler/domain/reply.h"

namespace crescendo {

// A campaign's number in the store: small, for tables and queues of millions.
using CampaignKey = base::NumberId<struct CampaignKeyTag>;
// A recipient domain's number in the store.
using DomainKey = base::NumberId<struct DomainKeyTag, int32_t>;

enum class CampaignState {
  kDraft,  // Recipients may be imported; nothing leaves.
  kSending,
  kPaused,     // By an operator.
  kCancelled,  // Final: what had not left never will.
};
absl::string_view CampaignStateName(CampaignState state);  // "DRAFT" …

struct Campaign {
  CampaignId id;
  CampaignKey key;  // Given by the store.
  PoolId pool;
  std::string from_name;     // Display name. May be "".
  std::string from_address;  // RFC 5322 From; its domain is the sending domain.
  std::string return_path;   // Envelope sender. "": the From address.
  std::string subject;       // May hold {{variables}}, as the next two.
  std::string text_body;     // One of the bodies is required.
  std::string html_body;
  // More header fields, name and value, which may hold {{variables}}.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string raw_message;  // A whole RFC 5322 message, instead of subject, bodies and headers.
  std::string feedback_sender_id;  // Of the Feedback-ID. "": there is none.
  std::string list_unsubscribe;    // "<https://…>, <mailto:…>". May be "".
  // From the first attempt until retries are given up; while no host can be reached, from when that
  // began.
  absl::Duration lifetime = absl::Hours(72);
  // What its mail needs at least; less than the provider's policy counts for nothing, nor does
  // kNever.
  TlsPolicy tls = TlsPolicy::kNever;
  // Where campaigns compete for a cap: its share, relative to the others'. 0: it has none of its
  // own and ranks with all others that have none. Range: [0, 1000].
  int weight = 0;
  // Who was last engaged longer ago than this is not mailed any more. 0: everybody is. Days.
  // Range: [0, 3650].
  int sunset_days = 0;
  CampaignState state = CampaignState::kDraft;
  std::string state_reason;
  absl::Time create_time;
  int64_t revision = 0;

  std::string sending_domain() const;  // Normal (domain_name.h).
};
absl::Status ValidateCampaign(const Campaign& campaign);

// How engaged a recipient is, as the platform knows it. Machine opens must be left out by the
// caller.
struct EngagementSignals {
  std::optional<absl::Time> last_click_time;
  std::optional<absl::Time> last_open_time;
  std::optional<absl::Time> subscribe_time;
  int64_t click_count = 0;  // Range: [0, 1000000].
  int64_t open_count = 0;   // Range: [0, 1000000].
};

// One recipient as it is imported.
struct Recipient {
  std::string address;          // As given; NormaliseAddress makes it comparable.
  std::optional<double> score;  // [0, 1]. Not set: computed from `signals`.
  EngagementSignals signals;
  std::vector<std::pair<std::string, std::string>> variables;  // For {{name}}. At most 64.
};

// The comparable form: local part as it is, domain normal (domain_name.h). INVALID_ARGUMENT names
// the fault: CR, LF, NUL, spaces, no @, local part > 64 octets, a broken domain name.
absl::StatusOr<std::string> NormaliseAddress(absl::string_view address);
// The part behind the last @. REQUIRES: `address` is normalised.
absl::string_view DomainOf(absl::string_view address);

// L3: every acknowledged recipient is in exactly one of these.
enum class DeliveryState {
  kQueued,      // Never tried.
  kClaimed,     // Handed to a lane; its slot is taken.
  kInDoubt,     // The connection or the process died behind the final dot; held for an operator.
  kDeferred,    // Refused for now; another attempt will follow.
  kAccepted,    // Final.
  kBounced,     // Final; see the category.
  kExpired,     // Final: its lifetime ended before it was accepted.
  kSuppressed,  // Final: the address is on the suppression list.
  kCancelled,   // Final.
};
absl::string_view DeliveryStateName(DeliveryState state);  // "QUEUED" …
bool IsFinal(DeliveryState state);

// What the queue must know of a delivery that is not final. Small: there are millions.
struct QueuedDelivery {
  DeliveryId id;
  CampaignKey campaign;
  DomainKey domain;
  double score = 0;
  int attempts = 0;                                      // Attempts that ended.
  absl::Time not_before = absl::InfinitePast();          // No attempt before this.
  absl::Time first_attempt_time = absl::InfinitePast();  // InfinitePast: none yet.
  EgressIpId pinned_ip;  // Greylisted: retry from here only. "": any.
  EngagedDay engaged_day = 0;
};

// A delivery that is not final and has a new score.
struct Rescored {
  DeliveryId id;
  CampaignKey campaign;
  DomainKey domain;
  double old_score = 0, score = 0;
  EngagedDay engaged_day = 0;  // If that is later than what it had.
};

// A delivery in full, for people and platforms.
struct Delivery {
  DeliveryId id;
  CampaignId campaign;
  std::string address;
  DeliveryState state = DeliveryState::kQueued;
  double score = 0;
  int attempts = 0;
  int in_doubt_count = 0;
  absl::Time create_time;
  absl::Time first_attempt_time = absl::InfinitePast();
  absl::Time last_attempt_time = absl::InfinitePast();
  absl::Time next_attempt_time = absl::InfinitePast();
  EgressIpId egress_ip;                   // Of the last attempt. May be empty.
  ProviderId provider;                    // Of the last attempt. May be empty.
  std::optional<ReplyCategory> category;  // Of the last reply.
  std::string reply;                      // Of the last reply, at most 1,000 characters.
  EngagedDay engaged_day = 0;
};

// Deliveries of one campaign by state; they add up to the acknowledged recipients.
struct CampaignCounts {
  int64_t queued = 0, claimed = 0, in_doubt = 0, deferred = 0, accepted = 0, bounced = 0,
          expired = 0, suppressed = 0, cancelled = 0;
  int64_t& operator[](DeliveryState state);
  int64_t total() const;
  int64_t pending() const { return queued + claimed + in_doubt + deferred; }
};

}  // namespace crescendo
