#include "scheduler/core/recipient_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "scheduler/base/random.h"

namespace crescendo::core {
namespace {

using ::testing::ElementsAre;

constexpr CampaignKey kA(1), kB(2), kC(3);
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

Candidate Of(int64_t id, double score) { return {score, DeliveryId(id), DomainKey(7)}; }
bool All(CampaignKey) { return true; }

std::vector<int64_t> Order(const RecipientQueue& queue,
                           absl::FunctionRef<bool(CampaignKey)> open = All) {
  std::vector<int64_t> ids;
  queue.VisitBest(open, [&](const RecipientQueue::Ranked& ranked) {
    ids.push_back(ranked.candidate.id.value());
    return true;
  });
  return ids;
}

TEST(RecipientQueue, TheMostEngagedGoFirstAcrossCampaignsAndTiesByNumber) {
  RecipientQueue queue;
  queue.Add(kA, Of(5, 0.5));
  queue.Add(kB, Of(4, 0.5));
  queue.Add(kA, Of(9, 0.9));
  queue.Add(kB, Of(1, 0.1));
  queue.Add(kC, Of(6, 0.5));
  EXPECT_THAT(Order(queue), ElementsAre(9, 4, 5, 6, 1));
  EXPECT_EQ(queue.Best(All)->candidate.id, DeliveryId(9));
  EXPECT_EQ(queue.Best(All)->campaign, kA);
}

TEST(RecipientQueue, AClosedCampaignIsPassedOver) {
  RecipientQueue queue;
  queue.Add(kA, Of(1, 0.9));
  queue.Add(kB, Of(2, 0.5));
  queue.Add(kB, Of(3, 0.4));
  const auto only_b = [](CampaignKey key) { return key == kB; };
  EXPECT_THAT(Order(queue, only_b), ElementsAre(2, 3));
  EXPECT_EQ(queue.Best(only_b)->candidate.id, DeliveryId(2));
  EXPECT_FALSE(queue.Best([](CampaignKey) { return false; }).has_value());
}

TEST(RecipientQueue, TheOrderIsThatOfASortForAnyInput) {
  base::Random random(77);
  RecipientQueue queue;
  std::vector<Candidate> all;
  for (int64_t id = 1; id <= 2000; ++id) {
    // Few scores, so that there are many ties.
    all.push_back(Of(id, static_cast<double>(random.Below(20)) / 20));
  }
  std::vector<size_t> places(all.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = i;
  for (size_t i = places.size(); i > 1; --i) std::swap(places[i - 1], places[random.Below(i)]);
  for (const size_t place : places) {
    queue.Add(CampaignKey(1 + static_cast<int64_t>(random.Below(5))), all[place]);
  }
  std::sort(all.begin(), all.end());
  std::vector<int64_t> expected;
  for (const Candidate& candidate : all) expected.push_back(candidate.id.value());
  EXPECT_EQ(Order(queue), expected);
  // Taking the best one at a time gives the same.
  std::vector<int64_t> taken;
  while (const auto best = queue.Best(All)) {
    queue.Remove(*best);
    taken.push_back(best->candidate.id.value());
  }
  EXPECT_EQ(taken, expected);
  EXPECT_EQ(queue.size(), 0);
}

TEST(RecipientQueue, AVisitEndsWhenToldTo) {
  RecipientQueue queue;
  for (int id = 1; id <= 10; ++id) queue.Add(kA, Of(id, 0.5));
  int seen = 0;
  queue.VisitBest(All, [&](const RecipientQueue::Ranked&) { return ++seen < 3; });
  EXPECT_EQ(seen, 3);
}

TEST(RecipientQueue, WhoWaitsRipensInTimeAndTakesItsPlaceByScore) {
  RecipientQueue queue;
  queue.AddLater(kNow + absl::Minutes(10), kA, Of(1, 0.9));
  queue.AddLater(kNow + absl::Minutes(5), kB, Of(2, 0.8));
  queue.AddLater(kNow + absl::Minutes(5), kA, Of(3, 0.2));
  queue.Add(kA, Of(4, 0.5));
  EXPECT_EQ(queue.NextRipe(), kNow + absl::Minutes(5));
  EXPECT_FALSE(queue.Ripen(kNow + absl::Minutes(5) - absl::Nanoseconds(1)));
  EXPECT_THAT(Order(queue), ElementsAre(4));
  EXPECT_TRUE(queue.Ripen(kNow + absl::Minutes(5)));
  EXPECT_THAT(Order(queue), ElementsAre(2, 4, 3));
  EXPECT_EQ(queue.ready(), 3);
  EXPECT_EQ(queue.waiting(), 1);
  EXPECT_EQ(queue.NextRipe(), kNow + absl::Minutes(10));
  EXPECT_TRUE(queue.Ripen(kNow + absl::Hours(1)));
  EXPECT_THAT(Order(queue), ElementsAre(1, 2, 4, 3));
  EXPECT_EQ(queue.NextRipe(), absl::InfiniteFuture());
  EXPECT_EQ(queue.ready(kA), 3);
  EXPECT_EQ(queue.ready(kB), 1);
  EXPECT_EQ(queue.ready(kC), 0);
}

TEST(RecipientQueue, DroppingACampaignLeavesTheOthers) {
  RecipientQueue queue;
  queue.Add(kA, Of(1, 0.9));
  queue.AddLater(kNow, kA, Of(2, 0.9));
  queue.Add(kB, Of(3, 0.5));
  queue.AddLater(kNow, kB, Of(4, 0.4));
  queue.Drop(kA);
  queue.Drop(kC);
  EXPECT_EQ(queue.size(), 2);
  queue.Ripen(kNow);
  EXPECT_THAT(Order(queue), ElementsAre(3, 4));
}

TEST(RecipientQueue, ClearHandsOutEveryoneOnce) {
  RecipientQueue queue;
  queue.Add(kA, Of(1, 0.9));
  queue.Add(kB, Of(2, 0.5));
  queue.AddLater(kNow, kA, Of(3, 0.4));
  std::vector<std::pair<int64_t, absl::Time>> out;
  queue.Clear([&](absl::Time not_before, const RecipientQueue::Ranked& ranked) {
    out.emplace_back(ranked.candidate.id.value(), not_before);
  });
  EXPECT_THAT(
      out, ElementsAre(std::pair(int64_t{1}, absl::InfinitePast()),
                       std::pair(int64_t{2}, absl::InfinitePast()), std::pair(int64_t{3}, kNow)));
  EXPECT_EQ(queue.size(), 0);
  EXPECT_EQ(queue.NextRipe(), absl::InfiniteFuture());
  EXPECT_FALSE(queue.Best(All).has_value());
}

TEST(RecipientQueue, AddingTwiceCountsOnce) {
  RecipientQueue queue;
  queue.Add(kA, Of(1, 0.9));
  queue.Add(kA, Of(1, 0.9));
  queue.AddLater(kNow, kA, Of(2, 0.9));
  queue.AddLater(kNow, kA, Of(2, 0.9));
  EXPECT_EQ(queue.ready(), 1);
  EXPECT_EQ(queue.waiting(), 1);
}

}  // namespace
}  // namespace crescendo::core
