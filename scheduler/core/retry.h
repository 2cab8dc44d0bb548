// retry.h: when a refused delivery is tried again.
//
// Threads  a pure function of its arguments (the random source is one of them).
// See      RFC 5321 §4.5.4.1, RFC 6647 (greylisting).
#pragma once

#include "absl/time/time.h"
#include "scheduler/base/random.h"
#include "scheduler/core/options.h"
#include "scheduler/domain/reply.h"

namespace crescendo::core {

// The wait before the next attempt, after `attempts` that ended (>= 1), the last one in `category`.
absl::Duration RetryDelay(const RetryOptions& options, ReplyCategory category, int attempts,
                          base::Random& random);

}  // namespace crescendo::core
