// provider_parser.h: one provider file as values.
//
// Errors   INVALID_ARGUMENT "<file>:<line>: <field>: <fault>".
// Threads  a free function, safe from any thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "scheduler/core/reply_classifier.h"
#include "scheduler/domain/provider.h"

namespace crescendo::providers {

struct ParsedProvider {
  Provider provider;
  core::ProviderRules rules;
  // Figures the file does not give stand as in `default`.
  bool has_max_connections = false;
  bool has_messages_per_connection = false;
  bool has_rate_limit_stop = false;
  bool has_block_stop = false;
  // Where things stand, for errors about several files: "gmail.textproto:3".
  std::string origin_of_id;
  std::string origin_of_suffixes;
};

// REQUIRES: `file` is the name shown in errors.
absl::StatusOr<ParsedProvider> ParseProvider(const std::string& file, const std::string& text);

}  // namespace crescendo::providers
