// campaign_composer.h: implements ports/MessageComposer: fills in, signs, and addresses the bounce.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "scheduler/ports/composer.h"
#include "smtp_client/dkim/keyring.h"
#include "smtp_client/dkim/signer.h"
#include "smtp_client/message/content.h"
#include "smtp_client/message/verp.h"

namespace crescendo::smtp {

struct ComposerOptions {
  // Outlive the composer. nullptr: nothing is signed; the return path is the campaign's.
  const dkim::Keyring* keyring = nullptr;
  const Verp* verp = nullptr;
  // With a keyring: a domain without a key may send all the same.
  bool allow_unsigned = false;
  // A signature expires so long after the campaign's last retry. Not set: never.
  std::optional<absl::Duration> signature_grace;
};

// Threads  one at a time: it keeps what it has read of the campaigns.
class CampaignComposer final : public ports::MessageComposer {
 public:
  explicit CampaignComposer(const ComposerOptions& options = {});

  absl::Status Check(const Campaign& campaign) override;
  absl::Status CheckReady(const Campaign& campaign) override;
  absl::StatusOr<ports::ComposedMessage> Compose(const Campaign& campaign, DeliveryId delivery,
                                                 absl::string_view address,
                                                 const Variables& variables,
                                                 absl::Time date) override;

 private:
  struct Read {
    int64_t revision = 0;
    Content content;
  };
  absl::StatusOr<const Content*> ContentOf(const Campaign& campaign);

  const ComposerOptions options_;
  std::unique_ptr<dkim::Signer> signer_;
  absl::flat_hash_map<CampaignKey, Read> read_;
  std::string scratch_;
};

}  // namespace crescendo::smtp
