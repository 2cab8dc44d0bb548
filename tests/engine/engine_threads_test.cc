// The engine on its own threads: many callers at once, and the way it stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/support/rig.h"

namespace crescendo::engine {
namespace {

using support::Promise;
using support::Rig;
using testing::SizeIs;

TEST(EngineThreads, AMessageGoesItsWholeWay) {
  Rig rig(Threads::kOwn);
  ASSERT_TRUE(rig.Start().ok());
  rig.MakePool();
  rig.MakeCampaign("spring", {"ann@gmail.test"});
  rig.transport.AwaitSent(1);
  rig.transport.Answer(rig.transport.sent()[0], 250);
  rig.engine().Stop(absl::Seconds(30));
  EXPECT_EQ(rig.store.CountDeliveries(CampaignId("spring"))->accepted, 1);
}

TEST(EngineThreads, ManyCallersAtOnceAreEachAnsweredOnce) {
  Rig rig(Threads::kOwn);
  ASSERT_TRUE(rig.Start().ok());
  rig.MakePool();
  rig.MakeCampaign("spring", {});
  std::atomic<int> added = 0, ok = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 1; i <= 20; ++i) {
        ports::AppendRecipients append;
        append.campaign = CampaignId("spring");
        append.import = ImportId(absl::StrCat("list-", t));
        append.chunk = i;
        append.now = rig.clock.Now().wall;
        append.rows.push_back({absl::StrCat("u", t, "-", i, "@gmail.test"), 0.5, {}});
        const auto imported = rig.Await<ports::AppendOutcome>(
            [&](auto done) { rig.engine().Import(append, std::move(done)); });
        if (imported.ok()) added += static_cast<int>(imported->added);
        const bool paused = i % 2 == 0;
        ok += rig.Change("spring", paused ? CampaignVerb::kPause : CampaignVerb::kResume).ok();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(added, 80);
  EXPECT_EQ(ok, 80);
  rig.engine().Stop(absl::ZeroDuration());
  EXPECT_EQ(rig.store.CountDeliveries(CampaignId("spring"))->total(), 80);
}

TEST(EngineThreads, AStopDoesNotWaitForTheImportsThatWaitForRoom) {
  Rig rig(Threads::kOwn);
  ASSERT_TRUE(rig.Start().ok());
  rig.MakePool();
  rig.MakeCampaign("spring", {});
  rig.store.Hold(true);
  std::atomic<int> stored = 0, gone = 0;
  int chunks = 0;
  const auto import = [&] {
    ports::AppendRecipients append;
    append.campaign = CampaignId("spring");
    append.import = ImportId("big");
    append.chunk = ++chunks;
    append.now = rig.clock.Now().wall;
    append.rows.push_back({absl::StrCat("u", chunks, "@gmail.test"), 0.5, {}});
    return rig.engine().Import(std::move(append), [&](const auto& answer) {
      stored += answer.ok();
      gone += absl::IsUnavailable(answer.status());
    });
  };
  const int most = core::Options().max_queued_chunks;
  for (int i = 0; i < most; ++i) EXPECT_TRUE(import());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(import());
  std::thread stop([&] { rig.engine().Stop(absl::ZeroDuration()); });
  // It has begun once a new one is refused; those asked until then wait too, or are too many.
  while (gone == 0) import();
  rig.store.Hold(false);
  stop.join();
  EXPECT_EQ(stored, most);
  EXPECT_GE(gone, 4) << "those that waited, and the new one";
}

TEST(EngineThreads, AChangeIsNotInForceBeforeItIsOnDisk) {
  Rig rig(Threads::kOwn);
  ASSERT_TRUE(rig.Start().ok());
  rig.MakePool();
  rig.MakeCampaign("spring", {});
  rig.store.Hold(true);
  Promise<Campaign> paused;
  rig.engine().Change(CampaignId("spring"), CampaignVerb::kPause, 0, {},
                      [&](auto answer) { paused.Set(std::move(answer)); });
  rig.store.AwaitStuck();
  const auto get = [&] {
    return rig.Await<Campaign>(
        [&](auto done) { rig.engine().GetCampaign(CampaignId("spring"), std::move(done)); });
  };
  EXPECT_EQ(get()->state, CampaignState::kSending);
  EXPECT_FALSE(paused.is_set());
  rig.store.Hold(false);
  EXPECT_EQ(paused.Get()->state, CampaignState::kPaused);
  EXPECT_EQ(get()->state, CampaignState::kPaused);
}

TEST(EngineThreads, AThrottleThatMovesWhileAPauseIsWrittenDoesNotUndoIt) {
  Rig rig(Threads::kOwn);
  ASSERT_TRUE(rig.Start().ok());
  rig.MakePool();
  rig.MakeCampaign("spring", {"ann@gmail.test"});
  const Lane lane{EgressIpId("mta1-a"), ProviderId("gmail")};
  const auto get = [&] {
    return rig.Await<core::LaneStatus>([&](auto done) { rig.engine().GetLane(lane, done); });
  };
  rig.transport.AwaitSent(1);
  EXPECT_EQ(get()->today.claimed, 1);
  rig.store.Hold(true);
  Promise<core::LaneStatus> paused;
  rig.engine().Change(lane, LaneVerb::kPause, {},
                      [&](auto answer) { paused.Set(std::move(answer)); });
  rig.store.AwaitStuck();
  // The record of the stop is written behind that of the pause, and knows nothing of it.
  rig.transport.Answer(rig.transport.sent()[0], 421, "unusual rate of mail");
  const LaneRecord stopped = get()->record;
  EXPECT_FALSE(stopped.paused);
  EXPECT_GT(stopped.stopped_until, rig.clock.Now().wall);
  rig.store.Hold(false);
  ASSERT_TRUE(paused.Get().ok());
  rig.Crash();
  ASSERT_TRUE(rig.Start().ok());
  EXPECT_TRUE(get()->record.paused) << "an acknowledged pause survives a restart";
  EXPECT_EQ(get()->record.stopped_until, stopped.stopped_until) << "and so does the stop";
}

TEST(EngineThreads, StopWaitsForWhatIsInFlightAndRecordsIt) {
  Rig rig(Threads::kOwn);
  ASSERT_TRUE(rig.Start().ok());
  rig.MakePool();
  rig.MakeCampaign("spring", {"ann@gmail.test", "bob@gmail.test", "cy@gmail.test"});
  rig.transport.AwaitSent(1);
  std::thread stop([&] { rig.engine().Stop(absl::Seconds(60)); });
  // Answers all that is out until the engine has ended.
  size_t answered = 0;
  while (rig.engine().Read([](ports::Store&) {})) {
    const std::vector<ports::SendMessage> sent = rig.transport.sent();
    for (; answered < sent.size(); ++answered) rig.transport.Answer(sent[answered], 250);
    std::this_thread::yield();
  }
  stop.join();
  const CampaignCounts counts = *rig.store.CountDeliveries(CampaignId("spring"));
  EXPECT_EQ(counts.claimed, 0) << "nothing is left in doubt";
  EXPECT_EQ(counts.accepted, static_cast<int64_t>(rig.transport.sent().size()));
  EXPECT_EQ(counts.total(), 3);
}

TEST(EngineThreads, StopGivesUpOnAServerThatNeverAnswers) {
  Rig rig(Threads::kOwn);
  ASSERT_TRUE(rig.Start().ok());
  rig.MakePool();
  rig.MakeCampaign("spring", {"ann@gmail.test"});
  rig.transport.AwaitSent(1);
  rig.engine().Stop(absl::Milliseconds(50));
  EXPECT_EQ(rig.store.CountDeliveries(CampaignId("spring"))->claimed, 1);
  // The next start settles it as in doubt.
  rig.Crash();
  ASSERT_TRUE(rig.Start().ok());
  EXPECT_THAT(rig.Events(EventType::kInDoubt), SizeIs(1));
  rig.engine().Stop(absl::ZeroDuration());
}

TEST(EngineThreads, ABrokenStoreCallsTheFatalHandlerAndStopStillEnds) {
  Rig rig(Threads::kOwn);
  ASSERT_TRUE(rig.Start().ok());
  rig.MakePool();
  Promise<int> fatal;
  rig.engine().SetFatalHandler([&](const absl::Status& status) { fatal.Set(status); });
  rig.store.FailCommits(absl::DataLossError("fsync failed"));
  const auto put = rig.Await<EgressIp>([&](auto done) {
    rig.engine().Put(support::NewIp("mta1-c", "192.0.2.3"), {}, std::move(done));
  });
  EXPECT_EQ(put.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(fatal.Get().status().code(), absl::StatusCode::kDataLoss);
  rig.engine().Stop(absl::ZeroDuration());
}

}  // namespace
}  // namespace crescendo::engine
