#include "scheduler/core/retry.h"

#include <algorithm>
#include <cmath>

namespace crescendo::core {

absl::Duration RetryDelay(const RetryOptions& options, ReplyCategory category, int attempts,
                          base::Random& random) {
  const double grown = std::pow(options.factor, std::clamp(attempts - 1, 0, 30));
  const absl::Duration backoff = std::min(options.first * grown, options.longest);
  absl::Duration wait = backoff;
  switch (category) {
    // Most greylists let a retry pass after 5 minutes, some after 15: the second wait is longer.
    case ReplyCategory::kGreylisted:
      wait = attempts <= 1 ? options.greylist : std::max(options.greylist, backoff);
      break;
    case ReplyCategory::kMailboxFull:
      wait = std::max(options.mailbox_full, backoff);
      break;
    case ReplyCategory::kRecipientRate:
      wait = std::max(options.recipient_rate, backoff);
      break;
    default:
      break;
  }
  // Never earlier than the greylist's wait asks for: jitter goes up only there.
  const double low = category == ReplyCategory::kGreylisted ? 0 : -options.jitter;
  return wait * (1.0 + random.Between(low, options.jitter));
}

}  // namespace crescendo::core
