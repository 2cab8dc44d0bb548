#include "tests/store_contract/scripted_day.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/segments.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/random_writes.h"

namespace crescendo::store {
namespace {

// Rows that fill more than a page or two, and some whose variables fill a segment.
ports::AppendRecipients LongImport(int64_t chunk) {
  ports::AppendRecipients append;
  append.campaign = CampaignId("campaign1");
  append.import = ImportId("long");
  append.chunk = chunk;
  for (int i = 0; i < 60; ++i) {
    auto& row = append.rows.emplace_back();
    row.address = absl::StrCat("long", chunk, "-", i, "@d", i % 7, ".example");
    row.score = 0.5;
    row.variables = {{"name", "Zoë"}};
    if (i % 12 == 0) {
      row.variables.emplace_back("body",
                                 std::string(1000 + static_cast<size_t>(i) * 40, 'a' + i % 26));
    }
  }
  append.now = absl::FromUnixSeconds(1772409600);
  return append;
}

std::string AnswerOf(ports::Store& store, const std::vector<ports::Write>& group) {
  std::vector<ports::WriteResult> results;
  const absl::Status status = store.Commit(group, &results);
  return status.ok() ? Describe(results) : status.ToString();
}

// Runs `sql`, and hands over each row as text.
bool Each(sqlite3* database, const std::string& sql,
          const std::function<void(sqlite3_stmt*)>& row) {
  sqlite3_stmt* statement = nullptr;
  bool ok = sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK;
  int rc = SQLITE_DONE;
  while (ok && (rc = sqlite3_step(statement)) == SQLITE_ROW) row(statement);
  sqlite3_finalize(statement);
  return ok && rc == SQLITE_DONE;
}

std::string Column(sqlite3_stmt* row, int column) {
  const void* bytes = sqlite3_column_blob(row, column);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(row, column));
  return bytes == nullptr ? "" : std::string(static_cast<const char*>(bytes), size);
}

std::string FaultOf(const ScriptedDay& day, int64_t acknowledged, int64_t begun, bool go_on,
                    int64_t* steps) {
  {
    auto opened = OpenDay();
    if (!opened.ok()) return absl::StrCat("it does not open: ", opened.status().ToString());
    ports::Store& store = **opened;
    *steps = StepsIn(store);
    if (*steps < acknowledged) {
      return absl::StrCat(acknowledged, " steps were acknowledged, only ", *steps, " are there");
    }
    if (*steps > begun) return absl::StrCat(*steps, " steps are there, ", begun, " were begun");
    if (std::string fault = RecountFault(store); !fault.empty()) return fault;
    if (go_on && *steps < day.steps()) {
      const auto next = static_cast<size_t>((*steps)++);
      if (AnswerOf(store, day.groups[next]) != day.answers[next])
        return "it does not go on as it should";
    }
  }
  const Tables tables = TablesOf(kDayPath);
  if (tables.integrity != "ok") return tables.integrity;
  if (std::string fault = FaultOfSegments(); !fault.empty()) return fault;
  if (tables.digest != day.tables[static_cast<size_t>(*steps)]) {
    return absl::StrCat("the tables are not those of step ", *steps);
  }
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<ports::Store>> OpenDay() {
  SqliteOptions options;
  options.cache_mib = 1;
  options.checkpoint_pages = 40;
  options.unfiled_addresses = 20;
  options.segment_bytes = 6000;
  return SqliteStore::Open(kDayPath, options);
}

ScriptedDay MakeDay(SimDisk& disk, uint64_t seed, int steps) {
  ScriptedDay day;
  MemoryStore model;
  RandomWrites writes(seed);
  std::vector<Image> held;
  disk.Load({});
  {
    auto store = OpenDay();
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return day;
    held.push_back(disk.Contents());
    for (int step = 1; step <= steps; ++step) {
      std::vector<ports::Write> group = writes.Next(model);
      if (step % 6 == 2) group.insert(group.begin(), LongImport(step / 6 + 1));
      day.answers.push_back(AnswerOf(model, group));
      EXPECT_EQ(AnswerOf(**store, group), day.answers.back()) << "step " << step;
      day.groups.push_back(std::move(group));
      held.push_back(disk.Contents());
    }
    day.end = DescribeAll(model, 500);
    EXPECT_EQ(DescribeAll(**store, 500), day.end);
  }
  for (const Image& image : held) {
    disk.Load(image);
    day.tables.push_back(TablesOf(kDayPath).digest);
  }
  return day;
}

Tables TablesOf(const std::string& path) {
  Tables tables;
  sqlite3* database = nullptr;
  std::string all;
  std::vector<std::string> names;
  sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
  sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE", nullptr, nullptr, nullptr);
  const auto fail = [&] { tables.integrity = sqlite3_errmsg(database); };
  if (!Each(database, "PRAGMA integrity_check",
            [&](sqlite3_stmt* row) { absl::StrAppend(&tables.integrity, Column(row, 0)); })) {
    fail();
  }
  if (!Each(database, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
            [&](sqlite3_stmt* row) { names.push_back(Column(row, 0)); })) {
    fail();
  }
  for (const std::string& name : names) {
    absl::StrAppend(&all, "\n", name);
    if (!Each(database, absl::StrCat("SELECT * FROM ", name), [&](sqlite3_stmt* row) {
          for (int i = 0; i < sqlite3_column_count(row); ++i) {
            absl::StrAppend(&all, "|", Column(row, i));
          }
        })) {
      fail();
    }
  }
  sqlite3_close(database);
  tables.digest = std::hash<std::string>()(all);
  return tables;
}

std::string FaultOfSegments() {
  auto database = Database::Open(kDayPath, {});
  if (!database.ok()) return database.status().ToString();
  auto faults = SegmentFaults(database->get(), 3);
  return faults.ok() ? absl::StrJoin(*faults, "; ") : faults.status().ToString();
}

int64_t StepsIn(ports::Store& store) {
  const int64_t last = store.LastEvent().value().value();
  if (last == 0) return 0;
  const std::vector<Event> newest = store.ListEvents({}, EventId(last - 1), 1).value();
  int64_t steps = -1;
  absl::string_view text;
  if (!newest.empty()) text = newest[0].text;
  if (absl::ConsumePrefix(&text, "step ") && absl::SimpleAtoi(text, &steps)) return steps;
  return -1;
}

DayFinding InspectDay(const ScriptedDay& day, int64_t acknowledged, int64_t begun, bool go_on) {
  DayFinding finding;
  try {
    finding.fault = FaultOf(day, acknowledged, begun, go_on, &finding.steps);
  } catch (const absl::BadStatusOrAccess& unreadable) {
    finding.fault = unreadable.what();
  }
  return finding;
}

}  // namespace crescendo::store
