// serve.h: `crescendo-sandbox serve`: plays a scenario until SIGINT or SIGTERM.
#pragma once

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/base/clock.h"

namespace crescendo::sandbox {

struct ServeOptions {
  std::string config_path;       // "": the built-in scenario.
  std::string ledger_path;       // Appended to.
  std::string routes_path;       // Replaced.
  std::string certificate_path;  // PEM of STARTTLS, replaced. "": not written.
};

// --clock-epoch, --clock-start, --clock-scale as they were given. Epoch: RFC 3339 or seconds since
// 1970; "" for both: the machine's own time.
absl::StatusOr<base::ClockScale> ParseClock(const std::string& epoch, const std::string& start,
                                            double scale);

// Prints one line that begins with "ready" when all addresses listen and the routes are written.
absl::Status Serve(const ServeOptions& options, const base::Clock& clock, std::ostream& out);

}  // namespace crescendo::sandbox
