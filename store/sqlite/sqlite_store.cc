#include "store/sqlite/sqlite_store.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "store/sqlite/address_index.h"
#include "store/sqlite/backup.h"
#include "store/sqlite/deliveries.h"
#include "store/sqlite/delivery_reader.h"
#include "store/sqlite/event_log.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/names.h"
#include "store/sqlite/pruner.h"
#include "store/sqlite/records.h"
#include "store/sqlite/reserve.h"
#include "store/sqlite/segments.h"
#include "store/sqlite/tally.h"

namespace crescendo::store {

// In this order: what is below uses what is above.
struct SqliteStore::Rooms {
  Rooms(std::unique_ptr<Database> open, const SqliteOptions& options)
      : database(std::move(open)),
        reserve(absl::StrCat(database->path(), "-reserve"), int64_t{options.reserve_mib} << 20),
        addresses(database.get(), options.unfiled_addresses) {}

  absl::Status Apply(const ports::AppendEvents& append, ports::WriteResult* result) {
    RETURN_IF_ERROR(events.Check(append.events, nullptr, &result->status));
    return result->status.ok() ? events.Append(append.events, nullptr) : absl::OkStatus();
  }
  template <class Record>
  absl::Status Apply(const ports::Put<Record>& put, ports::WriteResult* result) {
    return records.Apply(put, result);
  }
  absl::Status Apply(const ports::DeletePlan& remove, ports::WriteResult* result) {
    return records.Apply(remove, result);
  }
  absl::Status Apply(const ports::PutPlanDay& put, ports::WriteResult* result) {
    return records.Apply(put, result);
  }
  absl::Status Apply(const ports::PutLane& put, ports::WriteResult* result) {
    return records.Apply(put, result);
  }
  absl::Status Apply(const ports::Prune& prune, ports::WriteResult* result) {
    return pruner.Apply(prune, result);
  }
  template <class Verb>
  absl::Status Apply(const Verb& verb, ports::WriteResult* result) {
    return deliveries.Apply(verb, result);
  }

