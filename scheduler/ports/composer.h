// composer.h: turns a campaign and one of its recipients into the bytes to send.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/domain/campaign.h"

namespace crescendo::ports {

class MessageComposer {
 public:
  virtual ~MessageComposer() = default;
  // RFC 5322 bytes with CRLF line ends. The same arguments give the same bytes, so that a retry
  // after an attempt in doubt can be told for a copy by its receiver (L4): `date` is the delivery's
  // first attempt, and the Message-ID is made of campaign, delivery and sending domain.
  virtual std::string Compose(const Campaign& campaign, DeliveryId delivery,
                              absl::string_view address,
                              const std::vector<std::pair<std::string, std::string>>& variables,
                              absl::Time date) = 0;
};

}  // namespace crescendo::ports
