#include "scheduler/domain/plan_settings.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/civil_day.h"

namespace crescendo {
namespace {

constexpr size_t kLongestDiff = 1000;

// --- Texts

// The shortest that reads back as the same number.
std::string Number(double value) {
  for (const int digits : {6, 15, 17}) {
    const std::string text = absl::StrFormat("%.*g", digits, value);
    double back = 0;
    if (absl::SimpleAtod(text, &back) && back == value) return text;
  }
  return absl::StrCat(value);
}

std::string Stages(absl::Span<const Stage> stages, absl::string_view between) {
  return absl::StrJoin(stages, between, [](std::string* out, const Stage& stage) {
    absl::StrAppend(out, stage.days, ":", stage.daily_cap);
  });
}

std::string TimeOfDay(absl::Duration since_midnight) {
  const int64_t minutes = absl::ToInt64Minutes(since_midnight);
  if (absl::Minutes(minutes) != since_midnight) return absl::FormatDuration(since_midnight);
  return absl::StrFormat("%02d:%02d", minutes / 60, minutes % 60);
}

std::string Text(const Thresholds& t) {
  return absl::StrCat(Number(t.hold), " ", Number(t.step_back), " ", Number(t.pause));
}

std::string Text(AdvanceRule rule) {
  switch (rule) {
    case AdvanceRule::kDelivered:
      return "delivered";
    case AdvanceRule::kCalendar:
      return "calendar";
    case AdvanceRule::kSendingDay:
      return "sending-day";
  }
  return "";
}

std::string Text(bool on) { return on ? "on" : "off"; }

// "30@14", or "90" until the plan is done.
std::string Text(const EngagementFloor& floor) {
  return absl::StrCat(floor.within_days,
                      floor.through_day == 0 ? "" : absl::StrCat("@", floor.through_day));
}

// "9-12:2 12-20:1"; hours of weight 0 are left out.
std::string Hours(absl::Span<const int> weights) {
  std::vector<std::string> spans;
  for (size_t first = 0, last = 0; first < weights.size(); first = last) {
    while (last < weights.size() && weights[last] == weights[first]) ++last;
    if (weights[first] != 0) spans.push_back(absl::StrCat(first, "-", last, ":", weights[first]));
  }
  return absl::StrJoin(spans, " ");
}

constexpr absl::string_view kWeekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                           "friday", "saturday", "sunday"};

std::string DaysOff(const SendingShape& shape) {
  std::vector<absl::string_view> days;
  for (size_t day = 0; day < std::size(kWeekdays); ++day) {
    if (!shape.sends_on[day]) days.push_back(kWeekdays[day]);
  }
  return absl::StrJoin(days, " ");
}

// --- And back; false for what was never written.

bool Parse(absl::string_view text, double* value) { return absl::SimpleAtod(text, value); }
bool Parse(absl::string_view text, int64_t* value) { return absl::SimpleAtoi(text, value); }
bool Parse(absl::string_view text, bool* value) {
  *value = text == "on";
  return *value || text == "off";
}

bool Parse(absl::string_view text, char between, std::vector<Stage>* stages) {
  stages->clear();
  for (absl::string_view part : absl::StrSplit(text, between, absl::SkipEmpty())) {
    const std::vector<absl::string_view> halves = absl::StrSplit(part, ':');
    Stage stage;
    if (halves.size() != 2 || !absl::SimpleAtoi(halves[0], &stage.days) ||
        !absl::SimpleAtoi(halves[1], &stage.daily_cap)) {
      return false;
    }
    stages->push_back(stage);
  }
  return true;
}

bool Parse(absl::string_view text, std::vector<ProviderCap>* caps) {
  caps->clear();
  for (absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(part, '=');
    ProviderCap cap;
    cap.provider = ProviderId(halves.first);
    if (!absl::SimpleAtoi(halves.second, &cap.daily_cap)) return false;
    caps->push_back(std::move(cap));
  }
  return true;
}

bool Parse(absl::string_view text, std::vector<ProviderRamp>* ramps) {
  ramps->clear();
  for (absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(part, '=');
    ProviderRamp ramp;
    ramp.provider = ProviderId(halves.first);
    if (!Parse(halves.second, ',', &ramp.stages)) return false;
    ramps->push_back(std::move(ramp));
  }
  return true;
}

bool ParseTimeOfDay(absl::string_view text, absl::Duration* time) {
  const std::vector<absl::string_view> halves = absl::StrSplit(text, ':');
  if (halves.size() != 2) return absl::ParseDuration(text, time);
  int64_t hours = 0, minutes = 0;
  if (!absl::SimpleAtoi(halves[0], &hours) || !absl::SimpleAtoi(halves[1], &minutes)) return false;
  *time = absl::Hours(hours) + absl::Minutes(minutes);
  return true;
}

bool Parse(absl::string_view text, SendingWindow* window) {
  const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(text, '-');
  return ParseTimeOfDay(halves.first, &window->start) &&
         ParseTimeOfDay(halves.second, &window->end);
}

bool Parse(absl::string_view text, absl::CivilDay* day) {
  const absl::StatusOr<absl::CivilDay> parsed = base::ParseDay(text);
  if (parsed.ok()) *day = *parsed;
  return parsed.ok();
}

bool Parse(absl::string_view text, AdvanceRule* rule) {
  for (const AdvanceRule one :
       {AdvanceRule::kDelivered, AdvanceRule::kCalendar, AdvanceRule::kSendingDay}) {
    if (Text(one) != text) continue;
    *rule = one;
    return true;
  }
  return false;
}

bool Parse(absl::string_view text, Thresholds* t) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ' ');
  return parts.size() == 3 && Parse(parts[0], &t->hold) && Parse(parts[1], &t->step_back) &&
         Parse(parts[2], &t->pause);
}

