// metered_store.h: a store that counts what is committed, and is another store in all else.
//
// Threads  as ports/store.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scheduler/base/clock.h"
#include "scheduler/dashboard/metrics.h"
#include "scheduler/ports/store.h"

namespace crescendo::dashboard {

class MeteredStore final : public ports::Store {
 public:
  // All outlive the store. `real_clock` says how long a commit takes.
  MeteredStore(ports::Store* store, Metrics* metrics, const base::Clock* real_clock)
      : store_(store), metrics_(metrics), real_clock_(real_clock) {}

  absl::Status Commit(absl::Span<const ports::Write> writes,
                      std::vector<ports::WriteResult>* results) override;

  void ReleaseMemory() override { store_->ReleaseMemory(); }
  bool ReleaseReserve() override { return store_->ReleaseReserve(); }
  absl::Status KeepReserve() override { return store_->KeepReserve(); }
  absl::StatusOr<std::unique_ptr<ports::Backup>> BeginBackup(const std::string& path) override {
    return store_->BeginBackup(path);
  }
  absl::StatusOr<ports::Directory> LoadDirectory() override { return store_->LoadDirectory(); }
  absl::StatusOr<ports::QueuedPage> LoadQueued(DeliveryId after, int limit) override {
    return store_->LoadQueued(after, limit);
  }
  absl::StatusOr<std::vector<ports::OpenClaim>> LoadOpenClaims() override {
    return store_->LoadOpenClaims();
  }
  absl::StatusOr<Delivery> GetDelivery(DeliveryId id) override { return store_->GetDelivery(id); }
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(const ports::DeliveryFilter& filter,
                                                       DeliveryId after, int limit) override {
    return store_->ListDeliveries(filter, after, limit);
  }
  absl::StatusOr<CampaignCounts> CountDeliveries(const CampaignId& campaign) override {
    return store_->CountDeliveries(campaign);
  }
  absl::StatusOr<CampaignCounts> CountPruned(const CampaignId& campaign) override {
    return store_->CountPruned(campaign);
  }
  absl::StatusOr<std::vector<Event>> ListEvents(const ports::EventFilter& filter, EventId after,
                                                int limit) override {
    return store_->ListEvents(filter, after, limit);
  }
  absl::StatusOr<EventId> LastEvent() override { return store_->LastEvent(); }
  absl::StatusOr<EventId> FirstEvent() override { return store_->FirstEvent(); }
  absl::StatusOr<std::vector<Suppression>> ListSuppressions(absl::string_view after,
                                                            int limit) override {
    return store_->ListSuppressions(after, limit);
  }
  absl::StatusOr<Suppression> GetSuppression(absl::string_view address) override {
    return store_->GetSuppression(address);
  }
  absl::StatusOr<std::vector<Webhook>> ListWebhooks() override { return store_->ListWebhooks(); }
  absl::StatusOr<Engagement> GetEngagement(absl::string_view address) override {
    return store_->GetEngagement(address);
  }
  absl::StatusOr<std::optional<EngagementSignals>> GetSignals(DeliveryId id) override {
    return store_->GetSignals(id);
  }
  absl::StatusOr<std::vector<PlanDay>> ListPlanDays(const PlanId& plan) override {
    return store_->ListPlanDays(plan);
  }
  absl::StatusOr<std::vector<LedgerRow>> ListLedger(const EgressIpId& ip, absl::CivilDay first,
                                                    absl::CivilDay last) override {
    return store_->ListLedger(ip, first, last);
  }
  absl::StatusOr<int64_t> LastChunk(const CampaignId& campaign, const ImportId& import) override {
    return store_->LastChunk(campaign, import);
  }

 private:
  void Count(const ports::Write& write, const ports::WriteResult& result);

  ports::Store* const store_;
  Metrics* const metrics_;
  const base::Clock* const real_clock_;
};

}  // namespace crescendo::dashboard
