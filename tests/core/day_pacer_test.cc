#include "scheduler/core/day_pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "scheduler/base/civil_day.h"

namespace crescendo::core {
namespace {

const absl::Time kMidnight = absl::FromCivil(absl::CivilDay(2026, 3, 2), absl::UTCTimeZone());

// Sends as early as the pacer allows, from `now` until the window or the cap is used up.
std::vector<absl::Time> SendAll(DayPacer& pacer, absl::Time now, absl::Time end, int64_t left,
                                const PacingOptions& options, base::Random& random) {
  std::vector<absl::Time> sent;
  while (left > 0) {
    now = std::max(now, pacer.NextAt());
    if (now >= end) break;
    sent.push_back(now);
    pacer.Take(now, --left, options, random);
  }
  return sent;
}

absl::Duration LeastGap(absl::Duration window, int64_t cap, const PacingOptions& options) {
  return window * (1 - options.window_margin) / static_cast<double>(cap) / options.catch_up_factor;
}

TEST(DayPacer, SpreadsTheCapOverTheWindow) {
  struct Case {
    const char* name;
    int64_t cap;
    absl::Duration start, end;
  };
  for (const Case& c : {Case{"the whole day", 200, absl::Hours(0), absl::Hours(24)},
                        Case{"office hours", 500, absl::Hours(9), absl::Hours(17)},
                        Case{"one message", 1, absl::Hours(0), absl::Hours(24)},
                        Case{"many", 20'000, absl::Hours(0), absl::Hours(24)}}) {
    SCOPED_TRACE(c.name);
    const PacingOptions options;
    base::Random random(7);
    DayPacer pacer;
    const absl::Time start = kMidnight + c.start, end = kMidnight + c.end;
    pacer.Open(kMidnight, DayShape::Even(start, end), c.cap, c.cap, options, random);
    const auto sent = SendAll(pacer, kMidnight, end, c.cap, options, random);
    ASSERT_EQ(static_cast<int64_t>(sent.size()), c.cap) << "the cap is used up in the window";
    EXPECT_GE(sent.front(), start);
    if (c.cap < 100) continue;
    // No hour and no quarter of the window takes more than a fair part of it.
    for (int quarter = 0; quarter < 4; ++quarter) {
      const absl::Time from = start + (end - start) / 4 * quarter, to = from + (end - start) / 4;
      const auto count = std::count_if(sent.begin(), sent.end(),
                                       [&](absl::Time t) { return from <= t && t < to; });
      EXPECT_NEAR(static_cast<double>(count), static_cast<double>(c.cap) / 4,
                  static_cast<double>(c.cap) * 0.03);
    }
  }
}

TEST(DayPacer, JitterStaysInItsBoundsAndLeavesTheFullMinute) {
  PacingOptions options;
  options.window_margin = 0;
  base::Random random(3);
  DayPacer pacer;
  // 1440 a day: without jitter, one on every full minute.
  pacer.Open(kMidnight, DayShape::Even(kMidnight, kMidnight + absl::Hours(24)), 1440, 1440, options,
             random);
  int on_the_minute = 0;
  absl::Duration shortest = absl::InfiniteDuration(), longest;
  absl::Time now = pacer.NextAt();
  for (int64_t left = 1439; left > 700; --left) {
    const absl::Duration even = (kMidnight + absl::Hours(24) - now) / static_cast<double>(left);
    pacer.Take(now, left, options, random);
    const absl::Duration gap = pacer.NextAt() - now;
    EXPECT_GE(gap, even * (1 - options.jitter) - absl::Microseconds(1));
    EXPECT_LE(gap, even * (1 + options.jitter) + absl::Microseconds(1));
    shortest = std::min(shortest, gap);
    longest = std::max(longest, gap);
    now = pacer.NextAt();
    const absl::Duration past = (now - kMidnight) % absl::Minutes(1);
    on_the_minute += past < absl::Seconds(1) || past > absl::Seconds(59);
  }
  EXPECT_LT(shortest, absl::Seconds(52));
  EXPECT_GT(longest, absl::Seconds(68));
  EXPECT_LT(on_the_minute, 60) << "of 740: chance alone gives 25";
}

TEST(DayPacer, NeverGoesFasterThanTheCatchUpFactor) {
  struct Case {
    const char* name;
    absl::Duration import_at;  // The recipients come so late.
    double factor;
  };
  for (const Case& c :
       {Case{"from the start", absl::ZeroDuration(), 2}, Case{"at noon", absl::Hours(12), 2},
        Case{"an hour before midnight", absl::Hours(23), 2},
        Case{"in the margin at the end", absl::Hours(23.9), 2},
        Case{"no catching up at all", absl::Hours(18), 1}}) {
    SCOPED_TRACE(c.name);
    PacingOptions options;
    options.catch_up_factor = c.factor;
    base::Random random(11);
    DayPacer pacer;
    const absl::Time end = kMidnight + absl::Hours(24);
    pacer.Open(kMidnight, DayShape::Even(kMidnight, end), 1000, 1000, options, random);
    const auto sent = SendAll(pacer, kMidnight + c.import_at, end, 1000, options, random);
    const absl::Duration least = LeastGap(absl::Hours(24), 1000, options);
    for (size_t i = 1; i < sent.size(); ++i) {
      ASSERT_GE(sent[i] - sent[i - 1], least - absl::Microseconds(1)) << "message " << i;
    }
    EXPECT_LE(static_cast<double>(sent.size()),
              absl::FDivDuration(absl::Hours(24) - c.import_at, least) + 1);
    EXPECT_GE(sent.size(), 3u);
  }
}

TEST(DayPacer, ARestartInTheMiddleOfADayStartsWithAFullGap) {
  const PacingOptions options;
  base::Random random(5);
  DayPacer pacer;
  const absl::Time noon = kMidnight + absl::Hours(12);
  // 100 of 200 are left for 12 hours: a message may have left just before the restart.
  pacer.Open(noon, DayShape::Even(kMidnight, kMidnight + absl::Hours(24)), 200, 100, options,
             random);
  EXPECT_GE(pacer.NextAt(), noon + LeastGap(absl::Hours(24), 200, options));
  EXPECT_NEAR(absl::ToDoubleMinutes(pacer.NextAt() - noon), 11.5 * 60 / 100, 0.5);
}

TEST(DayPacer, ManyRestartsSendNoMoreThanOneRun) {
  const PacingOptions options;
  base::Random random(6);
  absl::Time now = kMidnight;
  std::vector<absl::Time> sent;
  int64_t left = 200;
  while (now < kMidnight + absl::Hours(24) && left > 0) {
    DayPacer pacer;  // The process has just started.
    pacer.Open(now, DayShape::Even(kMidnight, kMidnight + absl::Hours(24)), 200, left, options,
               random);
    now = std::max(now, pacer.NextAt());
    sent.push_back(now);
    pacer.Take(now, --left, options, random);
    now += absl::Seconds(1);  // … and is killed a second later.
  }
  for (size_t i = 1; i < sent.size(); ++i) {
    ASSERT_GE(sent[i] - sent[i - 1], LeastGap(absl::Hours(24), 200, options));
  }
}

TEST(DayPacer, TheFirstMessageOfADayKeepsItsDistanceFromTheLastOneOfTheDayBefore) {
  const PacingOptions options;
  base::Random random(8);
  for (int i = 0; i < 50; ++i) {
    DayPacer pacer;
    const absl::Time next_day = kMidnight + absl::Hours(24);
    pacer.Open(kMidnight, DayShape::Even(kMidnight, next_day), 200, 200, options, random);
    const absl::Time last = next_day - absl::Seconds(1);
    pacer.Take(last, 0, options, random);
    pacer.Open(next_day, DayShape::Even(next_day, next_day + absl::Hours(24)), 200, 200, options,
               random);
    ASSERT_GE(pacer.NextAt(), last + LeastGap(absl::Hours(24), 200, options));
  }
}

TEST(DayPacer, DaysOf23And25HoursAreFilledToTheirEnd) {
  const absl::TimeZone berlin = base::LoadZone("Europe/Berlin").value();
  for (const absl::CivilDay day : {absl::CivilDay(2026, 3, 29), absl::CivilDay(2026, 10, 25)}) {
    SCOPED_TRACE(base::FormatDay(day));
    const PacingOptions options;
    base::Random random(9);
    DayPacer pacer;
    const absl::Time start = base::StartOf(day, berlin), end = base::EndOf(day, berlin);
    pacer.Open(start, DayShape::Even(start, end), 1000, 1000, options, random);
    const auto sent = SendAll(pacer, start, end, 1000, options, random);
    ASSERT_EQ(sent.size(), 1000u);
    EXPECT_GT(sent.back(), end - (end - start) * 0.04);
    for (size_t i = 1; i < sent.size(); ++i) {
      ASSERT_GE(sent[i] - sent[i - 1], LeastGap(end - start, 1000, options));
    }
  }
}

TEST(DayPacer, ARaisedCapQuickensThePaceAndALoweredOneSlowsIt) {
  const PacingOptions options;
  base::Random random(4);
  DayPacer pacer;
  const absl::Time noon = kMidnight + absl::Hours(12);
  pacer.Open(kMidnight, DayShape::Even(kMidnight, kMidnight + absl::Hours(24)), 200, 200, options,
             random);
  const double before = pacer.RatePerHour(noon, 100, options);
  pacer.SetCap(2000);
  EXPECT_GT(pacer.RatePerHour(noon, 1900, options), 10 * before);
  pacer.SetCap(100);
  EXPECT_LT(pacer.RatePerHour(noon, 1, options), before / 50);
}

TEST(DayPacer, FollowsTheWeightsOfTheHours) {
  struct Case {
    const char* name;
    std::vector<int> weights;
    int first, last;  // Hours, outside which nothing leaves.
  };
  std::vector<int> morning(24, 0), night(24, 0);
  for (int hour = 9; hour < 20; ++hour) morning[hour] = hour < 12 ? 2 : 1;
  for (int hour = 0; hour < 24; ++hour) night[hour] = hour < 2 || hour >= 22 ? 3 : 0;
  for (const Case& c : {Case{"twice as much in the morning", morning, 9, 20},
                        Case{"apart: the first two hours and the last two", night, 0, 24}}) {
    SCOPED_TRACE(c.name);
    PacingOptions options;
    options.window_margin = 0;
    base::Random random(5);
    DayPacer pacer, late_pacer;
    const DayShape shape({}, {.hourly_weights = c.weights}, absl::CivilDay(2026, 3, 2),
                         absl::UTCTimeZone());
    EXPECT_EQ(shape.start(), kMidnight + absl::Hours(c.first));
    EXPECT_EQ(shape.end(), kMidnight + absl::Hours(c.last));
    pacer.Open(kMidnight, shape, 2000, 2000, options, random);
    const auto sent = SendAll(pacer, kMidnight, shape.end(), 2000, options, random);
    ASSERT_EQ(sent.size(), 2000u) << "the cap is used up";
    std::vector<int> by_hour(24, 0);
    for (const absl::Time time : sent) ++by_hour[(time - kMidnight) / absl::Hours(1)];
    int sum = 0;
    for (const int weight : c.weights) sum += weight;
    for (int hour = 0; hour < 24; ++hour) {
      EXPECT_NEAR(by_hour[hour], 2000.0 * c.weights[hour] / sum, 12) << "hour " << hour;
      if (c.weights[hour] == 0) EXPECT_EQ(by_hour[hour], 0) << "hour " << hour;
    }
    // A late import: never faster than the factor, in the rate of the hour.
    late_pacer.Open(kMidnight, shape, 2000, 2000, options, random);
    const auto late =
        SendAll(late_pacer, shape.end() - absl::Minutes(90), shape.end(), 2000, options, random);
    const int weight = c.weights[c.last - 1];
    const absl::Duration least = absl::Hours(1) * (sum * (1 - options.window_margin) / weight /
                                                   2000 / options.catch_up_factor);
    ASSERT_GT(late.size(), 100u);
    for (size_t i = 1; i < late.size(); ++i) {
      ASSERT_GE(late[i] - late[i - 1], least - absl::Microseconds(1)) << i;
    }
  }
}

TEST(DayShape, KnowsTheHoursOfAClockChange) {
  const absl::TimeZone berlin = base::LoadZone("Europe/Berlin").value();
  struct Case {
    const char* name;
    absl::CivilDay day;
    SendingWindow window;
    std::vector<int> weights;
    double amount;
    absl::Duration length;
  };
  std::vector<int> two(24, 1), only_two(24, 0);
  two[2] = 10;
  only_two[2] = 1;
  const absl::CivilDay plain(2026, 3, 28), spring(2026, 3, 29), autumn(2026, 10, 25);
  for (const Case& c : {
           Case{"a plain day", plain, {}, {}, 24, absl::Hours(24)},
           Case{"23 hours", spring, {}, {}, 23, absl::Hours(23)},
           Case{"25 hours", autumn, {}, {}, 25, absl::Hours(25)},
           Case{"hour 2 is skipped", spring, {}, two, 23, absl::Hours(23)},
           Case{"hour 2 comes twice", autumn, {}, two, 23 + 20, absl::Hours(25)},
           Case{"only the skipped hour: a minute is left",
                spring,
                {},
                only_two,
                1.0 / 60,
                absl::Minutes(1)},
           Case{"only the hour that comes twice", autumn, {}, only_two, 2, absl::Hours(2)},
           Case{"a window of minutes",
                plain,
                {absl::Minutes(90), absl::Minutes(200)},
                two,
                0.5 + 10 + 1.0 / 3,
                absl::Minutes(110)},
       }) {
    SCOPED_TRACE(c.name);
    const DayShape shape(c.window, {.hourly_weights = c.weights}, c.day, berlin);
    EXPECT_NEAR(shape.Amount(), c.amount, 1e-9);
    EXPECT_EQ(shape.end() - shape.start(), c.length);
    EXPECT_EQ(shape.After(shape.start(), shape.Amount() + 1), shape.end());
    const absl::Time middle = shape.After(shape.start(), c.amount / 2);
    EXPECT_NEAR(shape.Amount(shape.start(), middle), c.amount / 2, 1e-9);
  }
}

TEST(DayShape, SaysWhenItOpens) {
  std::vector<int> weights(24, 0);
  weights[9] = weights[14] = 1;
  const DayShape shape({}, {.hourly_weights = weights}, absl::CivilDay(2026, 3, 2),
                       absl::UTCTimeZone());
  struct Case {
    const char* name;
    double hour, open;  // 99: never.
  };
  for (const Case& c : {Case{"before", 0, 9}, Case{"in an hour", 9.5, 9.5}, Case{"between", 10, 14},
                        Case{"at its start", 14, 14}, Case{"at its end", 15, 99}}) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(shape.OpenFrom(kMidnight + absl::Hours(c.hour)),
              c.open == 99 ? absl::InfiniteFuture() : kMidnight + absl::Hours(c.open));
  }
  SendingShape off;
  off.sends_on[0] = false;  // 2 March 2026 is a Monday.
  const DayShape monday({}, off, absl::CivilDay(2026, 3, 2), absl::UTCTimeZone());
  EXPECT_EQ(monday.OpenFrom(kMidnight), absl::InfiniteFuture());
  EXPECT_EQ(monday.end(), kMidnight);
}

}  // namespace
}  // namespace crescendo::core
