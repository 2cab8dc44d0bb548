// The throttle against receivers with hidden limits: what must hold in every scenario, and how well
// it must do in each kind. tests/bench.sh adapt measures it at length.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "tests/sim/adapt_sender.h"

namespace crescendo::testing {
namespace {

const providers::ProviderData& Providers() {
  static const auto* const kProviders = [] {
    auto loaded = providers::LoadProviders("");
    CRESCENDO_CHECK(loaded.ok());
    return new providers::ProviderData(*std::move(loaded));
  }();
  return *kProviders;
}

LimitScenario Parse(absl::string_view json) {
  const auto scenarios = ParseScenarios(absl::StrCat("[", json, "]"));
  CRESCENDO_CHECK(scenarios.ok());
  return scenarios->front();
}

constexpr absl::string_view kNoise =
    R"({"name": "noise", "seed": 21, "arrival": "uniform", "quota": {"x": 0.8},
        "mix": {"grey": 0.04, "full": 0.01, "rcptrate": 0.01, "unknown": 0.01, "spam": 0.002,
                "busy": 0.003},
        "limits": [{"type": "bucket", "rate": 0.35, "burst": 40}]})";

TEST(HiddenLimits, TheClairvoyantIsNeverRefusedAndNobodyBeatsIt) {
  const absl::string_view scenarios[] = {
      kNoise, R"({"name": "bucket", "limits": [{"type": "bucket", "rate": 0.2, "burst": 40}]})",
      R"({"name": "sliding", "limits": [{"type": "window", "cap": 500, "seconds": 3600}]})",
      R"({"name": "fixed", "limits": [{"type": "window", "cap": 500, "seconds": 3600,
                                       "kind": "fixed"}]})",
      R"({"name": "box", "limits": [{"type": "bucket", "rate": 0.2, "burst": 40}],
          "penalty": {"strikes": 1, "seconds": 900}})"};
  for (const absl::string_view json : scenarios) {
    const LimitScenario scenario = Parse(json);
    SCOPED_TRACE(scenario.name);
    const LimitRun best = PlayClairvoyant(scenario);
    EXPECT_EQ(best.rate_refused + best.connection_refused, 0);
    EXPECT_NEAR(ScoreOf(scenario, best, best).score, 100, 1e-6);
    AdaptSender sender(Providers(), scenario);
    const LimitRun ours = Play(scenario, sender);
    EXPECT_LE(ours.delivered, best.delivered * 1.002 + 5);
  }
}

TEST(HiddenLimits, NoiseMovesNoThrottleAndCostsNothing) {
  const LimitScenario scenario = Parse(kNoise);
  AdaptSender sender(Providers(), scenario);
  const LimitRun run = Play(scenario, sender);
  EXPECT_EQ(run.rate_refused, 0);
  EXPECT_GT(run.noise, 1000);
  EXPECT_EQ(sender.control().rate(0).state().phase, core::RateControl::Phase::kClimbing);
  EXPECT_EQ(sender.control().rate(0).state().estimate, 0);
  EXPECT_GE(ScoreOf(scenario, run, PlayClairvoyant(scenario)).goodput, 0.9995);
}

TEST(HiddenLimits, EachKindOfReceiverIsServedWell) {
  struct Case {
    absl::string_view json;
    double score;
  };
  const Case cases[] = {
      {R"({"name": "bucket", "seed": 11, "limits": [{"type": "bucket", "rate": 0.35, "burst": 40}]})",
       98.5},
      {R"({"name": "small bucket", "days": 4, "seed": 12, "flavor": "outlook",
           "arrival": "uniform", "quota": {"x": 1.3},
           "limits": [{"type": "bucket", "rate": 0.03, "burst": 10}]})",
       97},
      {R"({"name": "hour", "seed": 13, "quota": {"x": 1.2},
           "limits": [{"type": "window", "cap": 1200, "seconds": 3600}]})",
       97},
      {R"({"name": "day", "days": 4, "seed": 14, "flavor": "yahoo", "quota": {"x": 1.25},
           "limits": [{"type": "window", "cap": 15000, "seconds": 86400, "kind": "fixed"},
                      {"type": "bucket", "rate": 0.6, "burst": 60}]})",
       95},
      {R"({"name": "box", "seed": 15, "flavor": "yahoo",
           "limits": [{"type": "bucket", "rate": 0.3, "burst": 30}],
           "penalty": {"strikes": 1, "within": 60, "seconds": 900, "extend": true}})",
       93},
      {R"({"name": "reputation", "days": 7, "seed": 17,
           "quota": {"daily": [3000, 5000, 8000, 12000, 18000, 26000, 38000]},
           "limits": [{"type": "bucket", "rate": 0.03, "burst": 20,
                       "reputation": {"up": 1.6, "max": 30, "min": 0.3}}]})",
       97},
      {R"({"name": "steps", "days": 4, "seed": 18, "quota": {"x": 1.2},
           "limits": [{"type": "bucket", "rate": 0.4, "burst": 40,
                       "steps": [[20, 0.35], [50, 1.2], [70, 0.6]]}]})",
       93},
      {R"({"name": "diurnal", "days": 4, "seed": 19, "arrival": "uniform", "quota": {"x": 1.1},
           "limits": [{"type": "bucket", "rate": 0.35, "burst": 30,
                       "diurnal": {"amp": 0.45, "peak_h": 4}}]})",
       95},
      {R"({"name": "connections", "days": 2, "seed": 20, "flavor": "outlook",
           "arrival": "uniform", "quota": {"x": 1.1}, "latency": [2.0, 4.0],
           "limits": [{"type": "conn", "max": 3}, {"type": "bucket", "rate": 0.7, "burst": 50}]})",
       97},
      {R"({"name": "shared domain", "seed": 23, "ips": 2,
           "limits": [{"type": "bucket", "rate": 0.4, "burst": 40, "scope": "domain"}]})",
       97},
      {R"({"name": "shared, blames the IP", "seed": 24, "flavor": "outlook", "ips": 2,
           "limits": [{"type": "bucket", "rate": 0.4, "burst": 40, "scope": "ip-text"}]})",
       96}};
  for (const Case& c : cases) {
    const LimitScenario scenario = Parse(c.json);
    SCOPED_TRACE(scenario.name);
    AdaptSender sender(Providers(), scenario);
    const LimitScore score = ScoreOf(scenario, Play(scenario, sender), PlayClairvoyant(scenario));
    EXPECT_GE(score.score, c.score);
  }
}

TEST(LimitScenario, SaysWhatIsWrong) {
  EXPECT_EQ(ParseScenarios(R"([{"name": "ok"}, {"days": 3}])").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_NE(ParseScenarios(R"([{"name": "ok"}, {"days": 3}])").status().message().find("2"),
            std::string::npos);
}

}  // namespace
}  // namespace crescendo::testing
