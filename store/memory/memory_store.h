// memory_store.h: ports::Store in memory, for the simulator and for tests of what stands on a
// store. Nothing outlives the object; Commit never fails as a whole.
//
// Built for speed (a month of a million settles in seconds): rows are compact and found by number,
// and a write is checked in full before it changes anything, so nothing is ever undone.
//
// Threads  one thread calls everything, as for every Store.
#pragma once

#include <map>
#include <memory>

#include "scheduler/ports/store.h"

namespace crescendo::store {

class MemoryTables;

class MemoryStore : public ports::Store {
 public:
  MemoryStore();
  ~MemoryStore() override;

  absl::Status Commit(absl::Span<const ports::Write> writes,
                      std::vector<ports::WriteResult>* results) override;
  bool ReleaseReserve() override { return false; }
  absl::Status KeepReserve() override { return absl::OkStatus(); }
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

 private:
  std::unique_ptr<MemoryTables> tables_;
};

}  // namespace crescendo::store
