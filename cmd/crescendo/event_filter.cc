#include "cmd/crescendo/event_filter.h"

#include "cmd/crescendo/enum_text.h"
#include "cmd/crescendo/names.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {

Command AddEventFilter(Command command, EventOptions* o) {
  command.Option("--campaign", "CAMPAIGN", &o->campaign, "Only about this campaign")
      .Option("--ip", "IP", &o->ip, "Only about this egress IP")
      .Option("--provider", "PROVIDER", &o->provider, "Only about this provider")
      .Option("--plan", "PLAN", &o->plan, "Only about this plan")
      .Choices("--type", "TYPE", EnumChoices(v1::Event::Type_descriptor()), &o->types,
               "Only of this type, e.g. alert")
      .Option("--after", "EVENT", &o->after, "Only behind this one; 0: from the start");
  return command;
}

absl::StatusOr<v1::EventFilter> FilterOf(const EventOptions& options) {
  v1::EventFilter filter;
  if (!options.campaign.empty()) {
    ASSIGN_OR_RETURN(*filter.mutable_campaign(), CampaignName(options.campaign));
  }
  if (!options.ip.empty()) {
    ASSIGN_OR_RETURN(*filter.mutable_egress_ip(), EgressIpName(options.ip));
  }
  if (!options.provider.empty()) {
    ASSIGN_OR_RETURN(*filter.mutable_provider(), ProviderName(options.provider));
  }
  if (!options.plan.empty()) {
    ASSIGN_OR_RETURN(*filter.mutable_plan(), PlanName(options.plan));
  }
  for (const std::string& type : options.types) {
    filter.add_types(static_cast<v1::Event::Type>(EnumNumber(v1::Event::Type_descriptor(), type)));
  }
  return filter;
}

}  // namespace crescendo::cli
