// sqlite_store.h: ports::Store in one SQLite file, the embedded default.
//
// WAL, synchronous=FULL: a commit that returned OK is on disk. One connection, which holds the file
// exclusively, writes and checkpoints; nobody else may open the file while the store lives.
//
// Errors   of Open: FAILED_PRECONDITION (another process holds the file; it is not ours; a newer
//          program wrote it; it cannot be opened), DATA_LOSS (damaged, or no SQLite file at all),
//          RESOURCE_EXHAUSTED (disk full).
//          Of Commit: as ports/store.h says. After DATA_LOSS every later call answers DATA_LOSS,
//          for what was last written may not be what is on disk: end the process and open anew.
// Threads  one thread calls everything.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "scheduler/ports/store.h"
#include "store/sqlite/database.h"

namespace crescendo::store {

using SqliteOptions = DatabaseOptions;

class SqliteStore final : public ports::Store {
 public:
  // Creates the file if there is none. Its folder must exist.
  static absl::StatusOr<std::unique_ptr<ports::Store>> Open(const std::string& path,
                                                            const SqliteOptions& options = {});
  ~SqliteStore() override;

  absl::Status Commit(absl::Span<const ports::Write> writes,
                      std::vector<ports::WriteResult>* results) override;
  bool ReleaseReserve() override;
  absl::Status KeepReserve() override;
  // At most one at a time; it must be gone before the store.
  absl::StatusOr<std::unique_ptr<ports::Backup>> BeginBackup(const std::string& path) override;
  absl::StatusOr<ports::Directory> LoadDirectory() override;
  absl::StatusOr<ports::QueuedPage> LoadQueued(DeliveryId after, int limit) override;
  absl::StatusOr<std::vector<ports::OpenClaim>> LoadOpenClaims() override;
  absl::StatusOr<Delivery> GetDelivery(DeliveryId id) override;
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(const ports::DeliveryFilter& filter,
                                                       DeliveryId after, int limit) override;
  absl::StatusOr<CampaignCounts> CountDeliveries(const CampaignId& campaign) override;
  absl::StatusOr<CampaignCounts> CountPruned(const CampaignId& campaign) override;
  absl::StatusOr<std::vector<Event>> ListEvents(const ports::EventFilter& filter, EventId after,
                                                int limit) override;
  absl::StatusOr<EventId> LastEvent() override;
  absl::StatusOr<EventId> FirstEvent() override;
  absl::StatusOr<std::vector<Suppression>> ListSuppressions(absl::string_view after,
                                                            int limit) override;
  absl::StatusOr<Suppression> GetSuppression(absl::string_view address) override;
  absl::StatusOr<std::vector<Webhook>> ListWebhooks() override;
  absl::StatusOr<Engagement> GetEngagement(absl::string_view address) override;
  absl::StatusOr<std::optional<EngagementSignals>> GetSignals(DeliveryId id) override;
  absl::StatusOr<std::vector<PlanDay>> ListPlanDays(const PlanId& plan) override;
  absl::StatusOr<std::vector<LedgerRow>> ListLedger(const EgressIpId& ip, absl::CivilDay first,
                                                    absl::CivilDay last) override;
  absl::StatusOr<int64_t> LastChunk(const CampaignId& campaign, const ImportId& import) override;
  void ReleaseMemory() override;  // The page cache.

 private:
  struct Rooms;

  explicit SqliteStore(std::unique_ptr<Rooms> rooms);
  absl::Status Load();
  absl::Status ApplyAll(absl::Span<const ports::Write> writes,
                        std::vector<ports::WriteResult>* results);
  // Undoes a group that could not be committed, and says why.
  absl::Status Abandon(absl::Status why);
  // Keeps DATA_LOSS for all later calls; passes everything on.
  template <class Result>
  Result Noted(Result result);

  std::unique_ptr<Rooms> rooms_;
  absl::Status lost_;  // Not OK: nothing may be trusted any more.
};

// For the log at start: what is wrong with the SQLite library in use, "" if nothing is.
std::string LibraryWarning();
// The same of the library version `number`, e.g. 3040001 for 3.40.1.
std::string LibraryWarning(int number);

}  // namespace crescendo::store
