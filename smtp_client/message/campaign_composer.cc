#include "smtp_client/message/campaign_composer.h"

#include "absl/strings/str_cat.h"
#include "smtp_client/message/compose.h"
#include "smtp_client/message/template.h"

namespace crescendo::smtp {

std::string CampaignComposer::Compose(
    const Campaign& campaign, DeliveryId delivery, absl::string_view address,
    const std::vector<std::pair<std::string, std::string>>& variables, absl::Time date) {
  Variables all = variables;
  all.emplace_back("address", std::string(address));  // Last: a variable of that name wins.
  MessageParts parts;
  parts.from_name = campaign.from_name;
  parts.from_address = campaign.from_address;
  parts.to_address = std::string(address);
  parts.subject = Substitute(campaign.subject, all, Escape::kNone);
  parts.message_id =
      absl::StrCat(campaign.id.text(), ".", delivery.value(), "@", campaign.sending_domain());
  parts.list_unsubscribe = Substitute(campaign.list_unsubscribe, all, Escape::kNone);
  parts.date = date;
  parts.text = Substitute(campaign.text_body, all, Escape::kNone);
  parts.html = Substitute(campaign.html_body, all, Escape::kHtml);
  return smtp::Compose(parts);
}

}  // namespace crescendo::smtp
