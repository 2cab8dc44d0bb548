// Commands that go on: they show what changes, and end with Ctrl-C, with the server, or when nobody
// reads on.
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"
#include "tests/cli/service_world.h"

namespace crescendo::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class WatchTest : public testing::Test {
 protected:
  WatchTest() {
    WorkingFolder::Write("body.txt", "Hello\n");
    WorkingFolder::Write("list.csv", "email,score\nann@gmail.com,0.9\nben@gmail.com,0.8\n");
    for (const char* line :
         {"ip create mta1-a --address 192.0.2.10 --ehlo-name a.example.com",
          "pool create main --ip mta1-a", "plan create warm-a --ip mta1-a --target 50000",
          "plan start warm-a",
          "campaign create spring --pool main --from news@shop.example --subject Hello "
          "--text body.txt",
          "campaign import spring list.csv", "campaign start spring"}) {
      EXPECT_EQ(RunProgram(world_.address(), absl::StrCat("crescendo ", line)).code, 0) << line;
    }
  }

  // Lets an hour pass at the first output, and stops at the first that holds `until`.
  Ran Watch(const std::string& line, absl::string_view until, bool terminal = false) {
    Interrupt interrupt;
    ProgramOptions options{.terminal = terminal, .interrupt = &interrupt};
    bool advanced = false;
    options.on_out = [&](const std::string& so_far) {
      if (!std::exchange(advanced, true)) world_.Advance(absl::Hours(1));
      if (absl::StrContains(so_far, until)) interrupt.Trigger();
    };
    return RunProgram(world_.address(), absl::StrCat("crescendo ", line), options);
  }

  WorkingFolder folder_;
  ServiceWorld world_;
};

TEST_F(WatchTest, APlanIsDrawnInPlaceOnATerminal) {
  const Ran ran = Watch("plan watch warm-a --interval 100ms", "2 accepted", /*terminal=*/true);
  EXPECT_EQ(ran.code, 130);
  const std::vector<std::string> views = absl::StrSplit(ran.out, "\x1b[H\x1b[2J");
  ASSERT_EQ(views.size(), 3u);  // Nothing stands before the first.
  EXPECT_THAT(views[1], AllOf(HasSubstr("0 accepted, 0 refused"), HasSubstr("200 of 200 left")));
  EXPECT_THAT(views[2], HasSubstr("2 accepted"));
  EXPECT_EQ(ran.err, "crescendo: interrupted\n");
}

TEST_F(WatchTest, APlanIsPrintedAgainAndAgainElsewhere) {
  const Ran ran = Watch("plan watch warm-a --interval 100ms", "2 accepted");
  EXPECT_THAT(ran.out, AllOf(Not(HasSubstr("\x1b")), HasSubstr("\n\nPLAN ")));
  const Ran json = Watch("plan watch warm-a --interval 100ms -o json", "\"accepted\":2");
  EXPECT_EQ(json.code, 130);
  EXPECT_THAT(json.out, StartsWith("{\"plan\":{\"name\":\"plans/warm-a\""));
}

TEST_F(WatchTest, EventsComeAsTheyHappen) {
  const Ran ran = Watch("event stream --after 0", "ben@gmail.com");
  EXPECT_EQ(ran.code, 130);
  EXPECT_THAT(ran.out,
              AllOf(StartsWith("2026-01-01 08:00:00Z  CREATED  mta1-a: egress IP created\n"),
                    HasSubstr("ACCEPTED  spring mta1-a gmail ann@gmail.com: 250 2.0.0 OK\n")));
}

// It says so, with exit code 3 once the daemon stays away: a log that ends must not look whole.
TEST_F(WatchTest, AServerThatGoesAwayIsAnError) {
  for (const char* line : {"plan watch warm-a", "event stream --after 0"}) {
    SCOPED_TRACE(line);
    ProgramOptions options;
    bool stopped = false;
    std::thread stopper;
    options.on_out = [&](const std::string&) {
      if (!std::exchange(stopped, true)) stopper = std::thread([this] { world_.StopServer(); });
    };
    const Ran ran = RunProgram(world_.address(),
                               absl::StrCat("crescendo ", line, " --retry-limit 1ms"), options);
    stopper.join();
    EXPECT_EQ(ran.code, 3);
    EXPECT_THAT(ran.err, AllOf(HasSubstr("crescendo: c"), Not(HasSubstr("interrupted"))));
    world_.StartServer();
  }
}

TEST_F(WatchTest, EventsGoOnBehindARestartWithoutGapOrRepeat) {
  Interrupt interrupt;
  ProgramOptions options{.interrupt = &interrupt};
  bool cut = false;
  options.on_out = [&](const std::string& so_far) {
    if (!std::exchange(cut, true)) {
      world_.StopServer();
      world_.StartServer();
      world_.Advance(absl::Hours(1));
    }
    if (absl::StrContains(so_far, "ben@gmail.com")) interrupt.Trigger();
  };
  const Ran ran = RunProgram(world_.address(), "crescendo event stream --after 0 -o json", options);
  EXPECT_EQ(ran.code, 130);
  EXPECT_THAT(ran.err, HasSubstr("going on behind event "));
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(ran.out, '\n', absl::SkipEmpty())) {
    EXPECT_THAT(std::string(line), StartsWith(absl::StrCat("{\"name\":\"events/", ++number, "\"")));
  }
  EXPECT_GE(number, 9);
}

TEST_F(WatchTest, NoneAndWidthAreForTerminals) {
  const auto run = [this](const char* line, const ProgramOptions& options) {
    return RunProgram(world_.address(), line, options);
  };
  EXPECT_EQ(run("crescendo suppression list", {.terminal = true}).err, "none\n");
  EXPECT_THAT(run("crescendo suppression list", {}).err, IsEmpty());
  const Ran narrow = run("crescendo event list", {.terminal = true, .width = 100});
  for (const absl::string_view line : absl::StrSplit(narrow.out, '\n')) {
    EXPECT_LE(line.size(), 100u) << line;
  }
  EXPECT_THAT(run("crescendo plan list", {.terminal = true, .colour = true}).out,
              HasSubstr("\x1b[1mPLAN"));
  EXPECT_THAT(run("crescendo plan list --color never", {.terminal = true, .colour = true}).out,
              Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace crescendo::cli
