// Why not now: for each reason what is told, that it ends when it is said to, and what ends those
// that only a person can. On the real engine, with a clock moved by hand.
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "scheduler/forecast/explain.h"
#include "tests/support/rig.h"

namespace crescendo::forecast {
namespace {

using core::Reason;
using support::kNoon;
using support::Rig;

const absl::Time kMidnight = kNoon + absl::Hours(12);

Question AboutIp(const std::string& ip) {
  Question question;
  question.egress_ip = EgressIpId(ip);
  return question;
}
Question AboutLane(const std::string& ip, const std::string& provider) {
  Question question;
  question.lane = Lane{EgressIpId(ip), ProviderId(provider)};
  return question;
}
Question AboutCampaign(const std::string& id) {
  Question question;
  question.campaign = CampaignId(id);
  return question;
}

absl::StatusOr<Explanation> Ask(Rig& rig, const Question& question) {
  absl::StatusOr<Situation> situation = absl::UnknownError("not asked");
  rig.engine().Look([&](absl::StatusOr<const core::Shard*> shard) {
    situation = Situate(**shard, question, rig.clock.Now().wall);
  });
  rig.engine().Turn();
  if (!situation.ok()) return situation.status();
  const auto snapshot = rig.Await<core::Snapshot>(
      [&](auto done) { rig.engine().TakeSnapshot(kMostSamples, std::move(done)); });
  if (!snapshot.ok()) return snapshot.status();
  return Explain(*std::move(situation), *snapshot, rig.engine().options(), absl::Hours(24 * 60),
                 [] { return false; });
}

// The delivery of an address, as the store has it.
Question AboutAddress(Rig& rig, const std::string& address) {
  Question question;
  const auto found = rig.Await<std::vector<Delivery>>([&](auto done) {
    EXPECT_TRUE(rig.engine().Read([&, done = std::move(done)](ports::Store& store) mutable {
      ports::DeliveryFilter filter;
      filter.address = address;
      done(store.ListDeliveries(filter, {}, 10));
    }));
  });
  EXPECT_TRUE(found.ok() && found->size() == 1) << address;
  if (found.ok() && found->size() == 1) question.delivery = found->front();
  return question;
}

void RunTo(Rig& rig, absl::Time end) {
  for (absl::Time next = rig.engine().Turn(); next < end; next = rig.engine().Turn()) {
    rig.clock.AdvanceTo(std::max(next, rig.clock.Now().wall + absl::Milliseconds(1)));
  }
  rig.clock.AdvanceTo(end);
  rig.engine().Turn();
}

std::vector<std::string> Many(int count, const std::string& domain) {
  std::vector<std::string> addresses;
  for (int i = 0; i < count; ++i) addresses.push_back(absl::StrCat("u", i, "@", domain));
  return addresses;
}

// A plan of 100 a day for mta1-a, and a campaign of 300 to gmail, all under way.
struct Setup {
  std::function<void(Plan*)> plan = [](Plan*) {};
  bool start = true;
  std::string domain = "gmail.test";
  bool accept = true;
};

void Begin(Rig& rig, const Setup& setup) {
  ASSERT_TRUE(rig.Start().ok());
  rig.transport.AcceptAll(setup.accept);
  rig.MakePool();
  Plan plan = support::NewPlan("warm", "mta1-a");
  plan.stages = {{30, 100}};
  setup.plan(&plan);
  const auto put = rig.Await<Plan>([&](auto done) { rig.engine().Put(plan, {}, std::move(done)); });
  ASSERT_TRUE(put.ok()) << put.status();
  if (setup.start) {
    ASSERT_TRUE(rig.Change("warm", engine::PlanVerb::kStart).ok());
  }
  rig.MakeCampaign("spring", Many(300, setup.domain));
}

struct Case {
  std::string name;
  Setup setup;
  std::function<void(Rig&)> arrange;
  Question question;
  Reason reason;
  // When it ends by itself. InfinitePast: when it says so; InfiniteFuture: `act` ends it.
  absl::Time until;
  std::function<void(Rig&)> act;
  std::string remedy;  // A part of it.
};

const absl::Time kAsTold = absl::InfinitePast();
const absl::Time kNobody = absl::InfiniteFuture();
const auto kNothing = [](Rig&) {};

std::vector<Case> Cases() {
  const auto lane = [](engine::LaneVerb verb) {
    return [verb](Rig& rig) {
      const auto changed = rig.Await<core::LaneStatus>([&](auto done) {
        rig.engine().Change(Lane{EgressIpId("mta1-a"), ProviderId("gmail")}, verb, {},
                            std::move(done));
      });
      EXPECT_TRUE(changed.ok()) << changed.status();
    };
  };
  const auto plan = [](engine::PlanVerb verb) {
    return [verb](Rig& rig) { EXPECT_TRUE(rig.Change("warm", verb).ok()); };
  };
  const auto campaign = [](engine::CampaignVerb verb) {
    return [verb](Rig& rig) { EXPECT_TRUE(rig.Change("spring", verb).ok()); };
  };
  const auto answer = [](int code, const char* text) {
    return [code, text](Rig& rig) {
      while (rig.transport.sent().empty()) RunTo(rig, rig.clock.Now().wall + absl::Minutes(1));
      rig.transport.Answer(rig.transport.sent().back(), code, text);
      rig.engine().Turn();
    };
  };
  const Question gmail = AboutLane("mta1-a", "gmail");
  std::vector<Case> cases;
  cases.push_back({"the day's cap",
                   {},
                   [](Rig& rig) { RunTo(rig, kMidnight + absl::Hours(24) - absl::Minutes(5)); },
                   AboutIp("mta1-a"),
                   Reason::kIpDailyCap,
                   kMidnight + absl::Hours(24),
                   kNothing,
                   "plan update warm --stage"});
  cases.push_back({"the provider's cap",
                   {.plan =
                        [](Plan* p) {
                          p->provider_caps = {{ProviderId("gmail"), 10}};
                        }},
                   [](Rig& rig) { RunTo(rig, kNoon + absl::Hours(11)); },
                   gmail,
                   Reason::kProviderDailyCap,
                   kMidnight,
                   kNothing,
                   "plan update warm --provider-cap gmail="});
  cases.push_back({"the pace of the day",
                   {},
                   kNothing,
                   AboutIp("mta1-a"),
                   Reason::kIpPacing,
                   kAsTold,
                   kNothing,
                   ""});
  cases.push_back({"the window",
                   {.plan =
                        [](Plan* p) {
                          p->window = {absl::Hours(15), absl::Hours(20)};
                        }},
                   kNothing,
                   gmail,
                   Reason::kOutsideWindow,
                   kNoon + absl::Hours(3),
                   kNothing,
                   "--window"});
  cases.push_back({"an hour without mail",
                   {.plan =
                        [](Plan* p) {
                          p->shape.hourly_weights.assign(24, 0);
                          p->shape.hourly_weights[12] = p->shape.hourly_weights[15] = 1;
                        }},
                   [](Rig& rig) { RunTo(rig, kNoon + absl::Minutes(90)); },
                   gmail,
                   Reason::kOutsideWindow,
                   kNoon + absl::Hours(3),
                   kNothing,
                   "--hours"});
  cases.push_back({"a day off",
                   {.plan = [](Plan* p) { p->shape.sends_on[3] = false; }},  // A Thursday.
                   [](Rig& rig) { RunTo(rig, kMidnight + absl::Minutes(1)); },
                   gmail,
                   Reason::kOutsideWindow,
                   kMidnight + absl::Hours(24),
                   kNothing,
                   "--day-off"});
  cases.push_back({"nobody who was engaged of late",
                   {.plan =
                        [](Plan* p) {
                          p->engagement_floors = {{2, 30}};
                        }},
                   kNothing,
                   gmail,
                   Reason::kNotEngagedEnough,
                   kMidnight + absl::Hours(24),
                   kNothing,
                   "plan update warm --floor"});
  cases.push_back({"the start date",
                   {.plan = [](Plan* p) { p->start_date = absl::CivilDay(2026, 3, 6); }},
                   kNothing,
                   gmail,
                   Reason::kBeforeStartDate,
                   kMidnight + absl::Hours(24),
                   kNothing,
                   "--start-date"});
  cases.push_back({"too fast",
                   {.accept = false},
                   answer(421, "4.7.28 unusual rate"),
                   gmail,
                   Reason::kThrottled,
                   kAsTold,
                   kNothing,
                   "let it rest"});
  cases.push_back({"a draft of a plan",
                   {.start = false},
                   kNothing,
                   gmail,
                   Reason::kPlanNotStarted,
                   kNobody,
                   plan(engine::PlanVerb::kStart),
                   "crescendo plan start warm"});
  cases.push_back({"a paused plan",
                   {},
                   plan(engine::PlanVerb::kPause),
                   gmail,
                   Reason::kPlanPaused,
                   kNobody,
                   plan(engine::PlanVerb::kResume),
                   "crescendo plan resume warm"});
  cases.push_back({"a paused lane",
                   {},
                   lane(engine::LaneVerb::kPause),
                   gmail,
                   Reason::kLanePaused,
                   kNobody,
                   lane(engine::LaneVerb::kResume),
                   "crescendo lane resume mta1-a/gmail"});
  cases.push_back({"a paused campaign",
                   {},
                   campaign(engine::CampaignVerb::kPause),
                   AboutCampaign("spring"),
                   Reason::kCampaignPaused,
                   kNobody,
                   campaign(engine::CampaignVerb::kResume),
                   "crescendo campaign resume spring"});
  cases.push_back({"nobody is left",
                   {},
                   [](Rig& rig) { RunTo(rig, kMidnight + absl::Hours(72)); },
                   gmail,
                   Reason::kNoRecipients,
                   kNobody,
                   [](Rig& rig) { EXPECT_TRUE(rig.Import("spring", 2, {"late@gmail.test"}).ok()); },
                   "campaign import"});
  cases.push_back({"an IP without a pool",
                   {.start = false},
                   kNothing,
                   AboutLane("mta1-b", "gmail"),
                   Reason::kNotInPool,
                   kNobody,
                   [](Rig& rig) {
                     const auto pool = rig.Await<Pool>([&](auto done) {
                       Pool both = support::NewPool("main", {"mta1-a", "mta1-b"});
                       both.revision = 1;
                       rig.engine().Put(both, {}, std::move(done));
                     });
                     EXPECT_TRUE(pool.ok()) << pool.status();
                   },
                   "pool update"});
  return cases;
}

TEST(Explain, EachReasonWithItsEnd) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    Rig rig(engine::Threads::kNone);
    Begin(rig, c.setup);
    c.arrange(rig);
    const absl::StatusOr<Explanation> told = Ask(rig, c.question);
    ASSERT_TRUE(told.ok()) << told.status();
    ASSERT_FALSE(told->causes.empty());
    const Cause& first = told->causes.front();
    EXPECT_EQ(first.wait.reason, c.reason) << core::ReasonCode(first.wait.reason);
    EXPECT_TRUE(first.remedy.find(c.remedy) != std::string::npos) << first.remedy;