  std::unique_ptr<Database> database;
  Reserve reserve;
  Names names{database.get()};
  Tally tally{database.get()};
  EventLog events{database.get(), &names};
  Records records{database.get(), &events};
  AddressIndex addresses;
  Segments segments{database.get()};
  Deliveries deliveries{database.get(), &names, &tally, &records, &events, &addresses, &segments};
  DeliveryReader reader{database.get(), &names, &records, &addresses};
  Pruner pruner{database.get(), &addresses, &segments};
};

namespace {

// An older program's store, or a great import that was cut, may have left more to file than should
// wait in memory. A full disk leaves it so.
absl::Status FileAddresses(Database* database, int batch) {
  AddressIndex addresses(database, batch);
  const int64_t most = 4 * int64_t{batch};
  while (true) {
    ASSIGN_OR_RETURN(const bool all, addresses.Load(most));
    if (all) return absl::OkStatus();
    absl::Status status = database->Begin();
    if (status.ok()) status = addresses.FileAll();
    if (status.ok()) status = database->Commit();
    if (!status.ok()) {
      RETURN_IF_ERROR(database->Rollback());
      return absl::IsResourceExhausted(status) ? absl::OkStatus() : status;
    }
    RETURN_IF_ERROR(database->MaybeCheckpoint());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ports::Store>> SqliteStore::Open(const std::string& path,
                                                                const SqliteOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(path, options));
  RETURN_IF_ERROR(Migrate(database.get(), AllMigrations()));
  RETURN_IF_ERROR(FileAddresses(database.get(), options.unfiled_addresses));
  auto rooms = std::make_unique<Rooms>(std::move(database), options);
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(rooms)));
  RETURN_IF_ERROR(store->Load());
  RETURN_IF_ERROR(store->rooms_->segments.Tidy());
  // What there is no room for now is asked for again by whoever writes.
  (void)store->KeepReserve();
  return std::unique_ptr<ports::Store>(std::move(store));
}

SqliteStore::SqliteStore(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}
SqliteStore::~SqliteStore() = default;

absl::StatusOr<std::unique_ptr<ports::Backup>> SqliteStore::BeginBackup(const std::string& path) {
  RETURN_IF_ERROR(lost_);
  return SqliteBackup::Begin(rooms_->database.get(), &rooms_->segments, path);
}

bool SqliteStore::ReleaseReserve() {
  rooms_->database->set_short_wal(true);
  return rooms_->reserve.Release();
}

absl::Status SqliteStore::KeepReserve() {
  absl::Status kept = rooms_->reserve.Keep();
  if (!absl::IsResourceExhausted(kept)) rooms_->database->set_short_wal(false);
  return kept;
}

absl::Status SqliteStore::Load() {
  rooms_->tally.Clear();
  rooms_->deliveries.Forget();
  RETURN_IF_ERROR(rooms_->names.Load());
  RETURN_IF_ERROR(rooms_->events.Load());
  RETURN_IF_ERROR(rooms_->records.Load());
  RETURN_IF_ERROR(rooms_->addresses.Load(INT64_MAX).status());
  RETURN_IF_ERROR(rooms_->segments.Load());
  return rooms_->database->damage();
}

absl::Status SqliteStore::ApplyAll(absl::Span<const ports::Write> writes,
                                   std::vector<ports::WriteResult>* results) {
  for (const ports::Write& write : writes) {
    ports::WriteResult& result = results->emplace_back();
    RETURN_IF_ERROR(
        std::visit([&](const auto& verb) { return rooms_->Apply(verb, &result); }, write));
  }
  RETURN_IF_ERROR(rooms_->tally.Flush());
  RETURN_IF_ERROR(rooms_->addresses.File());
  RETURN_IF_ERROR(rooms_->segments.Flush());
  return rooms_->database->damage();
}

absl::Status SqliteStore::Commit(absl::Span<const ports::Write> writes,
                                 std::vector<ports::WriteResult>* results) {
  results->clear();
  if (!lost_.ok()) return lost_;
  results->reserve(writes.size());
  absl::Status status = rooms_->database->Begin();
  if (status.ok()) status = ApplyAll(writes, results);
  if (status.ok()) status = rooms_->database->Commit();
  if (!status.ok()) {
    results->clear();
    return Abandon(std::move(status));
  }
  // This group is on disk whatever happens now; the next one might not be.
  rooms_->segments.Committed();
  lost_ = rooms_->database->MaybeCheckpoint();
  if (!lost_.ok()) lost_ = absl::DataLossError(lost_.message());
  return absl::OkStatus();
}

absl::Status SqliteStore::Abandon(absl::Status why) {
  absl::Status healed = rooms_->database->Rollback();
  // What is kept in memory may have been part of what was rolled back.
  if (healed.ok()) healed = Load();
  if (absl::IsDataLoss(why)) lost_ = why;
  if (lost_.ok() && !healed.ok()) {
    lost_ = absl::DataLossError(absl::StrCat(why.message(), "; then ", healed.message()));
  }
  return lost_.ok() ? why : lost_;
}

template <class Result>
Result SqliteStore::Noted(Result result) {
  if (const absl::Status& damage = rooms_->database->damage(); !damage.ok()) {
    return lost_ = damage;
  }
  if (absl::IsDataLoss(result.status()) && lost_.ok()) lost_ = result.status();
  return result;
}

absl::StatusOr<ports::Directory> SqliteStore::LoadDirectory() {
  RETURN_IF_ERROR(lost_);
  const auto load = [&]() -> absl::StatusOr<ports::Directory> {
    ports::Directory directory;
    ASSIGN_OR_RETURN(directory.egress_ips, rooms_->records.EgressIps());
    ASSIGN_OR_RETURN(directory.pools, rooms_->records.Pools());
    ASSIGN_OR_RETURN(directory.plans, rooms_->records.Plans());
    ASSIGN_OR_RETURN(directory.plan_days, rooms_->records.NewestPlanDays());
    ASSIGN_OR_RETURN(directory.campaigns, rooms_->records.Campaigns());
    ASSIGN_OR_RETURN(directory.lanes, rooms_->records.Lanes());
    ASSIGN_OR_RETURN(directory.domains, rooms_->names.Domains());
    ASSIGN_OR_RETURN(directory.ledger, rooms_->reader.NewestLedgerDays());
    ASSIGN_OR_RETURN(directory.queued, rooms_->reader.CountQueued());
    ASSIGN_OR_RETURN(directory.last_delivery, rooms_->reader.LastDelivery());
    return directory;
  };
  return Noted(load());
}

absl::StatusOr<ports::QueuedPage> SqliteStore::LoadQueued(DeliveryId after, int limit) {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->reader.LoadQueued(after, limit));
}

