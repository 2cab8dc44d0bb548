// help.h: help pages and shell completion, from the command tree.
//
// Threads  pure functions.
#pragma once

#include <string>

#include "cmd/crescendo/command_tree.h"

namespace crescendo::cli {

// The whole program; one noun with its verbs; one command.
std::string ProgramHelp(const CommandTree& tree);
std::string NounHelp(const CommandTree& tree, const std::string& noun);
std::string CommandHelp(const CommandTree& tree, const CommandInfo& command);

// A script that the shell reads: source <(crescendo completion bash).
std::string BashCompletion(const CommandTree& tree);
std::string ZshCompletion(const CommandTree& tree);

}  // namespace crescendo::cli