    const size_t before = rig.transport.sent().size();
    const absl::Time until = c.until == kAsTold ? first.wait.until : c.until;
    if (until == kNobody) {
      EXPECT_EQ(first.wait.until, absl::InfiniteFuture());
      EXPECT_FALSE(told->at.expected.has_value());
      RunTo(rig, rig.clock.Now().wall + absl::Hours(48));
      EXPECT_EQ(rig.transport.sent().size(), before) << "it ended by itself";
      c.act(rig);
      RunTo(rig, rig.clock.Now().wall + absl::Hours(24));
      EXPECT_GT(rig.transport.sent().size(), before) << "what was to be done did not help";
      continue;
    }
    EXPECT_EQ(first.wait.until, until);
    RunTo(rig, until - absl::Seconds(1));
    EXPECT_EQ(rig.transport.sent().size(), before) << "it ended early";
    RunTo(rig, until + absl::Minutes(30));
    EXPECT_GT(rig.transport.sent().size(), before) << "it did not end";
    // And so said the core that was run ahead.
    ASSERT_TRUE(told->at.expected.has_value());
    EXPECT_GE(*told->at.expected, until - absl::Seconds(1));
    EXPECT_LE(*told->at.expected, until + absl::Minutes(30));
  }
}

TEST(Explain, ARecipientLearnsHowManyGoBefore) {
  Rig rig(engine::Threads::kNone);
  Begin(rig, {});
  // The 250th of 300, at 100 a day that began at noon.
  const absl::StatusOr<Explanation> told = Ask(rig, AboutAddress(rig, "u249@gmail.test"));
  ASSERT_TRUE(told.ok()) << told.status();
  ASSERT_TRUE(told->ahead.has_value());
  EXPECT_EQ(*told->ahead, 249);
  ASSERT_TRUE(told->at.expected.has_value());
  ASSERT_FALSE(told->causes.empty());
  EXPECT_EQ(told->causes.back().wait.reason, Reason::kBetterRanked);
  EXPECT_EQ(told->causes.back().wait.until, *told->at.expected);
  for (absl::Time at = kNoon; rig.transport.sent().size() < 250; at += absl::Minutes(10)) {
    ASSERT_LT(at, kNoon + absl::Hours(24 * 6));
    RunTo(rig, at);
  }
  EXPECT_EQ(rig.transport.sent().back().rcpt_to, "u249@gmail.test");
  const absl::Duration off = absl::AbsDuration(rig.clock.Now().wall - *told->at.expected);
  EXPECT_LE(off, 0.05 * (rig.clock.Now().wall - kNoon)) << off;
}

