// delivery_reader.h: pages of deliveries, the queue, open claims and the ledger, from the database.
//
// Threads  one thread.
#pragma once

#include <optional>
#include <vector>

#include "scheduler/ports/store.h"
#include "store/sqlite/address_index.h"
#include "store/sqlite/database.h"
#include "store/sqlite/names.h"
#include "store/sqlite/records.h"

namespace crescendo::store {

class DeliveryReader {
 public:
  DeliveryReader(Database* database, Names* names, Records* records, AddressIndex* addresses)
      : database_(database), names_(names), records_(records), addresses_(addresses) {}

  absl::StatusOr<std::vector<QueuedDelivery>> LoadQueued(DeliveryId after, int limit);
  absl::StatusOr<std::vector<ports::OpenClaim>> LoadOpenClaims();
  absl::StatusOr<Delivery> Get(DeliveryId id);
  absl::StatusOr<std::vector<Delivery>> List(const ports::DeliveryFilter& filter, DeliveryId after,
                                             int limit);
  absl::StatusOr<CampaignCounts> Count(const CampaignId& campaign);
  absl::StatusOr<std::vector<LedgerRow>> Ledger(const EgressIpId& ip, absl::CivilDay first,
                                                absl::CivilDay last);
  absl::StatusOr<std::vector<LedgerRow>> NewestLedgerDays();
  absl::StatusOr<std::vector<Suppression>> Suppressions(absl::string_view after, int limit);
  absl::StatusOr<Suppression> GetSuppression(absl::string_view address);
  absl::StatusOr<int64_t> LastChunk(const CampaignId& campaign, const ImportId& import);

 private:
  // Ids (first, last] in which campaigns have deliveries that may be queued; ascending, disjoint.
  absl::StatusOr<std::vector<std::pair<int64_t, int64_t>>> QueuedRanges(int64_t after);
  QueuedDelivery ReadQueued(const Rows& row) const;
  Delivery ReadDelivery(const Rows& row) const;
  absl::StatusOr<std::vector<Delivery>> ListOfAddress(const ports::DeliveryFilter& filter,
                                                      std::optional<CampaignKey> campaign,
                                                      DeliveryId after, int limit);
  absl::StatusOr<std::vector<Delivery>> ReadDeliveries(Rows rows) const;

  Database* const database_;
  Names* const names_;
  Records* const records_;
  AddressIndex* const addresses_;
};

}  // namespace crescendo::store
