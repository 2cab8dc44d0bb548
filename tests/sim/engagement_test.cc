// Clicks and opens while mail leaves: the best recipient of now goes next (L5), whatever else
// happens.
#include <gtest/gtest.h>

#include "tests/sim/sim_world.h"

namespace crescendo::sim {
namespace {

std::string AllOf(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += "\n  " + line;
  return all;
}

TEST(Engagement, TheBestOfNowGoesNext) {
  int64_t claims = 0, reranked = 0;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    WorldOptions options;
    options.seed = seed;
    options.recipients = 4'000;
    options.target = 1000;
    options.signals = true;
    World world(options);
    base::Random random(seed);
    for (int round = 0; round < 100 && world.violations().empty(); ++round) {
      world.RunUntil(world.clock().Now().wall + absl::Minutes(random.Between(1, 120)));
      world.Engage(random, static_cast<int>(random.Between(1, 200)));
      const CampaignId campaign(round % 2 == 0 ? "campaign-0" : "campaign-1");
      switch (random.Below(12)) {
        case 0:
          world.CrashAndRestart();
          break;
        case 1:
          // Events while nothing of it may leave.
          world.Pause(campaign);
          world.RunUntil(world.clock().Now().wall + absl::Minutes(random.Between(1, 60)));
          world.Engage(random, 100);
          world.Resume(campaign);
          break;
        case 2:
          world.Suppress("u" + std::to_string(random.Below(2000)) + "-0@gmail.test");
          break;
        default:
          break;
      }
    }
    world.CheckAll();
    EXPECT_TRUE(world.violations().empty()) << AllOf(world.violations());
    claims += world.ranks().claims();
    reranked += world.ranks().reranked();
  }
  EXPECT_GT(claims, 5'000);
  EXPECT_GT(reranked, 10'000);
}

}  // namespace
}  // namespace crescendo::sim
