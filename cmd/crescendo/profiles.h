// profiles.h: names for daemons, in a file of the user's (config/v1/cli.proto).
//
// Errors   UsageError: the file and line, or the name, its fault and the fix.
// Threads  none of its own. Two writers at once: the later one wins, and no file is ever half.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cmd/crescendo/cli.h"
#include "crescendo/config/v1/cli.pb.h"

namespace crescendo::cli {

// $CRESCENDO_PROFILES, or profiles.textproto in $XDG_CONFIG_HOME/crescendo or ~/.config/crescendo.
// "": there is no home.
std::string ProfilesFile(const Environment& environment);

// Empty when the file is not there.
absl::StatusOr<config::v1::CliConfig> ReadProfiles(const std::string& file);
// Makes the folder too; readable for the user alone.
absl::Status WriteProfiles(const std::string& file, const config::v1::CliConfig& config);

config::v1::CliProfile* FindProfile(config::v1::CliConfig& config, absl::string_view name);
// Names those that there are.
absl::Status NoSuchProfile(const config::v1::CliConfig& config, absl::string_view name);

}  // namespace crescendo::cli
