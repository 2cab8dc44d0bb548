// crescendod: the daemon. What it is told is in config.h, what it is made of in daemon.h.
#include <iostream>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "cmd/crescendod/config.h"
#include "cmd/crescendod/daemon.h"
#include "cmd/crescendod/flags.h"
#include "cmd/crescendod/signals.h"

namespace crescendo::daemon {
namespace {

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

int Main(int argc, const char* const* argv) {
  int exit_code = kExitOk;
  const std::optional<CommandLine> line = ParseCommandLine(argc, argv, &exit_code);
  if (!line.has_value()) return exit_code;
  const absl::StatusOr<Settings> settings = LoadSettings(line->config_file, line->overrides);
  if (!settings.ok()) {
    std::cerr << "crescendod: " << std::string(settings.status().message()) << "\n";
    return kExitUsage;
  }
  // stdout is for machines: one line, when it serves.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("crescendod"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  spdlog::set_level(LevelOf(settings->log_level));
  TakeSignals();
  return RunDaemon(*settings, std::cout);
}

}  // namespace
}  // namespace crescendo::daemon

int main(int argc, char** argv) { return crescendo::daemon::Main(argc, argv); }
