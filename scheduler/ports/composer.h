// composer.h: turns a campaign and one of its recipients into the bytes to send.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/domain/campaign.h"

namespace crescendo::ports {

struct ComposedMessage {
  std::string mail_from;  // The envelope's sender, without <>.
  std::string message;    // RFC 5322 bytes with CRLF line ends.
};

// Threads  one at a time.
class MessageComposer {
 public:
  virtual ~MessageComposer() = default;
  // Can messages be made of it? INVALID_ARGUMENT names the field, what is wrong and where.
  virtual absl::Status Check(const Campaign& campaign) = 0;
  // The same, and may they leave as things are? FAILED_PRECONDITION says what is missing (a key,
  // say).
  virtual absl::Status CheckReady(const Campaign& campaign) = 0;
  // The same arguments give the same bytes, so that a retry after an attempt in doubt can be told
  // for a copy by its receiver (L4): `date` is the delivery's first attempt, and the Message-ID is
  // made of campaign, delivery and sending domain. Errors as CheckReady's: the message must not
  // leave.
  virtual absl::StatusOr<ComposedMessage> Compose(
      const Campaign& campaign, DeliveryId delivery, absl::string_view address,
      const std::vector<std::pair<std::string, std::string>>& variables, absl::Time date) = 0;
};

}  // namespace crescendo::ports
