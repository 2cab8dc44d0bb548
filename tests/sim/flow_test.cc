// Who is mailed when: pools with warming and established IPs, overflow, weights, floors, hours;
// with the laws checked after every turn.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "scheduler/base/civil_day.h"
#include "tests/sim/sim_world.h"

namespace crescendo::sim {
namespace {

std::string AllOf(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += "\n  " + line;
  return all;
}

absl::CivilDay DayOf(const Sent& sent) { return base::DayOf(sent.time, absl::UTCTimeZone()); }

std::vector<Sent> From(const World& world, int ip) {
  std::vector<Sent> sent;
  for (const Sent& one : world.sent()) {
    if (one.ip == ip) sent.push_back(one);
  }
  return sent;
}

// Share of `best` whose score is under that of one in `rest` to the same host.
double Inversions(const std::vector<Sent>& best, const std::vector<Sent>& rest) {
  std::map<int, double> top;
  for (const Sent& one : rest) top[one.host] = std::max(top[one.host], one.score);
  const auto below = std::count_if(best.begin(), best.end(), [&](const Sent& one) {
    return top.contains(one.host) && one.score < top[one.host];
  });
  return static_cast<double>(below) / static_cast<double>(std::max<size_t>(best.size(), 1));
}

std::vector<Sent> Both(std::vector<Sent> a, const std::vector<Sent>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Flow, WarmingIpsTakeTheBestAndEstablishedOnesTheRest) {
  struct Case {
    const char* name;
    int warming, established;
  };
  for (const Case& c : {Case{"one of each", 1, 1}, Case{"two of each", 2, 2}}) {
    SCOPED_TRACE(c.name);
    WorldOptions options;
    options.seed = 21;
    options.faults = 0;
    options.recipients = 6'000;
    options.egress_ips = c.warming + c.established;
    options.established = c.established;
    World world(options);
    world.RunDays(1);
    world.CheckAll();
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
    std::vector<Sent> warming, established;
    for (int ip = 0; ip < options.egress_ips; ++ip) {
      std::vector<Sent>& those = ip < c.warming ? warming : established;
      const std::vector<Sent> sent = From(world, ip);
      if (ip < c.warming) {
        EXPECT_GT(sent.size(), 180u) << "the cap of each was used";
      }
      those = Both(those, sent);
    }
    EXPECT_GT(established.size(), 5'500u - 200u * c.warming) << "and nobody waited for it";
    EXPECT_LT(Inversions(warming, established), 0.05);
    // It did not wait for the warming ones' day to end.
    std::sort(established.begin(), established.end(),
              [](const Sent& a, const Sent& b) { return a.time < b.time; });
    EXPECT_LT(established[5'000].time - established.front().time, absl::Hours(6));
  }
}

TEST(Flow, AWarmingLaneThatIsStoppedKeepsNothingBack) {
  WorldOptions options;
  options.seed = 22;
  options.faults = 0;
  options.recipients = 2'000;
  options.established = 1;
  World world(options);
  world.PauseLane("mta1-a", "gmail");
  world.RunUntil(world.clock().Now().wall + absl::Hours(12));
  EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  std::vector<Sent> to_gmail;
  for (const Sent& one : From(world, 1)) {
    if (one.host == world.HostOf("mx.google.com")) to_gmail.push_back(one);
  }
  ASSERT_GT(to_gmail.size(), 700u);
  EXPECT_GT(to_gmail.front().score, 0.99) << "from the best on";
  // The IP's day is used all the same, by its other lanes.
  world.RunUntil(world.clock().Now().wall + absl::Hours(13));
  const std::vector<Sent> warming = From(world, 0);
  EXPECT_GT(warming.size(), 180u);
  for (const Sent& one : warming) EXPECT_NE(one.host, world.HostOf("mx.google.com"));
}

TEST(Flow, OverTheCapHoldsOrSpills) {
  struct Case {
    const char* name;
    int warming, spare_ips;
    size_t least, most;  // Sent by the spare IPs in a day.
  };
  for (const Case& c :
       {Case{"hold", 1, 0, 0, 0}, Case{"spill", 1, 1, 3'500, 3'900}, Case{"two hold", 2, 0, 0, 0},
        Case{"two spill to two", 2, 2, 3'300, 3'700}}) {
    SCOPED_TRACE(c.name);
    WorldOptions options;
    options.seed = 23;
    options.faults = 0;
    options.recipients = 4'000;
    options.egress_ips = c.warming;
    options.spare_ips = c.spare_ips;
    World world(options);
    world.RunDays(1);
    world.CheckAll();
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
    std::vector<Sent> own, spare;
    for (int ip = 0; ip < c.warming; ++ip) own = Both(own, From(world, ip));
    for (int ip = 0; ip < c.spare_ips; ++ip) spare = Both(spare, From(world, c.warming + ip));
    EXPECT_GT(own.size(), 180u * c.warming);
    EXPECT_GE(spare.size(), c.least);
    EXPECT_LE(spare.size(), c.most);
    EXPECT_LT(Inversions(own, spare), 0.05);
  }
}

TEST(Flow, WhereAnEstablishedIpIsThereNothingSpills) {
  WorldOptions options;
  options.seed = 24;
  options.faults = 0;
  options.recipients = 3'000;
  options.established = 1;
  options.spare_ips = 1;
  World world(options);
  world.PauseLane("mta1-b", "yahoo");  // The established one; there it is not.
  world.RunDays(1);
  EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  const std::vector<Sent> spare = From(world, 2);
  EXPECT_GT(spare.size(), 400u);
  for (const Sent& one : spare) EXPECT_EQ(one.host, world.HostOf("mx.yahoodns.net"));
}

// Members come and go, pools spill and hold, receivers make trouble, and the process is killed.
TEST(Flow, NothingIsLostOrSentTwiceWhilePoolsChange) {
  for (const uint64_t seed : {31u, 32u, 33u}) {
    SCOPED_TRACE(seed);
    WorldOptions options;
    options.seed = seed;
    options.recipients = 5'000;
    options.egress_ips = 3;
    options.established = 1;
    options.spare_ips = 2;
    options.target = 1000;
    World world(options);
    base::Random random(seed);
    for (int round = 0; round < 60 && world.violations().empty(); ++round) {
      std::vector<std::string> cold, spare;
      for (const char* ip : {"mta1-a", "mta1-b", "mta1-c"}) {
        if (random.Below(3) > 0) cold.push_back(ip);
      }
      if (cold.empty()) cold.push_back("mta1-b");
      for (const char* ip : {"mta1-d", "mta1-e"}) {
        if (random.Below(2) > 0) spare.push_back(ip);
      }
      if (spare.empty()) spare.push_back("mta1-d");
      world.SetMembers(PoolId("spare"), spare, PoolId());
      world.SetMembers(PoolId("cold"), cold, PoolId(random.Below(2) > 0 ? "spare" : ""));
      world.RunUntil(world.clock().Now().wall + absl::Minutes(random.Between(1, 200)));
      if (random.Below(10) == 0) world.CrashAndRestart();
    }
    world.SetMembers(PoolId("cold"), {"mta1-a", "mta1-b", "mta1-c"}, PoolId());
    world.RunDays(4);
    world.CheckAll();
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
    EXPECT_GT(world.Counts().accepted, 4'500);
    EXPECT_LT(world.Counts().pending(), 100) << "nobody is left behind in a queue no IP serves";
  }
}

TEST(Flow, CampaignsShareACapByWeightEachInItsOrder) {
  struct Case {
    const char* name;
    std::vector<int> weights;
    double first;  // Share of the first campaign.
  };
  // Without weights the better-ranked go first, whosesoever they are: with the same spread of
  // scores, half each.
  for (const Case& c : {Case{"no weights", {}, 0.5}, Case{"three to one", {3, 1}, 0.75},
                        Case{"one has a weight", {4, 0}, 0.8}}) {
    SCOPED_TRACE(c.name);
    WorldOptions options;
    options.seed = 25;
    options.faults = 0;
    options.recipients = 20'000;
    options.target = 500;
    options.campaign = [&](int number, Campaign& campaign) {
      if (!c.weights.empty()) campaign.weight = c.weights[static_cast<size_t>(number)];
    };
    World world(options);
    world.RunDays(4);
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
    const auto first = std::count_if(world.sent().begin(), world.sent().end(),
                                     [](const Sent& one) { return one.campaign == 0; });
    ASSERT_GT(world.sent().size(), 1'500u);
    EXPECT_NEAR(static_cast<double>(first) / static_cast<double>(world.sent().size()), c.first,
                c.weights.empty() ? 0.05 : 0.01);
  }
}

TEST(Flow, AFloorKeepsTheLongUnengagedWaiting) {
  WorldOptions options;
  options.seed = 26;
  options.faults = 0;
  options.recipients = 12'000;
  options.target = 1000;
  options.shape = [](PlanShape& plan) { plan.engagement_floors = {{2, 30}, {4, 60}, {0, 90}}; };
  options.engaged_days = 200;
  World world(options);
  world.RunDays(6);
  EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  std::map<int, int> count;
  for (const Sent& one : world.sent()) {
    const int day = static_cast<int>(DayOf(one) - options.start_day) + 1;
    const int floor = day <= 2 ? 30 : day <= 4 ? 60 : 90;
    ++count[floor];
    EXPECT_TRUE(EngagedWithin(one.engaged, floor, EngagedDayOf(one.time))) << "day " << day;
  }
  EXPECT_GT(count[30], 700);
  EXPECT_GT(count[60], 1'800);
  EXPECT_GT(count[90], 900);
}

TEST(Flow, WhomTheSunHasSetForIsNotMailed) {
  WorldOptions options;
  options.seed = 28;
  options.faults = 0;
  options.recipients = 2'000;
  options.established = options.egress_ips;  // No caps.
  options.engaged_days = 200;
  options.campaign = [](int number, Campaign& campaign) {
    if (number == 0) campaign.sunset_days = 90;
  };
  World world(options);
  world.RunDays(1);
  world.CheckAll();
  EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  int older = 0;
  for (const Sent& one : world.sent()) {
    const bool late = !EngagedWithin(one.engaged, 90, EngagedDayOf(one.time));
    if (one.campaign == 0) {
      EXPECT_FALSE(late);
    } else {
      older += late;
    }
  }
  EXPECT_GT(older, 450) << "the other campaign mails everybody";
  EXPECT_NEAR(static_cast<double>(world.Counts().expired), 1'000 * 109.0 / 200, 60);
  EXPECT_EQ(world.Counts().pending(), 0);
}

// Messages of each hour, from the first one on.
std::map<int64_t, int> ByHour(const World& world) {
  std::map<int64_t, int> hours;
  for (const Sent& one : world.sent()) ++hours[absl::ToUnixSeconds(one.time) / 3600];
  return hours;
}

TEST(Flow, ALateImportDoesNotClump) {
  struct Case {
    const char* name;
    double at;  // Of the window.
  };
  for (const Case& c : {Case{"at the start", 0}, Case{"at 70 %", 0.7}, Case{"at 95 %", 0.95}}) {
    SCOPED_TRACE(c.name);
    WorldOptions options;
    options.seed = 29;
    options.faults = 0;
    options.egress_ips = 1;
    options.recipients = 6'000;
    options.stages = {{30, 1'200}};
    options.start_campaigns = false;
    options.shape = [](PlanShape& plan) { plan.window = {absl::Hours(8), absl::Hours(20)}; };
    World world(options);
    const absl::Time start = absl::FromCivil(options.start_day, absl::UTCTimeZone());
    world.RunUntil(start + absl::Hours(8) + c.at * absl::Hours(12));
    world.Launch(0);
    world.Launch(1);
    world.RunUntil(start + absl::Hours(24));
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
    // 100 an hour is even; after a late import it may be faster by the catch-up factor, which makes
    // room for the jitter.
    const core::PacingOptions& pacing = options.core.pacing;
    const double most = 100 * pacing.catch_up_factor / (1 - pacing.window_margin);
    for (const auto& [hour, count] : ByHour(world)) {
      EXPECT_LE(count, std::ceil(most)) << hour % 24 << "h";
    }
    const double attainable = most * (1 - pacing.jitter) * 12 * (1 - c.at);
    EXPECT_NEAR(static_cast<double>(world.sent().size()), std::min(1'200.0, attainable), 30);
  }
}

TEST(Flow, HoursKeepTheirWeightsWhenClocksChange) {
  struct Case {
    const char* name;
    absl::CivilDay day;
    int hours;  // Of the window 00-06, in which one is skipped, or comes twice.
  };
  absl::TimeZone berlin;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Berlin", &berlin));
  for (const Case& c : {Case{"as ever", absl::CivilDay(2026, 3, 27), 6},
                        Case{"forward", absl::CivilDay(2026, 3, 29), 5},
                        Case{"back", absl::CivilDay(2026, 10, 25), 7}}) {
    SCOPED_TRACE(c.name);
    WorldOptions options;
    options.seed = 30;
    options.faults = 0;
    options.egress_ips = 1;
    options.recipients = 9'000;
    options.start_day = c.day - 1;
    options.stages = {{30, 840}};
    options.time_zone = "Europe/Berlin";
    options.shape = [](PlanShape& plan) {
      plan.shape.hourly_weights.assign(24, 0);
      for (int hour = 0; hour < 6; ++hour) plan.shape.hourly_weights[hour] = hour < 4 ? 1 : 2;
    };
    World world(options);
    world.RunUntil(absl::FromCivil(c.day + 1, berlin) + absl::Hours(1));
    world.CheckAll();
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
    std::map<int, double> by_hour;
    int64_t sent = 0;
    for (const Sent& one : world.sent()) {
      const absl::CivilSecond local = absl::ToCivilSecond(one.time, berlin);
      if (absl::CivilDay(local) != c.day) continue;
      EXPECT_LT(local.hour(), 6);
      ++by_hour[local.hour()];
      ++sent;
    }
    EXPECT_LE(sent, 840);
    EXPECT_GE(sent, 800);
    // Hours 4 and 5 weigh two each.
    const double one = 840.0 / (c.hours + 2);
    EXPECT_NEAR(by_hour[2], one * (c.hours - 5), 0.15 * one);
    EXPECT_NEAR(by_hour[3], one, 0.15 * one);
    EXPECT_NEAR(by_hour[4], 2 * one, 0.2 * one);
  }
}

TEST(Flow, HoursWithoutMailAndDaysOffAreKept) {
  WorldOptions options;
  options.seed = 27;
  options.faults = 0;
  options.recipients = 12'000;
  options.egress_ips = 1;
  options.start_day = absl::CivilDay(2026, 1, 1);  // A Thursday.
  SendingShape shape;
  shape.hourly_weights.assign(24, 0);
  for (int hour = 8; hour < 18; ++hour) shape.hourly_weights[hour] = hour < 12 ? 2 : 1;
  shape.sends_on[5] = shape.sends_on[6] = false;
  options.shape = [&](PlanShape& plan) { plan.shape = shape; };
  World world(options);
  world.RunDays(8);
  world.CheckAll();
  EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
  std::map<int, int> by_hour;
  for (const Sent& one : world.sent()) {
    const absl::CivilSecond local = absl::ToCivilSecond(one.time, absl::UTCTimeZone());
    ++by_hour[local.hour()];
    EXPECT_TRUE(shape.SendsOn(absl::CivilDay(local))) << one.time;
    EXPECT_TRUE(local.hour() >= 8 && local.hour() < 18) << one.time;
  }
  EXPECT_NEAR(by_hour[9], 2.0 * by_hour[14], 0.1 * by_hour[9]);
  std::vector<std::pair<std::string, int64_t>> days;
  const auto plan_days = world.store().ListPlanDays(PlanId("plan-0"));
  for (const PlanDay& day : *plan_days) days.push_back({base::FormatDay(day.day), day.cap});
  // The ramp goes on behind the weekend where it was.
  EXPECT_EQ(days, (std::vector<std::pair<std::string, int64_t>>{{"2026-01-01", 200},
                                                                {"2026-01-02", 200},
                                                                {"2026-01-05", 500},
                                                                {"2026-01-06", 500},
                                                                {"2026-01-07", 1000},
                                                                {"2026-01-08", 1000}}));
}

}  // namespace
}  // namespace crescendo::sim
