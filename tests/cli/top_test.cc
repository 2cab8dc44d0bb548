// crescendo top: frames as they are drawn, and the keys.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cmd/crescendo/top_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"
#include "tests/cli/service_world.h"

namespace crescendo::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

v1::Lane NewLane(const char* provider, int64_t queued) {
  v1::Lane lane;
  lane.set_name(absl::StrCat("egressIps/mta1-a/lanes/", provider));
  lane.set_plan_day("2026-01-01");
  lane.set_state(v1::Lane::WARMING);
  lane.set_queued(queued);
  lane.set_connection_limit(2);
  lane.mutable_wait()->set_reason(v1::Wait::NONE);
  return lane;
}

std::vector<v1::Lane> FiveLanes() {
  std::vector<v1::Lane> lanes = {NewLane("apple", 5), NewLane("gmail", 50), NewLane("gmx", 500),
                                 NewLane("orange", 0), NewLane("yahoo", 7)};
  lanes[1].mutable_wait()->set_reason(v1::Wait::BLOCKED);
  lanes[1].set_state(v1::Lane::HELD);
  lanes[3].set_state(v1::Lane::PAUSED);
  lanes[4].mutable_throttle()->set_rate_per_hour(20);
  return lanes;
}

std::vector<std::string> Names(const std::vector<v1::Lane>& lanes) {
  std::vector<std::string> names;
  for (const v1::Lane& lane : lanes) {
    names.push_back(lane.name().substr(std::string("egressIps/mta1-a/lanes/").size()));
  }
  return names;
}

TEST(TopView, Orders) {
  std::vector<v1::Lane> lanes = FiveLanes();
  LaneRates rates;
  rates.Look(lanes, absl::Seconds(10));
  lanes[0].mutable_today()->set_accepted(3);
  lanes[3].mutable_today()->set_accepted(9);
  rates.Look(lanes, absl::Seconds(40));
  EXPECT_EQ(rates.PerMinute(lanes[0]), 6);
  EXPECT_EQ(rates.PerMinute(lanes[1]), 0);
  const auto sorted = [&](TopOrder order) {
    SortLanes(order, rates, &lanes);
    return Names(lanes);
  };
  EXPECT_THAT(sorted(TopOrder::kTrouble), ElementsAre("gmail", "orange", "yahoo", "apple", "gmx"));
  EXPECT_THAT(sorted(TopOrder::kRate), ElementsAre("orange", "apple", "gmail", "gmx", "yahoo"));
  EXPECT_THAT(sorted(TopOrder::kQueued), ElementsAre("gmx", "gmail", "yahoo", "apple", "orange"));
  EXPECT_THAT(sorted(TopOrder::kName), ElementsAre("apple", "gmail", "gmx", "orange", "yahoo"));
}

// A new plan day begins to count from 0: that is no negative rate.
TEST(TopView, ANewDayHasNoRateYet) {
  std::vector<v1::Lane> lanes = {NewLane("gmail", 5)};
  lanes[0].mutable_today()->set_accepted(100);
  LaneRates rates;
  rates.Look(lanes, absl::Seconds(0));
  lanes[0].set_plan_day("2026-01-02");
  lanes[0].mutable_today()->set_accepted(1);
  rates.Look(lanes, absl::Seconds(1));
  EXPECT_EQ(rates.PerMinute(lanes[0]), 0);
}

class TopFrameTest : public testing::Test {
 protected:
  TopFrameTest() {
    frame_.lanes = FiveLanes();
    frame_.server = "127.0.0.1:7070";
    streams_.width = [] { return 100; };
  }
  std::vector<std::string> Draw(int height) {
    return DrawTop(frame_, LaneRates(), streams_, height);
  }

  std::ostringstream out_, err_;
  std::istringstream in_;
  Streams streams_{out_, err_, in_};
  TopFrame frame_;
};

TEST_F(TopFrameTest, FitsTheTerminal) {
  for (const int height : {1, 2, 5, 6, 9, 10, 40}) {
    SCOPED_TRACE(height);
    const std::vector<std::string> lines = Draw(height);
    EXPECT_LE(lines.size(), static_cast<size_t>(height));
    for (const std::string& line : lines) EXPECT_LE(line.size(), 100u) << line;
  }
}

TEST_F(TopFrameTest, ScrollsNoFartherThanTheLastLane) {
  frame_.first = 99;
  const std::vector<std::string> lines = Draw(7);
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_THAT(lines[4], StartsWith("mta1-a/orange"));
  EXPECT_THAT(lines[5], StartsWith("mta1-a/yahoo"));
  EXPECT_THAT(lines[6], HasSubstr("4 to 5 of 5"));
}