absl::StatusOr<std::vector<ports::OpenClaim>> SqliteStore::LoadOpenClaims() {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->reader.LoadOpenClaims());
}

absl::StatusOr<Delivery> SqliteStore::GetDelivery(DeliveryId id) {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->reader.Get(id));
}

absl::StatusOr<std::vector<Delivery>> SqliteStore::ListDeliveries(
    const ports::DeliveryFilter& filter, DeliveryId after, int limit) {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->reader.List(filter, after, limit));
}

absl::StatusOr<CampaignCounts> SqliteStore::CountDeliveries(const CampaignId& campaign) {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->reader.Count(campaign));
}

absl::StatusOr<CampaignCounts> SqliteStore::CountPruned(const CampaignId& campaign) {
  RETURN_IF_ERROR(lost_);
  const CampaignInfo* info = rooms_->records.Find(campaign);
  if (info == nullptr) return NoSuch("campaign", campaign.text());
  return Noted(rooms_->pruner.Count(info->key));
}

absl::StatusOr<std::vector<Event>> SqliteStore::ListEvents(const ports::EventFilter& filter,
                                                           EventId after, int limit) {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->events.List(filter, after, limit));
}

absl::StatusOr<EventId> SqliteStore::LastEvent() {
  RETURN_IF_ERROR(lost_);
  return rooms_->events.last();
}

absl::StatusOr<EventId> SqliteStore::FirstEvent() {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->events.First());
}

absl::StatusOr<std::vector<Suppression>> SqliteStore::ListSuppressions(absl::string_view after,
                                                                       int limit) {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->reader.Suppressions(after, limit));
}

absl::StatusOr<Suppression> SqliteStore::GetSuppression(absl::string_view address) {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->reader.GetSuppression(address));
}

absl::StatusOr<std::vector<PlanDay>> SqliteStore::ListPlanDays(const PlanId& plan) {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->records.PlanDays(plan));
}

absl::StatusOr<std::vector<LedgerRow>> SqliteStore::ListLedger(const EgressIpId& ip,
                                                               absl::CivilDay first,
                                                               absl::CivilDay last) {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->reader.Ledger(ip, first, last));
}

absl::StatusOr<int64_t> SqliteStore::LastChunk(const CampaignId& campaign, const ImportId& import) {
  RETURN_IF_ERROR(lost_);
  return Noted(rooms_->reader.LastChunk(campaign, import));
}

void SqliteStore::ReleaseMemory() { rooms_->database->ReleaseMemory(); }

std::string LibraryWarning() { return LibraryWarning(sqlite3_libversion_number()); }

std::string LibraryWarning(int number) {
  const int line = number / 1000 * 1000;
  const bool repaired = number >= 3051003 || (line == 3044000 && number >= 3044006) ||
                        (line == 3050000 && number >= 3050007);
  if (number < 3007000 || repaired) return "";
  return absl::StrCat(
      "SQLite ", number / 1000000, ".", number / 1000 % 1000, ".", number % 1000,
      " can corrupt a database in WAL mode when two connections checkpoint at once (repaired in"
      " 3.51.3). Crescendo opens its file once and locks it; never open it with another program"
      " while Crescendo runs.");
}

}  // namespace crescendo::store
