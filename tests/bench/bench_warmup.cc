// bench_warmup: sixty days of warm-up on a virtual clock, with faults and incidents, watched by
// receivers that keep books of their own.
//
//   bench_warmup [RECIPIENTS [SEED]]
//
// 20 egress IPs to 12 providers, five campaigns that begin over five weeks. The engine, the shard
// and the memory store are the product's; receivers defer, refuse, greylist, limit rates, drop
// connections, fall silent for hours and put IPs on blocklists; the daemon is killed three times.
// Prints the ramp of one IP, then one JSON object.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/forecast/forecast.h"
#include "tests/sim/sim_world.h"

namespace crescendo::sim {
namespace {

constexpr int kIps = 20, kProviders = 12, kCampaigns = 5, kDays = 60, kStages = 12;

// The day of a campaign's start.
constexpr int kLaunches[kCampaigns] = {0, 4, 12, 22, 34};
constexpr int kForecastDay = 13;
constexpr int kCrashes[] = {9, 27, 48};

// Twelve steps of five days, from a twentieth of the last cap, that use the lists up in sixty days.
std::vector<Stage> Ramp(int64_t recipients) {
  std::vector<Stage> stages;
  double sum = 0;
  for (int i = 0; i < kStages; ++i) sum += kDays / kStages * std::pow(20.0, i / (kStages - 1.0));
  for (int i = 0; i < kStages; ++i) {
    const double share = std::pow(20.0, i / (kStages - 1.0)) / sum;
    const double cap = static_cast<double>(recipients) / kIps * share;
    // The last one goes on: days that were repeated make the plan longer.
    stages.push_back({i + 1 < kStages ? kDays / kStages : kDays,
                      std::max<int64_t>(5, static_cast<int64_t>(cap))});
  }
  return stages;
}

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// How long it takes to say when the last campaign of now will end, with its range.
double ForecastAll(World& world) {
  const double begin = CpuSeconds();
  const auto snapshot = world.Snapshot(forecast::kMostSamples);
  forecast::Subject subject;
  subject.campaign = CampaignKey(3);
  const auto forecast =
      forecast::MakeForecast(*snapshot, world.core_options(), subject,
                             snapshot->now.wall + absl::Hours(24 * 180), [] { return false; });
  const double seconds = CpuSeconds() - begin;
  const std::string end = forecast.ok() && forecast->at.expected.has_value()
                              ? absl::FormatTime(*forecast->at.expected, absl::UTCTimeZone())
                              : "not in sight";
  std::printf("forecast on day %d of %lld recipients, each for %lld: %.2f CPU s; its end: %s\n",
              kForecastDay, static_cast<long long>(snapshot->queued()),
              static_cast<long long>(snapshot->stride), seconds, end.c_str());
  return seconds;
}

int Run(int64_t recipients, uint64_t seed) {
  spdlog::set_level(spdlog::level::err);
  WorldOptions options;
  options.seed = seed;
  options.egress_ips = kIps;
  options.providers = kProviders;
  options.campaigns = kCampaigns;
  options.recipients = recipients;
  options.start_campaigns = false;
  options.stages = Ramp(recipients);
  options.core.retention.events = absl::Hours(24 * 3);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  World world(options);
  base::Random random(seed);
  int launched = 0, crash = 0;
  const absl::Time start = world.clock().Now().wall;
  double forecast_seconds = 0;  // Of CPU time; no part of the days.
  for (int day = 0; day < kDays; ++day) {
    while (launched < kCampaigns && kLaunches[launched] <= day) world.Launch(launched++);
    // Every other day something goes wrong somewhere.
    if (day % 2 == 1) {
      const auto kind = static_cast<Incident::Kind>(random.Below(3));
      const bool one_ip = kind == Incident::Kind::kBlocked;
      world.Suffer(kind, static_cast<int>(random.Below(kProviders)),
                   absl::Hours(random.Between(0.5, 8)),
                   one_ip ? static_cast<int>(random.Below(kIps)) : -1);
    }
    world.RunUntil(start + absl::Hours(24 * day + 13));
    if (crash < static_cast<int>(std::size(kCrashes)) && kCrashes[crash] == day) {
      world.CrashAndRestart();
      ++crash;
    }
    world.RunUntil(start + absl::Hours(24 * (day + 1)));
    if (day == kForecastDay) forecast_seconds = ForecastAll(world);
  }
  const double cpu = CpuSeconds() - forecast_seconds;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  world.CheckAll();

  std::printf("%-10s %5s %8s %9s %9s  %s\n", "DAY", "STAGE", "PLANNED", "ACCEPTED", "RECEIVED",
              "DECISION");
  int step = 0;
  const auto planned_on = [&](int day) {
    for (const Stage& stage : options.stages) {
      if (day < stage.days) return stage.daily_cap;
      day -= stage.days;
    }
    return options.stages.back().daily_cap;
  };
  for (const PlanDay& day : world.DaysOf(0)) {
    std::printf("%-10s %5d %8lld %9lld %9lld  %s %s\n", base::FormatDay(day.day).c_str(),
                day.stage + 1, static_cast<long long>(planned_on(step++)),
                static_cast<long long>(day.accepted),
                static_cast<long long>(world.WitnessedOn(0, day.day)),
                std::string(DayDecisionName(day.decision)).c_str(), day.reason.c_str());
  }
  int64_t caps = 0, order = 0, other = 0;
  for (const std::string& one : world.violations()) {
    ++(one.starts_with("L1") ? caps : one.starts_with("L5") ? order : other);
    std::fprintf(stderr, "%s\n", one.c_str());
  }
  const CampaignCounts counts = world.Counts();
  std::printf(
      "{\"speedup\": %.0f, \"seconds\": %.2f, \"speedup_of_cpu\": %.0f, \"caps_passed\": %lld, "
      "\"order_violations\": %lld, "
      "\"other_violations\": %lld, \"decisions\": %lld, \"sends\": %lld, \"accepted\": %lld, "
      "\"pending\": %lld, \"messages_per_second\": %.0f, \"forecast_cpu_seconds\": %.3f}\n",
      86400.0 * kDays / seconds, seconds, 86400.0 * kDays / cpu, static_cast<long long>(caps),
      static_cast<long long>(order), static_cast<long long>(other),
      static_cast<long long>(world.decisions()), static_cast<long long>(world.witness().sends),
      static_cast<long long>(counts.accepted), static_cast<long long>(counts.pending()),
      static_cast<double>(world.witness().sends) / seconds, forecast_seconds);
  return 0;
}

}  // namespace
}  // namespace crescendo::sim

int main(int argc, char** argv) {
  const int64_t recipients = argc > 1 ? std::atoll(argv[1]) : 400'000;
  if (recipients < 1000) {
    std::fprintf(stderr, "usage: bench_warmup [RECIPIENTS [SEED]]; at least 1000\n");
    return 2;
  }
  return crescendo::sim::Run(recipients, argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
}
