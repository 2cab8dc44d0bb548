#include "scheduler/core/campaign_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace crescendo::core {
namespace {

using ::testing::ElementsAre;

constexpr CampaignKey kOthers(0), kA(1), kB(2), kC(3);

// Who leaves in `slots` slots, all of them with mail.
std::map<int64_t, int> TakeTurns(CampaignShare& share, const std::vector<Contender>& contenders,
                                 int slots) {
  std::map<int64_t, int> left;
  for (int i = 0; i < slots; ++i) {
    const Contender first = share.InTurn(contenders).front();
    share.Took(first);
    ++left[first.key.value()];
  }
  return left;
}

TEST(CampaignShare, SharesByWeight) {
  struct Case {
    const char* name;
    std::vector<Contender> contenders;
    int slots;
    std::map<int64_t, int> left;
  };
  for (const Case& c : {
           Case{"alike", {{kA, 1}, {kB, 1}}, 100, {{1, 50}, {2, 50}}},
           Case{"three to one", {{kA, 3}, {kB, 1}}, 100, {{1, 75}, {2, 25}}},
           Case{"the scale does not matter", {{kA, 300}, {kB, 100}}, 100, {{1, 75}, {2, 25}}},
           Case{"two without a weight beside one of 2",
                {{kOthers, 2}, {kB, 2}},
                10,
                {{0, 5}, {2, 5}}},
           Case{"alone", {{kA, 7}}, 10, {{1, 10}}},
           Case{"the least is served too", {{kA, 1000}, {kB, 1}}, 2002, {{1, 2000}, {2, 2}}},
       }) {
    SCOPED_TRACE(c.name);
    CampaignShare share;
    EXPECT_EQ(TakeTurns(share, c.contenders, c.slots), c.left);
  }
}

TEST(CampaignShare, WhoHadNoMailGetsNoArrears) {
  CampaignShare share;
  TakeTurns(share, {{kA, 1}}, 1000);
  EXPECT_EQ(TakeTurns(share, {{kA, 1}, {kB, 1}}, 10), (std::map<int64_t, int>{{1, 5}, {2, 5}}));
  TakeTurns(share, {{kB, 1}, {kC, 1}}, 1000);
  // Whose turn had come last may be one behind.
  for (const auto& [key, left] : TakeTurns(share, {{kA, 1}, {kB, 1}, {kC, 1}}, 9)) {
    EXPECT_NEAR(left, 3, 1) << key;
  }
}

TEST(CampaignShare, TiesGoToTheLowerKey) {
  const CampaignShare share;
  std::vector<int64_t> order;
  for (const Contender& one : share.InTurn({{kC, 5}, {kA, 1}, {kB, 9}})) {
    order.push_back(one.key.value());
  }
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(ShareOut, GivesWhatOneLeavesToTheOthers) {
  struct Case {
    const char* name;
    int64_t count;
    std::vector<Claimant> claimants;
    std::vector<int64_t> shares;
  };
  for (const Case& c : {
           Case{"nobody", 10, {}, {}},
           Case{"by weight", 100, {{3, 1000}, {1, 1000}}, {75, 25}},
           Case{"one has little", 100, {{3, 10}, {1, 1000}}, {10, 90}},
           Case{"all have little", 100, {{3, 10}, {1, 20}}, {10, 20}},
           Case{"rounded up", 10, {{1, 50}, {1, 50}, {1, 50}}, {4, 4, 4}},
           Case{"nothing to give", 0, {{1, 50}}, {0}},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(ShareOut(c.count, c.claimants), c.shares);
  }
}

}  // namespace
}  // namespace crescendo::core
