#include "scheduler/domain/plan.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/domain_name.h"

namespace crescendo {
namespace {

constexpr int64_t kLargestCap = 10'000'000;
constexpr int kMostStages = 400;

absl::Status Bad(absl::string_view field, absl::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat(field, " ", fault));
}

absl::Status ValidateStages(absl::string_view name, absl::Span<const Stage> stages) {
  if (stages.empty()) return Bad(name, "is empty; give at least one stage, or a target");
  if (stages.size() > kMostStages)
    return Bad(name, absl::StrCat("has ", stages.size(), " entries; at most ", kMostStages));
  for (size_t i = 0; i < stages.size(); ++i) {
    const std::string field = absl::StrCat(name, "[", i, "]");
    if (stages[i].days < 1 || stages[i].days > 365) {
      return Bad(field + ".days", absl::StrCat("is ", stages[i].days, "; it must be 1 to 365"));
    }
    if (stages[i].daily_cap < 1 || stages[i].daily_cap > kLargestCap) {
      return Bad(field + ".daily_cap",
                 absl::StrCat("is ", stages[i].daily_cap, "; it must be 1 to ", kLargestCap));
    }
  }
  return absl::OkStatus();
}

// Not NaN either.
bool IsShare(double value) { return value >= 0 && value <= 1; }

absl::Status ValidateThresholds(absl::string_view name, const Thresholds& t) {
  const std::string field = absl::StrCat("guardrails.", name);
  for (const auto& [part, value] :
       {std::pair{".hold", t.hold}, {".step_back", t.step_back}, {".pause", t.pause}}) {
    if (!IsShare(value)) {
      return Bad(field + part,
                 absl::StrCat("is ", value, "; it must be a share in [0, 1], 0 for never"));
    }
  }
  double below = 0;
  for (const double value : {t.hold, t.step_back, t.pause}) {
    if (value == 0) continue;
    if (value < below) {
      return Bad(field, absl::StrCat("is ", t.hold, ", ", t.step_back, ", ", t.pause,
                                     "; it must rise from hold over step_back to pause"));
    }
    below = value;
  }
  return absl::OkStatus();
}

absl::Status ValidateCount(absl::string_view field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return Bad(field, absl::StrCat("is ", value, "; it must be ", least, " to ", most));
}

absl::Status ValidateGuardrails(const Guardrails& guardrails) {
  RETURN_IF_ERROR(ValidateThresholds("hard_bounces", guardrails.hard_bounces));
  RETURN_IF_ERROR(ValidateThresholds("complaints", guardrails.complaints));
  RETURN_IF_ERROR(ValidateThresholds("deferrals", guardrails.deferrals));
  RETURN_IF_ERROR(ValidateCount("guardrails.min_sample", guardrails.min_sample, 1, kLargestCap));
  RETURN_IF_ERROR(
      ValidateCount("guardrails.min_complaints", guardrails.min_complaints, 1, 1'000'000));
  RETURN_IF_ERROR(
      ValidateCount("guardrails.early_sample", guardrails.early_sample, 0, kLargestCap));
  if (!(guardrails.clear_at > 0 && guardrails.clear_at <= 1)) {
    return Bad("guardrails.clear_at",
               absl::StrCat("is ", guardrails.clear_at, "; it must be in (0, 1]"));
  }
  return absl::OkStatus();
}

absl::Status ValidateProviderRamps(absl::Span<const ProviderRamp> ramps) {
  absl::flat_hash_set<std::string> seen;
  for (size_t i = 0; i < ramps.size(); ++i) {
    const std::string field = absl::StrCat("provider_ramps[", i, "]");
    if (ramps[i].provider.empty()) return Bad(field + ".provider", "is empty; name a provider");
    if (!seen.insert(ramps[i].provider.text()).second) {
      return Bad(field + ".provider",
                 absl::StrCat("names ", ramps[i].provider.text(), " again; one ramp per provider"));
    }
    RETURN_IF_ERROR(ValidateStages(field + ".stages", ramps[i].stages));
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view PlanStateName(PlanState state) {
  switch (state) {
    case PlanState::kDraft:
      return "DRAFT";
    case PlanState::kActive:
      return "ACTIVE";
    case PlanState::kPaused:
      return "PAUSED";
    case PlanState::kGraduated:
      return "GRADUATED";
    case PlanState::kHeld:
      return "HELD";
    case PlanState::kAborted:
      return "ABORTED";
  }
  return "";
}

absl::string_view SignalName(Signal signal) {
  switch (signal) {
    case Signal::kHardBounces:
      return "HARD_BOUNCES";
    case Signal::kComplaints:
      return "COMPLAINTS";
    case Signal::kDeferrals:
      return "DEFERRALS";
  }
  return "";
}

absl::string_view DayDecisionName(DayDecision decision) {
  switch (decision) {
    case DayDecision::kOpen:
      return "OPEN";
    case DayDecision::kAdvance:
      return "ADVANCE";
    case DayDecision::kRepeat:
      return "REPEAT";
    case DayDecision::kGraduate:
      return "GRADUATE";
    case DayDecision::kHold:
      return "HOLD";
    case DayDecision::kStepBack:
      return "STEP_BACK";
    case DayDecision::kPause:
      return "PAUSE";
  }
  return "";
}

bool IsCapped(const Plan& plan) {
  return plan.state != PlanState::kGraduated || plan.bounded_growth;
}

std::vector<Stage> ClassicRamp(int64_t target) {
  std::vector<Stage> stages;
  for (int64_t cap : {200, 500, 1000, 2000}) {
    if (cap >= target) break;
    stages.push_back({2, cap});
  }
  for (int64_t cap = 4000; cap < target; cap *= 2) stages.push_back({2, cap});
  stages.push_back({2, target});
  return stages;
}

absl::Status ValidatePlan(const Plan& plan) {
  if (const std::string fault = LabelFault(plan.id.text()); !fault.empty())
    return Bad("plan_id", fault);
  if (plan.egress_ip.empty())
    return Bad("egress_ip", "is empty; name the egress IP the plan is for");
  return ValidateShape(plan);
}

absl::Status ValidateShape(const PlanShape& plan) {
  RETURN_IF_ERROR(ValidateStages("stages", plan.stages));
  absl::flat_hash_set<std::string> seen;
  for (size_t i = 0; i < plan.provider_caps.size(); ++i) {
    const ProviderCap& cap = plan.provider_caps[i];
    const std::string field = absl::StrCat("provider_caps[", i, "]");
    if (cap.provider.empty()) return Bad(field + ".provider", "is empty; name a provider");
    if (!seen.insert(cap.provider.text()).second) {
      return Bad(field + ".provider",
                 absl::StrCat("names ", cap.provider.text(), " again; one cap per provider"));
    }
    if (cap.daily_cap < 0 || cap.daily_cap > kLargestCap) {
      return Bad(field + ".daily_cap",
                 absl::StrCat("is ", cap.daily_cap, "; it must be 0 to ", kLargestCap));
    }
  }
  RETURN_IF_ERROR(ValidateProviderRamps(plan.provider_ramps));
  RETURN_IF_ERROR(ValidateGuardrails(plan.guardrails));
  if (const auto zone = base::LoadZone(plan.time_zone); !zone.ok()) {
    return Bad("time_zone", absl::StrCat("is not usable: ", zone.status().message()));
  }
  const SendingWindow& window = plan.window;
  if (window.start < absl::ZeroDuration() || window.start >= absl::Hours(24)) {
    return Bad("window.start", absl::StrCat("is ", absl::FormatDuration(window.start),
                                            "; it must be in [0h, 24h)"));
  }
  if (window.end <= window.start || window.end > absl::Hours(24)) {
    return Bad("window.end", absl::StrCat("is ", absl::FormatDuration(window.end),
                                          "; it must be after window.start and at most 24h"));
  }
  if (plan.start_date < absl::CivilDay(2000, 1, 1) ||
      plan.start_date > absl::CivilDay(2200, 1, 1)) {
    return Bad("start_date", absl::StrCat("is ", base::FormatDay(plan.start_date),
                                          "; it must be between 2000-01-01 and 2200-01-01"));
  }
  RETURN_IF_ERROR(ValidateFloors(plan.engagement_floors));
  return ValidateShape(plan.shape, plan.window.start, plan.window.end);
}

absl::Status ValidateEgressIp(const EgressIp& ip) {
  if (const std::string fault = LabelFault(ip.id.text()); !fault.empty())
    return Bad("egress_ip_id", fault);
  if (const std::string fault = IpAddressFault(ip.address); !fault.empty())
    return Bad("address", fault);
  if (const std::string fault = HostNameFault(ip.ehlo_name); !fault.empty())
    return Bad("ehlo_name", fault);
  return absl::OkStatus();
}

absl::Status ValidatePool(const Pool& pool) {
  if (const std::string fault = LabelFault(pool.id.text()); !fault.empty())
    return Bad("pool_id", fault);
  if (pool.egress_ips.empty())
    return Bad("egress_ips", "is empty; a pool has at least one egress IP");
  absl::flat_hash_set<std::string> seen;
  for (const EgressIpId& ip : pool.egress_ips) {
    if (!seen.insert(ip.text()).second)
      return Bad("egress_ips", absl::StrCat("names ", ip.text(), " twice"));
  }
  if (pool.overflow == pool.id) {
    return Bad("overflow_pool", "is the pool itself; name another pool, or none to hold");
  }
  return absl::OkStatus();
}

std::string IpAddressFault(absl::string_view text) {
  if (text.empty()) return "is empty; give a literal IPv4 or IPv6 address";
  unsigned char buffer[sizeof(in6_addr)];
  const std::string address(text);
  // inet_pton stops reading at a NUL.
  if (!absl::StrContains(text, '\0') && (inet_pton(AF_INET, address.c_str(), buffer) == 1 ||
                                         inet_pton(AF_INET6, address.c_str(), buffer) == 1)) {
    return "";
  }
  return absl::StrCat("is \"", absl::CHexEscape(text.substr(0, 80)),
                      "\", not a literal IPv4 or IPv6 address");
}

std::string CanonicalIpAddress(absl::string_view text) {
  char spelled[INET6_ADDRSTRLEN];
  const std::string address(text);
  in6_addr six;
  if (inet_pton(AF_INET6, address.c_str(), &six) != 1) return address;
  if (IN6_IS_ADDR_V4MAPPED(&six)) {
    return inet_ntop(AF_INET, &six.s6_addr[12], spelled, sizeof(spelled));
  }
  return inet_ntop(AF_INET6, &six, spelled, sizeof(spelled));
}

std::string HostNameFault(absl::string_view text) {
  if (text.empty()) return "is empty; give a host name such as mta1.example.com";
  if (text.size() > 253) return absl::StrCat("is ", text.size(), " characters long; at most 253");
  for (absl::string_view label : absl::StrSplit(text, '.')) {
    const bool good = !label.empty() && label.size() <= 63 && label.front() != '-' &&
                      label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
                        return absl::ascii_isalnum(c) || c == '-' || c == '_';
                      });
    if (!good) {
      return absl::StrCat("is ", QuotedText(text),
                          ", not a host name: labels of letters, digits and -, parted by dots");
    }
  }
  return "";
}

}  // namespace crescendo
