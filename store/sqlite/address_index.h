// address_index.h: which deliveries have an address.
//
// The newest deliveries wait in memory, sorted, and go into the table delivery_addresses many at a
// time, as part of whatever is committed; so a page of the index is written once for many of them.
// What waits needs no log of its own: it is the deliveries with an id beyond the table's end, and
// Load reads them again.
//
//   Add ─▶ newest_ ─full, sorted─▶ filing_ ──File, a slice a commit──▶ delivery_addresses
//
// Threads  one thread.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "scheduler/domain/campaign.h"
#include "store/sqlite/address_filter.h"
#include "store/sqlite/database.h"

namespace crescendo::store {

// Stored, so the same forever: FNV-1a (64 bits), spread.
uint64_t AddressHash(absl::string_view address);

class AddressIndex {
 public:
  // `batch`: so many are filed together.
  AddressIndex(Database* database, int batch)
      : database_(database), batch_(static_cast<size_t>(batch)) {}

  // Forgets what it holds and reads `most` deliveries beyond the table's end. False: there may be
  // more of them; FileAll, commit, and Load again.
  absl::StatusOr<bool> Load(int64_t most);

  struct Match {
    DeliveryId delivery;
    CampaignKey campaign;
  };
  // The deliveries to `address`, by id.
  absl::StatusOr<std::vector<Match>> Find(absl::string_view address);
  // Is it in the campaign? `fresh`: the campaign has no delivery yet; from then on most answers
  // come from a filter in memory.
  absl::StatusOr<bool> Contains(CampaignKey campaign, bool fresh, uint64_t hash,
                                absl::string_view address);

  void Add(CampaignKey campaign, uint64_t hash, int64_t delivery);
  // The delivery is being deleted.
  absl::Status Remove(absl::string_view address, int64_t delivery);
  // Moves some of what waits into the table, once it is a batch: at least as many as were added
  // since the last call.
  absl::Status File();
  absl::Status FileAll();

 private:
  using Entry = std::pair<int32_t, int64_t>;  // Hash, delivery.
  struct Filter {
    AddressFilter addresses;
    int64_t last_use = 0;
  };

  void AddNewest(const Entry& entry);
  void BeginFiling();
  absl::Status FileSome(int64_t most);
  // Deliveries with such a hash, ascending.
  absl::StatusOr<std::vector<int64_t>> Candidates(uint64_t hash);

  Database* const database_;
  const size_t batch_;
  absl::flat_hash_map<int32_t, int64_t> newest_;
  absl::btree_set<Entry> newest_twins_;  // Whose hash is in newest_ already.
  // Older than these and not yet in the table; descending, for they leave from the back.
  std::vector<Entry> filing_;
  int64_t filing_end_ = 0;  // The table's end once filing_ is empty.
  int64_t newest_id_ = 0;
  int64_t added_ = 0;  // Since the last File.
  absl::flat_hash_map<CampaignKey, Filter> filters_;
  int64_t uses_ = 0;

  Statement find_{database_, "SELECT delivery FROM delivery_addresses WHERE hash = ?1"};
  Statement read_{database_, "SELECT campaign, address FROM deliveries WHERE id = ?1"};
  // What a crash cut off is filed again.
  Statement add_{database_, "INSERT OR IGNORE INTO delivery_addresses VALUES (?1, ?2)"};
  Statement remove_{database_, "DELETE FROM delivery_addresses WHERE hash = ?1 AND delivery = ?2"};
  Statement end_{database_, "UPDATE delivery_addresses_end SET delivery = ?1"};
};

}  // namespace crescendo::store
