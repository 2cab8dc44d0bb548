#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/laws.h"
#include "scheduler/base/civil_day.h"

namespace crescendo::sandbox {
namespace {

constexpr size_t kShown = 5;

}  // namespace

void LawResult::Violation(std::string text) {
  ++violations_;
  if (first_violations_.size() < kShown) first_violations_.push_back(std::move(text));
}

LawResult CheckCap(const DayTable& table, const DayCaps& days) {
  LawResult law("cap");
  for (const auto& [key, row] : table.rows()) {
    const std::string where = absl::StrCat(base::FormatDay(key.first), " ", key.second);
    law.Checked();
    const auto day = days.find(key);
    if (day == days.end()) {
      law.Violation(absl::StrCat(where, ": mail left, but the days file has no cap for it"));
      continue;
    }
    if (row.used() > day->second.cap) {
      law.Violation(absl::StrCat(where, ": ", row.used(), " accepted or refused for good, cap ",
                                 day->second.cap));
    }
    for (const auto& [provider, cap] : day->second.provider_caps) {
      const auto used = row.used_at.find(provider);
      if (used == row.used_at.end()) continue;
      law.Checked();
      if (used->second <= cap) continue;
      law.Violation(absl::StrCat(where, " x ", provider, ": ", used->second,
                                 " accepted or refused for good, cap ", cap));
    }
  }
  return law;
}

}  // namespace crescendo::sandbox
