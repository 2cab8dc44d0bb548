// options.h: every constant of the core that an operator or a test may set.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace crescendo::core {

enum class InDoubtPolicy { kRetry, kHold };

// When a deferred delivery is tried again (RFC 5321 §4.5.4.1).
struct RetryOptions {
  absl::Duration first = absl::Minutes(15);
  double factor = 2.0;  // Range: [1, 10].
  absl::Duration longest = absl::Hours(4);
  double jitter = 0.2;                         // Share of the wait, both ways. Range: [0, 0.9].
  absl::Duration greylist = absl::Minutes(6);  // From the same IP (RFC 6647).
  absl::Duration mailbox_full = absl::Hours(4);
  absl::Duration recipient_rate = absl::Hours(1);
};

// How a plan's day is spread over its sending window.
struct PacingOptions {
  // An IP's rate is what is left of its day over what is left of its window, and never more than
  // this many times the even rate: a late import or a long stop is not caught up in a clump.
  double catch_up_factor = 2.0;  // Range: [1, 24].
  double jitter = 0.2;           // Share of the gap between messages. Range: [0, 0.9].
  // Share of the window that is left free at its end, so that the last messages are answered in it.
  double window_margin = 0.02;  // Range: [0, 0.5].
  int warming_burst = 1;        // Messages. Range: [1, 1000].
  int steady_burst = 200;       // Messages. Range: [1, 100000].
};

// What happens to a lane when the receiver says "too fast".
struct ThrottleOptions {
  double stop_factor = 2.0;  // Each further refusal stops this many times as long …
  absl::Duration longest_stop = absl::Hours(6);  // … but not longer.
  double rate_cut = 0.5;     // The rate after a stop, of what was in use. Range: (0, 1).
  double rate_raise = 1.25;  // Range: (1, 10].
  absl::Duration raise_interval = absl::Hours(1);  // Between two raises, of rate or connections.
  double lowest_rate_per_hour = 60;                // Never cut below: one a minute.
};

struct HoldOptions {
  // A campaign is held at a provider when at least this many, and this share, of its messages there
  // in a row of 100 were refused for their content.
  int content_refusals = 5;
  double content_share = 0.05;
  absl::Duration content_hold = absl::Hours(4);
  absl::Duration sending_domain_hold = absl::Hours(1);
};

// How long what is finished is kept, on the scheduler's clock. InfiniteDuration: for ever.
struct RetentionOptions {
  absl::Duration recipients = absl::Hours(24 * 180);  // From their final state on.
  absl::Duration events = absl::Hours(24 * 180);
  absl::Duration answers = absl::Hours(24 * 7);  // Of request_ids and chunks. At least 72 h.
};

struct Options {
  uint64_t seed = 1;
  InDoubtPolicy in_doubt = InDoubtPolicy::kRetry;
  int max_connections = 500;   // All lanes together (L11).
  int max_queued_chunks = 64;  // Chunks of imports that wait for the disk, in the engine (L11).
  int load_page = 20'000;      // Rows of the store that a start looks at between two commits (L11).
  absl::Duration idle_connection = absl::Minutes(1);  // Closed after so long without a message.
  absl::Duration host_backoff_first = absl::Minutes(1);
  absl::Duration host_backoff_longest = absl::Minutes(30);
  // How long it is remembered that a host's TLS failed. A mail that needs TLS is not tried there
  // before the first is over; one that only wishes for it leaves in the clear until the second is.
  absl::Duration tls_refused = absl::Minutes(10);
  absl::Duration tls_downgraded = absl::Hours(1);
  absl::Duration mx_refresh = absl::Hours(1);  // A domain's MX hosts are asked for again.
  RetryOptions retry;
  PacingOptions pacing;
  ThrottleOptions throttle;
  HoldOptions holds;
  RetentionOptions retention;
};

}  // namespace crescendo::core
