// The queue is loaded while the engine serves: whatever happens between two pages, nobody is lost,
// nobody is sent to twice, and the best leaves first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "scheduler/base/random.h"
#include "tests/support/rig.h"

namespace crescendo::engine {
namespace {

using support::Promise;
using support::Rig;
using testing::ElementsAre;
using testing::IsEmpty;

using Names = std::vector<std::string>;

core::Options Pages(int rows) {
  core::Options options;
  options.load_page = rows;
  return options;
}

std::string AddressOf(const std::string& name) { return absl::StrCat(name, "@gmail.test"); }

// Stores a campaign that sends, with a recipient for each score, called u1, u2 and so on.
void Fill(ports::Store& store, const std::string& campaign, const std::vector<double>& scores) {
  Campaign record = support::NewCampaign(campaign);
  record.state = CampaignState::kSending;
  ports::AppendRecipients append;
  append.campaign = record.id;
  append.import = ImportId("before");
  append.now = support::kNoon;
  for (size_t i = 0; i < scores.size(); ++i) {
    append.rows.push_back({AddressOf(absl::StrCat("u", i + 1)), scores[i], {}});
  }
  const std::vector<ports::Write> writes = {
      ports::Put<EgressIp>{support::NewIp("mta1-a", "192.0.2.1"), {}, {}},
      ports::Put<Pool>{support::NewPool("main", {"mta1-a"}), {}, {}},
      ports::Put<Campaign>{record, {}, {}}, append};
  std::vector<ports::WriteResult> results;
  ASSERT_TRUE(store.Commit(writes, &results).ok());
  for (const ports::WriteResult& result : results) ASSERT_TRUE(result.status.ok());
}

void ImportOne(Rig& rig, const std::string& campaign, const std::string& name, double score) {
  ports::AppendRecipients append;
  append.campaign = CampaignId(campaign);
  append.import = ImportId(name);
  append.now = rig.clock.Now().wall;
  append.rows.push_back({AddressOf(name), score, {}});
  rig.engine().Import(std::move(append), [](auto) {});
}

void Suppress(Rig& rig, const std::string& name) {
  Suppression suppression;
  suppression.address = AddressOf(name);
  rig.engine().Suppress({suppression}, {}, [](auto) {});
}

void Ask(Rig& rig, const std::string& campaign, CampaignVerb verb) {
  rig.engine().Change(CampaignId(campaign), verb, 0, {}, [](auto) {});
}

// To whom was sent, in order.
Names Sent(const Rig& rig) {
  Names names;
  for (const ports::SendMessage& message : rig.transport.sent()) {
    names.push_back(message.rcpt_to.substr(0, message.rcpt_to.find('@')));
  }
  return names;
}

TEST(Loading, WhateverHappensBetweenTwoPages) {
  struct Case {
    const char* name;
    std::function<void(Rig&)> meanwhile;  // Before the second page of three.
    Names sent;
    int64_t queued, suppressed, cancelled;
  };
  const auto change = [](CampaignVerb verb) {
    return [verb](Rig& rig) { Ask(rig, "spring", verb); };
  };
  const auto import = [](const char* name, double score) {
    return [=](Rig& rig) { ImportOne(rig, "spring", name, score); };
  };
  const Names all = {"u6", "u5", "u4", "u3", "u2", "u1"};
  for (const Case& c : {
           Case{"nothing", [](Rig&) {}, all, 0, 0, 0},
           {"an import", import("new", 0.35), {"u6", "u5", "u4", "new", "u3", "u2", "u1"}, 0, 0, 0},
           {"an import of one who was loaded", import("u2", 0.9), all, 0, 0, 0},
           {"an import of one who was not", import("u5", 0.9), all, 0, 0, 0},
           {"a suppression of one who was loaded",
            [](Rig& rig) { Suppress(rig, "u2"); },
            {"u6", "u5", "u4", "u3", "u1"},
            0,
            1,
            0},
           {"a suppression of one who was not",
            [](Rig& rig) { Suppress(rig, "u6"); },
            {"u5", "u4", "u3", "u2", "u1"},
            0,
            1,
            0},
           {"a cancel", change(CampaignVerb::kCancel), {}, 0, 0, 6},
           {"a pause", change(CampaignVerb::kPause), {}, 6, 0, 0},
       }) {
    SCOPED_TRACE(c.name);
    Rig rig(Threads::kNone, Pages(2));
    Fill(rig.store, "spring", {0.1, 0.2, 0.3, 0.4, 0.5, 0.6});
    rig.transport.AcceptAll(true);
    rig.store.OnLoad([&](int page) {
      if (page == 2) c.meanwhile(rig);
      EXPECT_THAT(Sent(rig), IsEmpty()) << "nothing leaves before all are there";
      return absl::OkStatus();
    });
    ASSERT_TRUE(rig.Start().ok());
    EXPECT_EQ(Sent(rig), c.sent);
    const CampaignCounts counts = rig.Counts("spring");
    EXPECT_EQ(counts.accepted, static_cast<int64_t>(c.sent.size()));
    EXPECT_EQ(counts.queued, c.queued);
    EXPECT_EQ(counts.suppressed, c.suppressed);
    EXPECT_EQ(counts.cancelled, c.cancelled);
    // Nothing that was kept back is lost.
    if (c.queued == 0) continue;
    ASSERT_TRUE(rig.Change("spring", CampaignVerb::kResume).ok());
    EXPECT_EQ(Sent(rig), all);
  }
}

TEST(Loading, OneThatIsDeferredKeepsItsTimeAndItsAttempts) {
  Rig rig(Threads::kNone, Pages(1));
  Fill(rig.store, "spring", {0.1, 0.2});
  ASSERT_TRUE(rig.Start().ok());
  ASSERT_THAT(Sent(rig), ElementsAre("u2", "u1"));
  rig.transport.Answer(rig.transport.sent()[0], 451, "later");
  rig.engine().Turn();
  rig.Crash();  // u1 is in doubt, and deferred too.
  rig.transport.AcceptAll(true);
  ASSERT_TRUE(rig.Start().ok());
  EXPECT_THAT(Sent(rig), ElementsAre("u2", "u1")) << "neither before its time";
  rig.clock.Advance(absl::Hours(1));
  rig.engine().Turn();
  EXPECT_THAT(Sent(rig), ElementsAre("u2", "u1", "u2", "u1"));
  for (size_t i : {2, 3}) EXPECT_EQ(rig.transport.sent()[i].attempt, 2);
}

TEST(Loading, AFullDiskMeanwhileDelaysAndLosesNothing) {
  Rig rig(Threads::kNone, Pages(2));
  Fill(rig.store, "spring", {0.1, 0.2, 0.3, 0.4});
  rig.transport.AcceptAll(true);
  rig.store.OnLoad([&](int page) {
    if (page == 1) rig.store.FailCommits(absl::ResourceExhaustedError("full"));
    if (page == 2) ImportOne(rig, "spring", "new", 0.9);
    return absl::OkStatus();
  });
  ASSERT_TRUE(rig.Start().ok());
  EXPECT_THAT(Sent(rig), IsEmpty());
  rig.store.Heal();
  EXPECT_EQ(rig.Counts("spring").total(), 4) << "the import was refused";
  ASSERT_TRUE(rig.Import("spring", 1, {AddressOf("late")}).ok());
  EXPECT_THAT(Sent(rig), ElementsAre("late", "u4", "u3", "u2", "u1"));
}

TEST(Loading, APageThatCannotBeReadEndsTheProcessAndTheNextStartReadsAll) {
  Rig rig(Threads::kNone, Pages(2));
  Fill(rig.store, "spring", {0.1, 0.2, 0.3, 0.4, 0.5});
  rig.transport.AcceptAll(true);
  Promise<int> fatal;
  rig.engine().SetFatalHandler([&](const absl::Status& status) { fatal.Set(status); });
  rig.store.OnLoad(
      [](int page) { return page < 3 ? absl::OkStatus() : absl::DataLossError("bad page"); });
  ASSERT_TRUE(rig.Start().ok());
  ASSERT_TRUE(fatal.is_set());
  EXPECT_EQ(fatal.Get().status(), absl::DataLossError("the queue cannot be loaded: bad page"));
  EXPECT_EQ(rig.engine().Health().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Sent(rig), IsEmpty());
  rig.Crash();
  rig.store.OnLoad(nullptr);
  ASSERT_TRUE(rig.Start().ok());
  EXPECT_THAT(Sent(rig), ElementsAre("u5", "u4", "u3", "u2", "u1"));
}

TEST(Loading, LanesAndPlansSayThatTheyWaitForIt) {
  Rig rig(Threads::kNone, Pages(2));
  Fill(rig.store, "spring", {0.1, 0.2, 0.3, 0.4, 0.5});
  std::vector<ports::WriteResult> results;
  Plan plan = support::NewPlan("warm", "mta1-a");
  plan.state = PlanState::kActive;
  ASSERT_TRUE(
      rig.store
          .Commit(
              std::vector<ports::Write>{
                  ports::Put<Plan>{plan, {}, {}},
                  ports::PutLane{{.lane = {EgressIpId("mta1-a"), ProviderId("gmail")}}, {}}},
              &results)
          .ok());
  std::vector<core::Wait> waits;
  rig.store.OnLoad([&](int page) {
    if (page != 2) return absl::OkStatus();
    rig.engine().GetPlanStatus(PlanId("warm"), [&](auto status) {
      ASSERT_TRUE(status.ok());
      waits.push_back(status->wait);
      EXPECT_FALSE(status->today.has_value()) << "how a day begins and ends depends on who waits";
    });
    rig.engine().ListLanes(EgressIpId(), [&](auto lanes) {
      ASSERT_TRUE(lanes.ok());
      for (const core::LaneStatus& lane : *lanes) waits.push_back(lane.wait);
    });
    return absl::OkStatus();
  });
  ASSERT_TRUE(rig.Start().ok());
  ASSERT_EQ(waits.size(), 2);
  for (const core::Wait& wait : waits) {
    EXPECT_EQ(wait.reason, core::Reason::kLoading);
    EXPECT_EQ(wait.detail, "4 of 5 recipients");
  }
  const auto after = rig.Await<core::PlanStatus>(
      [&](auto done) { rig.engine().GetPlanStatus(PlanId("warm"), std::move(done)); });
  EXPECT_NE(after->wait.reason, core::Reason::kLoading);
  EXPECT_EQ(after->lanes.at(0).queued + after->lanes.at(0).in_flight, 5);
}

// At each page some of everything, until the process ends at one of them; and again, until all is
// loaded. What is sent then must be, in order, what the store had queued.
TEST(Loading, AnyDayOfItEndsWithEachOnceInOrder) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    base::Random random(seed);
    const auto pick = [&](int64_t n) {
      return static_cast<int64_t>(random.Below(static_cast<uint64_t>(n)));
    };
    Rig rig(Threads::kNone, Pages(static_cast<int>(1 + pick(5))));
    std::vector<double> scores(static_cast<size_t>(5 + pick(30)));
    for (double& score : scores) score = static_cast<double>(pick(20)) / 20;
    Fill(rig.store, "spring", scores);
    rig.transport.AcceptAll(true);
    for (int starts = 1; starts <= 3; ++starts) {
      const int64_t kill = starts < 3 ? 1 + pick(4) : 0;
      const int64_t last = rig.store.LoadDirectory()->last_delivery.value();
      rig.store.OnLoad([&, kill, last](int page) {
        if (page == kill) return absl::DataLossError("killed");
        // Behind the last page it would meet the first messages.
        if (page * 5 >= last) return absl::OkStatus();
        const std::string one = absl::StrCat("u", 1 + pick(static_cast<int64_t>(scores.size())));
        switch (pick(6)) {
          case 0:
            ImportOne(rig, "spring", absl::StrCat("n", starts, "-", page), 0.5);
            break;
          case 1:
            ImportOne(rig, "spring", one, 1);
            break;
          case 2:
            Suppress(rig, one);
            break;
          case 3:
            Ask(rig, "spring", CampaignVerb::kPause);
            break;
          case 4:
            Ask(rig, "spring", CampaignVerb::kResume);
            break;
        }
        return absl::OkStatus();
      });
      ASSERT_TRUE(rig.Start().ok());
      if (rig.engine().Health().ok()) break;
      EXPECT_THAT(Sent(rig), IsEmpty());
      rig.Crash();
    }
    ASSERT_TRUE(rig.Change("spring", CampaignVerb::kResume).ok());
    ports::DeliveryFilter filter;
    filter.campaign = CampaignId("spring");
    std::vector<Delivery> deliveries =
        rig.store.ListDeliveries(filter, DeliveryId(), 10'000).value();
    std::sort(deliveries.begin(), deliveries.end(), [](const Delivery& a, const Delivery& b) {
      return a.score != b.score ? a.score > b.score : a.id < b.id;
    });
    Names expected;
    for (const Delivery& delivery : deliveries) {
      if (delivery.state == DeliveryState::kSuppressed) continue;
      EXPECT_EQ(delivery.state, DeliveryState::kAccepted);
      expected.push_back(delivery.address.substr(0, delivery.address.find('@')));
    }
    ASSERT_EQ(Sent(rig), expected);
  }
}

TEST(Loading, StartDoesNotWaitForItAndStopEndsIt) {
  Rig rig(Threads::kOwn, Pages(1));
  Fill(rig.store, "spring", std::vector<double>(1000, 0.5));
  rig.transport.AcceptAll(true);
  Promise<int> go;
  rig.store.OnLoad([&](int page) {
    if (page == 2) (void)go.Get();
    return absl::OkStatus();
  });
  ASSERT_TRUE(rig.Start().ok());
  const auto campaign = rig.Await<Campaign>(
      [&](auto done) { rig.engine().GetCampaign(CampaignId("spring"), std::move(done)); });
  EXPECT_TRUE(campaign.ok()) << "is answered while a page is being read";
  std::thread stop([&] { rig.engine().Stop(absl::Minutes(10)); });
  // No page is read after the one that is being read.
  while (rig.Await<Campaign>(
                [&](auto done) { rig.engine().GetCampaign(CampaignId("spring"), std::move(done)); })
             .ok()) {
    std::this_thread::yield();
    go.Set(1);
  }
  stop.join();
  EXPECT_THAT(Sent(rig), IsEmpty());
  rig.Crash();
  rig.store.OnLoad(nullptr);
  ASSERT_TRUE(rig.Start().ok());
  rig.transport.AwaitSent(1000);
  rig.engine().Stop(absl::Minutes(10));
  EXPECT_EQ(rig.store.CountDeliveries(CampaignId("spring"))->accepted, 1000);
  EXPECT_EQ(rig.transport.sent().size(), 1000) << "each once";
}

TEST(Loading, ImportsBySeveralCallersMeanwhileAreEachThereOnce) {
  Rig rig(Threads::kOwn, Pages(7));
  Fill(rig.store, "spring", std::vector<double>(500, 0.5));
  rig.transport.AcceptAll(true);
  ASSERT_TRUE(rig.Start().ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        ports::AppendRecipients append;
        append.campaign = CampaignId("spring");
        append.import = ImportId(absl::StrCat("list-", t, "-", i));
        append.now = rig.clock.Now().wall;
        append.rows.push_back({AddressOf(absl::StrCat("n", t, "-", i)), 0.7, {}});
        append.rows.push_back({AddressOf(absl::StrCat("u", 1 + 30 * t + i)), 0.7, {}});
        const auto imported = rig.Await<ports::AppendOutcome>(
            [&](auto done) { rig.engine().Import(append, std::move(done)); });
        EXPECT_EQ(imported->added, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  rig.transport.AwaitSent(590);
  rig.engine().Stop(absl::Minutes(10));
  std::map<std::string, int> copies;
  for (const std::string& name : Sent(rig)) ++copies[name];
  EXPECT_EQ(copies.size(), 590);
  EXPECT_EQ(Sent(rig).size(), 590) << "nobody twice";
}

}  // namespace
}  // namespace crescendo::engine