bool Parse(absl::string_view text, std::vector<EngagementFloor>* floors) {
  floors->clear();
  for (absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::vector<absl::string_view> halves = absl::StrSplit(part, '@');
    EngagementFloor floor;
    if (!absl::SimpleAtoi(halves[0], &floor.within_days)) return false;
    if (halves.size() > 2) return false;
    if (halves.size() == 2 && !absl::SimpleAtoi(halves[1], &floor.through_day)) return false;
    floors->push_back(floor);
  }
  return true;
}

bool ParseHours(absl::string_view text, std::vector<int>* weights) {
  weights->clear();
  if (text.empty()) return true;
  weights->assign(24, 0);
  for (absl::string_view part : absl::StrSplit(text, ' ')) {
    const std::vector<absl::string_view> numbers = absl::StrSplit(part, absl::ByAnyChar("-:"));
    size_t first = 0, last = 0;
    int weight = 0;
    if (numbers.size() != 3 || !absl::SimpleAtoi(numbers[0], &first) ||
        !absl::SimpleAtoi(numbers[1], &last) || !absl::SimpleAtoi(numbers[2], &weight) ||
        last > weights->size()) {
      return false;
    }
    for (; first < last; ++first) (*weights)[first] = weight;
  }
  return true;
}

bool ParseDaysOff(absl::string_view text, SendingShape* shape) {
  shape->sends_on.fill(true);
  for (absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const auto day = std::find(std::begin(kWeekdays), std::end(kWeekdays), part);
    if (day == std::end(kWeekdays)) return false;
    shape->sends_on[static_cast<size_t>(day - std::begin(kWeekdays))] = false;
  }
  return true;
}

bool Set(absl::string_view name, absl::string_view text, PlanShape* shape) {
  Guardrails& guardrails = shape->guardrails;
  if (name == "stages") return Parse(text, ' ', &shape->stages);
  if (name == "provider_caps") return Parse(text, &shape->provider_caps);
  if (name == "provider_ramps") return Parse(text, &shape->provider_ramps);
  if (name == "time_zone") {
    shape->time_zone = std::string(text);
    return true;
  }
  if (name == "sending_window") return Parse(text, &shape->window);
  if (name == "start_date") return Parse(text, &shape->start_date);
  if (name == "advance_rule") return Parse(text, &shape->advance_rule);
  if (name == "engagement_floors") return Parse(text, &shape->engagement_floors);
  if (name == "hourly_weights") return ParseHours(text, &shape->shape.hourly_weights);
  if (name == "days_off") return ParseDaysOff(text, &shape->shape);
  if (name == "guardrails.hard_bounces") return Parse(text, &guardrails.hard_bounces);
  if (name == "guardrails.complaints") return Parse(text, &guardrails.complaints);
  if (name == "guardrails.deferrals") return Parse(text, &guardrails.deferrals);
  if (name == "guardrails.min_sample") return Parse(text, &guardrails.min_sample);
  if (name == "guardrails.min_complaints") return Parse(text, &guardrails.min_complaints);
  if (name == "guardrails.clear_at") return Parse(text, &guardrails.clear_at);
  if (name == "guardrails.early_sample") return Parse(text, &guardrails.early_sample);
  if (name == "guardrails.blocklist_pause") return Parse(text, &guardrails.blocklist_pause);
  if (name == "rolling_day") return Parse(text, &shape->rolling_day);
  if (name == "bounded_growth") return Parse(text, &shape->bounded_growth);
  return false;
}

}  // namespace

