// tally.h: what a commit adds to the ledger and to the campaigns' counts.
//
// Summed up in memory while the writes of a group are applied and written once at its end, in the
// same transaction: a group of a thousand settles changes a few rows here, not two thousand.
//
// Threads  one thread.
#pragma once

#include <array>
#include <cstdint>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "scheduler/domain/campaign.h"
#include "store/sqlite/database.h"

namespace crescendo::store {

class Tally {
 public:
  enum Slot {
    kClaimed,
    kAccepted,
    kRefused,
    kInDoubt,
    kDeferred,
    kCarried,
    kHardBounces,
    kComplaints,
    kPushback,
    kSlots
  };

  explicit Tally(Database* database) : database_(database) {}

  // `ip` and `provider` are labels.
  void Count(int64_t ip, int64_t provider, absl::CivilDay day, Slot slot, int64_t by);
  void Add(int64_t campaign, DeliveryState state, int64_t by);
  void Move(int64_t campaign, DeliveryState from, DeliveryState to) {
    Add(campaign, from, -1);
    Add(campaign, to, 1);
  }

  // Writes everything and starts anew.
  absl::Status Flush();
  void Clear();

 private:
  static constexpr size_t kStates = 9;

  Database* const database_;
  absl::flat_hash_map<std::tuple<int64_t, int64_t, absl::CivilDay>, std::array<int64_t, kSlots>>
      ledger_;
  absl::flat_hash_map<int64_t, std::array<int64_t, kStates>> counts_;
  Statement update_counts_{
      database_,
      "UPDATE campaign_counts SET queued = queued + ?2, claimed = claimed + ?3,"
      " in_doubt = in_doubt + ?4, deferred = deferred + ?5, accepted = accepted + ?6,"
      " bounced = bounced + ?7, expired = expired + ?8, suppressed = suppressed + ?9,"
      " cancelled = cancelled + ?10 WHERE campaign = ?1"};
  Statement update_ledger_{
      database_,
      "UPDATE ledger SET claimed = claimed + ?4, accepted = accepted + ?5, refused = refused + ?6,"
      " in_doubt = in_doubt + ?7, deferred = deferred + ?8, carried = carried + ?9,"
      " hard_bounces = hard_bounces + ?10, complaints = complaints + ?11,"
      " pushback = pushback + ?12"
      " WHERE egress_ip = ?1 AND provider = ?2 AND day = ?3"};
  Statement insert_ledger_{database_,
                           "INSERT INTO ledger VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0,"
                           " ?10, ?11, ?12)"};
};

}  // namespace crescendo::store
