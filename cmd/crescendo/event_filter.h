// event_filter.h: which events are meant, as it is typed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cmd/crescendo/command_tree.h"
#include "crescendo/v1/event.pb.h"

namespace crescendo::cli {

// Which events; what is "" does not filter.
struct EventOptions {
  std::string campaign, ip, provider, plan, after;
  std::vector<std::string> types;
  int64_t limit = 100;  // Of a list.
  bool all = false;     // Of a list.
};

// Adds the options of the filter, and --after.
Command AddEventFilter(Command command, EventOptions* options);
absl::StatusOr<v1::EventFilter> FilterOf(const EventOptions& options);

}  // namespace crescendo::cli