std::vector<Setting> SettingsOf(const PlanShape& shape) {
  const Guardrails& guardrails = shape.guardrails;
  return {
      {"stages", Stages(shape.stages, " ")},
      {"provider_caps", absl::StrJoin(shape.provider_caps, " ",
                                      [](std::string* out, const ProviderCap& cap) {
                                        absl::StrAppend(out, cap.provider.text(), "=",
                                                        cap.daily_cap);
                                      })},
      {"provider_ramps", absl::StrJoin(shape.provider_ramps, " ",
                                       [](std::string* out, const ProviderRamp& ramp) {
                                         absl::StrAppend(out, ramp.provider.text(), "=",
                                                         Stages(ramp.stages, ","));
                                       })},
      {"time_zone", shape.time_zone},
      {"sending_window",
       absl::StrCat(TimeOfDay(shape.window.start), "-", TimeOfDay(shape.window.end))},
      {"start_date", base::FormatDay(shape.start_date)},
      {"advance_rule", Text(shape.advance_rule)},
      {"engagement_floors", absl::StrJoin(shape.engagement_floors, " ",
                                          [](std::string* out, const EngagementFloor& floor) {
                                            absl::StrAppend(out, Text(floor));
                                          })},
      {"hourly_weights", Hours(shape.shape.hourly_weights)},
      {"days_off", DaysOff(shape.shape)},
      {"guardrails.hard_bounces", Text(guardrails.hard_bounces)},
      {"guardrails.complaints", Text(guardrails.complaints)},
      {"guardrails.deferrals", Text(guardrails.deferrals)},
      {"guardrails.min_sample", absl::StrCat(guardrails.min_sample)},
      {"guardrails.min_complaints", absl::StrCat(guardrails.min_complaints)},
      {"guardrails.clear_at", Number(guardrails.clear_at)},
      {"guardrails.early_sample", absl::StrCat(guardrails.early_sample)},
      {"guardrails.blocklist_pause", Text(guardrails.blocklist_pause)},
      {"rolling_day", Text(shape.rolling_day)},
      {"bounded_growth", Text(shape.bounded_growth)},
  };
}

absl::StatusOr<PlanShape> ShapeFrom(absl::Span<const Setting> settings, PlanShape base) {
  for (const auto& [name, text] : settings) {
    if (!Set(name, text, &base)) {
      return absl::DataLossError(absl::StrCat("no plan has the setting ", name, " \"", text, "\""));
    }
  }
  return base;
}

std::vector<FieldChange> DiffOf(const PlanShape& from, const PlanShape& to) {
  const std::vector<Setting> before = SettingsOf(from), after = SettingsOf(to);
  std::vector<FieldChange> changes;
  for (size_t i = 0; i < after.size(); ++i) {
    if (before[i].second == after[i].second) continue;
    changes.push_back({after[i].first, before[i].second, after[i].second});
  }
  return changes;
}

std::string DiffText(absl::Span<const FieldChange> changes) {
  std::string text = absl::StrJoin(changes, "; ", [](std::string* out, const FieldChange& change) {
    absl::StrAppend(out, change.field, ": ", change.from.empty() ? "none" : change.from, " -> ",
                    change.to.empty() ? "none" : change.to);
  });
  if (text.size() > kLongestDiff) {
    // All ASCII, so it may be cut anywhere.
    text.resize(kLongestDiff - 4);
    text += " ...";
  }
  return text;
}

}  // namespace crescendo
