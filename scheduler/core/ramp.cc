#include "scheduler/core/ramp.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "scheduler/base/check.h"
#include "scheduler/domain/ramp.h"

namespace crescendo::core {
namespace {

constexpr double kDeliveredShare = 0.9;
constexpr int kIdleDays = 30;
constexpr int64_t kLargestCap = 10'000'000;

// --- Positions on a ramp

struct Position {
  int stage = 0;
  int day = 0;  // Counted days of the stage before this one.
};

int Last(absl::Span<const Stage> stages) { return static_cast<int>(stages.size()) - 1; }

// An edit may have taken stages away.
int ClampStage(absl::Span<const Stage> stages, int stage) {
  return std::clamp(stage, 0, Last(stages));
}

bool IsLastStep(absl::Span<const Stage> stages, Position at) {
  const int stage = ClampStage(stages, at.stage);
  return stage == Last(stages) && at.day + 1 >= stages[stage].days;
}

// A position that exists. Of the last stage, whose days an edit may have shortened, the last
// repeats.
Position Normal(absl::Span<const Stage> stages, Position at) {
  at.stage = ClampStage(stages, at.stage);
  if (at.day < stages[at.stage].days) return at;
  if (at.stage < Last(stages)) return {at.stage + 1, 0};
  return {at.stage, stages[at.stage].days - 1};
}

Position After(absl::Span<const Stage> stages, Position at, DayDecision decision) {
  at.stage = ClampStage(stages, at.stage);
  switch (decision) {
    case DayDecision::kAdvance:
      ++at.day;
      break;
    case DayDecision::kStepBack:
      at = {std::max(at.stage - 1, 0), 0};
      break;
    default:
      break;
  }
  return Normal(stages, at);
}

// So many plan days back along the ramp.
Position Back(absl::Span<const Stage> stages, Position at, int64_t days) {
  int64_t place = at.day;
  for (int i = 0; i < at.stage; ++i) place += stages[i].days;
  place = std::max<int64_t>(place - days, 0);
  Position back;
  while (place >= stages[back.stage].days) place -= stages[back.stage++].days;
  back.day = static_cast<int>(place);
  return back;
}

// --- Decisions

std::string Share(int64_t accepted, int64_t attainable) {
  // Rounded down, so that "90 %" is never said of a day that is repeated for being under it.
  const int64_t percent = attainable > 0 ? 100 * accepted / attainable : 0;
  return absl::StrFormat("%d of %d accepted (%d %%)", accepted, attainable, percent);
}

struct Verdict {
  DayDecision decision = DayDecision::kRepeat;
  std::string reason;
};

// By the advance rule alone.
Verdict ByRule(const Plan& plan, absl::Span<const Stage> stages, Position at, int64_t accepted,
               int64_t attainable) {
  const bool delivered = attainable > 0 && accepted >= kDeliveredShare * attainable;
  const std::string share = Share(accepted, attainable);
  absl::string_view because = "";
  if (!delivered) {
    switch (plan.advance_rule) {
      case AdvanceRule::kDelivered:
        return {DayDecision::kRepeat, absl::StrCat(share, ", under 90 %: the step is repeated")};
      case AdvanceRule::kSendingDay:
        if (accepted == 0) {
          return {DayDecision::kRepeat, absl::StrCat(share, ", nothing: the step is repeated")};
        }
        because = "; every day with mail counts";
        break;
      case AdvanceRule::kCalendar:
        because = "; the plan goes by the calendar";
        break;
    }
  }
  if (IsLastStep(stages, at)) {
    return {DayDecision::kGraduate, absl::StrCat(share, because, ": the plan is done")};
  }
  return {DayDecision::kAdvance, absl::StrCat(share, because, ": next step")};
}

// Does the ramp go on by itself?
bool Moves(const Plan& plan) {
  return plan.state == PlanState::kActive || plan.state == PlanState::kGraduated;
}
absl::string_view StandsStill(const Plan& plan) {
  return plan.state == PlanState::kHeld ? "; the plan is held" : "; the plan is paused";
}

std::string TextOf(absl::Span<const Finding> findings) {
  return absl::StrJoin(findings, "; ",
                       [](std::string* out, const Finding& finding) { *out += finding.text; });
}

bool HasRamp(const PlanDay& day, const ProviderId& provider) {
  return std::any_of(day.providers.begin(), day.providers.end(),
                     [&](const ProviderDay& own) { return own.provider == provider; });
}

bool Contains(absl::Span<const ProviderId> providers, const ProviderId& provider) {
  return std::find(providers.begin(), providers.end(), provider) != providers.end();
}

// What the findings do to the IP's ramp; those of lanes with their own do nothing.
Severity SeverityForIp(const PlanDay& day, absl::Span<const Finding> findings,
                       std::vector<Finding>* those) {
  Severity worst = Severity::kNone;
  for (const Finding& finding : findings) {
    const ProviderId& provider = finding.breach.provider;
    Severity severity = finding.severity;
    if (!provider.empty()) {
      if (HasRamp(day, provider)) continue;
      // Its lane is paused instead.
      if (severity == Severity::kPause) severity = Severity::kHold;
    }
    worst = std::max(worst, severity);
    those->push_back(finding);
  }
  return worst;
}

Verdict ByGuardrail(const Plan& plan, const PlanDay& day, Severity severity,
                    absl::Span<const Finding> findings) {
  const std::string text = TextOf(findings);
  switch (severity) {
    case Severity::kPause:
      if (plan.acted_day < day.day) {
        return {DayDecision::kPause, absl::StrCat(text, ": paused until an operator resumes it")};
      }
      return {DayDecision::kHold,
              absl::StrCat(text, ": it was paused for this once, so the step is held")};
    case Severity::kStepBack:
      return {DayDecision::kStepBack, absl::StrCat(text, ": one stage back")};
    default:
      return {DayDecision::kHold, absl::StrCat(text, ": the step is held")};
  }
}

Verdict BeyondTheRamp(const PlanDay& day, int64_t accepted) {
  const int64_t next = SafeNext(accepted);
  if (next > day.cap && day.cap < kLargestCap) {
    return {DayDecision::kAdvance,
            absl::StrCat(accepted, " of ", day.cap, " accepted: up to ", next, " next")};
  }
  return {DayDecision::kRepeat, absl::StrCat(accepted, " of ", day.cap, " accepted: it stays")};
}

Verdict VerdictFor(const Plan& plan, const PlanDay& open, const DayFacts& facts,
                   absl::Span<const Finding> findings) {
  std::vector<Finding> those;
  const Severity severity = SeverityForIp(open, findings, &those);
  if (severity != Severity::kNone) return ByGuardrail(plan, open, severity, those);
  Verdict verdict = IsBeyond(plan, open)
                        ? BeyondTheRamp(open, facts.accepted)
                        : ByRule(plan, plan.stages, {open.stage, open.day_in_stage}, facts.accepted,
                                 facts.attainable);
  if (plan.acted_day >= open.day && verdict.decision != DayDecision::kRepeat) {
    return {DayDecision::kHold, absl::StrCat(Share(facts.accepted, facts.attainable),
                                             "; a guardrail paused it: the step is held")};
  }
  if (!Moves(plan) && verdict.decision != DayDecision::kRepeat) {
    return {DayDecision::kHold,
            absl::StrCat(Share(facts.accepted, facts.attainable), StandsStill(plan))};
  }
  return verdict;
}

void CloseProvider(const Plan& plan, const DayFacts& facts, absl::Span<const Finding> findings,
                   ProviderDay& own) {
  const auto ramp = std::find_if(plan.provider_ramps.begin(), plan.provider_ramps.end(),
                                 [&](const auto& r) { return r.provider == own.provider; });
  for (const Evidence& lane : facts.lanes) {
    if (lane.provider == own.provider) own.accepted = lane.accepted;
  }
  std::vector<Finding> those;
  Severity worst = Severity::kNone;
  for (const Finding& finding : findings) {
    if (finding.breach.provider != own.provider) continue;
    those.push_back(finding);
    worst = std::max(worst, finding.severity);
  }
  Verdict verdict;
  if (worst == Severity::kPause) {
    verdict = {DayDecision::kHold, absl::StrCat(TextOf(those), ": the lane is paused")};
  } else if (worst != Severity::kNone) {
    verdict = {worst == Severity::kStepBack ? DayDecision::kStepBack : DayDecision::kHold,
               absl::StrCat(TextOf(those), worst == Severity::kStepBack ? ": one stage back"
                                                                        : ": the step is held")};
  } else if (ramp == plan.provider_ramps.end()) {
    verdict = {DayDecision::kRepeat, "the ramp was taken away"};
  } else {
    verdict = ByRule(plan, ramp->stages, {own.stage, own.day_in_stage}, own.accepted, own.cap);
    if (verdict.decision == DayDecision::kGraduate) {
      verdict = {DayDecision::kRepeat,
                 absl::StrCat(Share(own.accepted, own.cap), ": the last step stays")};
    } else if (!Moves(plan) && verdict.decision == DayDecision::kAdvance) {
      verdict = {DayDecision::kHold, absl::StrCat(Share(own.accepted, own.cap), StandsStill(plan))};
    }
  }
  own.decision = verdict.decision;
  own.reason = std::move(verdict.reason);
}

// The providers' ramps of a day that opens; each that is new begins.
std::vector<ProviderDay> OpenProviders(const Plan& plan, const std::optional<PlanDay>& last,
                                       int64_t idle_days) {
  std::vector<ProviderDay> days;
  for (const ProviderRamp& ramp : plan.provider_ramps) {
    ProviderDay day;
    day.provider = ramp.provider;
    if (last.has_value()) {
      for (const ProviderDay& before : last->providers) {
        if (before.provider != ramp.provider) continue;
        Position at = After(ramp.stages, {before.stage, before.day_in_stage}, before.decision);
        if (idle_days > 0) at = Back(ramp.stages, at, idle_days);
        day.stage = at.stage;
        day.day_in_stage = at.day;
      }
    }
    day.cap = ramp.stages[day.stage].daily_cap;
    days.push_back(std::move(day));
  }
  return days;
}

// The cap behind the ramp, on the day after `last`.
int64_t GrownCap(const Plan& plan, const PlanDay& last) {
  if (!plan.bounded_growth) return kLargestCap;
  if (!IsBeyond(plan, last)) return SafeNext(last.cap);
  const int64_t grown = SafeNext(last.accepted);
  // A bound that comes back goes by what was sent without it.
  if (last.cap >= kLargestCap) return std::max(grown, SafeNext(plan.stages.back().daily_cap));
  return last.decision == DayDecision::kAdvance ? std::max(last.cap, grown) : last.cap;
}

int Beyond(const Plan& plan) { return static_cast<int>(plan.stages.size()); }

}  // namespace

bool IsBeyond(const Plan& plan, const PlanDay& day) { return day.stage >= Beyond(plan); }

PlanDay CloseDay(const Plan& plan, const PlanDay& open, const DayFacts& facts) {
  CRESCENDO_CHECK(open.decision == DayDecision::kOpen);
  PlanDay closed = open;
  closed.accepted = facts.accepted;
  const Judgement judgement = Judge(plan.guardrails, facts.lanes, open.breaches);
  closed.breaches = judgement.breaches;
  for (const Finding& finding : judgement.findings) {
    const ProviderId& provider = finding.breach.provider;
    if (finding.severity == Severity::kPause && !provider.empty() &&
        !Contains(closed.paused_lanes, provider)) {
      closed.paused_lanes.push_back(provider);
    }
  }
  Verdict verdict = VerdictFor(plan, open, facts, judgement.findings);
  closed.decision = verdict.decision;
  closed.reason = std::move(verdict.reason);
  for (ProviderDay& own : closed.providers) {
    CloseProvider(plan, facts, judgement.findings, own);
  }
  return closed;
}

std::optional<PlanDay> OpenDay(const Plan& plan, const std::optional<PlanDay>& last,
                               absl::CivilDay today) {
  if (today < plan.start_date || !plan.shape.SendsOn(today)) return std::nullopt;
  PlanDay day;
  day.plan = plan.id;
  day.egress_ip = plan.egress_ip;
  day.day = today;
  day.idle_since = today;
  const bool graduated = plan.state == PlanState::kGraduated;
  Position at;
  bool beyond = graduated;
  int64_t idle_days = 0;
  if (last.has_value()) {
    CRESCENDO_CHECK(last->decision != DayDecision::kOpen);
    if (today <= last->day) return std::nullopt;
    day.moves = last->moves;
    day.breaches = last->breaches;
    const bool moves = plan.move.number > day.moves && plan.move.from_day <= today;
    if (last->decision == DayDecision::kGraduate && !graduated && !moves) return std::nullopt;
    // A graduated day has no steps; one with some was on stages that an edit has taken away.
    if (IsBeyond(plan, *last) && last->day_in_stage == 0) {
      // Back on the ramp, at its last stage.
      at = {Last(plan.stages), 0};
      if (last->decision == DayDecision::kStepBack) beyond = false;
    } else {
      at = After(plan.stages, {last->stage, last->day_in_stage}, last->decision);
      const bool breached = last->decision == DayDecision::kHold && !last->breaches.empty();
      if (breached && at.stage == Last(plan.stages)) at.day = 0;
    }
    day.idle_since = IdleSince(*last);
    if (const int64_t idle = today - day.idle_since; idle > kIdleDays) {
      idle_days = idle;
      at = Back(plan.stages, beyond ? Position{Beyond(plan), 0} : at, idle);
      beyond = false;
      day.idle_since = today;
    }
  }
  if (plan.move.number > day.moves && plan.move.from_day <= today) {
    at = {plan.move.stage, 0};
    beyond = plan.move.stage >= Beyond(plan);
    day.moves = plan.move.number;
  }
  if (beyond) {
    day.stage = Beyond(plan);
    day.cap = last.has_value() ? GrownCap(plan, *last) : SafeNext(plan.stages.back().daily_cap);
  } else {
    at = Normal(plan.stages, at);
    day.stage = at.stage;
    day.day_in_stage = at.day;
    day.cap = plan.stages[at.stage].daily_cap;
    day.providers = OpenProviders(plan, last, idle_days);
  }
  day.peak_cap = day.cap;
  return day;
}

absl::CivilDay IdleSince(const PlanDay& last) {
  return last.accepted > 0 || last.idle_since == absl::CivilDay() ? last.day : last.idle_since;
}

PlanDay EditedDay(const Plan& plan, const PlanDay& open) {
  PlanDay day = open;
  if (plan.move.number > day.moves && plan.move.from_day <= day.day) {
    const bool complete = plan.move.stage >= Beyond(plan);
    if (complete && !IsBeyond(plan, day)) day.cap = SafeNext(day.cap);
    day.stage = complete ? Beyond(plan) : std::max(plan.move.stage, 0);
    day.day_in_stage = 0;
    day.moves = plan.move.number;
    if (complete) day.providers.clear();
  }
  if (IsBeyond(plan, day) && plan.state == PlanState::kGraduated) {
    if (!plan.bounded_growth) day.cap = kLargestCap;
    if (plan.bounded_growth && day.cap >= kLargestCap) {
      day.cap = SafeNext(plan.stages.back().daily_cap);
    }
  } else {
    day.cap = plan.stages[ClampStage(plan.stages, day.stage)].daily_cap;
    std::vector<ProviderDay> providers;
    for (const ProviderRamp& ramp : plan.provider_ramps) {
      ProviderDay own;
      own.provider = ramp.provider;
      for (const ProviderDay& before : day.providers) {
        if (before.provider == ramp.provider) own = before;
      }
      own.cap = ramp.stages[ClampStage(ramp.stages, own.stage)].daily_cap;
      providers.push_back(std::move(own));
    }
    day.providers = std::move(providers);
  }
  day.peak_cap = std::max(day.peak_cap, day.cap);
  return day;
}

std::optional<absl::CivilDay> ProjectedEnd(const Plan& plan, const PlanDay& day) {
  if (plan.state != PlanState::kActive || IsBeyond(plan, day)) return std::nullopt;
  const int stage = ClampStage(plan.stages, day.stage);
  int64_t left = std::max(plan.stages[stage].days - day.day_in_stage, 1);
  for (int i = stage + 1; i <= Last(plan.stages); ++i) left += plan.stages[i].days;
  absl::CivilDay end = day.day;
  while (--left > 0) end = SendingDayFrom(plan.shape, end + 1);
  return end;
}

}  // namespace crescendo::core
