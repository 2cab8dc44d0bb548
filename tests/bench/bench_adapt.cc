// bench_adapt: the throttle against receivers with hidden limits, in the C++ simulator.
//
//   bench_adapt SCENARIOS.json [--series]
//
// Prints one JSON object per scenario; with --series also what happened in each ten minutes.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string_view>

#include <nlohmann/json.hpp>

#include "scheduler/base/check.h"
#include "tests/sim/adapt_sender.h"

namespace crescendo::testing {
namespace {

int Main(int argc, char** argv) {
  std::ifstream file(argv[1]);
  std::stringstream text;
  text << file.rdbuf();
  const auto scenarios = ParseScenarios(text.str());
  if (!scenarios.ok()) {
    std::cerr << scenarios.status() << "\n";
    return 1;
  }
  const auto providers = providers::LoadProviders("");
  CRESCENDO_CHECK(providers.ok());
  const bool series = argc > 2 && std::string_view(argv[2]) == "--series";
  for (const LimitScenario& scenario : *scenarios) {
    AdaptSender sender(*providers, scenario);
    const LimitRun run = Play(scenario, sender);
    const LimitScore score = ScoreOf(scenario, run, PlayClairvoyant(scenario));
    nlohmann::json line = {{"scenario", scenario.name},      {"policy", "ext"},
                           {"score", score.score},           {"goodput", score.goodput},
                           {"deferred", score.refused},      {"penalty", score.penalty},
                           {"day_fair", score.day_fair},     {"worst_day", score.worst_day},
                           {"attempts", run.attempts},       {"refusals", run.rate_refused},
                           {"conn", run.connection_refused}, {"noise", run.noise}};
    line["overshoot"] = score.overshoot ? nlohmann::json(*score.overshoot) : nlohmann::json();
    line["recovery_s"] = score.recovery ? nlohmann::json(*score.recovery) : nlohmann::json();
    if (series) {
      line["limit"] = run.limit_by_bin;
      line["rate"] = run.rate_by_bin;
      line["refused_by_bin"] = run.refused_by_bin;
      line["delivered_by_bin"] = run.delivered_by_bin;
    }
    std::cout << line.dump() << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace crescendo::testing

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: bench_adapt SCENARIOS.json [--series]\n";
    return 2;
  }
  return crescendo::testing::Main(argc, argv);
}
