// capabilities.h: what a server offers in its reply to EHLO (RFC 5321 §4.1.1.1).
#pragma once

#include <cstdint>

#include "scheduler/domain/reply.h"

namespace crescendo::smtp {

struct Capabilities {
  bool pipelining = false;         // RFC 2920
  bool eight_bit_mime = false;     // RFC 6152
  bool smtp_utf8 = false;          // RFC 6531
  bool start_tls = false;          // RFC 3207
  bool chunking = false;           // RFC 3030
  bool enhanced_status = false;    // RFC 2034
  bool size = false;               // RFC 1870: MAIL may carry SIZE=.
  uint64_t max_message_bytes = 0;  // Of SIZE; 0: no limit was named.
  uint64_t max_mails = 0;          // RFC 9422 MAILMAX: MAIL commands of a session; 0: no limit.

  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

// Reads a positive reply to EHLO. Unknown keywords and unreadable parameters are passed over; of
// two SIZE lines the smaller limit holds, and of LIMITS the same. RCPTMAX and RCPTDOMAINMAX are
// passed over, for a transaction of ours has one recipient.
Capabilities ParseCapabilities(const Reply& ehlo);

}  // namespace crescendo::smtp