TEST(Explain, AnEstablishedIpLeavesTheBestToAWarmingOne) {
  Rig rig(engine::Threads::kNone);
  Begin(rig, {.plan = [](Plan* p) { p->window = {absl::Hours(8), absl::Minutes(12 * 60 + 30)}; }});
  Pool both = support::NewPool("main", {"mta1-a", "mta1-b"});
  both.revision = 1;
  ASSERT_TRUE(
      rig.Await<Pool>([&](auto done) { rig.engine().Put(both, {}, std::move(done)); }).ok());
  RunTo(rig, kNoon + absl::Minutes(10));
  const size_t before = rig.transport.sent().size();
  EXPECT_GE(before, 200u) << "it took the rest";
  EXPECT_LT(before, 210u);
  const absl::StatusOr<Explanation> told = Ask(rig, AboutLane("mta1-b", "gmail"));
  ASSERT_TRUE(told.ok()) << told.status();
  ASSERT_FALSE(told->causes.empty());
  EXPECT_EQ(told->causes.front().wait.reason, Reason::kReservedForWarming);
  // When the other one's day is over, nobody is kept for it any more.
  const absl::Time end = kNoon + absl::Minutes(30);
  EXPECT_EQ(told->causes.front().wait.until, end);
  RunTo(rig, end - absl::Seconds(1));
  EXPECT_LT(rig.transport.sent().size(), 300u);
  RunTo(rig, end + absl::Minutes(1));
  EXPECT_EQ(rig.transport.sent().size(), 300u);
}

