// cli.h: one run of the program, from its arguments to its exit code.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cmd/crescendo/command_tree.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/interrupt.h"
#include "cmd/crescendo/streams.h"
#include "scheduler/base/clock.h"

namespace crescendo::cli {

// A variable of the environment; "" when it is not set.
using Environment = std::function<std::string(const char* name)>;

// Everything that can be typed. `globals` must outlive the tree.
struct GlobalTexts {
  std::string server, profile, actor, output = "table", colour = "auto";
  std::optional<absl::Duration> timeout, retry_limit;
};
// As --server takes it; "host" gets the port, "" the default. UsageError.
absl::StatusOr<std::string> ServerAddress(absl::string_view text);

void AddAllCommands(CommandTree& tree, GlobalTexts* globals);

// `arguments` without the program's name. Throws nothing; `streams.colour` may change.
ExitCode Run(const std::vector<std::string>& arguments, const Environment& environment,
             Streams& streams, const base::Clock& clock, Interrupt& interrupt);

}  // namespace crescendo::cli
