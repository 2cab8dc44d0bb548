// campaign_options.h: what a campaign is made of, as it is typed and as it is shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/field_mask.pb.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cmd/crescendo/command_tree.h"
#include "cmd/crescendo/context.h"
#include "cmd/crescendo/import.h"
#include "crescendo/v1/campaign.pb.h"

namespace crescendo::cli {

struct CampaignOptions {
  std::string name, pool, from, return_path, subject, text, html, raw, list_unsubscribe,
      feedback_sender_id, tls, etag, reason, request_id;
  std::vector<std::string> headers;
  std::optional<absl::Duration> lifetime;
  int64_t weight = -1, sunset_days = -1;  // -1: not given.
  bool dry_run = false;
  ImportOptions import;
};

// Adds the options of a campaign's content. `required`: pool and From must be given.
Command WithContent(Command command, CampaignOptions* options, bool required);

// Sets what was given, and names it in `mask`. UsageError.
absl::Status FillCampaign(const CampaignOptions& options, v1::Campaign* campaign,
                          google::protobuf::FieldMask* mask);

// UsageError, in the name of `verb`: there is no body, or no subject.
absl::Status CheckContent(absl::string_view verb, const CampaignOptions& options);

absl::Status ShowCampaign(Context& context, const v1::Campaign& campaign);

}  // namespace crescendo::cli
