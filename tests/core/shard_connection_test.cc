// A claim is made for a connection that is there; that connection must then stay (L5).
#include "tests/core/shard_fixture.h"

namespace crescendo::core {
namespace {

class ShardConnection : public ShardTest {};

TEST_F(ShardConnection, MakesNoRoomForALesserRecipientWhileAClaimCountsOnIt) {
  Step({Queued(2, 1, 0.8), Queued(3, 2, 0.7)});
  ASSERT_TRUE(Find<Save>().has_value()) << "the better one is claimed";
  EXPECT_FALSE(Find<Close>().has_value());
  Step({Claimed(2)});
  ASSERT_TRUE(Find<Send>().has_value());
  EXPECT_EQ(Find<Send>()->delivery.id, DeliveryId(2));
}

TEST_F(ShardConnection, MakesRoomForTheOtherSiteWhenNothingIsClaimed) {
  Step({Queued(3, 2, 0.7)});
  ASSERT_TRUE(Find<Close>().has_value());
  EXPECT_EQ(Find<Close>()->connection, connection_);
}

TEST_F(ShardConnection, IsNotClosedAsIdleWhileAClaimCountsOnIt) {
  Wait(Options().idle_connection - absl::Seconds(1));
  Step({Queued(2, 1, 0.8)});
  const Letter claimed = Claimed(2);
  Wait(absl::Seconds(2));
  Step({});
  EXPECT_FALSE(Find<Close>().has_value());
  Step({claimed});
  EXPECT_TRUE(Find<Send>().has_value());
}

TEST_F(ShardConnection, IsClosedWhenIdleForLong) {
  Wait(Options().idle_connection);
  Step({});
  EXPECT_TRUE(Find<Close>().has_value());
}

}  // namespace
}  // namespace crescendo::core
