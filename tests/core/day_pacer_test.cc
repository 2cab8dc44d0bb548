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
    pacer.Open(kMidnight, start, end, c.cap, c.cap, options, random);
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
  pacer.Open(kMidnight, kMidnight, kMidnight + absl::Hours(24), 1440, 1440, options, random);
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
    pacer.Open(kMidnight, kMidnight, end, 1000, 1000, options, random);
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
  pacer.Open(noon, kMidnight, kMidnight + absl::Hours(24), 200, 100, options, random);
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
    pacer.Open(now, kMidnight, kMidnight + absl::Hours(24), 200, left, options, random);
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
    pacer.Open(kMidnight, kMidnight, next_day, 200, 200, options, random);
    const absl::Time last = next_day - absl::Seconds(1);
    pacer.Take(last, 0, options, random);
    pacer.Open(next_day, next_day, next_day + absl::Hours(24), 200, 200, options, random);
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
    pacer.Open(start, start, end, 1000, 1000, options, random);
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
  pacer.Open(kMidnight, kMidnight, kMidnight + absl::Hours(24), 200, 200, options, random);
  const double before = pacer.RatePerHour(noon, 100, options);
  pacer.SetCap(2000);
  EXPECT_GT(pacer.RatePerHour(noon, 1900, options), 10 * before);
  pacer.SetCap(100);
  EXPECT_LT(pacer.RatePerHour(noon, 1, options), before / 50);
}

}  // namespace
}  // namespace crescendo::core
