// hosts.h: by which names the listener may be called.
//
// A page of another site can have a name of its own resolve to 127.0.0.1 and then reads what stands
// here as its own (DNS rebinding). It cannot choose the Host header, so that is looked at.
//
// Threads  pure functions, safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "scheduler/dashboard/http.h"

namespace crescendo::dashboard {

// "localhost", 127.0.0.0/8 and [::1], each with any port or none, and the names of `allowed`.
bool IsAllowedHost(const std::string& host, const std::vector<std::string>& allowed);

// PERMISSION_DENIED: another Host, or a request that another site's page makes (Sec-Fetch-Site,
// Origin).
absl::Status CheckSource(const Request& request, const std::vector<std::string>& allowed);

}  // namespace crescendo::dashboard
