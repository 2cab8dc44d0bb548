// engagement_import.h: a file of clicks and opens, batch by batch, each durable when it is
// answered.
//
// An event that was recorded before counts for nothing, so a batch whose answer is lost is sent
// again, and so may the whole file be. Lines that cannot be taken are listed, and the others are
// recorded.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "cmd/crescendo/context.h"

namespace crescendo::cli {

struct EngagementImportOptions {
  std::string file, format;
  int64_t batch_size = 1000;
  bool dry_run = false;
};

// OutcomeIsNo when lines were rejected.
absl::Status ImportEngagement(const EngagementImportOptions& options, Context& context);

}  // namespace crescendo::cli
