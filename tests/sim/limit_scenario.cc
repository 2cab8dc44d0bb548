#include "tests/sim/limit_scenario.h"

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace crescendo::testing {
namespace {

using Json = nlohmann::json;

LimitScope ScopeOf(const Json& limit) {
  const std::string scope = limit.value("scope", "ip");
  if (scope == "domain") return LimitScope::kDomain;
  return scope == "ip-text" ? LimitScope::kIpText : LimitScope::kIp;
}

BucketLimit BucketOf(const Json& json) {
  BucketLimit bucket;
  bucket.rate = json.at("rate");
  bucket.burst = json.value("burst", 10.0);
  bucket.scope = ScopeOf(json);
  for (const Json& step : json.value("steps", Json::array())) {
    bucket.steps.emplace_back(step.at(0).get<double>() * 3600, step.at(1).get<double>());
  }
  if (json.contains("diurnal")) {
    bucket.diurnal_share = json["diurnal"].value("amp", 0.0);
    bucket.diurnal_peak = json["diurnal"].value("peak_h", 14.0) * 3600;
  }
  bucket.charge_deferred = json.value("charge_deferred", 0.0);
  if (json.contains("reputation")) {
    const Json& law = json["reputation"];
    bucket.reputation =
        ReputationLaw{law.value("good", 0.01),  law.value("bad", 0.05), law.value("up", 1.5),
                      law.value("down", 0.7),   law.value("max", 20.0), law.value("min", 0.2),
                      law.value("min_use", 0.5)};
  }
  return bucket;
}

WindowLimit WindowOf(const Json& json) {
  return {static_cast<int>(json.at("cap").get<double>()), json.at("seconds").get<double>(),
          json.value("kind", "sliding") == "fixed", ScopeOf(json)};
}

LimitScenario ScenarioOf(const Json& json) {
  LimitScenario scenario;
  scenario.name = json.at("name");
  scenario.days = json.value("days", 3);
  scenario.seed = json.value("seed", 1);
  scenario.ips = json.value("ips", 1);
  scenario.flavor = json.value("flavor", "gmail");
  if (json.contains("latency")) {
    scenario.latency_low = json["latency"].at(0);
    scenario.latency_high = json["latency"].at(1);
  }
  if (json.contains("window_h")) {
    scenario.window_start = json["window_h"].at(0).get<double>() * 3600;
    scenario.window_end = json["window_h"].at(1).get<double>() * 3600;
  }
  scenario.uniform = json.value("arrival", "blast") == "uniform";
  if (json.contains("quota")) {
    scenario.quota_share = json["quota"].value("x", 1.15);
    scenario.daily_quota = json["quota"].value("daily", std::vector<double>());
  }
  if (json.contains("mix")) {
    const Json& mix = json["mix"];
    scenario.mix = {mix.value("grey", 0.0),    mix.value("full", 0.0), mix.value("rcptrate", 0.0),
                    mix.value("unknown", 0.0), mix.value("spam", 0.0), mix.value("busy", 0.0)};
  }
  for (const Json& limit : json.value("limits", Json::array())) {
    const std::string type = limit.at("type");
    if (type == "bucket") scenario.buckets.push_back(BucketOf(limit));
    if (type == "window") scenario.windows.push_back(WindowOf(limit));
    if (type == "conn") scenario.max_connections = limit.at("max");
  }
  if (json.contains("penalty")) {
    const Json& box = json["penalty"];
    scenario.penalty = PenaltyBox{box.value("strikes", 1), box.value("within", 60.0),
                                  box.value("seconds", 900.0), box.value("extend", true)};
  }
  return scenario;
}

}  // namespace

absl::StatusOr<std::vector<LimitScenario>> ParseScenarios(absl::string_view json) {
  std::vector<LimitScenario> scenarios;
  try {
    for (const Json& object : Json::parse(json.begin(), json.end())) {
      scenarios.push_back(ScenarioOf(object));
    }
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("scenario ", scenarios.size() + 1, ": ", error.what()));
  }
  return scenarios;
}

}  // namespace crescendo::testing
