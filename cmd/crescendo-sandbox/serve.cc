#include "cmd/crescendo-sandbox/serve.h"

#include <cmath>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/files.h"
#include "cmd/crescendo-sandbox/ledger.h"
#include "cmd/crescendo-sandbox/routes.h"
#include "cmd/crescendo-sandbox/scenario.h"
#include "cmd/crescendo-sandbox/server.h"
#include "cmd/crescendo-sandbox/timestamp.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::sandbox {
namespace {

constexpr double kMaxScale = 1e6;

absl::StatusOr<absl::Time> ParseEpoch(const std::string& text) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds) && std::isfinite(seconds)) {
    return absl::UnixEpoch() + absl::Seconds(seconds);
  }
  return ParseTimestamp(text);
}

absl::StatusOr<v1::Scenario> ScenarioOf(const ServeOptions& options) {
  if (options.config_path.empty()) return ParseScenario(DefaultScenarioText());
  return LoadScenario(options.config_path);
}

}  // namespace

absl::StatusOr<base::ClockScale> ParseClock(const std::string& epoch, const std::string& start,
                                            double scale) {
  if (!(scale >= 1 && scale <= kMaxScale)) {
    return absl::InvalidArgumentError("--clock-scale: give 1 to 1000000");
  }
  if (epoch.empty() != start.empty()) {
    return absl::InvalidArgumentError("--clock-epoch and --clock-start belong together");
  }
  base::ClockScale clock;
  clock.scale = scale;
  if (epoch.empty()) {
    if (scale == 1) return clock;
    return absl::InvalidArgumentError("--clock-scale needs --clock-epoch and --clock-start");
  }
  const absl::StatusOr<absl::Time> epoch_time = ParseEpoch(epoch);
  if (!epoch_time.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--clock-epoch: ", epoch_time.status().message(), " or seconds since 1970"));
  }
  const absl::StatusOr<absl::Time> start_time = ParseTimestamp(start);
  if (!start_time.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--clock-start: ", start_time.status().message()));
  }
  clock.epoch = *epoch_time;
  clock.start = *start_time;
  return clock;
}

absl::Status Serve(const ServeOptions& options, const base::Clock& clock, std::ostream& out) {
  ASSIGN_OR_RETURN(v1::Scenario scenario, ScenarioOf(options));
  ASSIGN_OR_RETURN(const std::unique_ptr<Ledger> ledger, Ledger::Open(options.ledger_path));
  ASSIGN_OR_RETURN(const std::unique_ptr<Server> server,
                   Server::Listen(std::move(scenario), ledger.get(), &clock));
  if (!options.certificate_path.empty()) {
    RETURN_IF_ERROR(ReplaceFile(options.certificate_path, server->certificate_pem()));
  }
  RETURN_IF_ERROR(ReplaceFile(options.routes_path, RoutesText(RoutesTo(server->scenario()))));
  server->StopOnSignals();
  out << "ready: " << server->scenario().providers_size() << " providers, virtual time "
      << FormatTimestamp(clock.Now().wall) << ", ledger " << options.ledger_path << ", routes "
      << options.routes_path << std::endl;
  server->Run();
  out << "stopped at virtual time " << FormatTimestamp(clock.Now().wall) << std::endl;
  return absl::OkStatus();
}

}  // namespace crescendo::sandbox
