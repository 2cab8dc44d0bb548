// import.h: a file of recipients into a campaign, chunk by chunk, each acknowledged when it is
// durable.
//
// After a cut it goes on behind the last durable chunk: chunks are cut the same way each time, so
// nobody is imported twice and nobody is left out.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cmd/crescendo/context.h"

namespace crescendo::cli {

struct ImportOptions {
  std::string campaign, file, import_id, format;
  int64_t chunk_size = 500;
  bool skip_invalid = false;
  bool dry_run = false;
  bool update_scores = false;
};

// UsageError, with `option` in front, when `path` is no file that can be read.
absl::Status CheckFile(absl::string_view option, const std::string& path);

absl::Status ImportFile(const ImportOptions& options, Context& context);

}  // namespace crescendo::cli
