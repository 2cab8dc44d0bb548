// Plans, their days, and their end.
#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "store/sqlite/records.h"
#include "store/sqlite/variables.h"

namespace crescendo::store {
namespace {

// The store keeps these numbers: new enumerators go to the end.
static_assert(static_cast<int>(PlanState::kAborted) == 5);
static_assert(static_cast<int>(AdvanceRule::kSendingDay) == 2);
static_assert(static_cast<int>(DayDecision::kPause) == 6);

constexpr Signal kSignals[] = {Signal::kHardBounces, Signal::kComplaints, Signal::kDeferrals};

// Of the plan in force, these have columns or tables of their own.
bool HasColumn(absl::string_view setting) {
  static const auto* const kColumns = new absl::flat_hash_set<std::string>{
      "stages", "provider_caps", "time_zone", "sending_window", "start_date", "advance_rule"};
  return kColumns->contains(setting);
}

std::string Encode(absl::Span<const Breach> breaches) {
  Variables pairs;
  for (const Breach& breach : breaches) {
    pairs.emplace_back(SignalName(breach.signal), breach.provider.text());
  }
  std::string bytes;
  EncodeVariables(pairs, &bytes);
  return bytes;
}

std::string Encode(absl::Span<const ProviderId> providers) {
  Variables pairs;
  for (const ProviderId& provider : providers) pairs.emplace_back(provider.text(), "");
  std::string bytes;
  EncodeVariables(pairs, &bytes);
  return bytes;
}

std::string Encode(absl::Span<const std::pair<absl::Time, int64_t>> recent) {
  Variables pairs;
  for (const auto& [start, slots] : recent) {
    pairs.emplace_back(absl::StrCat(absl::ToUnixMicros(start)), absl::StrCat(slots));
  }
  std::string bytes;
  EncodeVariables(pairs, &bytes);
  return bytes;
}

absl::Status Decode(absl::string_view bytes, std::vector<Breach>* breaches) {
  ASSIGN_OR_RETURN(const Variables pairs, DecodeVariables(bytes));
  for (const auto& [name, provider] : pairs) {
    for (const Signal signal : kSignals) {
      if (SignalName(signal) == name) breaches->push_back({signal, ProviderId(provider)});
    }
  }
  return absl::OkStatus();
}

absl::Status Decode(absl::string_view bytes, std::vector<ProviderId>* providers) {
  ASSIGN_OR_RETURN(const Variables pairs, DecodeVariables(bytes));
  for (const auto& [provider, none] : pairs) providers->emplace_back(provider);
  return absl::OkStatus();
}

absl::Status Decode(absl::string_view bytes, std::vector<std::pair<absl::Time, int64_t>>* recent) {
  ASSIGN_OR_RETURN(const Variables pairs, DecodeVariables(bytes));
  for (const auto& [start, slots] : pairs) {
    int64_t start_us = 0, count = 0;
    if (!absl::SimpleAtoi(start, &start_us) || !absl::SimpleAtoi(slots, &count)) {
      return absl::DataLossError("a plan day's recent slots cannot be read");
    }
    recent->emplace_back(absl::FromUnixMicros(start_us), count);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Records::Save(Plan* plan) {
  Statement put(database_,
                "INSERT INTO plans VALUES"
                " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
                " ON CONFLICT (id) DO UPDATE SET egress_ip = ?2, time_zone = ?3,"
                " window_start_us = ?4, window_end_us = ?5, start_day = ?6, advance_rule = ?7,"
                " state = ?8, state_reason = ?9, create_time_us = ?10, revision = ?11,"
                " next_from = ?12, move_number = ?13, move_stage = ?14, move_from = ?15,"
                " acted_day = ?16");
  const auto next_from = plan->next.has_value()
                             ? std::optional<int64_t>(plan->next_from - absl::CivilDay())
                             : std::nullopt;
  RETURN_IF_ERROR(put.Run(
      plan->id.text(), plan->egress_ip.text(), plan->time_zone, plan->window.start,
      plan->window.end, plan->start_date, static_cast<int>(plan->advance_rule),
      static_cast<int>(plan->state), plan->state_reason, plan->create_time, plan->revision,
      next_from, plan->move.number, plan->move.stage, plan->move.from_day, plan->acted_day));
  Statement clear_stages(database_, "DELETE FROM plan_stages WHERE plan = ?1");
  RETURN_IF_ERROR(clear_stages.Run(plan->id.text()));
  Statement add_stage(database_, "INSERT INTO plan_stages VALUES (?1, ?2, ?3, ?4)");
  int64_t position = 0;
  for (const Stage& stage : plan->stages) {
    RETURN_IF_ERROR(add_stage.Run(plan->id.text(), position++, stage.days, stage.daily_cap));
  }
  Statement clear_caps(database_, "DELETE FROM plan_provider_caps WHERE plan = ?1");
  RETURN_IF_ERROR(clear_caps.Run(plan->id.text()));
  Statement add_cap(database_, "INSERT INTO plan_provider_caps VALUES (?1, ?2, ?3, ?4)");
  position = 0;
  for (const ProviderCap& cap : plan->provider_caps) {
    RETURN_IF_ERROR(add_cap.Run(plan->id.text(), position++, cap.provider.text(), cap.daily_cap));
  }
  Statement clear_settings(database_, "DELETE FROM plan_settings WHERE plan = ?1");
  RETURN_IF_ERROR(clear_settings.Run(plan->id.text()));
  std::vector<Setting> settings = SettingsOf(*plan);
  std::erase_if(settings, [](const Setting& setting) { return HasColumn(setting.first); });
  RETURN_IF_ERROR(SaveSettings(plan->id, /*next=*/false, settings));
  if (!plan->next.has_value()) return absl::OkStatus();
  return SaveSettings(plan->id, /*next=*/true, SettingsOf(*plan->next));
}

absl::Status Records::SaveSettings(const PlanId& plan, bool next,
                                   absl::Span<const Setting> settings) {
  Statement add(database_, "INSERT INTO plan_settings VALUES (?1, ?2, ?3, ?4)");
  for (const auto& [name, text] : settings) {
    RETURN_IF_ERROR(add.Run(plan.text(), next, name, text));
  }
  return absl::OkStatus();
}

absl::Status Records::ReadSettings(Plan* plan) {
  Statement read(database_, "SELECT next, name, value FROM plan_settings WHERE plan = ?1");
  Rows rows = read.Query(plan->id.text());
  std::vector<Setting> now, next;
  while (rows.Next()) {
    (rows.Int(0) != 0 ? next : now).emplace_back(rows.Text(1), rows.Text(2));
  }
  RETURN_IF_ERROR(rows.status());
  // One from before the settings has the defaults.
  ASSIGN_OR_RETURN(static_cast<PlanShape&>(*plan), ShapeFrom(now, *plan));
  if (next.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(plan->next, ShapeFrom(next, PlanShape()));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Plan>> Records::Plans(std::optional<std::string> only) {
  Statement read(database_,
                 "SELECT id, egress_ip, time_zone, window_start_us, window_end_us, start_day,"
                 " advance_rule, state, state_reason, create_time_us, revision, next_from,"
                 " move_number, move_stage, move_from, acted_day"
                 " FROM plans WHERE ?1 IS NULL OR id = ?1 ORDER BY id");
  Statement read_stages(database_,
                        "SELECT days, daily_cap FROM plan_stages WHERE plan = ?1"
                        " ORDER BY position");
  Statement read_caps(database_,
                      "SELECT provider, daily_cap FROM plan_provider_caps WHERE plan = ?1"
                      " ORDER BY position");
  // Bound as NULL when there is none: "?1 IS NULL OR id = ?1" then takes every row.
  Rows rows = read.Query(TextOrNull{only ? absl::string_view(*only) : absl::string_view()});
  std::vector<Plan> plans;
  while (rows.Next()) {
    Plan& plan = plans.emplace_back();
    plan.id = PlanId(rows.Text(0));
    plan.egress_ip = EgressIpId(rows.Text(1));
    plan.time_zone = rows.String(2);
    plan.window = {rows.Span(3), rows.Span(4)};
    plan.start_date = rows.Day(5);
    plan.advance_rule = rows.Enumerator(6, AdvanceRule::kSendingDay);
    plan.state = rows.Enumerator(7, PlanState::kAborted);
    plan.state_reason = rows.String(8);
    plan.create_time = rows.Time(9);
    plan.revision = rows.Int(10);
    if (!rows.IsNull(11)) plan.next_from = rows.Day(11);
    plan.move = {rows.Int(12), rows.Int32(13), rows.Day(14)};
    plan.acted_day = rows.Day(15);
    Rows stages = read_stages.Query(plan.id.text());
    while (stages.Next()) plan.stages.push_back({stages.Int32(0), stages.Int(1)});
    RETURN_IF_ERROR(stages.status());
    Rows caps = read_caps.Query(plan.id.text());
    while (caps.Next()) plan.provider_caps.push_back({ProviderId(caps.Text(0)), caps.Int(1)});
    RETURN_IF_ERROR(caps.status());
    RETURN_IF_ERROR(ReadSettings(&plan));
  }
  RETURN_IF_ERROR(rows.status());
  return plans;
}

absl::Status Records::Apply(const ports::DeletePlan& remove, ports::WriteResult* result) {
  const std::string& id = remove.plan.text();
  ASSIGN_OR_RETURN(const std::optional<int64_t> revision, Revision(RecordKind::kPlan, id));
  absl::Status& fault = result->status;
  fault = revision ? CheckRevision(RecordKind::kPlan, id, revision, remove.revision)
                   : NoSuch("plan", id);
  if (fault.ok()) RETURN_IF_ERROR(events_->Check(remove.events, nullptr, &fault));
  if (!fault.ok()) return absl::OkStatus();
  for (const char* table :
       {"plan_stages", "plan_provider_caps", "plan_settings", "plan_days", "plan_day_ramps"}) {
    const std::string sql = absl::StrCat("DELETE FROM ", table, " WHERE plan = ?1");
    Statement clear(database_, sql.c_str());
    RETURN_IF_ERROR(clear.Run(id));
  }
  // A create that is repeated after this makes a new one.
  Statement forget(database_, "DELETE FROM requests WHERE kind = ?1 AND record = ?2");
  RETURN_IF_ERROR(forget.Run(static_cast<int>(RecordKind::kPlan), id));
  Statement erase(database_, "DELETE FROM plans WHERE id = ?1");
  RETURN_IF_ERROR(erase.Run(id));
  return events_->Append(remove.events, nullptr);
}

absl::Status Records::Apply(const ports::PutPlanDay& put, ports::WriteResult* result) {
  const PlanDay& day = put.day;
  const std::string& plan = day.plan.text();
  ASSIGN_OR_RETURN(const auto exists, Revision(RecordKind::kPlan, plan));
  if (!exists) result->status = NoSuch("plan", plan);
  if (exists) RETURN_IF_ERROR(events_->Check(put.events, nullptr, &result->status));
  if (!result->status.ok()) return absl::OkStatus();
  Statement save(database_,
                 "INSERT OR REPLACE INTO plan_days VALUES"
                 " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)");
  const std::string breaches = Encode(day.breaches), paused = Encode(day.paused_lanes);
  const std::string recent = Encode(day.recent);
  RETURN_IF_ERROR(save.Run(plan, day.day, day.egress_ip.text(), day.stage, day.day_in_stage,
                           day.cap, static_cast<int>(day.decision), day.reason, day.accepted,
                           day.peak_cap, day.idle_since, day.moves, BlobOrNull{breaches},
                           BlobOrNull{paused}, BlobOrNull{recent}));
  Statement clear(database_, "DELETE FROM plan_day_ramps WHERE plan = ?1 AND day = ?2");
  RETURN_IF_ERROR(clear.Run(plan, day.day));
  int64_t position = 0;
  for (const ProviderDay& own : day.providers) {
    Statement add(database_,
                  "INSERT INTO plan_day_ramps VALUES"
                  " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    RETURN_IF_ERROR(add.Run(plan, day.day, position++, own.provider.text(), own.stage,
                            own.day_in_stage, own.cap, static_cast<int>(own.decision), own.reason,
                            own.accepted));
  }
  return events_->Append(put.events, nullptr);
}

#define CRESCENDO_PLAN_DAY_COLUMNS                                                          \
  " egress_ip, stage, day_in_stage, cap, decision, reason, accepted, peak_cap, idle_since," \
  " moves, breaches, paused_lanes, recent FROM plan_days"

absl::StatusOr<std::vector<PlanDay>> Records::PlanDays(const PlanId& plan) {
  Statement read(database_,
                 "SELECT plan, day," CRESCENDO_PLAN_DAY_COLUMNS " WHERE plan = ?1 ORDER BY day");
  return ReadPlanDays(read.Query(plan.text()));
}

absl::StatusOr<std::vector<PlanDay>> Records::NewestPlanDays() {
  // With max(), SQLite takes the other columns from the row that has it.
  Statement read(database_, "SELECT plan, max(day)," CRESCENDO_PLAN_DAY_COLUMNS
                            " GROUP BY plan ORDER BY plan");
  return ReadPlanDays(read.Query());
}

absl::StatusOr<std::vector<PlanDay>> Records::ReadPlanDays(Rows rows) {
  Statement read_ramps(database_,
                       "SELECT provider, stage, day_in_stage, cap, decision, reason, accepted"
                       " FROM plan_day_ramps WHERE plan = ?1 AND day = ?2 ORDER BY position");
  std::vector<PlanDay> days;
  while (rows.Next()) {
    PlanDay& day = days.emplace_back();
    day.plan = PlanId(rows.Text(0));
    day.day = rows.Day(1);
    day.egress_ip = EgressIpId(rows.Text(2));
    day.stage = rows.Int32(3);
    day.day_in_stage = rows.Int32(4);
    day.cap = rows.Int(5);
    day.decision = rows.Enumerator(6, DayDecision::kPause);
    day.reason = rows.String(7);
    day.accepted = rows.Int(8);
    day.peak_cap = rows.Int(9);
    day.idle_since = rows.Day(10);
    day.moves = rows.Int(11);
    RETURN_IF_ERROR(Decode(rows.Text(12), &day.breaches));
    RETURN_IF_ERROR(Decode(rows.Text(13), &day.paused_lanes));
    RETURN_IF_ERROR(Decode(rows.Text(14), &day.recent));
    Rows ramps = read_ramps.Query(day.plan.text(), day.day);
    while (ramps.Next()) {
      day.providers.push_back({.provider = ProviderId(ramps.Text(0)),
                               .stage = ramps.Int32(1),
                               .day_in_stage = ramps.Int32(2),
                               .cap = ramps.Int(3),
                               .decision = ramps.Enumerator(4, DayDecision::kPause),
                               .reason = ramps.String(5),
                               .accepted = ramps.Int(6)});
    }
    RETURN_IF_ERROR(ramps.status());
  }
  RETURN_IF_ERROR(rows.status());
  return days;
}

}  // namespace crescendo::store
