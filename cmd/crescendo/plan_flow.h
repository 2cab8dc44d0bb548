// plan_flow.h: whom a plan mails and when, as the command line says it.
//
//   --floor 30@14        engaged in the last 30 days, through day 14; 90: until the plan is done;
//   "none"
//   --hours 9-12:2,12-20 hours with their weights (1 if left out); no mail in the others; "all"
//   --day-off saturday   also sat; "none"
//
// Errors   UsageError naming the option, the value and what it must look like.
// Threads  pure functions.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "crescendo/v1/plan.pb.h"

namespace crescendo::cli {

absl::Status AddFloor(absl::string_view text, v1::Plan* plan);
absl::Status SetHours(absl::string_view text, v1::Plan* plan);
absl::Status AddDayOff(absl::string_view text, v1::Plan* plan);

std::string FloorsText(const v1::Plan& plan);   // "30 days through day 14, then 90 days"; or "".
std::string HoursText(const v1::Plan& plan);    // "09-12 x 2, 12-20 x 1"; or "".
std::string DaysOffText(const v1::Plan& plan);  // "SATURDAY, SUNDAY"; or "".

}  // namespace crescendo::cli
