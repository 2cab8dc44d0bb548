#include "scheduler/core/throttle.h"

#include <gtest/gtest.h>

namespace crescendo::core {
namespace {

using Change = Throttle::Change;
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kLeast = absl::Minutes(10);
constexpr char kReply[] = "421 4.7.28 unusual rate";
const ThrottleOptions kOptions;

// A throttle that was stopped at kNow from `rate` and whose canary has been accepted at once.
Throttle Resumed(double rate, absl::Time* now) {
  Throttle throttle;
  throttle.OnRateLimited(kNow, kLeast, rate, kReply, kOptions);
  *now = kNow + kLeast;
  throttle.OnAttempt();
  EXPECT_EQ(throttle.OnAccepted(*now, rate, 0, 10, kOptions), Change::kResumed);
  return throttle;
}

TEST(Throttle, OpenItBlocksNothingAndAnAcceptanceIsNoNews) {
  Throttle throttle;
  EXPECT_EQ(throttle.Blocking(kNow).reason, Reason::kNone);
  EXPECT_EQ(throttle.OnAccepted(kNow, 100, 0, 10, kOptions), Change::kNone);
  EXPECT_EQ(throttle.rate_per_hour(), 0);
  EXPECT_EQ(throttle.connection_limit(), 0);
}

TEST(Throttle, ARefusalStopsCutsTheRateAndLeavesOneConnection) {
  Throttle throttle;
  EXPECT_EQ(throttle.OnRateLimited(kNow, kLeast, 1000, kReply, kOptions), Change::kStopped);
  const Wait wait = throttle.Blocking(kNow);
  EXPECT_EQ(wait.reason, Reason::kThrottled);
  EXPECT_EQ(wait.until, kNow + kLeast);
  EXPECT_EQ(wait.detail, kReply);
  EXPECT_EQ(throttle.Blocking(kNow + kLeast - absl::Nanoseconds(1)).reason, Reason::kThrottled);
  EXPECT_EQ(throttle.Blocking(kNow + kLeast).reason, Reason::kNone);
  EXPECT_EQ(throttle.rate_per_hour(), 500);
  EXPECT_EQ(throttle.connection_limit(), 1);
}

TEST(Throttle, EachFurtherRefusalStopsTwiceAsLongButNotLongerThanTheLongest) {
  Throttle throttle;
  absl::Time now = kNow;
  const absl::Duration stops[] = {absl::Minutes(10), absl::Minutes(20),  absl::Minutes(40),
                                  absl::Minutes(80), absl::Minutes(160), absl::Minutes(320),
                                  absl::Hours(6),    absl::Hours(6)};
  for (const absl::Duration stop : stops) {
    throttle.OnRateLimited(now, kLeast, 1000, kReply, kOptions);
    EXPECT_EQ(throttle.Blocking(now).until, now + stop);
    now += stop;
  }
  // What the provider asks for is never cut short by our own longest.
  throttle.OnRateLimited(now, absl::Hours(24), 1000, kReply, kOptions);
  EXPECT_EQ(throttle.Blocking(now).until, now + absl::Hours(24));
}

TEST(Throttle, TheRateIsCutFromWhatWasInUseAndNotBelowTheLowest) {
  struct Case {
    const char* name;
    double in_use, cut;
  };
  for (const Case& c : {Case{"half of it", 300, 150}, Case{"the lowest", 80, 60},
                        Case{"nothing was metered", 0, 60}}) {
    SCOPED_TRACE(c.name);
    Throttle throttle;
    throttle.OnRateLimited(kNow, kLeast, c.in_use, kReply, kOptions);
    EXPECT_EQ(throttle.rate_per_hour(), c.cut);
  }
  // A second refusal cuts the smaller of the rate that was allowed and the one in use.
  Throttle throttle;
  throttle.OnRateLimited(kNow, kLeast, 1000, kReply, kOptions);
  throttle.OnRateLimited(kNow + kLeast, kLeast, 900, kReply, kOptions);
  EXPECT_EQ(throttle.rate_per_hour(), 250);
}

TEST(Throttle, RepliesInFlightDuringAStopChangeNothing) {
  Throttle throttle;
  throttle.OnRateLimited(kNow, kLeast, 1000, kReply, kOptions);
  const absl::Time during = kNow + absl::Minutes(1);
  EXPECT_EQ(throttle.OnRateLimited(during, absl::Hours(2), 1000, "another", kOptions),
            Change::kNone);
  EXPECT_EQ(throttle.OnAccepted(during, 1000, 0, 10, kOptions), Change::kNone);
  EXPECT_EQ(throttle.Blocking(during).until, kNow + kLeast);
  EXPECT_EQ(throttle.Blocking(during).detail, kReply);
  EXPECT_EQ(throttle.state().stop_count, 1);
  EXPECT_EQ(throttle.rate_per_hour(), 500);
}

TEST(Throttle, AfterTheStopOneCanaryGoesAndTheRestAwaitsItsFate) {
  Throttle throttle;
  throttle.OnRateLimited(kNow, kLeast, 1000, kReply, kOptions);
  const absl::Time over = kNow + kLeast;
  throttle.OnAttempt();
  const Wait wait = throttle.Blocking(over);
  EXPECT_EQ(wait.reason, Reason::kInFlight);
  EXPECT_EQ(wait.until, absl::InfiniteFuture());
  // Deferred for its own reasons: no verdict, so another one tries.
  throttle.OnOther();
  EXPECT_EQ(throttle.Blocking(over).reason, Reason::kNone);
  EXPECT_EQ(throttle.connection_limit(), 1);
  throttle.OnAttempt();
  EXPECT_EQ(throttle.Blocking(over).reason, Reason::kInFlight);
  EXPECT_EQ(throttle.OnAccepted(over, 10, 0, 10, kOptions), Change::kResumed);
  EXPECT_EQ(throttle.Blocking(over).reason, Reason::kNone);
  throttle.OnAttempt();
  EXPECT_EQ(throttle.Blocking(over).reason, Reason::kNone) << "no canary any more";
}

TEST(Throttle, ARefusedCanaryStopsTwiceAsLong) {
  Throttle throttle;
  throttle.OnRateLimited(kNow, kLeast, 1000, kReply, kOptions);
  throttle.OnAttempt();
  const absl::Time over = kNow + kLeast;
  EXPECT_EQ(throttle.OnRateLimited(over, kLeast, 10, kReply, kOptions), Change::kStopped);
  EXPECT_EQ(throttle.Blocking(over).until, over + 2 * kLeast);
  EXPECT_EQ(throttle.Blocking(over + 2 * kLeast).reason, Reason::kNone) << "a new canary may go";
}

TEST(Throttle, RaisesAtMostOnceAnIntervalUntilTheBaseIsReached) {
  absl::Time now;
  Throttle throttle = Resumed(1000, &now);
  EXPECT_EQ(throttle.rate_per_hour(), 500);
  EXPECT_EQ(throttle.OnAccepted(now + absl::Minutes(59), 500, 1000, 10, kOptions), Change::kNone);
  const double rates[] = {625, 781.25, 976.5625, 0};
  for (const double rate : rates) {
    now += absl::Hours(1);
    EXPECT_EQ(throttle.OnAccepted(now, 500, 1000, 10, kOptions), Change::kRaised);
    EXPECT_EQ(throttle.OnAccepted(now, 500, 1000, 10, kOptions), Change::kNone);
    EXPECT_EQ(throttle.rate_per_hour(), rate);
  }
  EXPECT_EQ(throttle.state().stop_count, 0) << "a full recovery forgets the earlier stops";
}

TEST(Throttle, ACutFarAboveWhatIsInUseIsLifted) {
  absl::Time now;
  Throttle throttle = Resumed(1000, &now);
  EXPECT_EQ(throttle.OnAccepted(now + absl::Hours(1), 157, 0, 10, kOptions), Change::kRaised);
  EXPECT_EQ(throttle.rate_per_hour(), 625) << "four times 157 is more";
  EXPECT_EQ(throttle.OnAccepted(now + absl::Hours(2), 157, 0, 10, kOptions), Change::kRaised);
  EXPECT_EQ(throttle.rate_per_hour(), 0);
}

TEST(Throttle, ConnectionsComeBackOneAtATime) {
  absl::Time now;
  Throttle throttle = Resumed(10'000, &now);
  for (const int limit : {2, 3, 4, 0}) {
    EXPECT_EQ(throttle.connection_limit(), limit == 0 ? 4 : limit - 1);
    now += absl::Hours(1);
    throttle.OnAccepted(now, 10'000, 0, /*base_connections=*/5, kOptions);
    EXPECT_EQ(throttle.connection_limit(), limit);
  }
}

TEST(Throttle, TooManyConnectionsCutsConnectionsAndNotTheRate) {
  Throttle throttle;
  EXPECT_EQ(throttle.OnTooManyConnections(kNow, 5, kOptions), Change::kConnectionsCut);
  EXPECT_EQ(throttle.connection_limit(), 4);
  EXPECT_EQ(throttle.rate_per_hour(), 0);
  EXPECT_EQ(throttle.Blocking(kNow).reason, Reason::kNone);
  EXPECT_EQ(throttle.OnTooManyConnections(kNow, 7, kOptions), Change::kNone) << "it is less now";
  EXPECT_EQ(throttle.OnTooManyConnections(kNow, 3, kOptions), Change::kConnectionsCut);
  EXPECT_EQ(throttle.connection_limit(), 2);
  EXPECT_EQ(throttle.OnTooManyConnections(kNow, 0, kOptions), Change::kConnectionsCut);
  EXPECT_EQ(throttle.connection_limit(), 1) << "never none";
  EXPECT_EQ(throttle.OnAccepted(kNow + absl::Hours(1), 10, 0, 10, kOptions),
            Change::kConnectionsRaised);
  EXPECT_EQ(throttle.connection_limit(), 2);
}

TEST(Throttle, ABlockOutweighsAStopForRate) {
  Throttle throttle;
  throttle.OnRateLimited(kNow, kLeast, 1000, kReply, kOptions);
  EXPECT_EQ(throttle.OnBlocked(kNow, absl::Hours(2), 1000, "554 spamhaus", kOptions),
            Change::kStopped);
  EXPECT_EQ(throttle.Blocking(kNow).reason, Reason::kBlocked);
  EXPECT_GE(throttle.Blocking(kNow).until, kNow + absl::Hours(2));
  EXPECT_EQ(throttle.Blocking(kNow).detail, "554 spamhaus");
  // And not the other way round, nor twice.
  EXPECT_EQ(throttle.OnRateLimited(kNow, kLeast, 1000, kReply, kOptions), Change::kNone);
  EXPECT_EQ(throttle.OnBlocked(kNow, absl::Hours(9), 1000, "more", kOptions), Change::kNone);
  EXPECT_EQ(throttle.Blocking(kNow).reason, Reason::kBlocked);
}

TEST(Throttle, NoRefusalShortensAStopThatIsInForce) {
  struct Case {
    const char* name;
    bool block_first;
    absl::Duration first, second;
    bool block_second;
    absl::Duration until;
    Reason reason;
  };
  constexpr absl::Duration kLong = absl::Hours(24), kShort = absl::Hours(2);
  for (const Case& c :
       {Case{"a short block in a long stop", false, kLong, kShort, true, kLong, Reason::kBlocked},
        Case{"a long block in a short stop", false, kShort, kLong, true, kLong, Reason::kBlocked},
        Case{"a short stop in a long block", true, kLong, kShort, false, kLong, Reason::kBlocked},
        Case{"a short block in a long block", true, kLong, kShort, true, kLong, Reason::kBlocked},
        Case{"a short stop in a long stop", false, kLong, kShort, false, kLong,
             Reason::kThrottled}}) {
    SCOPED_TRACE(c.name);
    Throttle throttle;
    const auto refuse = [&](absl::Time now, bool block, absl::Duration least) {
      return block ? throttle.OnBlocked(now, least, 1000, "554 listed", kOptions)
                   : throttle.OnRateLimited(now, least, 1000, kReply, kOptions);
    };
    refuse(kNow, c.block_first, c.first);
    refuse(kNow + absl::Seconds(1), c.block_second, c.second);
    const absl::Time nearly = kNow + c.until - absl::Seconds(1);
    EXPECT_EQ(throttle.Blocking(nearly).reason, c.reason);
    EXPECT_EQ(throttle.OnAccepted(nearly, 1000, 0, 10, kOptions), Change::kNone);
    EXPECT_GE(throttle.Blocking(nearly).until, kNow + c.until);
  }
}

TEST(Throttle, ARestartDoesNotShortenAStop) {
  Throttle before;
  before.OnRateLimited(kNow, kLeast, 1000, kReply, kOptions);
  Throttle after(before.state());
  EXPECT_EQ(after.Blocking(kNow + absl::Minutes(9)).reason, Reason::kThrottled);
  EXPECT_EQ(after.Blocking(kNow + absl::Minutes(9)).until, kNow + kLeast);
  // And it still needs its canary.
  const absl::Time over = kNow + kLeast;
  EXPECT_EQ(after.connection_limit(), 1);
  after.OnAttempt();
  EXPECT_EQ(after.Blocking(over).reason, Reason::kInFlight);
  EXPECT_EQ(after.OnAccepted(over, 10, 0, 10, kOptions), Change::kResumed);
}

TEST(Throttle, ARestartKeepsTheCutAfterTheCanary) {
  absl::Time now;
  const Throttle before = Resumed(1000, &now);
  Throttle after(before.state());
  EXPECT_EQ(after.Blocking(now).reason, Reason::kNone);
  after.OnAttempt();
  EXPECT_EQ(after.Blocking(now).reason, Reason::kNone) << "the canary was accepted before";
  EXPECT_EQ(after.rate_per_hour(), 500);
  EXPECT_EQ(after.OnAccepted(now + absl::Minutes(30), 500, 0, 10, kOptions), Change::kNone);
  EXPECT_EQ(after.OnRateLimited(now, kLeast, 500, kReply, kOptions), Change::kStopped);
  EXPECT_EQ(after.Blocking(now).until, now + 2 * kLeast) << "the stops before are remembered";
}

TEST(RateMeter, ShowsTheRateOfAboutTheLastHalfHour) {
  RateMeter meter;
  absl::Duration now = absl::Hours(1);
  EXPECT_EQ(meter.PerHour(now), 0);
  for (int i = 0; i < 3 * 360; ++i) meter.Count(now += absl::Seconds(10));
  EXPECT_NEAR(meter.PerHour(now), 360, 10);
  EXPECT_NEAR(meter.PerHour(now + absl::Minutes(30)), 360 / 2.718, 10);
  EXPECT_LT(meter.PerHour(now + absl::Hours(12)), 0.001);
}

}  // namespace
}  // namespace crescendo::core
