#include "scheduler/core/queue_load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "scheduler/base/random.h"

namespace crescendo::core {
namespace {

std::vector<RecipientQueue::Ranked> TakeAll(QueueLoad& load) {
  std::vector<RecipientQueue::Ranked> all;
  while (const auto next = load.Next()) all.push_back(*next);
  return all;
}

TEST(QueueLoad, GivesBackEachCampaignBestFirst) {
  constexpr int64_t kRun = int64_t{1} << 18;  // As in the .cc: around it, runs begin and end.
  for (const int64_t count :
       {int64_t{0}, int64_t{1}, int64_t{1000}, kRun - 1, kRun, kRun + 1, 3 * kRun}) {
    SCOPED_TRACE(count);
    base::Random random(static_cast<uint64_t>(count));
    QueueLoad load;
    for (int64_t id = 1; id <= count; ++id) {
      const double score = static_cast<double>(random.Below(1000)) / 1000;
      load.Add(CampaignKey(1), {score, DeliveryId(id), DomainKey(1)});
      if (id % 100 == 0) load.Add(CampaignKey(2), {score, DeliveryId(count + id), DomainKey(1)});
    }
    const std::vector<RecipientQueue::Ranked> all = TakeAll(load);
    ASSERT_EQ(static_cast<int64_t>(all.size()), count + count / 100);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return a.campaign != b.campaign ? a.campaign < b.campaign : a.candidate < b.candidate;
    }));
    EXPECT_EQ(
        std::adjacent_find(all.begin(), all.end(),
                           [](const auto& a, const auto& b) { return a.candidate == b.candidate; }),
        all.end())
        << "nobody comes twice";
  }
}

TEST(QueueLoad, WhatIsAddedWhileItIsTakenOutComesToo) {
  QueueLoad load;
  for (int64_t id : {1, 2, 3}) load.Add(CampaignKey(1), {0.1, DeliveryId(id), DomainKey(1)});
  ASSERT_EQ(load.Next()->candidate.id, DeliveryId(1));
  load.Add(CampaignKey(1), {0.9, DeliveryId(4), DomainKey(1)});
  std::vector<int64_t> ids;
  for (const auto& ranked : TakeAll(load)) ids.push_back(ranked.candidate.id.value());
  EXPECT_EQ(ids, (std::vector<int64_t>{2, 3, 4}));
  EXPECT_FALSE(load.Next().has_value());
}

}  // namespace
}  // namespace crescendo::core
