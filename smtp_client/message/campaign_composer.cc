#include "smtp_client/message/campaign_composer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::smtp {
namespace {

constexpr size_t kMostRead = 64;  // Campaigns; each may hold megabytes.

const std::string& ReturnPathOf(const Campaign& campaign) {
  return campaign.return_path.empty() ? campaign.from_address : campaign.return_path;
}

}  // namespace

CampaignComposer::CampaignComposer(const ComposerOptions& options) : options_(options) {
  if (options.keyring != nullptr) signer_ = std::make_unique<dkim::Signer>(options.keyring);
}

absl::Status CampaignComposer::Check(const Campaign& campaign) {
  const std::string& return_path = ReturnPathOf(campaign);
  const size_t local = return_path.size() - DomainOf(return_path).size() - 1;
  if (options_.verp != nullptr && local > Verp::kLongestLocalPart) {
    return absl::InvalidArgumentError(absl::StrCat(
        campaign.return_path.empty() ? "from_address" : "return_path", " has ", local,
        " octets before the @; where bounces carry the delivery's number (verp.key_files of the "
        "daemon) a return path has at most ",
        Verp::kLongestLocalPart));
  }
  return Content::Create(campaign).status();
}

absl::Status CampaignComposer::CheckReady(const Campaign& campaign) {
  RETURN_IF_ERROR(Check(campaign));
  const std::string domain = campaign.sending_domain();
  if (signer_ == nullptr || options_.allow_unsigned ||
      !options_.keyring->table()->Find(domain).empty()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("from_address: there is no DKIM key for ", domain,
                   "; add one to the file dkim.keys_file of the daemon and send it a SIGHUP, or "
                   "allow unsigned mail with dkim.missing_key: SEND_UNSIGNED"));
}

absl::StatusOr<const Content*> CampaignComposer::ContentOf(const Campaign& campaign) {
  const auto found = read_.find(campaign.key);
  if (found != read_.end() && found->second.revision == campaign.revision) {
    return &found->second.content;
  }
  ASSIGN_OR_RETURN(Content content, Content::Create(campaign));
  if (read_.size() >= kMostRead) read_.clear();
  Read& read = read_[campaign.key];
  read = {campaign.revision, std::move(content)};
  return &read.content;
}

absl::StatusOr<ports::ComposedMessage> CampaignComposer::Compose(const Campaign& campaign,
                                                                 DeliveryId delivery,
                                                                 absl::string_view address,
                                                                 const Variables& variables,
                                                                 absl::Time date) {
  ASSIGN_OR_RETURN(const Content* content, ContentOf(campaign));
  const std::string domain = campaign.sending_domain();
  ports::ComposedMessage composed;
  content->AppendTo({variables, address},
                    absl::StrCat(campaign.id.text(), ".", delivery.value(), "@", domain), date,
                    &scratch_, &composed.message);
  if (signer_ != nullptr) {
    const absl::Time expires = options_.signature_grace.has_value()
                                   ? date + campaign.lifetime + *options_.signature_grace
                                   : absl::InfiniteFuture();
    const std::string fields = signer_->Sign(domain, composed.message, date, expires);
    if (fields.empty()) RETURN_IF_ERROR(CheckReady(campaign));
    composed.message.insert(0, fields);
  }
  composed.mail_from = options_.verp != nullptr
                           ? options_.verp->Address(ReturnPathOf(campaign), delivery)
                           : ReturnPathOf(campaign);
  return composed;
}

}  // namespace crescendo::smtp
