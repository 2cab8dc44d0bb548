// routes.h: the daemon's way to the sandbox: which domain has which MX hosts, and where they
// listen.
#pragma once

#include <string>

#include "crescendo/config/v1/routes.pb.h"
#include "crescendo/sandbox/v1/sandbox.pb.h"

namespace crescendo::sandbox {

// REQUIRES: each provider's port is the one it listens on, not 0.
config::v1::RouteTable RoutesTo(const v1::Scenario& scenario);

// Text format, with a first line that says where it is from.
std::string RoutesText(const config::v1::RouteTable& routes);

}  // namespace crescendo::sandbox
