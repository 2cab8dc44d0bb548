#include "cmd/crescendo/plan_options.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/plan_flow.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/time_text.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

absl::StatusOr<int32_t> ParseMinute(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  int hours = 0, minutes = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &hours) ||
      !absl::SimpleAtoi(parts[1], &minutes) || hours < 0 || hours > 24 || minutes < 0 ||
      minutes > 59) {
    return UsageError(
        absl::StrCat("--window: \"", OneLine(text), "\" is not a time: want 08:00-20:00"));
  }
  return hours * 60 + minutes;
}

// "2:500"
absl::StatusOr<v1::Plan::Stage> ParseStage(absl::string_view option, absl::string_view text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
  int days = 0;
  const absl::StatusOr<int64_t> cap = ParseCount(parts.second);
  if (!absl::SimpleAtoi(parts.first, &days) || !cap.ok()) {
    return UsageError(
        absl::StrCat(option, ": \"", OneLine(text), "\" is not DAYS:CAP, such as 2:500"));
  }
  v1::Plan::Stage stage;
  stage.set_days(days);
  stage.set_daily_cap(*cap);
  return stage;
}

// "0.3%" as 0.003; "off" as 0.
bool ParseShare(absl::string_view text, double* share) {
  if (text == "off") {
    *share = 0;
    return true;
  }
  if (!absl::ConsumeSuffix(&text, "%") || !absl::SimpleAtod(text, share)) return false;
  *share /= 100;
  return true;
}

bool ParseThresholds(absl::string_view text, v1::Plan::Thresholds* thresholds) {
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  double shares[3] = {0, 0, 0};
  if (parts.empty() || parts.size() > 3) return false;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!ParseShare(parts[i], &shares[i])) return false;
  }
  thresholds->set_hold(shares[0]);
  thresholds->set_step_back(shares[1]);
  thresholds->set_pause(shares[2]);
  return true;
}

absl::Status ParseGuardrail(absl::string_view text, v1::Plan::Guardrails* guardrails) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  const auto& [name, value] = parts;
  const absl::StatusOr<int64_t> count = ParseCount(value);
  double share = 0;
  bool good = true;
  if (name == "bounces") {
    good = ParseThresholds(value, guardrails->mutable_hard_bounces());
  } else if (name == "complaints") {
    good = ParseThresholds(value, guardrails->mutable_complaints());
  } else if (name == "deferrals") {
    good = ParseThresholds(value, guardrails->mutable_deferrals());
  } else if (name == "clear-at" && ParseShare(value, &share)) {
    guardrails->set_clear_at(share);
  } else if (name == "min-sample" && count.ok()) {
    guardrails->set_min_sample(*count);
  } else if (name == "min-complaints" && count.ok()) {
    guardrails->set_min_complaints(*count);
  } else if (name == "early-sample" && count.ok()) {
    guardrails->set_early_sample(*count);
  } else if (name == "blocklist" && (value == "pause" || value == "off")) {
    guardrails->set_blocklist_pause(value == "pause");
  } else {
    good = false;
  }
  if (good) return absl::OkStatus();
  return UsageError(absl::StrCat(
      "--guardrail: \"", OneLine(text),
      "\" is not understood: want bounces=2%,5%,10% (hold, step back, pause; off for never), "
      "complaints=…, deferrals=…, clear-at=75%, min-sample=N, min-complaints=N, early-sample=N or "
      "blocklist=pause|off"));
}

absl::Status FillRamps(const PlanOptions& options, v1::Plan* plan) {
  for (const std::string& text : options.ramps) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
    if (parts.second.empty()) {
      return UsageError(absl::StrCat("--provider-ramp: \"", OneLine(text),
                                     "\" is not PROVIDER=DAYS:CAP,…, such as gmail=2:50,2:100"));
    }
    v1::Plan::ProviderRamp* ramp = plan->add_provider_ramps();
    ASSIGN_OR_RETURN(*ramp->mutable_provider(), ProviderName(parts.first));
    for (const absl::string_view stage : absl::StrSplit(parts.second, ',')) {
      ASSIGN_OR_RETURN(*ramp->add_stages(), ParseStage("--provider-ramp", stage));
    }
  }
  return absl::OkStatus();
}

v1::Plan::AdvanceRule AdvanceRuleOf(const std::string& name) {
  if (name == "calendar") return v1::Plan::CALENDAR;
  return name == "sending-day" ? v1::Plan::SENDING_DAY : v1::Plan::DELIVERED;
}

}  // namespace