TEST(Explain, ARecipientUnderTheFloorLearnsWhenThatEnds) {
  Rig rig(engine::Threads::kNone);
  Begin(rig, {.plan = [](Plan* p) { p->engagement_floors = {{2, 30}}; }});
  ports::AppendRecipients append;
  append.campaign = CampaignId("spring");
  append.import = ImportId("list");
  append.chunk = 2;
  append.now = kNoon;
  for (int i = 0; i < 50; ++i) {
    append.rows.push_back({absl::StrCat("keen", i, "@gmail.test"), 0.1, {}});
    append.rows.back().engaged_day = EngagedDayOf(kNoon);
  }
  ASSERT_TRUE(rig.Await<ports::AppendOutcome>(
                     [&](auto done) { rig.engine().Import(std::move(append), std::move(done)); })
                  .ok());
  const absl::StatusOr<Explanation> told = Ask(rig, AboutAddress(rig, "u0@gmail.test"));
  ASSERT_TRUE(told.ok()) << told.status();
  ASSERT_FALSE(told->causes.empty());
  EXPECT_EQ(told->causes.front().wait.reason, Reason::kNotEngagedEnough);
  const absl::Time end = kMidnight + absl::Hours(24);
  EXPECT_EQ(told->causes.front().wait.until, end);
  ASSERT_TRUE(told->at.expected.has_value());
  EXPECT_GE(*told->at.expected, end);
  EXPECT_LE(*told->at.expected, end + absl::Minutes(30));
  RunTo(rig, end - absl::Seconds(1));
  EXPECT_EQ(rig.transport.sent().size(), 50u) << "those who are keen";
  RunTo(rig, end + absl::Minutes(30));
  ASSERT_GT(rig.transport.sent().size(), 50u);
  EXPECT_EQ(rig.transport.sent()[50].rcpt_to, "u0@gmail.test");
}

