// plan_settings.h: a plan's shape as named texts: for the diff that people see before and after a
// change, for the audit trail, and for stores.
//
// The names are those of plan.proto, `guardrails.hard_bounces` and the like for what is inside one.
// The texts are what the CLI's options take: "2:200 2:500", "gmail=3000", "08:00-20:00".
//
// Errors   ShapeFrom: DATA_LOSS for what SettingsOf never wrote.
// Threads  pure functions: safe from any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "scheduler/domain/plan.h"

namespace crescendo {

using Setting = std::pair<std::string, std::string>;  // Name and text.

// Every field, always in the same order.
std::vector<Setting> SettingsOf(const PlanShape& shape);
// `base` with the fields that `settings` name. For every shape,
// ShapeFrom(SettingsOf(shape), {}) == shape.
absl::StatusOr<PlanShape> ShapeFrom(absl::Span<const Setting> settings, PlanShape base);

// What a change changes: a field of the plan, its stage or its state.
struct FieldChange {
  std::string field;
  std::string from, to;
  friend bool operator==(const FieldChange&, const FieldChange&) = default;
};
std::vector<FieldChange> DiffOf(const PlanShape& from, const PlanShape& to);
// "stages: 2:200 -> 2:300; start_date: …", at most 1,000 characters.
std::string DiffText(absl::Span<const FieldChange> changes);

}  // namespace crescendo
