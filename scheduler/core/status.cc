#include "scheduler/core/status.h"

namespace crescendo::core {

absl::string_view LaneStateName(LaneState state) {
  switch (state) {
    case LaneState::kWarming:
      return "WARMING";
    case LaneState::kSteady:
      return "STEADY";
    case LaneState::kHeld:
      return "HELD";
    case LaneState::kPaused:
      return "PAUSED";
    case LaneState::kNotStarted:
      return "NOT_STARTED";
  }
  return "";
}

}  // namespace crescendo::core
