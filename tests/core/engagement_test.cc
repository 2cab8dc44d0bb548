#include "scheduler/domain/engagement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "scheduler/base/random.h"

namespace crescendo {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kDay = absl::Hours(24);

EngagementSignals Clicked(absl::Duration ago, int64_t count = 1) {
  EngagementSignals signals;
  signals.last_click_time = kNow - ago;
  signals.click_count = count;
  return signals;
}
EngagementSignals Opened(absl::Duration ago, int64_t count = 1) {
  EngagementSignals signals;
  signals.last_open_time = kNow - ago;
  signals.open_count = count;
  return signals;
}
EngagementSignals Subscribed(absl::Duration ago) {
  EngagementSignals signals;
  signals.subscribe_time = kNow - ago;
  return signals;
}

TEST(Engagement, TheMoreEngagedScoresHigher) {
  struct Case {
    const char* name;
    EngagementSignals more, less;
  };
  for (const Case& c : {Case{"a click outweighs an open", Clicked(kDay), Opened(kDay)},
                        Case{"a click of last month outweighs an open of last month",
                             Clicked(30 * kDay), Opened(30 * kDay)},
                        Case{"an open outweighs a subscription", Opened(kDay), Subscribed(kDay)},
                        Case{"a subscription outweighs nothing", Subscribed(300 * kDay), {}},
                        Case{"newer outweighs older", Clicked(kDay), Clicked(2 * kDay)},
                        Case{"ten clicks outweigh one", Clicked(kDay, 10), Clicked(kDay)},
                        Case{"a click of today outweighs a hundred of last year", Clicked(kDay),
                             Clicked(365 * kDay, 100)}}) {
    SCOPED_TRACE(c.name);
    EXPECT_GT(EngagementScore(c.more, kNow), EngagementScore(c.less, kNow));
  }
  EXPECT_EQ(EngagementScore({}, kNow), 0);
}

// Privacy proxies open everything: no number of opens says what one click says.
TEST(Engagement, OneClickOutweighsAnyNumberOfOpensOfTheSameDate) {
  for (const absl::Duration ago : {absl::ZeroDuration(), kDay, 30 * kDay, 400 * kDay}) {
    for (const int64_t opens :
         {int64_t{1}, int64_t{30}, int64_t{1'000'000}, std::numeric_limits<int64_t>::max()}) {
      SCOPED_TRACE(absl::FormatDuration(ago) + " ago, opens: " + std::to_string(opens));
      EngagementSignals opened = Opened(ago, opens);
      opened.subscribe_time = kNow - ago;
      EXPECT_GT(EngagementScore(Clicked(ago), kNow), EngagementScore(opened, kNow));
    }
  }
  EXPECT_GT(EngagementScore(Opened(kDay, 10), kNow), EngagementScore(Opened(kDay), kNow))
      << "yet more opens say more than one";
}

// Only new engagement re-ranks: a score computed at import stays good.
TEST(Engagement, TheOrderDoesNotDependOnWhenItIsComputed) {
  base::Random random(21);
  std::vector<EngagementSignals> people;
  for (int i = 0; i < 300; ++i) {
    EngagementSignals signals;
    // Some was reported after the campaign was made.
    const auto ago = [&] { return kNow - kDay * random.Between(-60, 400); };
    if (random.Unit() < 0.5) signals.last_click_time = ago();
    if (random.Unit() < 0.7) signals.last_open_time = ago();
    if (random.Unit() < 0.9) signals.subscribe_time = ago();
    signals.click_count = static_cast<int64_t>(random.Below(50));
    signals.open_count = static_cast<int64_t>(random.Below(500));
    people.push_back(signals);
  }
  for (size_t i = 1; i < people.size(); ++i) {
    const bool now = EngagementScore(people[i], kNow) > EngagementScore(people[i - 1], kNow);
    const absl::Time later = kNow + 90 * kDay;
    EXPECT_EQ(now, EngagementScore(people[i], later) > EngagementScore(people[i - 1], later)) << i;
  }
}

TEST(Engagement, AnyInputGivesAScoreInItsRange) {
  struct Case {
    const char* name;
    EngagementSignals signals;
  };
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EngagementSignals everything = Clicked(absl::ZeroDuration(), kMost);
  everything.last_open_time = everything.subscribe_time = kNow;
  everything.open_count = kMost;
  EngagementSignals counts_only;
  counts_only.click_count = 1'000'000;
  counts_only.open_count = 1'000'000;
  EngagementSignals distant = Clicked(absl::ZeroDuration());
  distant.last_click_time = absl::InfinitePast();
  distant.subscribe_time = absl::UnixEpoch();
  for (const Case& c :
       {Case{"nothing", {}}, Case{"everything, all the time", everything},
        Case{"counts without a time", counts_only}, Case{"times without a count", Clicked(kDay, 0)},
        Case{"a negative count", Clicked(kDay, -5)}, Case{"long ago", distant},
        Case{"after it", Clicked(-30 * kDay)}, Case{"centuries after it", Clicked(-99'999 * kDay)},
        Case{"for ever after", Clicked(-absl::InfiniteDuration(), kMost)}}) {
    SCOPED_TRACE(c.name);
    const double score = EngagementScore(c.signals, kNow);
    EXPECT_TRUE(std::isfinite(score));
    EXPECT_GE(score, 0);
    EXPECT_LT(score, 1);
  }
  EXPECT_EQ(EngagementScore(counts_only, kNow), 0) << "without a time nobody knows how old it is";
  const auto sum = [](const EngagementSignals& signals) { return PartsOf(signals, kNow).clicks; };
  EXPECT_NEAR(sum(Clicked(-30 * kDay)), 2 * sum(Clicked(absl::ZeroDuration())), 1e-9)
      << "what happened later weighs more, by the same half-life";
  EXPECT_EQ(EngagementScore(Clicked(kDay, -5), kNow), EngagementScore(Clicked(kDay, 1), kNow));
}

TEST(Engagement, EventsAddUpInAnyOrder) {
  const auto event = [](EngagementKind kind, int day) {
    return EngagementEvent{"a@x.example", kind, kNow + kDay * day, 0};
  };
  const std::vector<EngagementEvent> events = {
      event(EngagementKind::kClick, 3), event(EngagementKind::kOpen, 5),
      event(EngagementKind::kClick, 1), event(EngagementKind::kMachineOpen, 9)};
  for (size_t first = 0; first < events.size(); ++first) {
    SCOPED_TRACE(first);
    Engagement engagement;
    for (size_t i = 0; i < events.size(); ++i) {
      Add(events[(first + i) % events.size()], &engagement);
    }
    EXPECT_EQ(engagement.signals.last_click_time, kNow + 3 * kDay);
    EXPECT_EQ(engagement.signals.click_count, 2);
    EXPECT_EQ(engagement.signals.last_open_time, kNow + 5 * kDay);
    EXPECT_EQ(engagement.signals.open_count, 1);
    EXPECT_EQ(engagement.last_machine_open_time, kNow + 9 * kDay);
    EXPECT_EQ(engagement.machine_open_count, 1);
  }
}

// An import and the events tell of the same clicks: none counts twice, and none is lost.
TEST(Engagement, AnImportIncludesWhatWasReportedBeforeIt) {
  struct Case {
    const char* name;
    int64_t given, reported_before, reported_in_all, expected;
  };
  for (const Case& c :
       {Case{"nothing was reported", 5, 0, 0, 5}, Case{"some of it was", 5, 3, 3, 5},
        Case{"and more after it", 5, 3, 4, 6}, Case{"only what was reported", 0, 0, 2, 2},
        Case{"the platform knows of less", 1, 3, 4, 4}}) {
    SCOPED_TRACE(c.name);
    const EngagementSignals before = Clicked(2 * kDay, c.reported_before);
    const EngagementSignals all = Clicked(kDay, c.reported_in_all);
    const EngagementSignals beyond = BeyondReported(Clicked(3 * kDay, c.given), before);
    EXPECT_EQ(Together(beyond, all).click_count, c.expected);
    EXPECT_EQ(Together(beyond, all).last_click_time, kNow - kDay);
  }
}

TEST(Engagement, AClickAMonthAgoAndAFewOpensIsAboutTheMiddle) {
  EngagementSignals signals = Clicked(30 * kDay);
  signals.last_open_time = kNow - 30 * kDay;
  signals.open_count = 3;
  EXPECT_NEAR(EngagementScore(signals, kNow), 0.67, 0.1);
}

}  // namespace
}  // namespace crescendo
