// plan.h: how much an egress IP may send on each of its first days, and how far it has come.
//
// Units    caps are messages per plan day; a plan day is a civil day in the plan's time zone.
// Errors   Validate* return INVALID_ARGUMENT naming the field, its fault and the fix.
// Threads  values and pure functions: safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/engagement_floor.h"
#include "scheduler/domain/ids.h"
#include "scheduler/domain/sending_shape.h"

namespace crescendo {

struct Stage {
  int days = 1;           // Range: [1, 365].
  int64_t daily_cap = 0;  // Messages per plan day, all providers. Range: [1, 10000000].
  friend bool operator==(const Stage&, const Stage&) = default;
};

// Never more than this to one provider on one plan day, whatever the stage says.
struct ProviderCap {
  ProviderId provider;
  int64_t daily_cap = 0;  // Range: [0, 10000000]. 0: send nothing there.
  friend bool operator==(const ProviderCap&, const ProviderCap&) = default;
};

// Local time of day in which mail may leave; the day's cap is spread over it.
// 0 and 24 h: the whole day, also one of 23 or 25 hours.
struct SendingWindow {
  absl::Duration start = absl::ZeroDuration();  // Since local midnight. Range: [0 h, 24 h).
  absl::Duration end = absl::Hours(24);         // Range: (start, 24 h].
  friend bool operator==(const SendingWindow&, const SendingWindow&) = default;
};

enum class AdvanceRule {
  kDelivered,  // A day counts when >= 90 % of its cap was accepted.
  kCalendar,   // Every plan day counts.
};

enum class PlanState {
  kDraft,  // Not started: its IP sends nothing.
  kActive,
  kPaused,     // By an operator: its IP sends nothing.
  kGraduated,  // All stages done: no cap any more.
};
absl::string_view PlanStateName(PlanState state);  // "DRAFT" …

// Why a plan stands where it stands, for each plan day that ended.
enum class DayDecision { kOpen, kAdvance, kRepeat, kGraduate };
absl::string_view DayDecisionName(DayDecision decision);  // "OPEN", "ADVANCE" …

struct Plan {
  PlanId id;
  EgressIpId egress_ip;  // An egress IP has one plan at most.
  std::vector<Stage> stages;
  std::vector<ProviderCap> provider_caps;
  std::string time_zone = "UTC";
  SendingWindow window;
  absl::CivilDay start_date;  // No mail before this plan day.
  AdvanceRule advance_rule = AdvanceRule::kDelivered;
  std::vector<EngagementFloor> engagement_floors;
  SendingShape shape;

  PlanState state = PlanState::kDraft;
  std::string state_reason;  // Why, and who. May be "".
  absl::Time create_time;
  int64_t revision = 0;
};

// One plan day: written when it opens (decision kOpen) and again when it ends. How far a plan has
// come is the newest of its days and nothing else (L9). The cap of an open day never rises except
// by an operator's edit.
struct PlanDay {
  PlanId plan;
  EgressIpId egress_ip;
  absl::CivilDay day;
  int stage = 0;         // Index into the plan's stages.
  int day_in_stage = 0;  // Counted days of that stage before this one.
  int64_t cap = 0;       // Messages.
  DayDecision decision = DayDecision::kOpen;
  std::string reason;    // "184 of 200 accepted (92 %): next step".
  int64_t accepted = 0;  // At the decision.
};

// 200 for 2 days, 500, 1000, 2000, then double every 2 days; the last stage's cap is `target`.
// REQUIRES: 1 <= target <= 10000000.
std::vector<Stage> ClassicRamp(int64_t target);

// Checks all an operator can set. `zone` need not be loaded by the caller.
absl::Status ValidatePlan(const Plan& plan);
absl::Status ValidateEgressIp(const EgressIp& ip);
absl::Status ValidatePool(const Pool& pool);

// "" if `text` is a literal IPv4 or IPv6 address / a host name (RFC 1123), else the fault.
std::string IpAddressFault(absl::string_view text);
std::string HostNameFault(absl::string_view text);
// The one spelling of an address: "2001:db8::1" for "2001:DB8:0::1", "192.0.2.1" for
// "::ffff:192.0.2.1". REQUIRES: IpAddressFault says "".
std::string CanonicalIpAddress(absl::string_view text);

}  // namespace crescendo
