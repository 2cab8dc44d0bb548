// world.h: what the sender that is killed and the test that kills it must agree on.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/domain/campaign.h"

namespace crescendo::crash {

inline constexpr int kChunks = 12;
inline constexpr int kRowsPerChunk = 60;
// A plan day in real time: long against any pause of a busy machine, or a message that was claimed
// on one day would arrive two days later.
inline constexpr absl::Duration kDay = absl::Seconds(2);
inline const CampaignId kCampaign("spring");
inline const ImportId kImport("list");
inline const EgressIpId kIp("mta1-a");
inline const PlanId kPlan("warm");
inline constexpr char kAddress[] = "127.0.0.1";

inline std::string Recipient(int chunk, int row) {
  return absl::StrCat("r", chunk, "-", row, "@d", row % 5, ".example");
}

// Noon of a day, so that the first midnight comes soon.
inline base::ClockScale ClockFrom(absl::Time epoch) {
  return {epoch, absl::FromUnixSeconds(1772452800), absl::FDivDuration(absl::Hours(24), kDay)};
}

}  // namespace crescendo::crash
