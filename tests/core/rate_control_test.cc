#include "scheduler/core/rate_control.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "scheduler/base/random.h"

namespace crescendo::core {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'767'571'200);  // A midnight.
constexpr double kAnswer = 0.5;                                  // Seconds a message takes.

// A receiver with a bucket and, perhaps, a penalty box, and one control that sends to it.
class Line {
 public:
  Line(double rate, double burst, double needed)
      : rate_(rate),
        burst_(burst),
        tokens_(burst),
        needed_(needed),
        control_(std::in_place, &options_, needed, kStart) {}

  void Run(absl::Duration time) {
    const absl::Time end = now_ + time;
    while (true) {
      const absl::Time next = std::max(control_->Next(now_), now_);
      if (next > end) break;
      now_ = next;
      Attempt();
    }
    now_ = end;
  }
  void SetRate(double rate) {
    Refill();
    rate_ = rate;
  }
  void SetBox(double seconds) { box_ = seconds; }
  void Restart() { control_.emplace(&options_, RateControl::State(control_->state()), now_); }

  RateControl& control() { return *control_; }
  absl::Time now() const { return now_; }
  int refused = 0, refused_in_box = 0, passed = 0;
  struct Sent {
    double at, rate;
  };
  std::vector<Sent> sent;

 private:
  void Refill() {
    tokens_ = std::min(burst_, tokens_ + rate_ * absl::ToDoubleSeconds(now_ - filled_));
    filled_ = now_;
  }
  void Attempt() {
    control_->OnSend(now_, needed_);
    sent.push_back({absl::ToDoubleSeconds(now_ - kStart), control_->rate()});
    const absl::Time started = now_;
    Refill();
    const bool boxed = now_ < box_until_;
    const bool passes = !boxed && tokens_ >= 1;
    if (passes) {
      tokens_ -= 1;
      ++passed;
    } else {
      ++refused;
      refused_in_box += boxed;
      if (box_ > 0) box_until_ = now_ + absl::Seconds(box_);
    }
    now_ += absl::Seconds(kAnswer);
    control_->OnResult(now_, started, passes ? Verdict::kPassed : Verdict::kRefused,
                       "421 4.7.28 unusual rate");
  }

