// campaign_composer.h: implements ports/MessageComposer.
//
// Subject, bodies and List-Unsubscribe may hold {{variables}}; {{address}} is the recipient's.
#pragma once

#include "scheduler/ports/composer.h"

namespace crescendo::smtp {

// Threads  has no state: safe from any thread.
class CampaignComposer final : public ports::MessageComposer {
 public:
  std::string Compose(const Campaign& campaign, DeliveryId delivery, absl::string_view address,
                      const std::vector<std::pair<std::string, std::string>>& variables,
                      absl::Time date) override;
};

}  // namespace crescendo::smtp
