#include "scheduler/core/arrivals.h"

#include <gtest/gtest.h>

namespace crescendo::core {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'770'000'000);

TEST(Arrivals, SayWhoHadComeByATime) {
  Arrivals arrivals;
  EXPECT_EQ(arrivals.By(kStart), DeliveryId(0));
  arrivals.Note(kStart, DeliveryId(5));
  arrivals.Note(kStart + absl::Minutes(59), DeliveryId(9));
  arrivals.Note(kStart + absl::Hours(5), DeliveryId(12));
  EXPECT_EQ(arrivals.By(kStart + absl::Minutes(59)), DeliveryId(0)) << "not sure of it yet";
  EXPECT_EQ(arrivals.By(kStart + absl::Hours(1)), DeliveryId(9));
  EXPECT_EQ(arrivals.By(kStart + absl::Hours(5)), DeliveryId(9));
  EXPECT_EQ(arrivals.By(kStart + absl::Hours(6)), DeliveryId(12));
}

TEST(Arrivals, ForgetWhatIsOlderThanAnyLifetime) {
  Arrivals arrivals;
  for (int hour = 0; hour < 24 * 100; ++hour) {
    arrivals.Note(kStart + absl::Hours(hour), DeliveryId(hour + 1));
  }
  const absl::Time now = kStart + absl::Hours(24 * 100);
  EXPECT_EQ(arrivals.By(now - absl::Hours(24 * 30)), DeliveryId(24 * 70));
  EXPECT_EQ(arrivals.By(now - absl::Hours(24 * 40)), DeliveryId(0));
}

TEST(Arrivals, ABackwardClockMakesNobodyOlder) {
  Arrivals arrivals;
  arrivals.Note(kStart, DeliveryId(1));
  arrivals.Note(kStart - absl::Hours(10), DeliveryId(2));
  EXPECT_EQ(arrivals.By(kStart - absl::Hours(1)), DeliveryId(0));
  EXPECT_EQ(arrivals.By(kStart + absl::Hours(1)), DeliveryId(2));
}

}  // namespace
}  // namespace crescendo::core
