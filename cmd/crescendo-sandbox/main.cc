// crescendo-sandbox: receiving providers on loopback, recipients for them, and the proof of what
// reached them. See README.md in this folder.
//
// Exit codes: 0 done; 1 verify: a law was broken; 2 wrong usage or input.
#include <iostream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "cmd/crescendo-sandbox/files.h"
#include "cmd/crescendo-sandbox/recipients.h"
#include "cmd/crescendo-sandbox/scenario.h"
#include "cmd/crescendo-sandbox/serve.h"
#include "cmd/crescendo-sandbox/timestamp.h"
#include "cmd/crescendo-sandbox/verify.h"
#include "scheduler/base/real_clock.h"
#include "scheduler/base/status_macros.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace crescendo::sandbox {
namespace {

constexpr int kLawBroken = 1;
constexpr int kUsageError = 2;

int Report(const absl::Status& status) {
  if (status.ok()) return 0;
  std::cerr << "crescendo-sandbox: " << std::string(status.message()) << "\n";
  return kUsageError;
}

struct ClockFlags {
  std::string epoch;
  std::string start;
  double scale = 1;
};

absl::StatusOr<std::unique_ptr<base::Clock>> MakeClock(const ClockFlags& flags) {
  ASSIGN_OR_RETURN(const base::ClockScale scale, ParseClock(flags.epoch, flags.start, flags.scale));
  if (flags.epoch.empty()) return base::NewRealClock();
  return base::NewScaledClock(scale);
}

void AddServe(CLI::App* app, int* exit_code) {
  CLI::App* command = app->add_subcommand("serve", "Play receiving providers on loopback");
  auto options = std::make_shared<ServeOptions>();
  auto clock_flags = std::make_shared<ClockFlags>();
  command->add_option("--config", options->config_path,
                      "Scenario (crescendo.sandbox.v1.Scenario, text format). Default: built in");
  command->add_option("--ledger", options->ledger_path, "JSON Lines file to append to")->required();
  command->add_option("--routes", options->routes_path, "Where to write the route table")
      ->required();
  command->add_option("--certificate", options->certificate_path,
                      "Where to write the PEM certificate of STARTTLS");
  command->add_option("--clock-epoch", clock_flags->epoch,
                      "Real time at which the clock shows --clock-start: RFC 3339, or seconds "
                      "since 1970");
  command->add_option("--clock-start", clock_flags->start, "RFC 3339");
  command->add_option("--clock-scale", clock_flags->scale,
                      "Virtual seconds per real second; 1440: a day lasts a minute");
  command->callback([options, clock_flags, exit_code] {
    const absl::StatusOr<std::unique_ptr<base::Clock>> clock = MakeClock(*clock_flags);
    *exit_code = Report(clock.ok() ? Serve(*options, **clock, std::cout) : clock.status());
  });
}

void AddScenario(CLI::App* app) {
  app->add_subcommand("scenario", "Print the built-in scenario, to copy and change")->callback([] {
    std::cout << DefaultScenarioText();
  });
}

struct RecipientsFlags {
  int64_t count = 0;
  uint64_t seed = 1;
  std::string out;
  std::string as_of = "2026-01-01T00:00:00Z";
};

absl::Status WriteRecipients(const RecipientsFlags& flags) {
  ASSIGN_OR_RETURN(const absl::Time as_of, ParseTimestamp(flags.as_of));
  return ReplaceFile(flags.out, RecipientsCsv(MakeRecipients(flags.count, flags.seed, as_of)));
}

void AddRecipients(CLI::App* app, int* exit_code) {
  CLI::App* command = app->add_subcommand("recipients", "Make a realistic recipient list");
  auto flags = std::make_shared<RecipientsFlags>();
  command->add_option("--count", flags->count, "How many")
      ->required()
      ->check(CLI::Range(int64_t{0}, int64_t{20000000}));
  command->add_option("--seed", flags->seed, "The same seed, the same list")->capture_default_str();
  command->add_option("--out", flags->out, "CSV file to write")->required();
  command->add_option("--as-of", flags->as_of, "All engagement lies before this time")
      ->capture_default_str();
  command->callback([flags, exit_code] { *exit_code = Report(WriteRecipients(*flags)); });
}

void AddVerify(CLI::App* app, int* exit_code) {
  CLI::App* command = app->add_subcommand(
      "verify", "Hold a sender's claims against the ledger; exit 0 only if every law holds");
  auto options = std::make_shared<VerifyOptions>();
  command->add_option("--ledger", options->ledger_path, "What serve wrote")->required();
  command->add_option("--days", options->days_path,
                      "JSON Lines: egress_ip, address, day, cap, provider_caps");
  command->add_option("--recipients", options->recipients_path, "The CSV that was imported");
  command->add_option("--deliveries", options->deliveries_path, "JSON Lines: address, state");
  command->add_option("--as-of", options->as_of,
                      "RFC 3339: when scores are looked at. Default: the ledger's first line");
  command->add_option("--order-slack", options->order_slack,
                      "Virtual time from choosing a recipient to its MAIL, at most, e.g. 10m. "
                      "Default: 0s");
  command->add_flag("--json", options->json, "For programs");
  command->add_flag("--allow-incomplete", options->allow_incomplete,
                    "States that are not final are counted, not refused");
  command->add_flag("--table-only", options->table_only, "Only the day table");
  command->callback([options, exit_code] {
    if (!options->table_only && (options->days_path.empty() || options->recipients_path.empty() ||
                                 options->deliveries_path.empty())) {
      *exit_code = Report(absl::InvalidArgumentError(
          "verify needs --days, --recipients and --deliveries, or --table-only"));
      return;
    }
    const absl::StatusOr<bool> holds = Verify(*options, std::cout);
    *exit_code = !holds.ok() ? Report(holds.status()) : *holds ? 0 : kLawBroken;
  });
}

struct TableFlags {
  std::string ledger;
  std::string days;
  bool follow = false;
};

void AddTable(CLI::App* app, int* exit_code) {
  CLI::App* command = app->add_subcommand("table", "Print the ledger's day table");
  auto flags = std::make_shared<TableFlags>();
  command->add_option("--ledger", flags->ledger, "What serve writes")->required();
  command->add_option("--days", flags->days, "JSON Lines with each day's cap");
  command->add_flag("--follow", flags->follow, "Print it again whenever it changed");
  command->callback([flags, exit_code] {
    *exit_code = Report(PrintTable(flags->ledger, flags->days, flags->follow, std::cout));
  });
}

int Main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("crescendo-sandbox"));
  CLI::App app("Receiving providers on loopback, and the proof of what reached them");
  app.require_subcommand(1);
  int exit_code = 0;
  AddServe(&app, &exit_code);
  AddScenario(&app);
  AddRecipients(&app, &exit_code);
  AddVerify(&app, &exit_code);
  AddTable(&app, &exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  return exit_code;
}

}  // namespace
}  // namespace crescendo::sandbox

int main(int argc, char** argv) { return crescendo::sandbox::Main(argc, argv); }
