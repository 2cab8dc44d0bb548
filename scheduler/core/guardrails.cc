#include "scheduler/core/guardrails.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace crescendo::core {
namespace {

constexpr Signal kSignals[] = {Signal::kHardBounces, Signal::kComplaints, Signal::kDeferrals};

struct Measure {
  absl::string_view name;
  int64_t count = 0, sample = 0;
};

Measure MeasureOf(Signal signal, const Evidence& e) {
  switch (signal) {
    case Signal::kHardBounces:
      return {"hard bounces", e.hard_bounces, e.accepted + e.refused};
    case Signal::kComplaints:
      return {"complaints", e.complaints, e.accepted};
    case Signal::kDeferrals:
      return {"deferrals", e.pushback, e.accepted + e.refused + e.deferred};
  }
  return {};
}

const Thresholds& ThresholdsOf(const Guardrails& guardrails, Signal signal) {
  switch (signal) {
    case Signal::kHardBounces:
      return guardrails.hard_bounces;
    case Signal::kComplaints:
      return guardrails.complaints;
    case Signal::kDeferrals:
      return guardrails.deferrals;
  }
  return guardrails.hard_bounces;
}

// 2 of 100 is not above 2 %, however doubles round.
bool Above(const Measure& m, double limit) {
  return limit > 0 && static_cast<double>(m.count) - limit * static_cast<double>(m.sample) > 1e-6;
}

// Too few complaints to be more than chance count as none.
Measure Significant(const Guardrails& guardrails, Signal signal, Measure m) {
  if (signal == Signal::kComplaints && m.count < guardrails.min_complaints) m.count = 0;
  return m;
}

std::string Percent(double share) { return absl::StrFormat("%.3g %%", 100 * share); }

std::string Text(const Measure& m, const ProviderId& provider, absl::string_view than,
                 double limit) {
  const double share = static_cast<double>(m.count) / static_cast<double>(m.sample);
  return absl::StrCat(m.name, provider.empty() ? "" : " at ", provider.text(), ": ", m.count,
                      " of ", m.sample, " (", Percent(share), "), ", than, " ", Percent(limit));
}

// None if the day tells of none.
Finding FindingOf(const Guardrails& guardrails, const Breach& breach, const Measure& m,
                  bool stood) {
  const Thresholds& limits = ThresholdsOf(guardrails, breach.signal);
  if (Above(m, limits.pause)) {
    return {breach, Severity::kPause, Text(m, breach.provider, "above", limits.pause)};
  }
  if (Above(m, limits.step_back)) {
    return {breach, Severity::kStepBack, Text(m, breach.provider, "above", limits.step_back)};
  }
  if (Above(m, limits.hold)) {
    return {breach, Severity::kHold, Text(m, breach.provider, "above", limits.hold)};
  }
  const double clear = limits.hold * guardrails.clear_at;
  if (stood && Above(m, clear)) {
    return {breach, Severity::kHold, Text(m, breach.provider, "not yet down to", clear)};
  }
  return {};
}

}  // namespace

Evidence EvidenceOf(const LedgerRow& row) {
  return {row.lane.provider, row.accepted, row.refused, row.hard_bounces,
          row.complaints,    row.deferred, row.pushback};
}

Evidence SumOf(absl::Span<const Evidence> lanes) {
  Evidence sum;
  for (const Evidence& lane : lanes) {
    sum.accepted += lane.accepted;
    sum.refused += lane.refused;
    sum.hard_bounces += lane.hard_bounces;
    sum.complaints += lane.complaints;
    sum.deferred += lane.deferred;
    sum.pushback += lane.pushback;
  }
  return sum;
}

Judgement Judge(const Guardrails& guardrails, absl::Span<const Evidence> lanes,
                absl::Span<const Breach> before) {
  Judgement judgement;
  std::vector<Evidence> scopes = {SumOf(lanes)};
  scopes.insert(scopes.end(), lanes.begin(), lanes.end());
  // A lane that has no counts today may still stand breached.
  for (const Breach& breach : before) {
    const bool known = std::any_of(scopes.begin(), scopes.end(), [&](const Evidence& scope) {
      return scope.provider == breach.provider;
    });
    if (!known) scopes.push_back({breach.provider});
  }
  for (const Evidence& scope : scopes) {
    for (const Signal signal : kSignals) {
      const Breach breach{signal, scope.provider};
      const bool stood = std::find(before.begin(), before.end(), breach) != before.end();
      const Measure measure = MeasureOf(signal, scope);
      if (measure.sample < guardrails.min_sample) {
        if (stood) judgement.breaches.push_back(breach);
        continue;
      }
      Finding finding =
          FindingOf(guardrails, breach, Significant(guardrails, signal, measure), stood);
      if (finding.severity == Severity::kNone) continue;
      judgement.breaches.push_back(breach);
      judgement.findings.push_back(std::move(finding));
    }
  }
  return judgement;
}

std::vector<Finding> JudgeEarly(const Guardrails& guardrails, absl::Span<const Evidence> lanes) {
  if (guardrails.early_sample == 0) return {};
  Guardrails early = guardrails;
  early.min_sample = std::max(guardrails.min_sample, guardrails.early_sample);
  std::vector<Finding> findings = Judge(early, lanes, {}).findings;
  std::erase_if(findings,
                [](const Finding& finding) { return finding.severity != Severity::kPause; });
  return findings;
}

}  // namespace crescendo::core
