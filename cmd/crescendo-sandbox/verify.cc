#include "cmd/crescendo-sandbox/verify.h"

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cmd/crescendo-sandbox/day_table.h"
#include "cmd/crescendo-sandbox/evidence.h"
#include "cmd/crescendo-sandbox/files.h"
#include "cmd/crescendo-sandbox/laws.h"
#include "cmd/crescendo-sandbox/ledger.h"
#include "cmd/crescendo-sandbox/recipients.h"
#include "cmd/crescendo-sandbox/timestamp.h"
#include "nlohmann/json.hpp"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::sandbox {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kFollowPause(500);

// Reads and parses a file; faults name it.
template <class Parse>
auto Load(const std::string& path, const Parse& parse) -> decltype(parse("")) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  auto result = parse(text);
  if (result.ok()) return result;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", result.status().message()));
}

absl::StatusOr<DayCaps> LoadDays(const std::string& path) {
  if (path.empty()) return DayCaps();
  return Load(path, ParseDays);
}

Json TableJson(const DayTable& table, const DayCaps& days) {
  Json rows = Json::array();
  for (const auto& [key, row] : table.rows()) {
    const auto day = days.find(key);
    Json json = {{"day", base::FormatDay(key.first)}, {"address", key.second}};
    if (day != days.end()) {
      json["egress_ip"] = day->second.egress_ip;
      json["cap"] = day->second.cap;
    }
    json.update({{"accepted", row.accepted},
                 {"refused", row.refused},
                 {"deferred", row.deferred},
                 {"in_doubt", row.in_doubt},
                 {"used_at", row.used_at}});
    rows.push_back(std::move(json));
  }
  return rows;
}

bool AllHold(const std::vector<LawResult>& laws) {
  for (const LawResult& law : laws) {
    if (!law.holds()) return false;
  }
  return true;
}

void PrintJson(const DayTable& table, const DayCaps& days, const std::vector<LawResult>& laws,
               std::ostream& out) {
  Json json = {{"ok", AllHold(laws)}, {"laws", Json::object()}, {"days", TableJson(table, days)}};
  for (const LawResult& law : laws) {
    json["laws"][law.name()] = {{"ok", law.holds()},
                                {"checked", law.checked()},
                                {"violations", law.violations()},
                                {"first_violations", law.first_violations()},
                                {"notes", law.notes()}};
  }
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

void PrintLaws(const std::vector<LawResult>& laws, std::ostream& out) {
  out << absl::StrFormat("%-10s %-6s %9s %10s  %s\n", "LAW", "RESULT", "CHECKED", "VIOLATIONS",
                         "NOTE");
  for (const LawResult& law : laws) {
    out << absl::StrFormat("%-10s %-6s %9d %10d", law.name(), law.holds() ? "PASS" : "FAIL",
                           law.checked(), law.violations());
    const char* before = "  ";
    for (const std::string& note : law.notes()) {
      out << before << note;
      before = "; ";
    }
    out << "\n";
  }
  for (const LawResult& law : laws) {
    for (const std::string& text : law.first_violations()) {
      out << law.name() << ": " << text << "\n";
    }
  }
}

absl::StatusOr<absl::Time> AsOf(const VerifyOptions& options,
                                const std::vector<LedgerRecord>& ledger) {
  if (!options.as_of.empty()) return ParseTimestamp(options.as_of);
  return ledger.empty() ? absl::UnixEpoch() : ledger.front().start;
}

}  // namespace

absl::StatusOr<bool> Verify(const VerifyOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const std::vector<LedgerRecord> ledger, ReadLedger(options.ledger_path));
  ASSIGN_OR_RETURN(const DayCaps days, LoadDays(options.days_path));
  DayTable table;
  for (const LedgerRecord& record : ledger) table.Add(record);
  if (options.table_only) {
    out << (options.json ? TableJson(table, days).dump(2) + "\n" : table.Text(days));
    return true;
  }
  ASSIGN_OR_RETURN(const std::vector<RecipientRow> recipients,
                   Load(options.recipients_path, ParseRecipientsCsv));
  ASSIGN_OR_RETURN(const std::vector<DeliveryClaim> claims,
                   Load(options.deliveries_path, ParseDeliveries));
  ASSIGN_OR_RETURN(const absl::Time as_of, AsOf(options, ledger));
  absl::Duration slack;
  if (!absl::ParseDuration(options.order_slack, &slack) || slack < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat("--order-slack is \"", options.order_slack,
                                                   "\"; write a duration such as 90s or 10m"));
  }
  std::vector<LawResult> laws;
  laws.push_back(CheckCap(table, days));
  laws.push_back(CheckOnce(ledger));
  laws.push_back(CheckAccounted(ledger, recipients, claims, options.allow_incomplete));
  laws.push_back(CheckOrder(ledger, recipients, as_of, slack));
  if (options.json) {
    PrintJson(table, days, laws, out);
  } else {
    out << table.Text(days) << "\n";
    PrintLaws(laws, out);
  }
  return AllHold(laws);
}

absl::Status PrintTable(const std::string& ledger_path, const std::string& days_path, bool follow,
                        std::ostream& out) {
  ASSIGN_OR_RETURN(const std::unique_ptr<LedgerReader> reader, LedgerReader::Open(ledger_path));
  DayTable table;
  bool changed = true;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<LedgerRecord> record, reader->Next());
    if (record.has_value()) {
      table.Add(*record);
      changed = true;
      continue;
    }
    if (changed) {
      ASSIGN_OR_RETURN(const DayCaps days, LoadDays(days_path));
      if (follow) out << "\033[H\033[2J";  // From the top of an empty screen.
      out << table.Text(days) << std::flush;
      changed = false;
    }
    if (!follow) return absl::OkStatus();
    std::this_thread::sleep_for(kFollowPause);
  }
}

}  // namespace crescendo::sandbox
