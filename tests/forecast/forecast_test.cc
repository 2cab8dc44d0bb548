// What a snapshot holds, how it is scaled, and what the core says when it is run ahead from it.
#include <gtest/gtest.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "scheduler/forecast/forecast.h"
#include "scheduler/forecast/workers.h"

namespace crescendo::forecast {
namespace {

const absl::Time kStart = absl::FromCivil(absl::CivilDay(2026, 3, 4), absl::UTCTimeZone());

Campaign NewCampaign(int64_t key) {
  Campaign campaign;
  campaign.id = CampaignId(absl::StrCat("campaign-", key));
  campaign.key = CampaignKey(key);
  campaign.pool = PoolId("main");
  campaign.from_address = "news@example.com";
  campaign.state = CampaignState::kSending;
  return campaign;
}

// One IP with a plan, providers gmail and yahoo, and campaigns with `ready` recipients at each.
core::Snapshot NewSnapshot(std::vector<Stage> stages, int64_t ready, int campaigns = 1,
                           int64_t stride = 1) {
  core::Snapshot snapshot;
  snapshot.now = {kStart, absl::Hours(1)};
  snapshot.stride = stride;
  EgressIp ip;
  ip.id = EgressIpId("mta1-a");
  ip.address = "192.0.2.1";
  snapshot.egress_ips = {ip};
  Pool pool;
  pool.id = PoolId("main");
  pool.egress_ips = {ip.id};
  snapshot.pools = {pool};
  if (!stages.empty()) {
    Plan plan;
    plan.id = PlanId("warm");
    plan.egress_ip = ip.id;
    plan.stages = std::move(stages);
    plan.start_date = absl::CivilDay(2026, 3, 4);
    plan.state = PlanState::kActive;
    snapshot.plans = {plan};
  }
  for (const char* id : {"gmail", "yahoo", "default"}) {
    Provider provider;
    provider.id = ProviderId(id);
    snapshot.providers.push_back(provider);
  }
  for (int64_t key = 1; key <= campaigns; ++key) {
    snapshot.campaigns.push_back(NewCampaign(key));
    for (const char* id : {"gmail", "yahoo"}) {
      core::QueueGroup group;
      group.campaign = CampaignKey(key);
      group.pool = pool.id;
      group.provider = ProviderId(id);
      group.ready = ready;
      for (int64_t i = 0; i < ready; i += stride) {
        const double score = 1.0 - static_cast<double>(i) / static_cast<double>(ready);
        group.sample.push_back({score, DeliveryId(key * 10'000'000 + i), DomainKey(1)});
      }
      snapshot.queue.push_back(std::move(group));
    }
  }
  return snapshot;
}

Forecast Make(const core::Snapshot& snapshot, const Subject& subject,
              absl::Duration horizon = absl::Hours(24 * 400)) {
  absl::StatusOr<Forecast> forecast = MakeForecast(
      snapshot, core::Options(), subject, snapshot.now.wall + horizon, [] { return false; });
  EXPECT_TRUE(forecast.ok()) << forecast.status();
  return *std::move(forecast);
}

Subject OfPlan() {
  Subject subject;
  subject.plan = PlanId("warm");
  return subject;
}
Subject OfCampaign(int64_t key) {
  Subject subject;
  subject.campaign = CampaignKey(key);
  return subject;
}

absl::Duration Day(int days) { return absl::Hours(24 * days); }

std::map<absl::CivilDay, int64_t> AcceptedByDay(const RunResult& result) {
  std::map<absl::CivilDay, int64_t> days;
  for (const auto& [key, volume] : result.volumes) days[key.first] += volume.accepted;
  return days;
}

TEST(Forecast, APlanGoesItsStagesAndGraduates) {
  const core::Snapshot snapshot = NewSnapshot({{2, 200}, {2, 500}, {1, 1000}}, 5000);
  const Forecast forecast = Make(snapshot, OfPlan());
  ASSERT_TRUE(forecast.at.expected.has_value());
  // The decision falls when the fifth day ends.
  EXPECT_EQ(*forecast.at.expected, kStart + Day(5));
  const auto days = AcceptedByDay(forecast.expected);
  const int64_t caps[] = {200, 200, 500, 500, 1000};
  ASSERT_GE(days.size(), 5u);
  for (int i = 0; i < 5; ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(days.at(absl::CivilDay(2026, 3, 4) + i), caps[i]);
    EXPECT_EQ(forecast.expected.days[i].cap, caps[i]);
    EXPECT_EQ(forecast.expected.days[i].decision,
              i < 4 ? DayDecision::kAdvance : DayDecision::kGraduate);
  }
  ASSERT_FALSE(forecast.expected.limits.empty());
  EXPECT_EQ(forecast.expected.limits[0].reason, core::Reason::kIpDailyCap);
  EXPECT_EQ(forecast.expected.limits[0].lane.egress_ip, EgressIpId("mta1-a"));
}

TEST(Forecast, ACampaignEndsWithItsLastRecipient) {
  // 3,000 of 1,000 a day.
  const Forecast forecast = Make(NewSnapshot({{30, 1000}}, 1500), OfCampaign(1));
  ASSERT_TRUE(forecast.at.expected.has_value());
  EXPECT_GT(*forecast.at.expected, kStart + Day(2));
  EXPECT_LT(*forecast.at.expected, kStart + Day(3));
  EXPECT_EQ(forecast.expected.left, 0);
  EXPECT_LE(*forecast.at.earliest, *forecast.at.expected);
  // A pessimist's day loses what is refused and deferred.
  ASSERT_TRUE(forecast.at.latest.has_value());
  EXPECT_GE(*forecast.at.latest, *forecast.at.expected);
}

TEST(Forecast, WhatCannotEndHasNoEnd) {
  struct Case {
    const char* name;
    std::function<void(core::Snapshot*)> change;
    core::Reason reason;
  };
  for (const Case& c :
       {Case{"a paused plan", [](core::Snapshot* s) { s->plans[0].state = PlanState::kPaused; },
             core::Reason::kPlanPaused},
        Case{"a cap of 0",
             [](core::Snapshot* s) {
               s->plans[0].provider_caps = {{ProviderId("gmail"), 0}, {ProviderId("yahoo"), 0}};
             },
             core::Reason::kProviderDailyCap},
        Case{"a paused campaign",
             [](core::Snapshot* s) { s->campaigns[0].state = CampaignState::kPaused; },
             core::Reason::kCampaignPaused}}) {
    SCOPED_TRACE(c.name);
    core::Snapshot snapshot = NewSnapshot({{30, 1000}}, 100);
    c.change(&snapshot);
    const Forecast forecast = Make(snapshot, OfCampaign(1), Day(20));
    EXPECT_FALSE(forecast.at.expected.has_value());
    EXPECT_FALSE(forecast.at.earliest.has_value());
    EXPECT_EQ(forecast.expected.left, 200);
    ASSERT_FALSE(forecast.expected.limits.empty());
    EXPECT_EQ(forecast.expected.limits[0].reason, c.reason)
        << core::ReasonCode(forecast.expected.limits[0].reason);
  }
}

TEST(Forecast, WhatWasUsedTodayIsGone) {
  core::Snapshot snapshot = NewSnapshot({{30, 1000}}, 1500);
  PlanDay today;
  today.plan = PlanId("warm");
  today.egress_ip = EgressIpId("mta1-a");
  today.day = absl::CivilDay(2026, 3, 4);
  today.cap = 1000;
  snapshot.plan_days = {today};
  LedgerRow row;
  row.lane = {EgressIpId("mta1-a"), ProviderId("gmail")};
  row.day = today.day;
  row.accepted = 900;
  snapshot.ledger = {row};
  const auto days = AcceptedByDay(Make(snapshot, OfCampaign(1)).expected);
  EXPECT_EQ(days.at(absl::CivilDay(2026, 3, 4)), 100);
  EXPECT_EQ(days.at(absl::CivilDay(2026, 3, 5)), 1000);
}

TEST(Forecast, TheBetterRankedCampaignEndsFirst) {
  core::Snapshot snapshot = NewSnapshot({{60, 1000}}, 2000, /*campaigns=*/2);
  for (core::QueueGroup& group : snapshot.queue) {
    if (group.campaign != CampaignKey(2)) continue;
    for (core::Candidate& candidate : group.sample) candidate.score /= 1e6;
  }
  const Forecast first = Make(snapshot, OfCampaign(1));
  const Forecast second = Make(snapshot, OfCampaign(2));
  ASSERT_TRUE(first.at.expected.has_value() && second.at.expected.has_value());
  EXPECT_LT(*first.at.expected, kStart + Day(5));
  EXPECT_GT(*second.at.expected, kStart + Day(7));
}

TEST(Forecast, ObservedTroubleMovesTheEnd) {
  core::Snapshot snapshot = NewSnapshot({}, 3000);
  snapshot.providers[0].lane_rate_per_hour = 100;
  const Forecast kind = Make(snapshot, OfCampaign(1));
  LedgerRow row;
  row.lane = {EgressIpId("mta1-a"), ProviderId("gmail")};
  row.day = absl::CivilDay(2026, 3, 3);
  row.accepted = 1000;
  row.deferred = 1000;
  snapshot.ledger = {row};
  const Forecast troubled = Make(snapshot, OfCampaign(1));
  ASSERT_TRUE(kind.at.expected.has_value() && troubled.at.expected.has_value());
  // Every other attempt at 100 an hour is lost, and the last retries take their time.
  const double ratio =
      absl::FDivDuration(*troubled.at.expected - kStart, *kind.at.expected - kStart);
  EXPECT_GT(ratio, 1.8);
  EXPECT_LT(ratio, 2.8);
  EXPECT_LT(*troubled.at.earliest, *troubled.at.expected);
}

// A plan whose guardrail is passed day after day stays at its stage; one that is hardly below it
// does not, however few recipients stand for all.
TEST(Forecast, GuardrailsDecideByWhatWasObserved) {
  struct Case {
    const char* name;
    int64_t refused, hard_bounces, complaints, pushback;  // Of 10,000 attempts.
    bool advances;
  };
  for (const Case& c : {Case{"no trouble", 0, 0, 0, 0, true},
                        Case{"hard bounces below the threshold", 300, 150, 0, 0, true},
                        Case{"hard bounces above it", 300, 260, 0, 0, false},
                        Case{"refused for other reasons", 300, 0, 0, 0, true},
                        Case{"complaints below the threshold", 0, 0, 8, 0, true},
                        Case{"complaints above it", 0, 0, 13, 0, false},
                        Case{"pushback below the threshold", 0, 0, 0, 900, true},
                        Case{"pushback above it", 0, 0, 0, 1200, false}}) {
    for (const int64_t stride : {1, 20}) {
      SCOPED_TRACE(absl::StrCat(c.name, ", each for ", stride));
      core::Snapshot snapshot = NewSnapshot({{1, 10'000}, {1, 12'000}}, 100'000, 1, stride);
      for (const char* provider : {"gmail", "yahoo"}) {
        LedgerRow row;
        row.lane = {EgressIpId("mta1-a"), ProviderId(provider)};
        row.day = absl::CivilDay(2026, 3, 3);
        row.accepted = 10'000 - c.refused - c.pushback;
        row.refused = c.refused;
        row.hard_bounces = c.hard_bounces;
        row.complaints = c.complaints;
        row.deferred = row.pushback = c.pushback;
        snapshot.ledger.push_back(row);
      }
      const Forecast forecast = Make(snapshot, OfPlan(), Day(4));
      EXPECT_EQ(forecast.at.expected.has_value(), c.advances);
    }
  }
}

TEST(Forecast, WhatIfReceiversDoThis) {
  const core::Snapshot snapshot = NewSnapshot({{1, 1000}, {1, 2000}}, 100'000);
  const auto at = [&](const Assumed& assumed) {
    return MakeForecast(
               snapshot, core::Options(), OfPlan(), snapshot.now.wall + Day(4),
               [] { return false; }, assumed)
        ->at.expected;
  };
  EXPECT_TRUE(at({}).has_value());
  EXPECT_TRUE(at({.any = Assumed::Shares{0.05, 0.01}, .at = {}}).has_value());
  // Above the guardrails, at all of them or at one.
  EXPECT_FALSE(at({.any = Assumed::Shares{0, 0.03}, .at = {}}).has_value());
  EXPECT_FALSE(at({.any = Assumed::Shares{0.15, 0}, .at = {}}).has_value());
  EXPECT_FALSE(at({.any = {}, .at = {{ProviderId("gmail"), {0, 0.05}}}}).has_value());
  EXPECT_TRUE(at({.any = Assumed::Shares{0, 0.03},
                  .at = {{ProviderId("gmail"), {0, 0}}, {ProviderId("yahoo"), {0, 0}}}})
                  .has_value());
}

// One recipient for many: the same dates, within what a day's steps allow.
TEST(Forecast, HeavyRecipientsGiveTheSameDates) {
  const std::vector<Stage> stages = {{2, 200}, {2, 500}, {2, 1000}, {2, 2000}, {60, 4000}};
  const Forecast exact = Make(NewSnapshot(stages, 12'000, 2), OfCampaign(2));
  ASSERT_TRUE(exact.at.expected.has_value());
  for (const int64_t stride : {3, 10, 30}) {
    SCOPED_TRACE(stride);
    const Forecast scaled = Make(NewSnapshot(stages, 12'000, 2, stride), OfCampaign(2));
    ASSERT_TRUE(scaled.at.expected.has_value());
    const double off =
        absl::FDivDuration(*scaled.at.expected - *exact.at.expected, *exact.at.expected - kStart);
    EXPECT_LT(std::abs(off), 0.02) << off;
    EXPECT_EQ(scaled.weight, stride);
    EXPECT_EQ(scaled.expected.left, 0);
    int64_t sum = 0;
    for (const auto& [day, accepted] : AcceptedByDay(scaled.expected)) sum += accepted;
    EXPECT_EQ(sum, 24'000);
  }
}

TEST(Forecast, TheSameInGivesTheSameOut) {
  const core::Snapshot snapshot = NewSnapshot({{30, 1000}}, 1500);
  EXPECT_EQ(Make(snapshot, OfCampaign(1)).at.latest, Make(snapshot, OfCampaign(1)).at.latest);
}

TEST(Forecast, EndsWhenItIsToldTo) {
  int asked = 0;
  const auto forecast = MakeForecast(NewSnapshot({{400, 1000}}, 30'000), core::Options(),
                                     OfCampaign(1), kStart + Day(400), [&] { return ++asked > 2; });
  EXPECT_EQ(forecast.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(asked, 3);
}

TEST(Scale, RoundingIsMadeUpFor) {
  double carry = 0;
  int64_t sum = 0;
  for (int i = 0; i < 10; ++i) sum += InUnits(3, 10, &carry);
  EXPECT_EQ(sum, 3);
}

TEST(Scale, NoCampaignIsLost) {
  core::Snapshot snapshot = NewSnapshot({{30, 1000}}, 4, 3, 100);
  const ScaledWorld world = Scale(snapshot, core::Options(), {});
  std::map<int64_t, int64_t> recipients;
  for (const Unit& unit : world.units) recipients[unit.campaign.value()] += unit.weight;
  EXPECT_EQ(recipients, (std::map<int64_t, int64_t>{{1, 8}, {2, 8}, {3, 8}}));
}

TEST(Workers, AtMostSoManyAtOnceAndEachHasAnEnd) {
  Workers workers(1, absl::Milliseconds(50));
  absl::StatusOr<Workers::Slot> slot = workers.Reserve();
  ASSERT_TRUE(slot.ok());
  EXPECT_EQ(workers.Reserve().status().code(), absl::StatusCode::kResourceExhausted);
  base::Mutex mu;
  base::CondVar changed;
  bool over = false;
  bool free = false;
  std::move(*slot).Run([&](Workers::Ended ended) -> Workers::Answer {
    while (!ended()) {
    }
    return [&] {
      // Who gets the answer may ask at once for the next.
      free = workers.Reserve().ok();
      base::MutexLock lock(&mu);
      over = true;
      changed.NotifyAll();
    };
  });
  base::MutexLock lock(&mu);
  while (!over) changed.Wait(&mu);
  EXPECT_TRUE(free);
}

TEST(Workers, ASlotThatIsDroppedIsFreeAgain) {
  Workers workers(1, absl::Seconds(1));
  { const absl::StatusOr<Workers::Slot> slot = workers.Reserve(); }
  EXPECT_TRUE(workers.Reserve().ok());
}

}  // namespace
}  // namespace crescendo::forecast
