// flags.h: crescendod's command line: one flag per field of DaemonConfig.
//
// limits.max_connections is --limits-max-connections; a repeated field loses its s
// (--route-file, as often as needed), a time its _time (--clock-epoch).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cmd/crescendod/config_reader.h"

namespace crescendo::daemon {

struct CommandLine {
  std::string config_file;  // "": none.
  std::vector<Override> overrides;
};

// None: the process is to end with `*exit_code`; what there was to say (--help, --version, a wrong
// flag) has been said.
std::optional<CommandLine> ParseCommandLine(int argc, const char* const* argv, int* exit_code);

}  // namespace crescendo::daemon
