// forecast_commands.h: the verbs that look ahead.
#pragma once

#include "cmd/crescendo/command_tree.h"

namespace crescendo::cli {

// REQUIRES: the nouns plan and campaign are there: each gets a verb. And `explain`.
void AddForecastCommands(CommandTree& tree);

}  // namespace crescendo::cli
