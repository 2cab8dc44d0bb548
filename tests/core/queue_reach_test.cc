// What of a queue a lane may take: floors, and what is reserved. Against a model that sorts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "scheduler/base/random.h"
#include "scheduler/core/recipient_queue.h"

namespace crescendo::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr CampaignKey kA(1), kB(2);
constexpr EngagedDay kToday = 20'000;

// `engaged`: so many days ago; -1: not known.
Candidate Of(int64_t id, double score, int engaged = -1) {
  return {score, DeliveryId(id), DomainKey(7),
          engaged < 0 ? EngagedDay{0} : static_cast<EngagedDay>(kToday - engaged)};
}
bool All(CampaignKey) { return true; }

std::vector<int64_t> Order(const RecipientQueue& queue, const Reach& reach,
                           absl::FunctionRef<bool(CampaignKey)> open = All) {
  std::vector<int64_t> ids;
  const auto visit = [&](const RecipientQueue::Ranked& ranked) {
    ids.push_back(ranked.candidate.id.value());
    return true;
  };
  queue.VisitBest(open, visit, reach);
  return ids;
}
constexpr Reach kBeyond{0, true};

TEST(QueueReach, AFloorLetsThoseThroughWhoWereEngagedLately) {
  RecipientQueue queue;
  queue.SetToday(kToday);
  queue.SetFloors({30, 60});
  queue.Add(kA, Of(1, 0.9, 45));
  queue.Add(kA, Of(2, 0.8, 30));
  queue.Add(kB, Of(3, 0.7, 31));
  queue.Add(kB, Of(4, 0.6));
  queue.Add(kB, Of(5, 0.5, 0));
  queue.Add(kA, Of(6, 0.4, 400));
  EXPECT_THAT(Order(queue, {30, false}), ElementsAre(2, 5));
  EXPECT_THAT(Order(queue, {60, false}), ElementsAre(1, 2, 3, 5));
  EXPECT_THAT(Order(queue, {45, false}), ElementsAre(1, 2, 3, 5)) << "a floor nobody told of";
  EXPECT_THAT(Order(queue, {}), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(queue.in_reach(30), 2);
  EXPECT_EQ(queue.ready(kB, {30, false}), 1);
}

TEST(QueueReach, WhoGrowsTooOldStaysBehind) {
  RecipientQueue queue;
  queue.SetToday(kToday);
  queue.SetFloors({30});
  for (int64_t id = 1; id <= 100; ++id) queue.Add(kA, Of(id, 1.0 / id, 30));
  queue.Add(kA, Of(101, 0.001, 1));
  queue.SetToday(kToday + 1);
  EXPECT_THAT(Order(queue, {30, false}), ElementsAre(101)) << "also before they have moved on";
  EXPECT_FALSE(queue.Age(99));
  EXPECT_TRUE(queue.Age(1));
  EXPECT_EQ(queue.in_reach(30), 1);
  EXPECT_EQ(queue.ready(), 101);
  EXPECT_THAT(Order(queue, {30, false}), ElementsAre(101));
}

TEST(QueueReach, FloorsMayComeAndGo) {
  RecipientQueue queue;
  queue.SetToday(kToday);
  queue.Add(kA, Of(1, 0.9, 45));
  queue.Add(kA, Of(2, 0.8, 10));
  queue.SetFloors({30, 60});
  EXPECT_THAT(Order(queue, {30, false}), ElementsAre(2));
  EXPECT_TRUE(queue.Age(10));
  queue.SetFloors({50});
  EXPECT_THAT(Order(queue, {50, false}), ElementsAre(1, 2));
  queue.SetFloors({});
  EXPECT_THAT(Order(queue, {}), ElementsAre(1, 2));
  queue.Remove({kA, Of(1, 0.9, 45)});
  queue.Remove({kA, Of(2, 0.8, 10)});
  EXPECT_EQ(queue.ready(), 0);
}

TEST(QueueReach, ANewEngagementIsKeptAndAnOlderOneIsNot) {
  RecipientQueue queue;
  queue.SetToday(kToday);
  queue.SetFloors({30});
  queue.Add(kA, Of(1, 0.2, 45));
  EXPECT_TRUE(queue.Rescore(kA, Of(1, 0.2, 3), absl::InfinitePast(), 0.8));
  EXPECT_THAT(Order(queue, {30, false}), ElementsAre(1));
  EXPECT_TRUE(queue.Rescore(kA, Of(1, 0.8, 200), absl::InfinitePast(), 0.1));
  EXPECT_THAT(Order(queue, {30, false}), ElementsAre(1));
}

TEST(QueueReach, TheBestAreReservedOverAllCampaigns) {
  RecipientQueue queue;
  for (int64_t id = 1; id <= 10; ++id) queue.Add(id % 2 == 0 ? kA : kB, Of(id, 1.0 / id));
  queue.Reserve(4, 0, All);
  EXPECT_THAT(Order(queue, kBeyond), ElementsAre(5, 6, 7, 8, 9, 10));
  EXPECT_THAT(Order(queue, {}), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  // One of them leaves: the count falls with it, and nobody else moves.
  queue.Remove({kB, Of(1, 1.0)});
  queue.Reserve(3, 0, All);
  EXPECT_THAT(Order(queue, kBeyond), ElementsAre(5, 6, 7, 8, 9, 10));
  // It comes back; a better one than it is imported.
  queue.Add(kB, Of(1, 1.0));
  queue.Add(kA, Of(11, 2.0));
  EXPECT_EQ(queue.ready(kA, kBeyond) + queue.ready(kB, kBeyond), 6);
  queue.Reserve(3, 0, All);
  EXPECT_THAT(Order(queue, kBeyond), ElementsAre(3, 4, 5, 6, 7, 8, 9, 10));
  queue.Reserve(1000, 0, All);
  EXPECT_THAT(Order(queue, kBeyond), IsEmpty());
  queue.Reserve(0, 0, All);
  EXPECT_EQ(Order(queue, kBeyond), Order(queue, {}));
}

TEST(QueueReach, WhatIsReservedPassesTheFloor) {
  RecipientQueue queue;
  queue.SetToday(kToday);
  queue.SetFloors({30});
  queue.Add(kA, Of(1, 0.9, 100));
  queue.Add(kA, Of(2, 0.8, 5));
  queue.Add(kB, Of(3, 0.7));
  queue.Add(kB, Of(4, 0.6, 5));
  queue.Add(kB, Of(5, 0.5, 5));
  queue.Reserve(2, 30, All);
  EXPECT_THAT(Order(queue, kBeyond), ElementsAre(1, 3, 5));
}

TEST(QueueReach, AClosedCampaignReservesNothing) {
  RecipientQueue queue;
  queue.Add(kA, Of(1, 0.9));
  queue.Add(kB, Of(2, 0.8));
  queue.Add(kB, Of(3, 0.7));
  const auto only_b = [](CampaignKey key) { return key == kB; };
  queue.Reserve(1, 0, only_b);
  EXPECT_THAT(Order(queue, kBeyond, only_b), ElementsAre(3));
  queue.Reserve(1, 0, All);  // A is open again, and better.
  EXPECT_THAT(Order(queue, kBeyond), ElementsAre(2, 3));
}

// Whatever happens in whatever order, what is in reach is what a sort says.
TEST(QueueReach, IsThatOfASortThroughAnyChanges) {
  struct Known {
    CampaignKey campaign;
    Candidate candidate;
  };
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    base::Random random(seed);
    RecipientQueue queue;
    std::map<int64_t, Known> all;
    EngagedDay today = kToday;
    const std::vector<int> floors = {10, 20, 40};
    queue.SetToday(today);
    if (seed % 2 == 0) queue.SetFloors(floors);
    int64_t last = 0;
    for (int step = 0; step < 300; ++step) {
      switch (random.Below(6)) {
        case 0:
        case 1: {
          Candidate one = Of(++last, static_cast<double>(random.Below(50)) / 50);
          if (random.Below(4) > 0)
            one.engaged_day = static_cast<EngagedDay>(today - random.Below(60));
          const CampaignKey campaign(1 + static_cast<int64_t>(random.Below(3)));
          queue.Add(campaign, one);
          all[last] = {campaign, one};
          break;
        }
        case 2:
        case 3: {
          if (all.empty()) break;
          auto it =
              all.lower_bound(static_cast<int64_t>(random.Below(static_cast<uint64_t>(last))));
          if (it == all.end()) it = all.begin();
          if (random.Below(2) == 0) {
            queue.Remove({it->second.campaign, it->second.candidate});
            all.erase(it);
          } else {
            Candidate& candidate = it->second.candidate;
            const double score = static_cast<double>(random.Below(50)) / 50;
            ASSERT_TRUE(queue.Rescore(it->second.campaign, candidate, absl::InfinitePast(), score));
            candidate.score = score;
          }
          break;
        }
        case 4:
          today = static_cast<EngagedDay>(today + random.Below(3));
          queue.SetToday(today);
          break;
        case 5:
          queue.SetFloors(random.Below(2) == 0 ? floors : std::vector<int>{10, 40});
          break;
      }
      ASSERT_TRUE(queue.Age(1'000'000));
      const int within = std::vector<int>{0, 10, 40}[random.Below(3)];
      const auto count = static_cast<int64_t>(random.Below(40));
      queue.Reserve(count, 0, All);
      std::vector<Candidate> sorted;
      for (const auto& [id, known] : all) sorted.push_back(known.candidate);
      std::sort(sorted.begin(), sorted.end());
      std::vector<int64_t> in_reach, beyond;
      for (size_t i = 0; i < sorted.size(); ++i) {
        const int64_t id = sorted[i].id.value();
        const bool passes = within == 0 || EngagedWithin(sorted[i].engaged_day, within, today);
        if (passes) in_reach.push_back(id);
        if (passes && static_cast<int64_t>(i) >= count) beyond.push_back(id);
      }
      ASSERT_EQ(Order(queue, {within, false}), in_reach);
      ASSERT_EQ(Order(queue, {within, true}), beyond);
      ASSERT_EQ(queue.ready(), static_cast<int64_t>(all.size()));
    }
  }
}

}  // namespace
}  // namespace crescendo::core
