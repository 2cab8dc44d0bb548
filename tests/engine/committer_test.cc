#include "scheduler/engine/committer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/support/fault_store.h"
#include "tests/support/rig.h"

namespace crescendo::engine {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

// A committer that is run by hand, and what became of the jobs it was given.
struct Bench {
  support::FaultStore store;
  std::vector<std::string> told;  // By the listener.
  std::vector<std::string> done;  // "name: code".
  Committer committer{
      &store,
      {.committed = [this] { told.push_back("committed"); },
       .accepting = [this](bool accepting) { told.push_back(accepting ? "accepting" : "full"); },
       .fatal = [this](const absl::Status&) { told.push_back("fatal"); }}};

  // A job that creates so many egress IPs: `name`-0, `name`-1 …
  Job NewJob(const std::string& name, bool critical = false, int writes = 1) {
    Job job;
    job.critical = critical;
    for (int i = 0; i < writes; ++i) {
      ports::Put<EgressIp> put;
      put.record = support::NewIp(absl::StrCat(name, "-", i), "192.0.2.1");
      job.writes.push_back(std::move(put));
    }
    job.done = [this, name](const absl::Status& status, absl::Span<ports::WriteResult> results) {
      std::string line = absl::StrCat(name, ": ", absl::StatusCodeToString(status.code()));
      for (const ports::WriteResult& result : results) {
        if (!result.status.ok()) absl::StrAppend(&line, " but ", result.status.message());
      }
      done.push_back(line);
    };
    return job;
  }
  void Post(const std::string& name, bool critical = false, int writes = 1) {
    committer.Post(NewJob(name, critical, writes));
  }
  size_t stored() { return store.LoadDirectory()->egress_ips.size(); }
};

constexpr bool kCritical = true;

TEST(Committer, OneCommitServesManyCallersInTheOrderTheyCame) {
  Bench bench;
  bench.Post("a");
  bench.Post("b", kCritical, 2);
  bench.Post("c");
  EXPECT_THAT(bench.done, IsEmpty()) << "nothing is answered before it is committed";
  EXPECT_FALSE(bench.committer.idle());
  EXPECT_TRUE(bench.committer.RunPending());
  EXPECT_THAT(bench.store.groups(), ElementsAre(4));
  EXPECT_THAT(bench.done, ElementsAre("a: OK", "b: OK", "c: OK"));
  EXPECT_THAT(bench.told, ElementsAre("committed"));
  EXPECT_FALSE(bench.committer.RunPending());
  EXPECT_TRUE(bench.committer.idle());
}

TEST(Committer, AGroupEndsBeforeItIsSoLargeThatTheFirstCallerWaitsForTheLast) {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.Post(absl::StrCat("big", i), false, 3000);
  bench.committer.RunPending();
  EXPECT_THAT(bench.store.groups(), ElementsAre(6000, 3000));
  EXPECT_THAT(bench.done, ElementsAre("big0: OK", "big1: OK", "big2: OK"));
}

TEST(Committer, OutcomesPassByTheImportsThatWait) {
  Bench bench;
  for (int i = 1; i <= 4; ++i) {
    Job import = bench.NewJob(absl::StrCat("import", i));
    import.rows = 10'000;
    if (i == 1) {
      import.done = [&bench, done = std::move(import.done) ](
          const absl::Status& status, absl::Span<ports::WriteResult> results) mutable {
        done(status, results);
      bench.Post("outcome", kCritical);
      bench.committer.PostRead([&bench](ports::Store&) { bench.done.push_back("read"); });
    };
  }
  bench.committer.Post(std::move(import));
}
bench.Post("before", kCritical);
bench.committer.RunPending();
EXPECT_THAT(bench.done, ElementsAre("before: OK", "import1: OK", "import2: OK", "outcome: OK",
                                    "import3: OK", "import4: OK", "read"));
EXPECT_THAT(bench.store.groups(), ElementsAre(3, 3));
}  // namespace

TEST(Committer, AFullDiskFailsTheImportsThatWait) {
  Bench bench;
  bench.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  for (int i = 1; i <= 3; ++i) {
    Job import = bench.NewJob(absl::StrCat("import", i));
    import.rows = 20'000;
    bench.committer.Post(std::move(import));
  }
  bench.Post("outcome", kCritical);
  bench.committer.RunPending();
  EXPECT_THAT(bench.done, ElementsAre("import1: RESOURCE_EXHAUSTED", "import2: RESOURCE_EXHAUSTED",
                                      "import3: RESOURCE_EXHAUSTED"));
  bench.store.Heal();
  bench.committer.RunPending();
  EXPECT_THAT(bench.done, testing::Contains("outcome: OK"));
  EXPECT_EQ(bench.stored(), 1u);
}

TEST(Committer, AWriteThatFailsIsItsCallersAlone) {
  Bench bench;
  bench.Post("a");
  bench.Post("a");
  bench.Post("b");
  bench.committer.RunPending();
  EXPECT_THAT(bench.done, ElementsAre("a: OK", testing::StartsWith("a: OK but"), "b: OK"));
}

TEST(Committer, AStepOfLongWorkRunsBetweenCommitsHoweverManyReadsWait) {
  Bench bench;
  std::vector<std::string> order;
  while (bench.committer.PostRead([&](ports::Store&) { order.push_back("read"); })) {
  }
  bool ran = false;
  std::thread backup([&] {
    ran = bench.committer.RunBetween([&](ports::Store&) { order.push_back("step 1"); }) &&
          bench.committer.RunBetween([&](ports::Store&) { order.push_back("step 2"); });
  });
  // Nothing is left to do once both have run.
  while (order.empty() || order.back() != "step 2") {
    bench.Post("a");
    bench.committer.RunPending();
  }
  backup.join();
  EXPECT_TRUE(ran);
  EXPECT_EQ(std::count(order.begin(), order.end(), "read"), std::ssize(order) - 2);
  EXPECT_THAT(bench.done, testing::Contains("a: OK"));
}

TEST(Committer, AStepThatIsTooLateIsNotRun) {
  Bench bench;
  std::thread waiting(
      [&] { EXPECT_FALSE(bench.committer.RunBetween([](ports::Store&) { FAIL() << "it ran"; })); });
  while (bench.committer.idle()) std::this_thread::yield();
  bench.committer.Stop();
  waiting.join();
  EXPECT_FALSE(bench.committer.RunBetween([](ports::Store&) { FAIL() << "it ran"; }));
  EXPECT_TRUE(bench.committer.idle());
}

TEST(Committer, AFullDiskFailsWhatIsNewAndKeepsWhatHasHappened) {
  Bench bench;
  bench.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  bench.Post("new");
  bench.Post("outcome1", kCritical);
  bench.Post("outcome2", kCritical);
  bench.committer.RunPending();
  EXPECT_THAT(bench.done, ElementsAre("new: RESOURCE_EXHAUSTED"));
  EXPECT_THAT(bench.told, ElementsAre("full")) << "told once";
  EXPECT_FALSE(bench.committer.RunPending()) << "nothing waits but what cannot be helped now";
  EXPECT_TRUE(bench.committer.health().ok()) << "it heals by itself";
  EXPECT_EQ(bench.stored(), 0u);

  bench.store.Heal();
  bench.Post("later");
  bench.committer.RunPending();
  EXPECT_THAT(bench.done,
              ElementsAre("new: RESOURCE_EXHAUSTED", "outcome1: OK", "outcome2: OK", "later: OK"));
  EXPECT_THAT(bench.told, ElementsAre("full", "committed", "accepting"));
  EXPECT_EQ(bench.stored(), 3u);
}

TEST(Committer, OutcomesAreRecordedThoughWhatIsNewBesideThemFindsNoRoom) {
  Bench bench;
  bench.store.FailCommits(absl::ResourceExhaustedError("disk full"), /*room=*/2);
  bench.Post("outcome1", kCritical);
  bench.Post("import", false, 50);
  bench.Post("outcome2", kCritical);
  bench.committer.RunPending();
  EXPECT_THAT(bench.done,
              ElementsAre("import: RESOURCE_EXHAUSTED", "outcome1: OK", "outcome2: OK"));
  EXPECT_EQ(bench.stored(), 2u);
}

TEST(Committer, NoOutcomeOvertakesOneThatIsKept) {
  Bench bench;
  bench.store.FailCommits(absl::ResourceExhaustedError("disk full"), /*room=*/10);
  bench.Post("large", kCritical, 5000);  // A group of its own, which does not fit.
  bench.Post("small", kCritical);        // The next group, which would.
  bench.committer.RunPending();
  EXPECT_THAT(bench.done, IsEmpty());
  EXPECT_EQ(bench.stored(), 0u);
  bench.store.Heal();
  bench.committer.RunPending();
  EXPECT_THAT(bench.done, ElementsAre("large: OK", "small: OK"));
}

TEST(Committer, AFatalErrorFailsEverythingAndIsToldOnce) {
  struct Case {
    const char* name;
    absl::Status fault;
  };
  for (const Case& c : {Case{"a failed sync", absl::DataLossError("fsync failed")},
                        Case{"our bug", absl::InternalError("no such column")}}) {
    SCOPED_TRACE(c.name);
    Bench bench;
    bench.store.FailCommits(c.fault);
    bench.Post("a");
    bench.Post("b", kCritical);
    bench.committer.RunPending();
    bench.store.Heal();  // What was lost is lost.
    bench.Post("c", kCritical);
    bench.committer.RunPending();
    const std::string code = absl::StatusCodeToString(c.fault.code());
    EXPECT_THAT(bench.done, ElementsAre("a: " + code, "b: " + code, "c: " + code));
    EXPECT_THAT(bench.told, ElementsAre("fatal"));
    EXPECT_EQ(bench.committer.health(), c.fault);
    EXPECT_EQ(bench.stored(), 0u);
  }
}

TEST(Committer, AFullDiskThatThenBreaksFailsWhatWasKept) {
  Bench bench;
  bench.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  bench.Post("kept", kCritical);
  bench.committer.RunPending();
  bench.store.FailCommits(absl::DataLossError("fsync failed"));
  bench.committer.RunPending();
  EXPECT_THAT(bench.done, ElementsAre("kept: DATA_LOSS"));
}

TEST(Committer, ReadsSeeWhatWasCommittedBefore) {
  Bench bench;
  bench.Post("a");
  size_t seen = 0;
  EXPECT_TRUE(bench.committer.PostRead(
      [&](ports::Store& store) { seen = store.LoadDirectory()->egress_ips.size(); }));
  bench.committer.RunPending();
  EXPECT_EQ(seen, 1u);
}

TEST(Committer, ReadsHaveALimit) {
  Bench bench;
  int ran = 0, taken = 0;
  while (taken < 100'000 && bench.committer.PostRead([&](ports::Store&) { ++ran; })) ++taken;
  EXPECT_LT(taken, 100'000);
  bench.committer.RunPending();
  EXPECT_EQ(ran, taken) << "what was taken is done";
  EXPECT_TRUE(bench.committer.PostRead([](ports::Store&) {})) << "there is room again";
}

TEST(Committer, StopAnswersEverybodyAndTakesNothingMore) {
  Bench bench;
  bench.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  bench.Post("kept", kCritical);
  bench.committer.RunPending();
  bench.Post("waiting");
  bench.committer.Stop();
  bench.Post("late");
  EXPECT_FALSE(bench.committer.PostRead([](ports::Store&) {}));
  EXPECT_THAT(bench.done,
              ElementsAre("kept: RESOURCE_EXHAUSTED", "waiting: UNAVAILABLE", "late: UNAVAILABLE"));
}

// The rest: on its own thread.

TEST(CommitterThread, StopCommitsWhatWaits) {
  Bench bench;
  bench.store.Hold(true);
  bench.committer.Start();
  bench.Post("a");
  bench.store.AwaitStuck();
  for (int i = 0; i < 50; ++i) bench.Post(absl::StrCat("b", i));
  bench.store.Hold(false);
  bench.committer.Stop();
  EXPECT_EQ(bench.done.size(), 51u);
  EXPECT_EQ(bench.stored(), 51u);
  EXPECT_THAT(bench.store.groups(), ElementsAre(1, 50))
      << "those that came meanwhile went together";
}

TEST(CommitterThread, ManyThreadsPostAndEachOneIsAnsweredOnce) {
  Bench bench;
  bench.committer.Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&bench, t] {
      for (int i = 0; i < 200; ++i) bench.Post(absl::StrCat("t", t, "n", i), i % 2 == 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  bench.committer.Stop();
  EXPECT_EQ(bench.done.size(), 800u);
  EXPECT_EQ(bench.stored(), 800u);
  // Each thread's jobs in its order.
  for (int t = 0; t < 4; ++t) {
    int next = 0;
    for (const std::string& line : bench.done) {
      if (line == absl::StrCat("t", t, "n", next, ": OK")) ++next;
    }
    EXPECT_EQ(next, 200);
  }
}

TEST(CommitterThread, AKeptOutcomeIsCommittedWhenSpaceReturnsWithoutAnybodyAsking) {
  Bench bench;
  support::Promise<bool> answered;
  bench.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  bench.committer.Start();
  bench.Post("new");
  Job job = bench.NewJob("outcome", kCritical);
  job.done = [&](const absl::Status& status, absl::Span<ports::WriteResult>) {
    answered.Set(status.ok());
  };
  bench.committer.Post(std::move(job));
  support::Promise<bool> read;
  ASSERT_TRUE(bench.committer.PostRead([&](ports::Store&) { read.Set(true); }));
  EXPECT_TRUE(*read.Get());
  EXPECT_FALSE(answered.is_set());
  bench.store.Heal();
  EXPECT_TRUE(*answered.Get());
  bench.committer.Stop();
}

TEST(CommitterThread, StopDoesNotWaitForADiskThatStaysFull) {
  Bench bench;
  bench.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  bench.committer.Start();
  bench.Post("outcome", kCritical);
  bench.committer.Stop();
  EXPECT_THAT(bench.done, ElementsAre("outcome: RESOURCE_EXHAUSTED"));
}

}  // namespace crescendo::engine
}  // namespace crescendo::engine
