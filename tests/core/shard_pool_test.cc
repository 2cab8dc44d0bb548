// Who takes from a pool's queue: reasons to wait, and what happens when its members change.
#include "tests/core/shard_fixture.h"

namespace crescendo::core {
namespace {

// The fixture's IP has no plan, and one open, idle connection; beside it a warming one may come.
class ShardPool : public ShardTest {
 protected:
  static EgressIp Ip(const char* id, const char* address) {
    return {.id = EgressIpId(id), .address = address, .ehlo_name = "ip.example"};
  }
  static Pool Members(const char* id, std::vector<const char*> ips, const char* overflow = "") {
    Pool pool{.id = PoolId(id), .overflow = PoolId(overflow)};
    for (const char* ip : ips) pool.egress_ips.emplace_back(ip);
    return pool;
  }
  static Plan PlanFor(const char* ip, int64_t cap) {
    Plan plan;
    plan.id = PlanId("plan");
    plan.egress_ip = EgressIpId(ip);
    plan.stages = {{10, cap}};
    plan.start_date = absl::ToCivilDay(kStart, absl::UTCTimeZone());
    plan.state = PlanState::kActive;
    return plan;
  }
  core::Wait WaitAt(const char* ip) {
    return shard_.StatusOf(Lane{EgressIpId(ip), ProviderId("big")})->wait;
  }
};

TEST_F(ShardPool, TheBestAreLeftToTheWarmingIpOfToday) {
  Step({Ip("warm", "127.0.0.3"), PlanFor("warm", 2), Members("pool", {"ip", "warm"})});
  Step({Queued(11, 1, 0.9), Queued(12, 1, 0.8)});
  EXPECT_TRUE(Writes<ports::Claim>().empty());
  EXPECT_EQ(WaitAt("ip").reason, Reason::kReservedForWarming);
  EXPECT_LE(WaitAt("ip").until, kStart + absl::Hours(24));
  // A third one is behind what is kept.
  Step({Queued(13, 1, 0.7)});
  ASSERT_EQ(Writes<ports::Claim>().size(), 1u);
  EXPECT_EQ(Writes<ports::Claim>()[0].deliveries, std::vector<DeliveryId>{DeliveryId(13)});
}

TEST_F(ShardPool, APausedWarmingLaneLetsTheOthersThrough) {
  Step({Ip("warm", "127.0.0.3"), PlanFor("warm", 2), Members("pool", {"ip", "warm"})});
  Step({Queued(11, 1, 0.9)});
  ASSERT_TRUE(Writes<ports::Claim>().empty());
  Step({LaneRecord{.lane = {EgressIpId("warm"), ProviderId("big")}, .paused = true}});
  ASSERT_EQ(Writes<ports::Claim>().size(), 1u) << "in the same step";
  EXPECT_EQ(Writes<ports::Claim>()[0].lane.egress_ip, EgressIpId("ip"));
}

TEST_F(ShardPool, AWarmingIpThatCannotReachTheHostKeepsNothingBack) {
  Step({Ip("warm", "2001:db8::3"), PlanFor("warm", 2), Members("pool", {"ip", "warm"})});
  Step({Queued(11, 1, 0.9)});
  EXPECT_EQ(Writes<ports::Claim>().size(), 1u);
}

TEST_F(ShardPool, SpillsOnlyWhatIsOverTheCap) {
  Step({Ip("warm", "127.0.0.3"), PlanFor("warm", 2), Members("cold", {"warm"}, "pool")});
  Campaign cold = InState(CampaignState::kSending, 2);
  cold.pool = PoolId("cold");
  Step({cold});
  Step({Queued(11, 1, 0.9, 2), Queued(12, 1, 0.8, 2)});
  EXPECT_TRUE(Writes<ports::Claim>().empty());
  Step({Queued(13, 1, 0.7, 2)});
  ASSERT_EQ(Writes<ports::Claim>().size(), 1u);
  EXPECT_EQ(Writes<ports::Claim>()[0].lane.egress_ip, EgressIpId("ip"));
  EXPECT_EQ(Writes<ports::Claim>()[0].deliveries, std::vector<DeliveryId>{DeliveryId(13)});
}

// A claim of what spilled comes back from the disk when the pool holds again.
TEST_F(ShardPool, AClaimThatIsNoLongerServedGoesBack) {
  Step({Ip("warm", "127.0.0.3"), PlanFor("warm", 1), Members("cold", {"warm"}, "pool")});
  Campaign cold = InState(CampaignState::kSending, 2);
  cold.pool = PoolId("cold");
  Step({cold, Queued(11, 1, 0.9, 2), Queued(12, 1, 0.8, 2)});
  ASSERT_EQ(Writes<ports::Claim>().size(), 1u);
  const Letter claimed = Claimed(12);
  Step({Members("cold", {"warm"}), claimed});
  EXPECT_FALSE(Find<core::Send>().has_value());
  ASSERT_EQ(Writes<ports::Release>().size(), 1u);
  EXPECT_EQ(Writes<ports::Release>()[0].deliveries, std::vector<DeliveryId>{DeliveryId(12)});
}

// It was to be retried from the IP that was greylisted; without that, from any.
TEST_F(ShardPool, WhatWasPinnedToAnIpThatLeavesIsNotLost) {
  QueuedDelivery pinned = Recipient(11, 1, 0.9);
  pinned.attempts = 1;
  pinned.first_attempt_time = kStart;
  pinned.pinned_ip = EgressIpId("other");
  Step({Ip("other", "127.0.0.3"), Members("pool", {"ip", "other"})});
  Step({std::vector<QueuedDelivery>{pinned}});
  EXPECT_TRUE(Writes<ports::Claim>().empty()) << "the other has no connection yet";
  Step({Members("pool", {"ip"})});
  ASSERT_EQ(Writes<ports::Claim>().size(), 1u);
  EXPECT_EQ(Writes<ports::Claim>()[0].lane.egress_ip, EgressIpId("ip"));
}

TEST_F(ShardPool, AFloorSaysWhoWaitsAndUntilWhen) {
  Plan plan = PlanFor("ip", 100);
  plan.engagement_floors = {{3, 30}};
  Step({plan});
  QueuedDelivery old = Recipient(11, 1, 0.9);
  old.engaged_day = EngagedDayOf(kStart - absl::Hours(24 * 40));
  Step({std::vector<QueuedDelivery>{old}, Queued(12, 1, 0.8)});
  const core::Wait wait = WaitAt("ip");
  EXPECT_EQ(wait.reason, Reason::kNotEngagedEnough);
  EXPECT_EQ(wait.detail, "2 were not engaged in the last 30 days, as far as is known");
  EXPECT_EQ(wait.until, absl::FromCivil(plan.start_date + 3, absl::UTCTimeZone()));
  // A click lets it through.
  Rescored clicked{DeliveryId(11), CampaignKey(1), DomainKey(1), 0.9, 0.95, EngagedDayOf(kStart)};
  Wait(absl::Hours(1));
  Step({std::vector<Rescored>{clicked}});
  ASSERT_EQ(Writes<ports::Claim>().size(), 1u);
  EXPECT_EQ(Writes<ports::Claim>()[0].deliveries, std::vector<DeliveryId>{DeliveryId(11)});
}

TEST_F(ShardPool, ASunsetEndsWhoWasEngagedLongAgo) {
  Campaign campaign = InState(CampaignState::kSending);
  campaign.sunset_days = 365;
  QueuedDelivery old = Recipient(11, 1, 0.9);
  old.engaged_day = EngagedDayOf(kStart - absl::Hours(24 * 366));
  QueuedDelivery young = Recipient(12, 1, 0.8);
  young.engaged_day = EngagedDayOf(kStart - absl::Hours(24 * 365));
  Step({campaign, std::vector<QueuedDelivery>{old, young}});
  ASSERT_EQ(Writes<ports::EndDelivery>().size(), 1u);
  const ports::EndDelivery end = Writes<ports::EndDelivery>()[0];
  EXPECT_EQ(end.delivery, DeliveryId(11));
  EXPECT_EQ(end.state, DeliveryState::kExpired);
  ASSERT_EQ(end.events.size(), 1u);
  EXPECT_EQ(end.events[0].text,
            "not mailed: last engaged 366 days ago, and the campaign's sunset is after 365");
  ASSERT_EQ(Writes<ports::Claim>().size(), 1u);
  EXPECT_EQ(Writes<ports::Claim>()[0].deliveries, std::vector<DeliveryId>{DeliveryId(12)});
}

TEST_F(ShardPool, ADayOffSaysWhenMailLeavesAgain) {
  Plan plan = PlanFor("ip", 100);
  const absl::CivilDay today = plan.start_date;
  plan.shape.sends_on[static_cast<size_t>(absl::GetWeekday(today))] = false;
  plan.shape.sends_on[static_cast<size_t>(absl::GetWeekday(today + 1))] = false;
  Step({plan, Queued(11, 1, 0.9)});
  EXPECT_TRUE(Writes<ports::Claim>().empty());
  const core::Wait wait = shard_.StatusOf(PlanId("plan"))->wait;
  EXPECT_EQ(wait.reason, Reason::kOutsideWindow);
  EXPECT_EQ(wait.detail, "a day off of the plan");
  EXPECT_EQ(wait.until, absl::FromCivil(today + 2, absl::UTCTimeZone()));
}

}  // namespace
}  // namespace crescendo::core
