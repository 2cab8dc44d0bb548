// commands.h: adds the verbs of each noun to the tree. One cmd_*.cc each.
#pragma once

#include "cmd/crescendo/command_tree.h"

namespace crescendo::cli {

void AddIpCommands(CommandTree& tree);
void AddPoolCommands(CommandTree& tree);
void AddPlanCommands(CommandTree& tree);
void AddProviderCommands(CommandTree& tree);
void AddCampaignCommands(CommandTree& tree);
void AddLaneCommands(CommandTree& tree);
void AddDeliveryCommands(CommandTree& tree);
void AddSuppressionCommands(CommandTree& tree);
void AddEventCommands(CommandTree& tree);
void AddStoreCommands(CommandTree& tree);
void AddProbeCommand(CommandTree& tree);
void AddTopCommand(CommandTree& tree);
void AddProfileCommands(CommandTree& tree);
// Behind their nouns.
void AddTraceCommands(CommandTree& tree);

}  // namespace crescendo::cli
