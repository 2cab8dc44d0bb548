#include "store/sqlite/check.h"

#include <array>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/campaign.h"
#include "store/sqlite/address_index.h"
#include "store/sqlite/database.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/recount.h"
#include "store/sqlite/segments.h"
#include "store/sqlite/sqlite_store.h"

namespace crescendo::store {
namespace {

constexpr size_t kMostFaults = 3;  // Told of each check.
constexpr size_t kStates = 9;
// The schemas since which finished recipients are pruned, outcomes name their slots, and signals
// are kept.
constexpr size_t kPrunes = 4, kNamesSlots = 8, kHasSignals = 13;

struct Check {
  const char* name;
  // Each gives a row with a text per fault.
  std::vector<const char*> queries;
  bool recounts = false;  // The ledger from the events too.
};

const Check kPages = {"pages",
                      {"SELECT integrity_check FROM pragma_integrity_check(3)"
                       " WHERE integrity_check <> 'ok'"}};

// The rest assumes that the pages can be read. NULL in a comparison is no fault.
const Check kChecks[] = {
    {"references",
     {"SELECT \"table\" || ' refers to a row of ' || parent || ' that is missing'"
      " FROM pragma_foreign_key_check"}},
    {"names",
     {"SELECT 'label ' || key || ' has place ' || n FROM"
      " (SELECT key, row_number() OVER (ORDER BY key) AS n FROM labels) WHERE key <> n",
      "SELECT 'campaign ' || id || ' has key ' || key || ', place ' || n FROM"
      " (SELECT key, id, row_number() OVER (ORDER BY key) AS n FROM campaigns) WHERE key <> n",
      "SELECT 'deliveries use label ' || used || ' of ' || (SELECT count(*) FROM labels) FROM"
      " (SELECT max(max(last_ip, last_provider, pinned_ip)) AS used FROM deliveries)"
      " WHERE used > (SELECT count(*) FROM labels)",
      "SELECT 'claims or ledger use label ' || used || ' of ' || (SELECT count(*) FROM labels) FROM"
      " (SELECT max(max(egress_ip, provider)) AS used FROM"
      " (SELECT egress_ip, provider FROM claims UNION SELECT egress_ip, provider FROM ledger))"
      " WHERE used > (SELECT count(*) FROM labels)",
      "SELECT 'events use label ' || used || ' of ' || (SELECT count(*) FROM labels) FROM"
      " (SELECT max(max(coalesce(egress_ip, 0), coalesce(provider, 0), coalesce(pool, 0),"
      " coalesce(plan, 0), coalesce(campaign, 0))) AS used FROM events)"
      " WHERE used > (SELECT count(*) FROM labels)"}},
    {"deliveries",
     {"SELECT 'delivery ' || d.id || ' is of campaign ' || d.campaign || ', which is missing'"
      " FROM deliveries d LEFT JOIN campaign_counts n ON n.campaign = d.campaign"
      " WHERE n.campaign IS NULL",
      "SELECT 'delivery ' || d.id || ' is not among the ids of its campaign, '"
      " || coalesce(n.first_delivery, '-') || ' to ' || coalesce(n.last_delivery, '-')"
      " FROM deliveries d JOIN campaign_counts n ON n.campaign = d.campaign"
      " WHERE coalesce(d.id NOT BETWEEN n.first_delivery AND n.last_delivery, 1)",
      "SELECT 'delivery ' || d.id || ' has domain ' || d.domain || ', which is missing'"
      " FROM deliveries d LEFT JOIN domains m ON m.key = d.domain WHERE m.key IS NULL"}},
    {"claims",
     {"SELECT 'delivery ' || c.delivery || ' is claimed but does not exist'"
      " FROM claims c LEFT JOIN deliveries d ON d.id = c.delivery WHERE d.id IS NULL",
      "SELECT 'delivery ' || d.id || ' is claimed but has ended, in state ' || d.state"
      " FROM claims c JOIN deliveries d ON d.id = c.delivery WHERE d.state NOT IN (0, 3)"}},
    {"ledger",
     {// What is in flight, exactly.
      "SELECT 'day ' || date(l.day * 86400, 'unixepoch') || ' says ' || l.claimed || ' in flight;"
      " there are ' || coalesce(c.n, 0) FROM ledger l LEFT JOIN"
      " (SELECT egress_ip, provider, day, count(*) AS n FROM claims GROUP BY 1, 2, 3) c"
      " ON c.egress_ip = l.egress_ip AND c.provider = l.provider AND c.day = l.day"
      " WHERE l.claimed <> coalesce(c.n, 0)",
      "SELECT 'delivery ' || c.delivery || ' is claimed but its day is not in the ledger'"
      " FROM claims c LEFT JOIN ledger l ON l.egress_ip = c.egress_ip AND l.provider = c.provider"
      " AND l.day = c.day WHERE l.day IS NULL",
      // What was accepted, as far as it is stored: an operator may have found that one in doubt was
      // accepted, and what is pruned is of no lane any more.
      "SELECT 'lane ' || (SELECT text FROM labels WHERE key = last_ip) || ' × ' ||"
      " (SELECT text FROM labels WHERE key = last_provider) || ' has ' || n || ' accepted'"
      " || ' deliveries; the ledger says ' || coalesce(a, 0) || ', and ' || coalesce(i, 0)"
      " || ' in doubt' FROM"
      " (SELECT last_ip, last_provider, count(*) AS n FROM deliveries WHERE state = 4 GROUP BY 1, "
      "2)"
      " LEFT JOIN (SELECT egress_ip, provider, sum(accepted) AS a, sum(in_doubt) AS i FROM ledger"
      " GROUP BY 1, 2) ON egress_ip = last_ip AND provider = last_provider"
      " WHERE n > coalesce(a, 0) + coalesce(i, 0)",
      "SELECT 'the ledger says ' || a || ' accepted; the campaigns count ' || n"
      " FROM (SELECT coalesce(sum(accepted), 0) AS a FROM ledger),"
      " (SELECT coalesce(sum(accepted), 0) AS n FROM campaign_counts) WHERE a > n",
      "SELECT 'the ledger says ' || i || ' in doubt; the deliveries say ' || n"
      " FROM (SELECT coalesce(sum(in_doubt), 0) AS i FROM ledger),"
      " (SELECT coalesce(sum(in_doubt_count), 0) AS n FROM deliveries) WHERE n > i"},
     /*recounts=*/true},
    {"events",
     {"SELECT 'events ' || min(id) || ' to ' || max(id) || ' are ' || count(*) || ' events'"
      " FROM events HAVING count(*) <> max(id) - min(id) + 1",
      "SELECT 'event ' || max(id) || ' is newer than the last one given, ' || seq"
      " FROM events, (SELECT coalesce(max(seq), 0) AS seq FROM sqlite_sequence WHERE"
      " name = 'events') GROUP BY seq HAVING max(id) > seq",
      "SELECT 'delivery ' || d.id || ' names event ' || d.last_event || ', which is not about it'"
      " FROM deliveries d LEFT JOIN events e ON e.id = d.last_event"
      " WHERE d.last_event >= (SELECT min(id) FROM events) AND e.delivery IS NOT d.id",
      "SELECT 'event ' || e.id || ' follows event ' || e.previous || ', which is not about its"
      " delivery' FROM events e LEFT JOIN events b ON b.id = e.previous"
      " WHERE e.previous >= e.id OR (e.previous >= (SELECT min(id) FROM events)"
      " AND b.delivery IS NOT e.delivery)"}},
};

const Check kSignals = {
    "signals",
    {"SELECT 'signals are of delivery ' || s.delivery || ', which is missing'"
     " FROM delivery_signals s LEFT JOIN deliveries d ON d.id = s.delivery WHERE d.id IS NULL"}};

// Reads faults into `faults`, up to one more than are told.
absl::Status Collect(Rows rows, std::vector<std::string>* faults) {
  while (faults->size() <= kMostFaults && rows.Next()) faults->push_back(rows.String(0));
  return rows.status();
}

CheckResult ResultOf(const char* check, std::vector<std::string> faults, std::string looked_at) {
  if (faults.empty()) return {check, true, std::move(looked_at)};
  if (faults.size() > kMostFaults) {
    faults.resize(kMostFaults);
    faults.emplace_back("…");
  }
  return {check, false, absl::StrJoin(faults, "; ")};
}

CheckResult Run(Database* database, const Check& check, size_t schema) {
  std::vector<std::string> faults;
  const auto note = [&faults](const absl::Status& status) {
    if (!status.ok()) faults.emplace_back(status.message());
  };
  for (const char* query : check.queries) {
    Statement statement(database, query);
    note(Collect(statement.Query(), &faults));
  }
  if (check.recounts && schema >= kNamesSlots) note(RecountLedger(database, &faults));
  return ResultOf(check.name, std::move(faults), "");
}

CheckResult CheckVariables(Database* database) {
  absl::StatusOr<std::vector<std::string>> faults = SegmentFaults(database, kMostFaults + 1);
  if (!faults.ok()) return {"variables", false, std::string(faults.status().message())};
  return ResultOf("variables", *std::move(faults), "");
}

using Counts = std::map<int64_t, std::array<int64_t, kStates>>;  // By campaign.

absl::Status ReadCounts(Database* database, bool pruned, Counts* kept, Counts* counted) {
  const std::string sql = absl::StrCat(
      "SELECT campaign, queued, claimed, in_doubt, deferred, accepted, bounced, expired, "
      "suppressed,"
      " cancelled",
      pruned ? ", pruned_accepted, pruned_bounced, pruned_expired, pruned_suppressed,"
               " pruned_cancelled"
             : ", 0, 0, 0, 0, 0",
      " FROM campaign_counts");
  Statement read_kept(database, sql.c_str());
  {
    Rows rows = read_kept.Query();
    while (rows.Next()) {
      for (size_t i = 0; i < kStates; ++i) {
        (*kept)[rows.Int(0)][i] = rows.Int(static_cast<int>(i) + 1);
      }
      for (size_t i = 4; i < kStates; ++i) {
        (*counted)[rows.Int(0)][i] = rows.Int(static_cast<int>(i) + 6);
      }
    }
    RETURN_IF_ERROR(rows.status());
  }
  Statement count(database,
                  "SELECT d.campaign, CASE WHEN c.delivery IS NULL THEN d.state ELSE 1 END,"
                  " count(*) FROM deliveries d LEFT JOIN claims c ON c.delivery = d.id"
                  " GROUP BY 1, 2");
  Rows rows = count.Query();
  while (rows.Next()) (*counted)[rows.Int(0)].at(static_cast<size_t>(rows.Int(1))) += rows.Int(2);
  return rows.status();
}

CheckResult CheckCounts(Database* database, bool pruned) {
  Counts kept, counted;
  std::vector<std::string> faults;
  const absl::Status status = ReadCounts(database, pruned, &kept, &counted);
  if (!status.ok()) faults.emplace_back(status.message());
  int64_t total = 0;
  for (const auto& [campaign, by_state] : counted) {
    for (size_t i = 0; i < kStates && faults.size() <= kMostFaults; ++i) {
      total += by_state[i];
      if (kept[campaign][i] == by_state[i]) continue;
      faults.push_back(absl::StrCat("campaign ", campaign, " counts ", kept[campaign][i], " ",
                                    DeliveryStateName(static_cast<DeliveryState>(i)),
                                    "; there are ", by_state[i]));
    }
  }
  return ResultOf("counts", std::move(faults),
                  absl::StrCat(total, " recipients of ", counted.size(), " campaigns"));
}

// The schema since which the index by address is filled in many at a time
// (0005_address_index.sql).
constexpr size_t kFiles = 5;

// Each delivery is found by its address, and no campaign has two to the same.
absl::Status FindAll(Database* database, std::vector<std::string>* faults) {
  AddressIndex addresses(database, DatabaseOptions().unfiled_addresses);
  RETURN_IF_ERROR(addresses.Load(INT64_MAX).status());
  Statement read(database, "SELECT id, campaign, address FROM deliveries ORDER BY id");
  Rows rows = read.Query();
  while (faults->size() <= kMostFaults && rows.Next()) {
    ASSIGN_OR_RETURN(const std::vector<AddressIndex::Match> matches, addresses.Find(rows.Text(2)));
    bool found = false;
    for (const AddressIndex::Match& match : matches) {
      if (match.delivery.value() == rows.Int(0)) found = true;
      if (match.delivery.value() < rows.Int(0) && match.campaign.value() == rows.Int(1)) {
        faults->push_back(absl::StrCat("deliveries ", match.delivery.value(), " and ", rows.Int(0),
                                       " of campaign ", rows.Int(1), " have the same address"));
      }
    }
    if (!found) {
      faults->push_back(absl::StrCat("delivery ", rows.Int(0), " is not in the index by address"));
    }
  }
  RETURN_IF_ERROR(rows.status());
  Statement stale(database,
                  "SELECT 'the index by address names delivery ' || a.delivery || ', which does"
                  " not exist' FROM delivery_addresses a LEFT JOIN deliveries d"
                  " ON d.id = a.delivery WHERE d.id IS NULL");
  return Collect(stale.Query(), faults);
}

CheckResult CheckAddresses(Database* database) {
  std::vector<std::string> faults;
  const absl::Status status = FindAll(database, &faults);
  if (!status.ok()) faults.emplace_back(status.message());
  return ResultOf("addresses", std::move(faults), "");
}

// Takes the lock of a store that is there.
absl::StatusOr<std::unique_ptr<Database>> OpenThere(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return absl::NotFoundError(absl::StrCat(path, " is not there, or is no file"));
  }
  return Database::Open(path, {});
}

// Without a WAL the file holds all its pages. (SQLite takes what a cut has left of the last one.)
absl::StatusOr<CheckResult> CheckSize(Database* database, const std::string& path, bool has_wal,
                                      const SchemaState& schema) {
  ASSIGN_OR_RETURN(const int64_t pages, database->QueryInt("PRAGMA page_count"));
  ASSIGN_OR_RETURN(const int64_t page_size, database->QueryInt("PRAGMA page_size"));
  std::error_code error;
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (!has_wal && !error && size < pages * page_size) {
    return CheckResult{"file", false,
                       absl::StrCat("it is cut: ", size, " bytes, not ", pages * page_size)};
  }
  return CheckResult{"file", true, absl::StrCat("schema ", schema.applied, " of ", schema.known)};
}

absl::StatusOr<std::vector<CheckResult>> CheckFile(const std::string& path, bool has_wal) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenThere(path));
  database->KeepWalOnClose();
  ASSIGN_OR_RETURN(const SchemaState schema, ReadSchema(database.get(), AllMigrations()));
  if (schema.applied == 0) return absl::DataLossError(absl::StrCat(path, " holds no store"));
  std::vector<CheckResult> results(1);
  ASSIGN_OR_RETURN(results[0], CheckSize(database.get(), path, has_wal, schema));
  results.push_back(Run(database.get(), kPages, schema.applied));
  if (!results.back().ok) return results;
  for (const Check& check : kChecks) results.push_back(Run(database.get(), check, schema.applied));
  results.push_back(CheckVariables(database.get()));
  results.push_back(CheckCounts(database.get(), schema.applied >= kPrunes));
  if (schema.applied >= kFiles) results.push_back(CheckAddresses(database.get()));
  if (schema.applied >= kHasSignals) {
    results.push_back(Run(database.get(), kSignals, schema.applied));
  }
  return results;
}

}  // namespace

absl::StatusOr<std::vector<CheckResult>> CheckStore(const std::string& path) {
  std::error_code error;
  const std::string wal = path + "-wal";
  const bool has_wal = std::filesystem::exists(wal, error);
  absl::StatusOr<std::vector<CheckResult>> results = CheckFile(path, has_wal);
  // SQLite makes an empty one.
  if (!has_wal) std::filesystem::remove(wal, error);
  // A file that cannot even be read as a database is a finding.
  if (!absl::IsDataLoss(results.status())) return results;
  return std::vector<CheckResult>{{"file", false, std::string(results.status().message())}};
}

absl::Status CompactStore(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenThere(path));
  RETURN_IF_ERROR(Migrate(database.get(), AllMigrations()));
  RETURN_IF_ERROR(database->Exec("PRAGMA auto_vacuum = INCREMENTAL"));
  RETURN_IF_ERROR(database->Exec("VACUUM"));
  return database->Exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace crescendo::store
