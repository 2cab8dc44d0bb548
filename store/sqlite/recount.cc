#include "store/sqlite/recount.h"

#include <array>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {
namespace {

// In the order of a slot's number in events; carried is counted beside it.
constexpr std::array<const char*, 5> kCounters = {"accepted", "refused", "in doubt", "deferred",
                                                  "carried"};
constexpr size_t kDeferred = 3, kCarried = 4;

using DayKey = std::tuple<int64_t, int64_t, int64_t>;  // Labels of IP and provider; day.
using Counts = std::array<int64_t, kCounters.size()>;

absl::Status CountEvents(Database* database, std::map<DayKey, Counts>* told) {
  Statement read(database,
                 "SELECT egress_ip, provider, claim_day, slot FROM events"
                 " WHERE claim_day IS NOT NULL");
  Rows rows = read.Query();
  while (rows.Next()) {
    const auto kind = static_cast<size_t>(rows.Int(3) & 3);
    const int64_t days_later = rows.Int(3) / 4;
    ++(*told)[{rows.Int(0), rows.Int(1), rows.Int(2)}][kind];
    if (kind == kDeferred || days_later == 0) continue;
    ++(*told)[{rows.Int(0), rows.Int(1), rows.Int(2) + days_later}][kCarried];
  }
  return rows.status();
}

}  // namespace

absl::Status RecountLedger(Database* database, std::vector<std::string>* faults) {
  std::map<DayKey, Counts> told;
  RETURN_IF_ERROR(CountEvents(database, &told));
  Statement read(database,
                 "SELECT egress_ip, provider, day, accepted, refused, in_doubt, deferred, carried,"
                 " events_gone, (SELECT text FROM labels WHERE key = egress_ip) || ' × ' ||"
                 " (SELECT text FROM labels WHERE key = provider) FROM ledger");
  Rows rows = read.Query();
  while (rows.Next()) {
    const auto of_day = told.extract(DayKey{rows.Int(0), rows.Int(1), rows.Int(2)});
    if (rows.Int(8) != 0) continue;
    const Counts counted = of_day.empty() ? Counts{} : of_day.mapped();
    std::vector<std::string> wrong;
    for (size_t i = 0; i < kCounters.size(); ++i) {
      const int64_t says = rows.Int(static_cast<int>(i) + 3);
      if (says == counted[i]) continue;
      wrong.push_back(
          absl::StrCat(says, " ", kCounters[i], " where the events tell of ", counted[i]));
    }
    if (wrong.empty()) continue;
    faults->push_back(absl::StrCat(rows.String(9), " on ", base::FormatDay(rows.Day(2)), " says ",
                                   absl::StrJoin(wrong, " and ")));
  }
  RETURN_IF_ERROR(rows.status());
  for (const auto& [key, counts] : told) {
    faults->push_back(absl::StrCat(
        "events tell of ", base::FormatDay(absl::CivilDay() + std::get<2>(key)),
        ", which the ledger has not, for labels ", std::get<0>(key), " × ", std::get<1>(key)));
  }
  return absl::OkStatus();
}

}  // namespace crescendo::store
