// plan.h: how much an egress IP may send on each of its first days, and how far it has come.
//
// Units    caps are messages per plan day; a plan day is a civil day in the plan's time zone.
// Errors   Validate* return INVALID_ARGUMENT naming the field, its fault and the fix.
// Threads  values and pure functions: safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
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

// A provider's own ramp beside the IP's: each of its caps holds for that lane alone, and it moves
// by that lane's evidence. The last stage's cap stays until the plan is graduated.
struct ProviderRamp {
  ProviderId provider;
  std::vector<Stage> stages;
  friend bool operator==(const ProviderRamp&, const ProviderRamp&) = default;
};

// Which plan days count towards the next stage. A breached guardrail stops every rule.
enum class AdvanceRule {
  kDelivered,   // Those on which >= 90 % of the cap was accepted.
  kCalendar,    // Every plan day.
  kSendingDay,  // Those on which anything was accepted.
};

// What guardrails look at, each as a share of one plan day's messages: of a lane, and of the IP.
enum class Signal {
  kHardBounces,  // Of what was accepted or refused.
  kComplaints,   // Of what was accepted.
  kDeferrals,    // Pushback (LedgerRow.pushback), of what was answered.
};
absl::string_view SignalName(Signal signal);  // "HARD_BOUNCES" …

// What is done when the share is above these. Range: [0, 1]. 0: never.
struct Thresholds {
  double hold = 0, step_back = 0, pause = 0;
  friend bool operator==(const Thresholds&, const Thresholds&) = default;
};

struct Guardrails {
  Thresholds hard_bounces{0.02, 0.05, 0.10};
  Thresholds complaints{0.001, 0.003, 0.005};
  Thresholds deferrals{0.10, 0, 0};
  int64_t min_sample = 100;    // Messages: fewer say nothing. Range: [1, 10000000].
  int64_t min_complaints = 2;  // One among some hundreds is chance. Range: [1, 1000000].
  // Hysteresis: a breach is over once a day with enough messages stays below this part of `hold`.
  double clear_at = 0.75;  // Range: (0, 1].
  // A pause need not wait for the day's end once so many messages tell. 0: it waits.
  int64_t early_sample = 200;   // Range: [0, 10000000].
  bool blocklist_pause = true;  // A reply that names a blocklist pauses its lane.
  friend bool operator==(const Guardrails&, const Guardrails&) = default;
};

enum class PlanState {
  kDraft,  // Not started: its IP sends nothing.
  kActive,
  kPaused,     // By an operator or a guardrail: its IP sends nothing.
  kGraduated,  // All stages done: only growth is bounded (PlanShape.bounded_growth).
  kHeld,       // By an operator: the ramp stands still, the same cap each day, and mail goes on.
  kAborted,    // Given up by an operator, for good: its IP sends nothing.
};
absl::string_view PlanStateName(PlanState state);  // "DRAFT" …

// Why a plan stands where it stands, for each plan day that ended.
enum class DayDecision {
  kOpen,
  kAdvance,
  kRepeat,    // Under-sent: the step again.
  kGraduate,  // It was the last step.
  kHold,      // A guardrail, or an operator's hold: the step again.
  kStepBack,  // A guardrail: one stage back.
  kPause,     // A guardrail: the plan is paused.
};
absl::string_view DayDecisionName(DayDecision decision);  // "OPEN", "ADVANCE" …

// All of a plan that an operator shapes, and may edit while it runs.
struct PlanShape {
  std::vector<Stage> stages;
  std::vector<ProviderCap> provider_caps;
  std::vector<ProviderRamp> provider_ramps;  // One per provider.
  std::string time_zone = "UTC";
  SendingWindow window;
  absl::CivilDay start_date;  // No mail before this plan day.
  AdvanceRule advance_rule = AdvanceRule::kDelivered;
  std::vector<EngagementFloor> engagement_floors;
  SendingShape shape;
  Guardrails guardrails;
  // Also in any 24 hours no more than the day's cap: 23:59 and 00:01 are not two days' worth.
  bool rolling_day = false;
  // Once graduated, the cap still grows with what was accepted and no faster (domain/ramp.h).
  bool bounded_growth = true;
  friend bool operator==(const PlanShape&, const PlanShape&) = default;
};

// An operator's move to another stage. A plan day remembers the newest it has made.
struct StageMove {
  int64_t number = 0;  // 1, 2, …; 0: there was none.
  int stage = 0;       // Index.
  absl::CivilDay from_day;
  friend bool operator==(const StageMove&, const StageMove&) = default;
};

struct Plan : PlanShape {
  PlanId id;
  EgressIpId egress_ip;  // An egress IP has one plan at most.

  PlanState state = PlanState::kDraft;
  std::string state_reason;  // Why, and who. May be "".
  absl::Time create_time;
  int64_t revision = 0;

  std::optional<PlanShape> next;  // An edit that holds from the plan day `next_from` on.
  absl::CivilDay next_from;
  StageMove move;
  // The newest plan day for which the scheduler paused or graduated it: never twice for one.
  absl::CivilDay acted_day;
};

// A guardrail that was breached and has not been seen clear since. Of the IP: no provider.
struct Breach {
  Signal signal = Signal::kHardBounces;
  ProviderId provider;
  friend bool operator==(const Breach&, const Breach&) = default;
};

// Where a provider's own ramp stands on a plan day; as PlanDay.
struct ProviderDay {
  ProviderId provider;
  int stage = 0;
  int day_in_stage = 0;
  int64_t cap = 0;
  DayDecision decision = DayDecision::kOpen;
  std::string reason;
  int64_t accepted = 0;
  friend bool operator==(const ProviderDay&, const ProviderDay&) = default;
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

  int64_t peak_cap = 0;  // The highest `cap` that held on this day: an edit may have lowered it.
  absl::CivilDay idle_since;  // The last plan day before this one with mail; at first its own day.
  int64_t moves = 0;          // StageMove.number of the newest that was made.
  std::vector<Breach> breaches;          // While open: of the days before. Closed: with this one.
  std::vector<ProviderId> paused_lanes;  // By a guardrail on this day, each once.
  std::vector<ProviderDay> providers;    // Of the plan's provider_ramps.
  // With rolling_day: slots used, by quarter of an hour (its start), of the last 25 hours.
  std::vector<std::pair<absl::Time, int64_t>> recent;
};

// May its egress IP send only what a cap allows (or nothing at all)? All do but the graduated ones
// whose growth is not bounded.
bool IsCapped(const Plan& plan);

// 200 for 2 days, 500, 1000, 2000, then double every 2 days; the last stage's cap is `target`.
// REQUIRES: 1 <= target <= 10000000.
std::vector<Stage> ClassicRamp(int64_t target);

// Checks all an operator can set. `zone` need not be loaded by the caller.
absl::Status ValidatePlan(const Plan& plan);
absl::Status ValidateShape(const PlanShape& shape);
absl::Status ValidateEgressIp(const EgressIp& ip);
absl::Status ValidatePool(const Pool& pool);

// "" if `text` is a literal IPv4 or IPv6 address / a host name (RFC 1123), else the fault.
std::string IpAddressFault(absl::string_view text);
std::string HostNameFault(absl::string_view text);
// The one spelling of an address: "2001:db8::1" for "2001:DB8:0::1", "192.0.2.1" for
// "::ffff:192.0.2.1". REQUIRES: IpAddressFault says "".
std::string CanonicalIpAddress(absl::string_view text);

}  // namespace crescendo
