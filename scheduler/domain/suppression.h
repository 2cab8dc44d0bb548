// suppression.h: addresses we do not send to.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

#include "absl/time/time.h"

namespace crescendo {

enum class SuppressionReason { kHardBounce, kComplaint, kUnsubscribe, kManual };
absl::string_view SuppressionReasonName(SuppressionReason reason);  // "HARD_BOUNCE" …

struct Suppression {
  std::string address;  // Normalised.
  SuppressionReason reason = SuppressionReason::kManual;
  std::string
      note;  // The reply that caused it, or what the operator wrote. At most 1,000 characters.
  absl::Time create_time;
};

}  // namespace crescendo
