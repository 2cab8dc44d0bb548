#include "cmd/crescendo-sandbox/day_table.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "scheduler/base/civil_day.h"

namespace crescendo::sandbox {

void DayTable::Add(const LedgerRecord& record) {
  if (record.kind != RecordKind::kTransaction) return;
  DayCounts& row = rows_[{base::DayOf(record.start, absl::UTCTimeZone()), record.source_ip}];
  switch (record.outcome) {
    case RecordOutcome::kAccepted:
      ++row.accepted;
      ++row.used_at[record.provider];
      return;
    case RecordOutcome::kPermanent:
      ++row.refused;
      ++row.used_at[record.provider];
      return;
    case RecordOutcome::kTemporary:
      ++row.deferred;
      return;
    case RecordOutcome::kDropped:
      ++(record.in_doubt() ? row.in_doubt : row.deferred);
      return;
  }
}

std::string DayTable::Text(const DayCaps& days) const {
  std::string text = absl::StrFormat("%-10s  %-24s %8s %9s %8s %9s %8s %6s\n", "DAY", "IP", "CAP",
                                     "ACCEPTED", "REFUSED", "DEFERRED", "IN DOUBT", "USED");
  for (const auto& [key, row] : rows_) {
    const auto day = days.find(key);
    const bool known = day != days.end();
    const std::string ip =
        known ? absl::StrCat(day->second.egress_ip, " ", key.second) : key.second;
    const std::string cap = known ? absl::StrCat(day->second.cap) : "-";
    const std::string used =
        known && day->second.cap > 0
            ? absl::StrFormat("%.0f%%", 100.0 * static_cast<double>(row.used()) /
                                            static_cast<double>(day->second.cap))
            : "-";
    absl::StrAppendFormat(&text, "%-10s  %-24s %8s %9d %8d %9d %8d %6s\n",
                          base::FormatDay(key.first), ip, cap, row.accepted, row.refused,
                          row.deferred, row.in_doubt, used);
  }
  return text;
}

}  // namespace crescendo::sandbox