absl::Status Fill(const PlanOptions& options, v1::Plan* plan, google::protobuf::FieldMask* mask) {
  for (const std::string& text : options.stages) {
    ASSIGN_OR_RETURN(*plan->add_stages(), ParseStage("--stage", text));
  }
  if (!options.stages.empty()) mask->add_paths("stages");
  for (const std::string& text : options.caps) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
    const absl::StatusOr<int64_t> value = ParseCount(parts.second);
    if (!value.ok()) {
      return UsageError(absl::StrCat("--provider-cap: \"", OneLine(text),
                                     "\" is not PROVIDER=CAP, such as gmail=3000"));
    }
    v1::Plan::ProviderCap* cap = plan->add_provider_caps();
    ASSIGN_OR_RETURN(*cap->mutable_provider(), ProviderName(parts.first));
    cap->set_daily_cap(*value);
  }
  if (!options.caps.empty()) mask->add_paths("provider_caps");
  RETURN_IF_ERROR(FillRamps(options, plan));
  if (!options.ramps.empty()) mask->add_paths("provider_ramps");
  if (!options.time_zone.empty()) {
    plan->set_time_zone(options.time_zone);
    mask->add_paths("time_zone");
  }
  if (!options.window.empty()) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(options.window, absl::MaxSplits('-', 1));
    ASSIGN_OR_RETURN(const int32_t start, ParseMinute(parts.first));
    ASSIGN_OR_RETURN(const int32_t end, ParseMinute(parts.second));
    if (end <= start) {
      return UsageError(absl::StrCat("--window: \"", OneLine(options.window),
                                     "\" ends before it begins; it lies within one day, at most "
                                     "00:00-24:00"));
    }
    plan->mutable_sending_window()->set_start_minute(start);
    plan->mutable_sending_window()->set_end_minute(end);
    mask->add_paths("sending_window");
  }
  if (!options.start_date.empty()) {
    plan->set_start_date(options.start_date);
    mask->add_paths("start_date");
  }
  if (!options.advance.empty()) {
    plan->set_advance_rule(AdvanceRuleOf(options.advance));
    mask->add_paths("advance_rule");
  }
  for (const std::string& text : options.floors) RETURN_IF_ERROR(AddFloor(text, plan));
  if (!options.floors.empty()) mask->add_paths("engagement_floors");
  if (!options.hours.empty()) {
    RETURN_IF_ERROR(SetHours(options.hours, plan));
    mask->add_paths("hourly_weights");
  }
  for (const std::string& text : options.days_off) RETURN_IF_ERROR(AddDayOff(text, plan));
  if (!options.days_off.empty()) mask->add_paths("days_off");
  for (const std::string& text : options.guardrails) {
    RETURN_IF_ERROR(ParseGuardrail(text, plan->mutable_guardrails()));
  }
  if (!options.guardrails.empty()) mask->add_paths("guardrails");
  if (!options.rolling_day.empty()) {
    plan->set_rolling_day(options.rolling_day == "on");
    mask->add_paths("rolling_day");
  }
  if (!options.growth.empty()) {
    plan->set_bounded_growth(options.growth == "bounded");
    mask->add_paths("bounded_growth");
  }
  return absl::OkStatus();
}

v1::Effective EffectiveOf(const PlanOptions& options) {
  if (options.effective.empty()) return v1::EFFECTIVE_UNSPECIFIED;
  return options.effective == "now" ? v1::NOW : v1::NEXT_PLAN_DAY;
}

Command WithShape(Command command, PlanOptions* o) {
  command.Option("--stage", "DAYS:CAP", &o->stages, "A stage, e.g. 2:500; given again in order")
      .Option("--provider-cap", "PROVIDER=CAP", &o->caps,
              "At most so many a day there, e.g. gmail=3000")
      .Option("--provider-ramp", "PROVIDER=DAYS:CAP,…", &o->ramps,
              "A ramp of its own there, e.g. gmail=2:50,2:100,2:200")
      .Option("--time-zone", "ZONE", &o->time_zone,
              "Of the plan days, e.g. Europe/Berlin; default UTC")
      .Option("--window", "FROM-TO", &o->window, "When mail may leave, e.g. 08:00-20:00")
      .Option("--hours", "HOURS", &o->hours,
              "Weights of hours, 9-12:2,12-20:1; no mail in the others; all: every hour alike")
      .Option(
          "--day-off", "DAY", &o->days_off,
          "No mail on this day of the week, and no plan day; can be repeated; none: no such day")
      .Option("--floor", "DAYS", &o->floors,
              "30@14: only who was engaged in the last 30 days, through day 14; 90: until the plan "
              "is done; can be repeated; none: no floor")
      .Option("--start-date", "DATE", &o->start_date, "No mail before, YYYY-MM-DD; default today")
      .Choice("--advance", "RULE", {"delivered", "calendar", "sending-day"}, &o->advance,
              "Which days count: 90 % of the cap accepted, all, or any with mail")
      .Option("--guardrail", "NAME=VALUE", &o->guardrails,
              "bounces=2%,5%,10% (hold, step back, pause), complaints=…, deferrals=…, and more")
      .Choice("--rolling-day", "ON", {"on", "off"}, &o->rolling_day,
              "In any 24 hours no more than the day's cap, too; default off")
      .Choice("--growth", "HOW", {"bounded", "free"}, &o->growth,
              "Once graduated: bounded by a factor a day (default), or free")
      .Flag("--dry-run", &o->dry_run, "Check and show what would change; store nothing");
  return command;
}

}  // namespace crescendo::cli
