#include "scheduler/core/provider_control.h"

#include <gtest/gtest.h>

namespace crescendo::core {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'767'571'200);
const ProviderControl::Options kOptions;

TEST(ConnectionControl, LowersToWhatWasOpenAndRaisesSlowlyWhileAllAreInUse) {
  ConnectionControl control(&kOptions.connections);
  EXPECT_EQ(control.Limit(kStart, 7), 20);
  control.OnRefused(kStart, 3);
  EXPECT_EQ(control.Limit(kStart, 3), 3);
  control.OnRefused(kStart, 8);
  EXPECT_EQ(control.Limit(kStart, 3), 3) << "that one was opened before";
  EXPECT_EQ(control.Limit(kStart + absl::Hours(3), 2), 3) << "the third is not in use";
  EXPECT_EQ(control.Limit(kStart + absl::Hours(3), 3), 4);
  control.OnRefused(kStart + absl::Hours(3), 3);
  EXPECT_EQ(control.Limit(kStart + absl::Hours(6), 3), 3) << "the wait has doubled";
  EXPECT_EQ(control.Limit(kStart + absl::Hours(8), 3), 4);
  for (int i = 0; i < 5; ++i) control.OnRefused(kStart + absl::Hours(9), 0);
  EXPECT_EQ(control.Limit(kStart + absl::Hours(9), 0), 1) << "never none";
}

TEST(ProviderControl, ADomainsRefusalStopsAllIpsAndNoOtherDoes) {
  struct Case {
    absl::string_view name;
    Blame blame;
    bool first_waits, second_waits;
  };
  for (const Case& c :
       {Case{"the IP", Blame::kIp, true, false}, Case{"the domain", Blame::kShared, true, true},
        Case{"connections", Blame::kConnections, false, false},
        Case{"greylisted, full, unknown", Blame::kNobody, false, false}}) {
    SCOPED_TRACE(c.name);
    ProviderControl control(kOptions, 2, /*needed=*/1, kStart);
    control.OnSend(0, kStart, 1, 0);
    const absl::Time now = kStart + absl::Seconds(1);
    control.OnResult(0, now, kStart, c.blame, c.blame == Blame::kNobody, "421");
    const absl::Time soon = kStart + absl::Seconds(3);
    EXPECT_EQ(control.Next(0, soon) > soon, c.first_waits);
    EXPECT_EQ(control.Next(1, soon) > soon, c.second_waits);
    EXPECT_EQ(control.shared() != nullptr, c.blame == Blame::kShared);
  }
}

TEST(ProviderControl, OneCanaryForAllIps) {
  ProviderControl control(kOptions, 2, 1, kStart);
  control.OnSend(0, kStart, 1, 0);
  control.OnResult(0, kStart + absl::Seconds(1), kStart, Blame::kShared, false, "421");
  const absl::Time until = control.Next(1, kStart + absl::Seconds(1));
  control.OnSend(1, until, 1, 0);
  EXPECT_EQ(control.Next(0, until), absl::InfiniteFuture());
  control.OnResult(1, until + absl::Seconds(1), until, Blame::kNobody, true, "250");
  EXPECT_LT(control.Next(0, until + absl::Seconds(1)), until + absl::Minutes(1));
}

TEST(ProviderControl, ABusyReceiverIsLeftAloneForAMoment) {
  ProviderControl control(kOptions, 1, 1, kStart);
  control.OnSend(0, kStart, 1, 0);
  control.OnResult(0, kStart + absl::Seconds(9), kStart, Blame::kReceiver, false, "421 4.3.0");
  EXPECT_EQ(control.Next(0, kStart + absl::Seconds(9)), kStart + absl::Seconds(11));
  EXPECT_EQ(control.rate(0).state().estimate, 0);
}

TEST(ProviderControl, ARestoredOneEquals) {
  ProviderControl control(kOptions, 3, 1, kStart);
  for (int ip = 0; ip < 3; ++ip) {
    const absl::Time now = kStart + absl::Seconds(ip);
    control.OnSend(ip, now, 1, 2);
    control.OnResult(ip, now + absl::Milliseconds(500), now,
                     ip == 1 ? Blame::kShared : Blame::kConnections, false, "421");
  }
  const ProviderControl::State state = control.state();
  EXPECT_TRUE(state.shared.has_value());
  ProviderControl restored(kOptions, state, kStart + absl::Minutes(1));
  EXPECT_EQ(restored.state(), state);
}

}  // namespace
}  // namespace crescendo::core