  RateControlOptions options_;
  double rate_, burst_, tokens_, needed_;
  double box_ = 0;
  absl::Time now_ = kStart, filled_ = kStart, box_until_ = kStart;
  std::optional<RateControl> control_;
};

TEST(RateControl, MeasuresTheRateFromWhatPassesBetweenRefusals) {
  struct Case {
    absl::string_view name;
    double rate, burst, needed;
    int refused;
  };
  for (const Case& c :
       {Case{"slow, small bucket", 0.03, 5, 0.05, 12},
        Case{"slow, large bucket", 0.03, 60, 0.05, 12}, Case{"ten a minute", 0.16, 20, 0.2, 18},
        Case{"one a second", 1, 100, 1.5, 40}, Case{"a plan far above it", 0.1, 10, 2, 18}}) {
    SCOPED_TRACE(c.name);
    Line line(c.rate, c.burst, c.needed);
    line.Run(absl::Hours(24));
    EXPECT_NEAR(line.control().state().estimate / c.rate, 1, 0.01);
    EXPECT_LE(line.refused, c.refused);
    EXPECT_GE(line.passed, 0.97 * c.rate * 86400);
  }
}

TEST(RateControl, WhatThePlanNeedsIsEnough) {
  Line line(/*rate=*/0.5, /*burst=*/20, /*needed=*/0.4);
  line.Run(absl::Hours(24));
  EXPECT_EQ(line.refused, 0);
  EXPECT_EQ(line.control().state().phase, RateControl::Phase::kClimbing);
  EXPECT_NEAR(line.passed, 0.4 * 1.04 * 86400, 0.05 * 0.4 * 86400);
}

TEST(RateControl, FollowsAStepDownWithFewRefusalsAndAStepUpWithinHours) {
  Line line(/*rate=*/0.2, /*burst=*/15, /*needed=*/0.3);
  line.Run(absl::Hours(12));
  const int before = line.refused;
  line.SetRate(0.08);
  line.Run(absl::Hours(1));
  EXPECT_LE(line.refused - before, 5);
  EXPECT_NEAR(line.control().state().estimate, 0.08, 0.004);
  line.SetRate(0.22);
  line.Run(absl::Hours(4));
  EXPECT_NEAR(line.control().state().estimate, 0.22, 0.01);
}

TEST(RateControl, APenaltyBoxIsWaitedOutAndRemembered) {
  Line line(/*rate=*/0.2, /*burst=*/15, /*needed=*/0.3);
  line.SetBox(900);
  line.Run(absl::Hours(6));
  EXPECT_GE(line.control().state().box, 900);
  const int first = line.refused_in_box;
  EXPECT_LE(first, 3);
  line.Run(absl::Hours(42));
  EXPECT_EQ(line.refused_in_box, first);
}

TEST(RateControl, NothingButOneCanaryDuringAStop) {
  RateControlOptions options;
  RateControl control(&options, 1, kStart);
  absl::Time now = kStart;
  const auto refuse = [&] {
    now = std::max(now, control.Next(now));
    control.OnSend(now, 1);
    const absl::Time started = now;
    now += absl::Seconds(1);
    control.OnResult(now, started, Verdict::kRefused, "421");
  };
  refuse();
  ASSERT_TRUE(control.state().stopped);
  for (int canary = 1; canary <= 4; ++canary) {
    SCOPED_TRACE(canary);
    const absl::Time until = control.Next(now);
    ASSERT_GT(until, now);
    EXPECT_EQ(control.Next(until - absl::Milliseconds(1)), until);
    control.OnSend(until, 1);
    EXPECT_EQ(control.Next(until), absl::InfiniteFuture());
    EXPECT_EQ(control.Next(until + absl::Hours(5)), absl::InfiniteFuture());
    now = until + absl::Seconds(1);
    if (canary < 4) {
      control.OnResult(now, until, Verdict::kRefused, "421");
      EXPECT_GE(control.Next(now) - now, absl::Minutes(5));
    } else {
      control.OnResult(now, until, Verdict::kPassed, "250");
      EXPECT_FALSE(control.state().stopped);
    }
  }
}

TEST(RateControl, ALostCanaryIsNoVerdict) {
  RateControlOptions options;
  RateControl control(&options, 1, kStart);
  control.OnSend(kStart, 1);
  control.OnResult(kStart + absl::Seconds(1), kStart, Verdict::kRefused, "421");
  const absl::Time until = control.Next(kStart + absl::Seconds(1));
  control.OnSend(until, 1);
  control.OnResult(until + absl::Seconds(9), until, Verdict::kNoVerdict, "");
  EXPECT_TRUE(control.state().stopped);
  EXPECT_LT(control.Next(until + absl::Seconds(9)), until + absl::Minutes(1));
}

TEST(RateControl, WhatSaysNothingMovesNothing) {
  Line line(/*rate=*/0.2, /*burst=*/15, /*needed=*/0.3);
  line.Run(absl::Hours(3));
  RateControl& control = line.control();
  absl::Time now = std::max(line.now(), control.Next(line.now()));
  const double estimate = control.state().estimate, rate = control.rate();
  for (int i = 0; i < 50; ++i) {
    control.OnSend(now, 0.3);
    control.OnResult(now + absl::Seconds(1), now, Verdict::kNoVerdict, "451 4.3.0");
    now = std::max(now + absl::Seconds(1), control.Next(now + absl::Seconds(1)));
  }
  EXPECT_EQ(control.state().estimate, estimate);
  EXPECT_NEAR(control.rate(), rate, rate * 0.02);
  EXPECT_FALSE(control.state().stopped);
}

// In every window w: attempts <= rate * w + what a late timer may catch up + 1 (L2), with restarts
// and pauses in between.
TEST(RateControl, NoWindowHoldsMoreThanTheRateAllows) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    base::Random random(seed);
    const double rate = random.Between(0.03, 1);
    Line line(rate, rate * random.Between(15, 300) + 4, rate * random.Between(0.7, 2));
    if (random.Below(3) == 0) line.SetBox(random.Between(100, 2000));
    for (int i = 0; i < 12; ++i) {
      line.Run(absl::Minutes(5 + random.Below(200)));
      if (random.Below(2) == 0) line.Restart();
      if (random.Below(4) == 0) line.SetRate(rate * random.Between(0.3, 2));
    }
    const RateControlOptions options;
    for (size_t i = 0; i < line.sent.size(); ++i) {
      double most = 0;
      for (size_t j = i + 1; j < std::min(i + 60, line.sent.size()); ++j) {
        most = std::max(most, line.sent[j - 1].rate);
        const double allowed =
            most * (line.sent[j].at - line.sent[i].at) + options.late_messages + 1;
        ASSERT_LE(static_cast<double>(j - i), allowed + 1e-6)
            << "at " << line.sent[i].at << " to " << line.sent[j].at;
      }
    }
  }
}

TEST(RateControl, ARestoredOneEqualsAndSendsNoBurst) {
  for (const absl::Duration after : {absl::Minutes(2), absl::Minutes(20), absl::Hours(5)}) {
    SCOPED_TRACE(after);
    Line line(/*rate=*/0.2, /*burst=*/15, /*needed=*/0.3);
    line.Run(after);
    const RateControl::State state = line.control().state();
    line.Restart();
    EXPECT_EQ(line.control().state(), state);
    if (!state.stopped) EXPECT_GT(line.control().Next(line.now()), line.now());
    const int refused = line.refused;
    line.Run(absl::Hours(1));
    EXPECT_LE(line.refused - refused, 6);
  }
}

TEST(RateControl, SameInSameOut) {
  Line one(/*rate=*/0.2, /*burst=*/15, /*needed=*/0.3), other(0.2, 15, 0.3);
  one.Run(absl::Hours(9));
  other.Run(absl::Hours(9));
  EXPECT_EQ(one.control().state(), other.control().state());
}

}  // namespace
}  // namespace crescendo::core