TEST_F(TopFrameTest, SaysWhatIsStoppedAndWhyItIsNotLive) {
  EXPECT_THAT(Draw(0)[1], HasSubstr("2 stopped, 1 slowed down"));
  frame_.fault = "NOT LIVE: connection refused";
  EXPECT_EQ(Draw(0)[1], "NOT LIVE: connection refused");
  frame_.lanes.clear();
  EXPECT_THAT(Draw(20)[3], HasSubstr("import recipients"));
}

class TopTest : public testing::Test {
 protected:
  TopTest() {
    WorkingFolder::Write("body.txt", "Hello\n");
    WorkingFolder::Write("list.csv", "email,score\nann@gmail.com,0.9\nben@yahoo.com,0.8\n");
    for (const char* line :
         {"ip create mta1-a --address 192.0.2.10 --ehlo-name a.example.com",
          "pool create main --ip mta1-a",
          "campaign create spring --pool main --from news@shop.example --subject Hello "
          "--text body.txt",
          "campaign import spring list.csv", "campaign start spring"}) {
      EXPECT_EQ(RunProgram(world_.address(), absl::StrCat("crescendo ", line)).code, 0) << line;
    }
  }

  WorkingFolder folder_;
  ServiceWorld world_;
};

TEST_F(TopTest, KeysChangeTheViewAndQLeavesTheTerminalAsItWas) {
  ProgramOptions options{.terminal = true, .width = 120, .height = 20};
  options.keys = {Key::kOrder, Key::kFreeze, Key::kDown, Key::kQuit};
  const Ran ran = RunProgram(world_.address(), "crescendo top", options);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, StartsWith("\x1b[?1049h\x1b[?25l\x1b[H"));
  EXPECT_TRUE(absl::EndsWith(ran.out, "\x1b[?25h\x1b[?1049l"));
  const std::vector<std::string> frames = absl::StrSplit(ran.out, "\x1b[H");
  ASSERT_EQ(frames.size(), 5u);
  EXPECT_THAT(frames[1], AllOf(HasSubstr("2 lanes, by trouble"), HasSubstr("mta1-a/gmail"),
                               HasSubstr("q quit")));
  EXPECT_THAT(frames[2], HasSubstr("by rate"));
  EXPECT_THAT(frames[3], HasSubstr("FROZEN"));
}

TEST_F(TopTest, ItGoesOnWithoutTheServer) {
  Interrupt interrupt;
  ProgramOptions options{.terminal = true, .width = 120, .height = 20, .interrupt = &interrupt};
  bool stopped = false;
  std::thread stopper;
  options.on_out = [&](const std::string& so_far) {
    if (!std::exchange(stopped, true)) stopper = std::thread([this] { world_.StopServer(); });
    if (absl::StrContains(so_far, "NOT LIVE: ")) interrupt.Trigger();
  };
  const Ran ran = RunProgram(world_.address(), "crescendo top --interval 1ms", options);
  stopper.join();
  EXPECT_EQ(ran.code, 0);
  // What was last seen is still there.
  EXPECT_THAT(ran.out.substr(ran.out.rfind("NOT LIVE")), HasSubstr("mta1-a/gmail"));
}

TEST_F(TopTest, ElsewhereItLooksOnce) {
  const Ran ran = RunProgram(world_.address(), "crescendo top --order name");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(Not(HasSubstr("\x1b")), HasSubstr("LANE          STATE"),
                             HasSubstr("\nmta1-a/gmail")));
  EXPECT_THAT(RunProgram(world_.address(), "crescendo top -o json --provider gmail").out,
              StartsWith("{\"name\":\"egressIps/mta1-a/lanes/gmail\""));
}

TEST(Keyboard, KnowsItsKeys) {
  const auto key = [](absl::string_view bytes) { return KeyOf(bytes.data(), bytes.size()); };
  EXPECT_EQ(key("q"), Key::kQuit);
  EXPECT_EQ(key("\x1b[A"), Key::kUp);
  EXPECT_EQ(key("\x1b[6~"), Key::kPageDown);
  EXPECT_EQ(key("x"), Key::kOther);
  EXPECT_EQ(key("\x1b[A\x1b[A"), Key::kOther);
}

}  // namespace
}  // namespace crescendo::cli