TEST(Explain, CampaignsWithWeightsWaitForTheirTurns) {
  Rig rig(engine::Threads::kNone);
  Begin(rig, {});
  rig.MakeCampaign("autumn", [] {
    std::vector<std::string> addresses = Many(300, "gmail.test");
    for (std::string& address : addresses) address = "a" + address;
    return addresses;
  }());
  for (const auto& [id, weight] : {std::pair("spring", 1), {"autumn", 3}}) {
    Campaign campaign = rig.Await<Campaign>([&](auto done) {
                             rig.engine().GetCampaign(CampaignId(id), std::move(done));
                           })
                            .value();
    campaign.weight = weight;
    const auto put =
        rig.Await<Campaign>([&](auto done) { rig.engine().Put(campaign, {}, std::move(done)); });
    ASSERT_TRUE(put.ok()) << put.status();
  }
  const auto share_of = [](const Explanation& told) {
    for (const Cause& cause : told.causes) {
      if (cause.wait.reason == Reason::kCampaignShare) return cause;
    }
    return Cause();
  };
  const absl::StatusOr<Explanation> campaign = Ask(rig, AboutCampaign("spring"));
  ASSERT_TRUE(campaign.ok()) << campaign.status();
  EXPECT_EQ(share_of(*campaign).wait.detail,
            "25 % of the turns are its own, as long as others have mail there");
  EXPECT_EQ(share_of(*campaign).wait.until, *campaign->at.expected);
  EXPECT_EQ(share_of(*campaign).remedy,
            "give it a higher weight: crescendo campaign update spring --weight …");
  const absl::StatusOr<Explanation> told = Ask(rig, AboutAddress(rig, "u19@gmail.test"));
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_EQ(share_of(*told).wait.detail, "about 60 of other campaigns go first");
  ASSERT_TRUE(told->at.expected.has_value());
  const auto place = [&] {
    const auto& sent = rig.transport.sent();
    for (size_t i = 0; i < sent.size(); ++i) {
      if (sent[i].rcpt_to == "u19@gmail.test") return static_cast<int64_t>(i);
    }
    return int64_t{-1};
  };
  for (absl::Time at = kNoon; place() < 0; at += absl::Minutes(10)) {
    ASSERT_LT(at, kNoon + absl::Hours(24 * 6));
    RunTo(rig, at);
  }
  EXPECT_NEAR(place(), *told->ahead, 8);
  const absl::Duration off = absl::AbsDuration(rig.clock.Now().wall - *told->at.expected);
  EXPECT_LE(off, 0.1 * (rig.clock.Now().wall - kNoon)) << off;
}

TEST(Explain, ARetryAndAMissingRouteOfARecipient) {
  Rig rig(engine::Threads::kNone);
  Begin(rig, {.accept = false});
  ASSERT_TRUE(rig.Import("spring", 2, {"ann@lost.test"}).ok());
  while (rig.transport.sent().empty()) RunTo(rig, rig.clock.Now().wall + absl::Minutes(1));
  rig.transport.Answer(rig.transport.sent().front(), 450, "4.2.0 not now");
  rig.engine().Turn();
  const absl::StatusOr<Explanation> retry = Ask(rig, AboutAddress(rig, "u0@gmail.test"));
  ASSERT_TRUE(retry.ok()) << retry.status();
  ASSERT_FALSE(retry->causes.empty());
  EXPECT_EQ(retry->causes.front().wait.reason, Reason::kRetryTime);
  ASSERT_TRUE(retry->at.expected.has_value());
  EXPECT_GE(*retry->at.expected, retry->causes.front().wait.until);

  const absl::StatusOr<Explanation> lost = Ask(rig, AboutAddress(rig, "ann@lost.test"));
  ASSERT_TRUE(lost.ok()) << lost.status();
  ASSERT_EQ(lost->causes.size(), 1u);
  EXPECT_EQ(lost->causes.front().wait.reason, Reason::kNoRoute);
  EXPECT_EQ(lost->causes.front().wait.detail, "lost.test: no answer");
}

TEST(Explain, AllReasonsAreTold) {
  Rig rig(engine::Threads::kNone);
  Begin(rig, {});
  RunTo(rig, kMidnight + absl::Hours(24) - absl::Minutes(5));
  ASSERT_TRUE(rig.Change("warm", engine::PlanVerb::kPause).ok());
  ASSERT_TRUE(rig.Change("spring", engine::CampaignVerb::kPause).ok());
  const absl::StatusOr<Explanation> told = Ask(rig, AboutLane("mta1-a", "gmail"));
  ASSERT_TRUE(told.ok()) << told.status();
  std::vector<Reason> reasons;
  for (const Cause& cause : told->causes) reasons.push_back(cause.wait.reason);
  EXPECT_EQ(reasons, (std::vector<Reason>{Reason::kPlanPaused, Reason::kIpDailyCap,
                                          Reason::kProviderShare, Reason::kCampaignPaused}));
}

TEST(Explain, WhatIsNotThere) {
  Rig rig(engine::Threads::kNone);
  Begin(rig, {});
  EXPECT_EQ(Ask(rig, AboutIp("mta9")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Ask(rig, AboutLane("mta1-a", "nobody")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Ask(rig, AboutCampaign("autumn")).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace crescendo::forecast
