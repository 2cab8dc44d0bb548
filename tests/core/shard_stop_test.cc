// L6: what is stopped, paused, suppressed or cancelled starts no more, whatever was on its way.
#include <functional>

#include "tests/core/shard_fixture.h"

namespace crescendo::core {
namespace {

LaneRecord PausedLane() {
  LaneRecord record;
  record.lane = {EgressIpId("ip"), ProviderId("big")};
  record.paused = true;
  return record;
}
Plan PausedPlan() {
  Plan plan;
  plan.id = PlanId("warm");
  plan.egress_ip = EgressIpId("ip");
  plan.stages = {{2, 100}};
  plan.state = PlanState::kPaused;
  return plan;
}

struct Stop {
  const char* name;
  Letter letter;
  bool cancels = false;
};
void PrintTo(const Stop& stop, std::ostream* out) { *out << stop.name; }

class ShardStop : public ShardTest, public testing::WithParamInterface<Stop> {
 protected:
  static Campaign In(CampaignState state) { return InState(state); }
  friend std::vector<Stop> Stops();

  // Nothing leaves, and what was claimed is given back.
  void ExpectReleased(int64_t id) {
    EXPECT_FALSE(Find<Send>().has_value());
    const auto releases = Writes<ports::Release>();
    ASSERT_EQ(releases.size(), 1u);
    EXPECT_EQ(releases[0].deliveries, std::vector<DeliveryId>{DeliveryId(id)});
    EXPECT_EQ(Writes<ports::EndDelivery>().size(), GetParam().cancels ? 1u : 0u);
    Wait(absl::Minutes(1));
    Step({});
    EXPECT_FALSE(Find<Send>().has_value());
    EXPECT_EQ(shard_.in_flight(), 0);
  }
};

std::vector<Stop> Stops() {
  return {{"CampaignPaused", ShardStop::In(CampaignState::kPaused)},
          {"CampaignCancelled", ShardStop::In(CampaignState::kCancelled), /*cancels=*/true},
          {"LanePaused", PausedLane()},
          {"PlanPaused", PausedPlan()},
          {"OutOfThePool", Pool{.id = PoolId("pool")}},
          {"Draining", Drain{}}};
}

// The claim had its commit behind that of the stop, or its answer was overtaken.
TEST_P(ShardStop, KnownBeforeTheClaimIsAnswered) {
  Step({Queued(2, 1, 0.8)});
  const Letter claimed = Claimed(2);
  Step({GetParam().letter});
  ASSERT_FALSE(Find<Send>().has_value());
  Step({claimed});
  ExpectReleased(2);
}

TEST_P(ShardStop, KnownInTheSameStepAsTheClaim) {
  Step({Queued(2, 1, 0.8)});
  const Letter claimed = Claimed(2);
  Step({GetParam().letter, claimed});
  ExpectReleased(2);
}

// The connection the claim counted on has ended, and another one is on its way.
TEST_P(ShardStop, AfterTheClaimHasLostItsConnection) {
  Step({Queued(2, 1, 0.8)});
  const Letter claimed = Claimed(2);
  Step({Closed()});
  Step({claimed});
  ASSERT_TRUE(Find<ports::OpenConnection>().has_value());
  connection_ = Find<ports::OpenConnection>()->connection;
  Step({GetParam().letter});
  ExpectReleased(2);
  Step({Opened()});
  EXPECT_FALSE(Find<Send>().has_value());
}

INSTANTIATE_TEST_SUITE_P(Every, ShardStop, testing::ValuesIn(Stops()),
                         [](const auto& info) { return info.param.name; });

class ShardSuppression : public ShardTest {};

TEST_F(ShardSuppression, ReachesAClaimThatHasLostItsConnection) {
  Step({Queued(2, 1, 0.8)});
  const Letter claimed = Claimed(2);
  Step({Closed()});
  Step({claimed});
  connection_ = Find<ports::OpenConnection>().value().connection;
  Step({SuppressedAddress{"a@one.example"}});
  EXPECT_EQ(Writes<ports::Release>().size(), 1u);
  Step({Opened()});
  EXPECT_FALSE(Find<Send>().has_value());
  // It is claimed again, where the store finds it suppressed.
  ASSERT_EQ(Writes<ports::Claim>().size(), 1u);
  Letter refused = Claimed(2);
  std::get<ClaimAnswer>(refused).claimed = std::vector<ports::ClaimedDelivery>();
  Step({refused});
  EXPECT_FALSE(Find<Send>().has_value());
  EXPECT_EQ(shard_.in_flight(), 0);
}

// --- What a cancelled campaign leaves behind

class ShardCancel : public ShardTest {};

TEST_F(ShardCancel, NobodyIsBouncedOrQueuedForADomainThatIsKnownLate) {
  Step({NewDomain{DomainKey(3), "late.example"}, NewDomain{DomainKey(4), "none.example"},
        InState(CampaignState::kSending, 2), Queued(2, 3, 0.5), Queued(3, 4, 0.5),
        Queued(4, 3, 0.5, 2), Queued(5, 4, 0.5, 2)});
  Step({InState(CampaignState::kCancelled)});
  Step({Mx(3, "mx1.big.example"), MxAnswer{DomainKey(4), absl::NotFoundError("no such domain")}});
  const auto ends = Writes<ports::EndDelivery>();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].delivery, DeliveryId(5));
  EXPECT_EQ(Writes<ports::Claim>().at(0).deliveries, std::vector<DeliveryId>{DeliveryId(4)});
  EXPECT_EQ(shard_.LanesOf(EgressIpId("ip")).at(0).queued, 0);
}

TEST_F(ShardCancel, AClaimTheStoreCouldNotTakeIsLeftToTheSweep) {
  Step({Queued(2, 1, 0.8)});
  Letter failed = Claimed(2);
  std::get<ClaimAnswer>(failed).claimed = absl::ResourceExhaustedError("full");
  Step({InState(CampaignState::kCancelled), failed});
  EXPECT_TRUE(effects_.empty());
}

}  // namespace
}  // namespace crescendo::core
