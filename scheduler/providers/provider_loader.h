// provider_loader.h: provider facts and reply rules, from their files.
//
// The files of data/ are compiled into the program; a directory may replace or add providers.
// Schema: proto/crescendo/config/v1/provider.proto.
//
// Errors   NOT_FOUND or UNAVAILABLE: the directory or a file cannot be read. INVALID_ARGUMENT
//          "gmail.textproto:12: max_connections_per_ip: must be in [1, 1000], is 0": a broken file.
//          Nothing is used of a set with one broken file.
// Threads  free functions, safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "scheduler/core/reply_classifier.h"
#include "scheduler/domain/provider.h"

namespace crescendo::providers {

// Everything that is known of receiving providers.
struct ProviderData {
  ProviderCatalog catalog;
  core::ReplyClassifier classifier;
};

// One file: its name for errors, and its text.
struct ProviderFile {
  std::string name;
  std::string text;
};

// The files this program was built with.
std::vector<ProviderFile> EmbeddedFiles();

// A file of `overrides` whose `id` stands in `base` too replaces that one as a whole. Within either
// set an id may stand once. A provider `default` must be among them.
absl::StatusOr<ProviderData> ParseProviders(absl::Span<const ProviderFile> base,
                                            absl::Span<const ProviderFile> overrides);

// The embedded files, overridden by every *.textproto of `directory`; "": by none.
absl::StatusOr<ProviderData> LoadProviders(absl::string_view directory);

}  // namespace crescendo::providers
