// crescendo campaign send: from a file to the last outcome.
#include <atomic>
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
using ::testing::Not;

class SendTest : public testing::Test {
 protected:
  SendTest() {
    WorkingFolder::Write("Spring 1.csv",
                         "email,score\nann@gmail.com,0.9\nunknown1@gmail.com,0.8\n"
                         "ben@yahoo.com,0.7\n");
    WorkingFolder::Write("late.csv", "email,score\nann@gmail.com,0.9\nfull1@gmail.com,0.8\n");
    WorkingFolder::Write(
        "spring.eml", "Subject: Hello\nFrom: \"Shop \\\"1\\\"\"\n\t<news@shop.example>\n\nHello\n");
    WorkingFolder::Write("autumn.eml", "Subject: Bye\nFrom: news@shop.example\n\nBye\n");
    WorkingFolder::Write("nobody.eml", "Subject: Bye\n\nFrom: news@shop.example\n");
    Run("ip create mta1-a --address 192.0.2.10 --ehlo-name a.example.com");
    Run("pool create main --ip mta1-a");
  }

  Ran Run(const std::string& line, const ProgramOptions& options = {}) {
    return RunProgram(world_.address(), absl::StrCat("crescendo ", line), options);
  }
  // While time goes by.
  Ran RunToTheEnd(const std::string& line) {
    std::atomic<bool> over{false};
    ProgramOptions options;
    std::thread time([&] {
      while (!over) world_.Advance(absl::Minutes(1));
    });
    const Ran ran = Run(line, options);
    over = true;
    time.join();
    return ran;
  }

  WorkingFolder folder_;
  ServiceWorld world_;
};

constexpr char kSend[] =
    "campaign send 'Spring 1.csv' --template spring.eml --pool main --interval 1ms";

// The mailbox of one is full.
constexpr char kSendLate[] =
    "campaign send late.csv --template spring.eml --pool main --interval 1ms";

TEST_F(SendTest, FromTheFileToTheLastOutcome) {
  const Ran ran = RunToTheEnd(kSend);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("ADDED       3"), HasSubstr("CAMPAIGN    spring-1"),
                             HasSubstr("FROM        Shop \"1\" <news@shop.example>"),
                             HasSubstr("2 accepted, 1 bounced, 0 expired")));
  // Again: nobody is added, nothing is sent.
  const Ran again = RunToTheEnd(kSend);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, AllOf(HasSubstr("ADDED       0"), HasSubstr("2 accepted, 1 bounced")));
  EXPECT_THAT(again.err, HasSubstr("is there already: going on with it"));
}

TEST_F(SendTest, CtrlCEndsTheWatchingAlone) {
  Interrupt interrupt;
  ProgramOptions options{.terminal = true, .width = 100, .interrupt = &interrupt};
  options.on_err = [&](const std::string& so_far) {
    if (absl::StrContains(so_far, "done about")) interrupt.Trigger();
  };
  const Ran ran = Run(kSendLate, options);
  EXPECT_EQ(ran.code, 130);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("\r[###"), HasSubstr("done about 2026-01-0"),
                             HasSubstr("goes on without this: crescendo campaign watch late")));
  const Ran watched = RunToTheEnd("campaign watch late --interval 1ms -o json");
  EXPECT_EQ(watched.code, 0) << watched.err;
  EXPECT_THAT(watched.out, HasSubstr("\"accepted\":1,\"bounced\":1"));
  EXPECT_THAT(watched.err, Not(HasSubstr("done")));
}

TEST_F(SendTest, APausedCampaignSaysSo) {
  EXPECT_EQ(Run(absl::StrCat(kSendLate, " --no-wait")).code, 0);
  Run("campaign pause late --reason 'wrong link'");
  Interrupt interrupt;
  ProgramOptions options{.interrupt = &interrupt};
  options.on_err = [&](const std::string& so_far) {
    if (absl::StrContains(so_far, "PAUSED: wrong link")) interrupt.Trigger();
  };
  EXPECT_EQ(Run("campaign watch late --interval 1ms", options).code, 130);
}

TEST_F(SendTest, RefusesWhatItCannotSend) {
  EXPECT_EQ(Run(absl::StrCat(kSend, " --no-wait")).code, 0);
  struct Case {
    const char* line;
    int code;
    const char* fault;
  };
  for (const Case& c :
       {Case{"'Spring 1.csv' --template autumn.eml --pool main", 1, "give this one another name"},
        Case{"'Spring 1.csv' --template nobody.eml --pool main", 2, "nobody is it from"},
        Case{"'Spring 1.csv' --pool main", 2, "there is no body"},
        Case{"missing.csv --template spring.eml --pool main", 2, "no such file"},
        Case{"'Spring 1.csv' --template spring.eml --name new", 1, "pool"},
        Case{"'Spring 1.csv' --template missing.eml --pool main", 2, "no such file"}}) {
    SCOPED_TRACE(c.line);
    const Ran ran = Run(absl::StrCat("campaign send ", c.line));
    EXPECT_EQ(ran.code, c.code);
    EXPECT_THAT(ran.err, HasSubstr(c.fault));
  }
}

TEST_F(SendTest, ADryRunStoresNothing) {
  const Ran ran = Run(absl::StrCat(kSend, " --dry-run"));
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("CAMPAIGN    spring-1"));
  EXPECT_EQ(Run("campaign get spring-1").code, 1);
}

}  // namespace
}  // namespace crescendo::cli
