// evidence.h: what the sender claims, as two JSON Lines files: its caps per day, and what became of
// each recipient. The verifier holds them against the ledger.
//
// Errors   INVALID_ARGUMENT names the file's line and what is wrong with it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "scheduler/domain/campaign.h"

namespace crescendo::sandbox {

// {"egress_ip":"mta1-a","address":"127.0.10.1","day":"2026-01-01","cap":200,
//  "provider_caps":{"gmail":3000}}
struct DayCap {
  std::string egress_ip;
  int64_t cap = 0;
  std::map<std::string, int64_t> provider_caps;
};
using DayKey = std::pair<absl::CivilDay, std::string>;  // UTC day, source address.
using DayCaps = std::map<DayKey, DayCap>;

// A day and address given twice is an error.
absl::StatusOr<DayCaps> ParseDays(absl::string_view text);

// {"address":"anna@gmail.com","state":"ACCEPTED"}
struct DeliveryClaim {
  std::string address;  // Comparable (address.h).
  DeliveryState state = DeliveryState::kQueued;
};
absl::StatusOr<std::vector<DeliveryClaim>> ParseDeliveries(absl::string_view text);

}  // namespace crescendo::sandbox
