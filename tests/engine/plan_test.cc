// Evidence that comes from outside, and plans that are changed while they run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/rig.h"

namespace crescendo::engine {
namespace {

using support::NewPlan;
using support::Rig;
using testing::SizeIs;

const Lane kGmail{EgressIpId("mta1-a"), ProviderId("gmail")};

class EnginePlanTest : public testing::Test {
 protected:
  EnginePlanTest() : rig_(Threads::kNone) {
    EXPECT_TRUE(rig_.Start().ok());
    rig_.MakePool();
  }
  absl::Status Complain(const std::string& address) {
    return rig_
        .Await<int64_t>([&](auto done) {
          rig_.engine().Suppress({{address, SuppressionReason::kComplaint, "", {}}}, {},
                                 std::move(done));
        })
        .status();
  }
  int64_t Complaints() {
    return rig_
        .Await<core::LaneStatus>([&](auto done) { rig_.engine().GetLane(kGmail, std::move(done)); })
        ->today.complaints;
  }

  Rig rig_;
};

TEST_F(EnginePlanTest, AComplaintCountsOnceAtTheLaneOfTheLastMessage) {
  rig_.transport.AcceptAll(true);
  rig_.MakeCampaign("spring", {"ann@gmail.test", "bob@gmail.test"});
  for (int i = 0; i < 20 && rig_.Counts("spring").accepted < 2; ++i) {
    rig_.clock.Advance(absl::Minutes(1));
    rig_.engine().Turn();
  }
  ASSERT_EQ(rig_.Counts("spring").accepted, 2);
  ASSERT_TRUE(Complain("ann@gmail.test").ok());
  EXPECT_EQ(Complaints(), 1);
  ASSERT_TRUE(Complain("ann@gmail.test").ok());
  EXPECT_EQ(Complaints(), 1) << "said twice";
  ASSERT_TRUE(Complain("nobody@gmail.test").ok());
  EXPECT_EQ(Complaints(), 1) << "nobody knows by which lane";
  const std::vector<Event> events = rig_.Events(EventType::kSuppressionAdded);
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[0].egress_ip.text(), "mta1-a");
  EXPECT_EQ(events[0].provider.text(), "gmail");
  EXPECT_EQ(events[0].campaign.text(), "spring");
  rig_.Crash();
  ASSERT_TRUE(rig_.Start().ok());
  EXPECT_EQ(Complaints(), 1) << "and on disk";
  ASSERT_TRUE(Complain("bob@gmail.test").ok());
  EXPECT_EQ(Complaints(), 2);
}

TEST_F(EnginePlanTest, AMoveAndAnEditAreThereAfterARestart) {
  Plan plan = NewPlan("warm-a", "mta1-a");
  plan.stages = {{1, 100}, {1, 200}, {1, 400}};
  ASSERT_TRUE(
      rig_.Await<Plan>([&](auto done) { rig_.engine().Put(plan, {}, std::move(done)); }).ok());
  ASSERT_TRUE(rig_.Change("warm-a", PlanVerb::kStart).ok());
  rig_.engine().Turn();
  const auto moved = rig_.Await<core::ChangedPlan>([&](auto done) {
    rig_.engine().ChangePlan(PlanId("warm-a"), {PlanVerb::kSetStage, 2}, 0, {}, std::move(done));
  });
  ASSERT_TRUE(moved.ok()) << moved.status();
  rig_.Crash();
  ASSERT_TRUE(rig_.Start().ok());
  const auto status = [&] {
    return *rig_.Await<core::PlanStatus>(
        [&](auto done) { rig_.engine().GetPlanStatus(PlanId("warm-a"), std::move(done)); });
  };
  EXPECT_EQ(status().today->cap, 100) << "from tomorrow on";
  rig_.clock.Advance(absl::Hours(24));
  rig_.engine().Turn();
  EXPECT_EQ(status().today->cap, 400);
  rig_.Crash();
  ASSERT_TRUE(rig_.Start().ok());
  EXPECT_EQ(status().today->cap, 400) << "and it is made once";
  EXPECT_EQ(status().today->moves, 1);
}

}  // namespace
}  // namespace crescendo::engine
