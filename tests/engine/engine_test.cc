// The engine turned by hand: what is written before it holds, what a restart finds, and what no
// message may do after an answer.
#include "scheduler/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/rig.h"

namespace crescendo::engine {
namespace {

using absl::StatusCode;
using support::NewCampaign;
using support::NewIp;
using support::NewPlan;
using support::NewPool;
using support::Promise;
using support::Rig;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

MATCHER_P2(FailsWith, code, text, "") {
  *result_listener << arg.status();
  return arg.status().code() == code &&
         std::string(arg.status().message()).find(text) != std::string::npos;
}

class EngineTest : public testing::Test {
 protected:
  explicit EngineTest(const core::Options& options = {}) : rig_(Threads::kNone, options) {}
  void SetUp() override {
    ASSERT_TRUE(rig_.Start().ok());
    rig_.MakePool();
  }
  Engine& engine() { return rig_.engine(); }

  template <class Record>
  absl::StatusOr<Record> Put(Record record, Request request = {}) {
    return rig_.Await<Record>([&](auto done) { engine().Put(record, request, std::move(done)); });
  }
  absl::StatusOr<core::LaneStatus> Change(const Lane& lane, LaneVerb verb) {
    return rig_.Await<core::LaneStatus>(
        [&](auto done) { engine().Change(lane, verb, {}, std::move(done)); });
  }
  absl::StatusOr<core::LaneStatus> GetLane(const Lane& lane) {
    return rig_.Await<core::LaneStatus>(
        [&](auto done) { engine().GetLane(lane, std::move(done)); });
  }
  // Turns until the first message is out.
  ports::SendMessage FirstSent() {
    engine().Turn();
    EXPECT_FALSE(rig_.transport.sent().empty());
    return rig_.transport.sent().front();
  }
  void Pass(absl::Duration time) {
    const absl::Time until = rig_.clock.Now().wall + time;
    while (true) {
      const absl::Time wake = engine().Turn();
      if (wake >= until) break;
      rig_.clock.AdvanceTo(std::max(wake, rig_.clock.Now().wall + absl::Milliseconds(1)));
    }
    rig_.clock.AdvanceTo(until);
    engine().Turn();
  }

  // Accepts every message out but the first `but`.
  void AnswerAll(size_t but = 0) {
    answered_ = std::max(answered_, but);
    const std::vector<ports::SendMessage> sent = rig_.transport.sent();
    for (; answered_ < sent.size(); ++answered_) rig_.transport.Answer(sent[answered_], 250);
    engine().Turn();
  }

  Rig rig_;
  size_t answered_ = 0;
};

const Lane kGmailLane{EgressIpId("mta1-a"), ProviderId("gmail")};

std::vector<std::string> Addresses(int count, const std::string& domain = "gmail.test") {
  std::vector<std::string> addresses;
  for (int i = 0; i < count; ++i) addresses.push_back(absl::StrCat("u", i, "@", domain));
  return addresses;
}

TEST_F(EngineTest, AMessageGoesItsWholeWay) {
  rig_.transport.AcceptAll(true);
  rig_.MakeCampaign("spring", {"Ann@gmail.test", "bob@null.test", "cy@else.test"});
  Pass(absl::Minutes(1));
  const CampaignCounts counts = rig_.Counts("spring");
  EXPECT_EQ(counts.accepted, 2);
  EXPECT_EQ(counts.bounced, 1) << "null.test takes no mail";
  ASSERT_THAT(rig_.transport.sent(), SizeIs(2));
  EXPECT_EQ(rig_.transport.sent()[0].mail_from, "news@example.com");
  EXPECT_EQ(rig_.transport.sent()[0].attempt, 1);
  EXPECT_THAT(rig_.Events(EventType::kAccepted), SizeIs(2));
}

// --- A change is on disk before it is in force

TEST_F(EngineTest, AChangeTheDiskRefusesIsNotInForce) {
  rig_.MakeCampaign("spring", {});
  rig_.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(rig_.Change("spring", CampaignVerb::kPause),
              FailsWith(StatusCode::kResourceExhausted, "disk of the store is full"));
  EXPECT_THAT(Put(NewIp("mta1-c", "192.0.2.3")),
              FailsWith(StatusCode::kResourceExhausted, "disk of the store is full"));
  EXPECT_THAT(Change(kGmailLane, LaneVerb::kPause),
              FailsWith(StatusCode::kResourceExhausted, "disk of the store is full"));
  rig_.store.Heal();
  EXPECT_FALSE(GetLane(kGmailLane)->record.paused);
  const auto campaign = rig_.Await<Campaign>(
      [&](auto done) { engine().GetCampaign(CampaignId("spring"), std::move(done)); });
  EXPECT_EQ(campaign->state, CampaignState::kSending);
  const auto ip = rig_.Await<EgressIp>(
      [&](auto done) { engine().GetEgressIp(EgressIpId("mta1-c"), std::move(done)); });
  EXPECT_THAT(ip, FailsWith(StatusCode::kNotFound, "mta1-c"));
}

TEST_F(EngineTest, WhatWasAnsweredIsThereAfterARestart) {
  const auto plan = Put(NewPlan("warm-a", "mta1-a"));
  ASSERT_TRUE(rig_.Change("warm-a", PlanVerb::kStart).ok());
  rig_.MakeCampaign("spring", Addresses(3));
  ASSERT_TRUE(Change(kGmailLane, LaneVerb::kPause).ok());
  rig_.Crash();
  ASSERT_TRUE(rig_.Start().ok());
  const auto again =
      rig_.Await<Plan>([&](auto done) { engine().GetPlan(PlanId("warm-a"), std::move(done)); });
  EXPECT_EQ(again->state, PlanState::kActive);
  EXPECT_TRUE(GetLane(kGmailLane)->record.paused);
  EXPECT_EQ(GetLane(kGmailLane)->queued, 3);
  EXPECT_EQ(rig_.Counts("spring").queued, 3);
}

// --- What a crash left open

class InDoubtTest : public EngineTest {
 protected:
  explicit InDoubtTest(core::InDoubtPolicy policy)
      : EngineTest([&] {
          core::Options options;
          options.in_doubt = policy;
          return options;
        }()) {}
  void CrashWithOneOut() {
    rig_.MakeCampaign("spring", {"ann@gmail.test"});
    before_ = FirstSent();
    rig_.Crash();
    ASSERT_TRUE(rig_.Start().ok());
    ASSERT_THAT(rig_.Events(EventType::kInDoubt), SizeIs(1));
    EXPECT_EQ(rig_.Events(EventType::kInDoubt)[0].delivery, before_.delivery);
    EXPECT_EQ(GetLane(kGmailLane)->today.in_doubt, 1) << "it may have used a slot";
    EXPECT_EQ(GetLane(kGmailLane)->today.claimed, 0);
  }
  ports::SendMessage before_;
};
struct RetryTest : InDoubtTest {
  RetryTest() : InDoubtTest(core::InDoubtPolicy::kRetry) {}
};
struct HoldTest : InDoubtTest {
  HoldTest() : InDoubtTest(core::InDoubtPolicy::kHold) {}
};

TEST_F(RetryTest, AClaimACrashLeftOpenIsTriedAgainWithTheSameBytes) {
  CrashWithOneOut();
  EXPECT_EQ(rig_.Counts("spring").deferred, 1);
  Pass(absl::Minutes(14));
  EXPECT_THAT(rig_.transport.sent(), SizeIs(1)) << "not before the first retry wait";
  Pass(absl::Minutes(2));
  ASSERT_THAT(rig_.transport.sent(), SizeIs(2));
  const ports::SendMessage again = rig_.transport.sent()[1];
  EXPECT_EQ(again.message, before_.message);
  EXPECT_EQ(again.attempt, 2);
  rig_.transport.Answer(again, 250);
  engine().Turn();
  EXPECT_EQ(rig_.Counts("spring").accepted, 1);
}

TEST_F(RetryTest, ADaemonThatWasDownForDaysCountsTheClaimOnItsDayAndTheNext) {
  rig_.MakeCampaign("spring", {"ann@gmail.test"});
  FirstSent();
  rig_.Crash();
  rig_.clock.Advance(absl::Hours(72));
  ASSERT_TRUE(rig_.Start().ok());
  const absl::CivilDay day(2026, 3, 4);
  const auto rows = rig_.Await<std::vector<LedgerRow>>([&](auto done) {
    EXPECT_TRUE(engine().Read([day, done](ports::Store& read) mutable {
      done(read.ListLedger(EgressIpId("mta1-a"), day, day + 3));
    }));
  });
  std::vector<std::string> used;
  for (const LedgerRow& row : *rows) {
    if (row.used() > 0) used.push_back(absl::StrCat(row.day.day(), ": ", row.used()));
  }
  // It may have been accepted just after midnight, not days later.
  EXPECT_THAT(used, testing::ElementsAre("4: 1", "5: 1"));
}

TEST_F(HoldTest, AClaimACrashLeftOpenAwaitsAnOperator) {
  CrashWithOneOut();
  EXPECT_EQ(rig_.Counts("spring").in_doubt, 1);
  Pass(absl::Hours(24));
  EXPECT_THAT(rig_.transport.sent(), SizeIs(1));
  rig_.Crash();
  ASSERT_TRUE(rig_.Start().ok());
  EXPECT_EQ(rig_.Counts("spring").in_doubt, 1) << "it is settled once";
  EXPECT_THAT(rig_.Events(EventType::kInDoubt), SizeIs(1));
}

TEST_F(RetryTest, AStartThatCannotSettleStartsNothing) {
  rig_.MakeCampaign("spring", {"ann@gmail.test"});
  FirstSent();
  rig_.Crash();
  rig_.store.FailCommits(absl::DataLossError("fsync failed"));
  EXPECT_EQ(rig_.Start().code(), StatusCode::kDataLoss);
  EXPECT_THAT(rig_.transport.sent(), SizeIs(1));
}

// --- Verbs

TEST_F(EngineTest, VerbsAreIdempotentAndKnowTheirStates) {
  ASSERT_TRUE(Put(NewPlan("warm-a", "mta1-a")).ok());
  ASSERT_TRUE(Put(NewCampaign("spring")).ok());
  const auto codes = [&](auto id, auto verb) {
    const auto first = rig_.Change(id, verb), second = rig_.Change(id, verb);
    EXPECT_EQ(first.status().code(), second.status().code());
    if (first.ok() && second.ok()) EXPECT_EQ(first->revision, second->revision);
    return first.status().code();
  };
  EXPECT_EQ(codes("warm-a", PlanVerb::kPause), StatusCode::kFailedPrecondition);
  EXPECT_EQ(codes("warm-a", PlanVerb::kResume), StatusCode::kFailedPrecondition);
  EXPECT_EQ(codes("warm-a", PlanVerb::kStart), StatusCode::kOk);
  EXPECT_EQ(codes("warm-a", PlanVerb::kPause), StatusCode::kOk);
  EXPECT_EQ(codes("warm-a", PlanVerb::kStart), StatusCode::kFailedPrecondition);
  EXPECT_EQ(codes("warm-a", PlanVerb::kResume), StatusCode::kOk);
  EXPECT_EQ(codes("no-plan", PlanVerb::kStart), StatusCode::kNotFound);
  EXPECT_EQ(codes("spring", CampaignVerb::kPause), StatusCode::kFailedPrecondition);
  EXPECT_EQ(codes("spring", CampaignVerb::kResume), StatusCode::kFailedPrecondition);
  EXPECT_EQ(codes("spring", CampaignVerb::kStart), StatusCode::kOk);
  EXPECT_EQ(codes("spring", CampaignVerb::kPause), StatusCode::kOk);
  EXPECT_EQ(codes("spring", CampaignVerb::kStart), StatusCode::kFailedPrecondition);
  EXPECT_EQ(codes("spring", CampaignVerb::kResume), StatusCode::kOk);
  EXPECT_EQ(codes("spring", CampaignVerb::kCancel), StatusCode::kOk);
  EXPECT_EQ(codes("spring", CampaignVerb::kResume), StatusCode::kFailedPrecondition);
  EXPECT_EQ(codes("no-campaign", CampaignVerb::kStart), StatusCode::kNotFound);
  for (const LaneVerb verb : {LaneVerb::kPause, LaneVerb::kPause, LaneVerb::kResume}) {
    EXPECT_TRUE(Change(kGmailLane, verb).ok());
  }
  EXPECT_THAT(rig_.Events(EventType::kLanePaused), SizeIs(1)) << "what changes nothing is no event";
  EXPECT_THAT(rig_.Events(EventType::kCampaignPaused), SizeIs(1));
}

TEST_F(EngineTest, OnlyOneOfTwoChangesFromTheSameRevisionIsStored) {
  const auto stored = Put(NewCampaign("spring"));
  ASSERT_TRUE(stored.ok());
  Campaign one = *stored, two = *stored;
  one.subject = "one";
  two.subject = "two";
  // Both pass the checks before either is on disk.
  Promise<Campaign> first, second;
  engine().Put(one, {}, [&](auto answer) { first.Set(std::move(answer)); });
  engine().Put(two, {}, [&](auto answer) { second.Set(std::move(answer)); });
  engine().Turn();
  EXPECT_TRUE(first.Get().ok());
  EXPECT_EQ(second.Get().status().code(), StatusCode::kAborted);
  EXPECT_EQ(Put(two).status().code(), StatusCode::kAborted);
  EXPECT_EQ(rig_.Change("spring", CampaignVerb::kStart, stored->revision).status().code(),
            StatusCode::kAborted);
  EXPECT_TRUE(rig_.Change("spring", CampaignVerb::kStart).ok());
}

TEST_F(EngineTest, AVerbWithoutARevisionIsTriedAgainWhenItMeetsAnotherChange) {
  const auto stored = Put(NewCampaign("spring"));
  Promise<Campaign> edited, started;
  Campaign edit = *stored;
  edit.subject = "edited";
  engine().Put(edit, {}, [&](auto answer) { edited.Set(std::move(answer)); });
  engine().Change(CampaignId("spring"), CampaignVerb::kStart, 0, {},
                  [&](auto answer) { started.Set(std::move(answer)); });
  engine().Turn();
  EXPECT_TRUE(edited.Get().ok());
  ASSERT_TRUE(started.Get().ok()) << started.Get().status();
  EXPECT_EQ(started.Get()->state, CampaignState::kSending);
  EXPECT_EQ(started.Get()->subject, "edited") << "neither change is lost";
}

TEST_F(EngineTest, WhatTwoCreatesWantAtOnceOneGets) {
  struct Case {
    const char* name;
    std::function<void(Done<int>, Done<int>)> ask;
  };
  const auto into = [](Done<int> done) {
    return [done = std::move(done)](const auto& answer) mutable {
      done(answer.ok() ? absl::StatusOr<int>(1) : answer.status());
    };
  };
  for (const Case& c : {Case{"an address",
                             [&](auto a, auto b) {
                               engine().Put(NewIp("mta1-c", "2001:db8::1"), {}, into(std::move(a)));
                               engine().Put(NewIp("mta1-d", "2001:DB8:0::1"), {},
                                            into(std::move(b)));
                             }},
                        Case{"an IP for a plan",
                             [&](auto a, auto b) {
                               engine().Put(NewPlan("warm-1", "mta1-a"), {}, into(std::move(a)));
                               engine().Put(NewPlan("warm-2", "mta1-a"), {}, into(std::move(b)));
                             }},
                        Case{"an IP for a pool", [&](auto a, auto b) {
                               engine().Put(NewPool("one", {"mta1-b"}), {}, into(std::move(a)));
                               engine().Put(NewPool("two", {"mta1-b"}), {}, into(std::move(b)));
                             }}}) {
    SCOPED_TRACE(c.name);
    Promise<int> first, second;
    c.ask([&](auto answer) { first.Set(answer); }, [&](auto answer) { second.Set(answer); });
    engine().Turn();
    EXPECT_TRUE(first.Get().ok()) << first.Get().status();
    EXPECT_EQ(second.Get().status().code(), StatusCode::kFailedPrecondition);
  }
  // Another spelling of an address that is in force is the same address, too.
  EXPECT_THAT(Put(NewIp("mta1-e", "::ffff:192.0.2.1")),
              FailsWith(StatusCode::kFailedPrecondition, "mta1-a"));
}

TEST_F(EngineTest, ADryRunChangesNothing) {
  Request dry;
  dry.validate_only = true;
  EXPECT_TRUE(Put(NewPlan("warm-a", "mta1-a"), dry).ok());
  EXPECT_EQ(Put(NewPlan("warm-a", "mta1-x"), dry).status().code(), StatusCode::kNotFound);
  const auto plans =
      rig_.Await<std::vector<Plan>>([&](auto done) { engine().ListPlans(std::move(done)); });
  EXPECT_THAT(*plans, IsEmpty());
}

// --- L6: what is acknowledged as stopped starts nothing more

// What stops something, and what sets it free again.
class PauseTest : public EngineTest {
 protected:
  using Ask = std::function<void(Done<int>)>;
  struct Case {
    const char* name;
    Ask pause, resume;
  };
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_TRUE(Put(NewPlan("warm-a", "mta1-a")).ok());
    ASSERT_TRUE(Put(NewPlan("draft", "mta1-b")).ok());  // So that mta1-b sends nothing.
    ASSERT_TRUE(rig_.Change("warm-a", PlanVerb::kStart).ok());
    rig_.MakeCampaign("spring", Addresses(100));
  }
  static auto Into(Done<int> done) {
    return [done = std::move(done)](const auto& answer) mutable {
      done(answer.ok() ? absl::StatusOr<int>(1) : answer.status());
    };
  }
  std::vector<Case> Cases() {
    const auto campaign = [this](CampaignVerb verb) -> Ask {
      return [this, verb](auto done) {
        engine().Change(CampaignId("spring"), verb, 0, {}, Into(std::move(done)));
      };
    };
    const auto plan = [this](PlanVerb verb) -> Ask {
      return [this, verb](auto done) {
        engine().Change(PlanId("warm-a"), verb, 0, {}, Into(std::move(done)));
      };
    };
    const auto lane = [this](LaneVerb verb) -> Ask {
      return
          [this, verb](auto done) { engine().Change(kGmailLane, verb, {}, Into(std::move(done))); };
    };
    const auto pool = [this](const char* ip) -> Ask {
      return [this, ip](auto done) {
        engine().GetPool(PoolId("main"), [this, ip, done = std::move(done)](auto now) mutable {
          now->egress_ips = {EgressIpId(ip)};
          engine().Put(*now, {}, Into(std::move(done)));
        });
      };
    };
    return {{"the campaign", campaign(CampaignVerb::kPause), campaign(CampaignVerb::kResume)},
            {"the plan", plan(PlanVerb::kPause), plan(PlanVerb::kResume)},
            {"the lane", lane(LaneVerb::kPause), lane(LaneVerb::kResume)},
            {"the pool loses the IP", pool("mta1-b"), pool("mta1-a")}};
  }
  // Messages that had been sent when the answer came.
  size_t Await(const Ask& ask) {
    size_t at_answer = 0;
    absl::Status status = absl::UnknownError("no answer");
    ask([&](auto answer) {
      at_answer = rig_.transport.sent().size();
      status = answer.status();
    });
    engine().Turn();
    EXPECT_TRUE(status.ok()) << status;
    return at_answer;
  }
};

TEST_F(PauseTest, AfterItsAnswerNothingMoreIsSent) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    Pass(absl::Minutes(30));
    AnswerAll();
    // One more is due, so that its claim is under way when the pause comes.
    rig_.clock.AdvanceTo(engine().Turn());
    const size_t at_answer = Await(c.pause);
    ASSERT_GT(at_answer, 0u);
    Pass(absl::Minutes(10));
    AnswerAll();
    Pass(absl::Minutes(50));
    EXPECT_THAT(rig_.transport.sent(), SizeIs(at_answer));
    EXPECT_EQ(GetLane(kGmailLane)->today.claimed, 0) << "what was claimed went back";
    Await(c.resume);
    Pass(absl::Minutes(30));
    EXPECT_GT(rig_.transport.sent().size(), at_answer) << "it goes on";
  }
}

TEST_F(EngineTest, AfterASuppressionIsAnsweredTheAddressGetsNothing) {
  rig_.MakeCampaign("spring", {});
  ASSERT_TRUE(Change(kGmailLane, LaneVerb::kPause).ok());
  ASSERT_TRUE(rig_.Import("spring", 2, {"ann@gmail.test", "bob@gmail.test"}).ok());
  const auto count = rig_.Await<int64_t>([&](auto done) {
    engine().Suppress({{"ann@gmail.test", SuppressionReason::kManual, "", {}}}, {},
                      std::move(done));
  });
  EXPECT_EQ(*count, 1);
  ASSERT_TRUE(Change(kGmailLane, LaneVerb::kResume).ok());
  Pass(absl::Minutes(5));
  ASSERT_THAT(rig_.transport.sent(), SizeIs(1));
  EXPECT_EQ(rig_.transport.sent()[0].rcpt_to, "bob@gmail.test");
  EXPECT_EQ(rig_.Counts("spring").suppressed, 1);
}

TEST_F(EngineTest, ACampaignCancelledWhileMessagesAreOutEndsWithTheirOutcomes) {
  rig_.MakeCampaign("spring", Addresses(3));
  rig_.MakeCampaign("autumn", {"later@gmail.test"});
  Pass(absl::Minutes(1));
  const std::vector<ports::SendMessage> out = rig_.transport.sent();
  ASSERT_FALSE(out.empty());
  ASSERT_TRUE(rig_.Change("spring", CampaignVerb::kCancel).ok());
  const auto waiting = rig_.Counts("spring");
  EXPECT_EQ(waiting.queued + waiting.deferred, 0);
  rig_.transport.Answer(out[0], 250);
  for (size_t i = 1; i < out.size(); ++i) rig_.transport.Answer(out[i], 451, "try again later");
  Pass(absl::Hours(24));
  AnswerAll(out.size());
  Pass(absl::Minutes(1));
  const auto counts = rig_.Counts("spring");
  EXPECT_EQ(counts.accepted, 1) << "what happened is recorded";
  EXPECT_EQ(counts.cancelled, 2) << "a deferral is not tried again";
  EXPECT_EQ(counts.total(), 3);
  for (size_t i = out.size(); i < rig_.transport.sent().size(); ++i) {
    EXPECT_EQ(rig_.transport.sent()[i].rcpt_to, "later@gmail.test");
  }
}

// --- What the store does not take

TEST_F(EngineTest, AnOutcomeTheStoreRefusesIsAnAlertAndNotForgotten) {
  rig_.MakeCampaign("spring", {"ann@gmail.test"});
  const ports::SendMessage message = FirstSent();
  rig_.store.RefuseSettles(absl::FailedPreconditionError("it is claimed by another"));
  rig_.transport.Answer(message, 250);
  engine().Turn();
  ASSERT_THAT(rig_.Events(EventType::kAlert), SizeIs(1));
  const Event alert = rig_.Events(EventType::kAlert)[0];
  EXPECT_EQ(alert.delivery, message.delivery);
  EXPECT_THAT(alert.text, HasSubstr("it is claimed by another"));
  EXPECT_EQ(rig_.Counts("spring").claimed, 1) << "the store has it as it was";
}

TEST_F(EngineTest, OnAFullDiskOutcomesWaitAndNothingNewIsClaimed) {
  ASSERT_TRUE(Put(NewPlan("warm-a", "mta1-a")).ok());
  ASSERT_TRUE(rig_.Change("warm-a", PlanVerb::kStart).ok());
  rig_.MakeCampaign("spring", Addresses(50));
  Pass(absl::Minutes(30));
  const size_t out = rig_.transport.sent().size();
  ASSERT_GT(out, 0u);
  rig_.store.FailCommits(absl::ResourceExhaustedError("disk full"));
  AnswerAll();
  EXPECT_EQ(rig_.Import("spring", 2, {"bob@gmail.test"}).status().code(),
            StatusCode::kResourceExhausted);
  Pass(absl::Hours(1));
  EXPECT_EQ(GetLane(kGmailLane)->wait.reason, core::Reason::kStoreUnavailable);
  EXPECT_THAT(rig_.transport.sent(), SizeIs(out));
  EXPECT_TRUE(engine().Health().ok());
  rig_.store.Heal();
  ASSERT_TRUE(rig_.Import("spring", 2, {"bob@gmail.test"}).ok());
  EXPECT_EQ(rig_.Counts("spring").accepted, static_cast<int64_t>(out));
  Pass(absl::Hours(1));
  EXPECT_GT(rig_.transport.sent().size(), out) << "and it sends again";
}

TEST_F(EngineTest, APausedLaneKeepsItsThrottleOverARestart) {
  rig_.MakeCampaign("spring", Addresses(2));
  rig_.transport.Answer(FirstSent(), 421, "unusual rate of mail");
  engine().Turn();
  ASSERT_TRUE(Change(kGmailLane, LaneVerb::kPause).ok());
  const LaneRecord before = GetLane(kGmailLane)->record;
  EXPECT_GT(before.stopped_until, rig_.clock.Now().wall);
  rig_.Crash();
  ASSERT_TRUE(rig_.Start().ok());
  EXPECT_EQ(GetLane(kGmailLane)->record, before);
}

TEST_F(EngineTest, AStoreThatBreaksIsToldOnceAndEverythingFails) {
  rig_.MakeCampaign("spring", {});
  std::vector<absl::Status> told;
  engine().SetFatalHandler([&](absl::Status status) { told.push_back(std::move(status)); });
  rig_.store.FailCommits(absl::DataLossError("fsync failed"));
  EXPECT_EQ(rig_.Import("spring", 2, {"a@gmail.test"}).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(Put(NewIp("mta1-c", "192.0.2.3")).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(engine().Health().code(), StatusCode::kDataLoss);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].code(), StatusCode::kDataLoss);
}

// --- Limits and the end

TEST_F(EngineTest, NoMoreChunksWaitForTheDiskThanMay) {
  rig_.MakeCampaign("spring", {});
  const int most = core::Options().max_queued_chunks;
  int ok = 0, refused = 0;
  const auto import = [&](int64_t chunk) {
    ports::AppendRecipients append;
    append.campaign = CampaignId("spring");
    append.import = ImportId("big");
    append.chunk = chunk;
    append.rows.push_back({absl::StrCat("u", chunk, "@gmail.test"), 0.5, {}});
    append.now = rig_.clock.Now().wall;
    return engine().Import(std::move(append), [&](auto answer) {
      ++(answer.ok() ? ok : refused);
      if (!answer.ok()) {
        EXPECT_THAT(answer, FailsWith(StatusCode::kResourceExhausted, "later"));
      }
    });
  };
  for (int chunk = 1; chunk <= most; ++chunk) EXPECT_TRUE(import(chunk));
  for (int i = 1; i <= 1000; ++i) EXPECT_FALSE(import(most + i)) << "taken when there is room";
  EXPECT_EQ(refused, 0);
  for (int i = 1; i <= 5; ++i) EXPECT_TRUE(import(most + 1000 + i));
  EXPECT_EQ(refused, 5) << "at once, without the disk";
  engine().Turn();
  EXPECT_EQ(ok, most + 1000) << "in their order";
  EXPECT_TRUE(import(most + 1001));
  engine().Turn();
  EXPECT_EQ(ok, most + 1001) << "there is room again";
}

TEST_F(EngineTest, AStopAnswersTheImportsThatWait) {
  rig_.MakeCampaign("spring", {});
  const int most = core::Options().max_queued_chunks;
  int ok = 0, gone = 0;
  for (int chunk = 1; chunk <= most + 3; ++chunk) {
    ports::AppendRecipients append;
    append.campaign = CampaignId("spring");
    append.import = ImportId("big");
    append.chunk = chunk;
    append.rows.push_back({absl::StrCat("u", chunk, "@gmail.test"), 0.5, {}});
    append.now = rig_.clock.Now().wall;
    engine().Import(std::move(append), [&](const auto& answer) { ++(answer.ok() ? ok : gone); });
  }
  engine().Stop(absl::ZeroDuration());
  EXPECT_EQ(ok + gone, most + 3) << "each once";
}

TEST_F(EngineTest, AfterStopEveryQuestionIsAnsweredUnavailable) {
  rig_.MakeCampaign("spring", {});
  engine().Stop(absl::ZeroDuration());
  EXPECT_EQ(Put(NewIp("mta1-c", "192.0.2.3")).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(rig_.Change("spring", CampaignVerb::kPause).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(Change(kGmailLane, LaneVerb::kPause).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(GetLane(kGmailLane).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(rig_.Import("spring", 2, {"a@gmail.test"}).status().code(), StatusCode::kUnavailable);
  const auto suppressed = rig_.Await<int64_t>([&](auto done) {
    engine().Suppress({{"a@gmail.test", SuppressionReason::kManual, "", {}}}, {}, std::move(done));
  });
  EXPECT_EQ(suppressed.status().code(), StatusCode::kUnavailable);
  const auto removed = rig_.Await<std::string>(
      [&](auto done) { engine().Unsuppress("a@gmail.test", {}, std::move(done)); });
  EXPECT_EQ(removed.status().code(), StatusCode::kUnavailable);
  EXPECT_FALSE(engine().Read([](ports::Store&) {}));
}

TEST_F(EngineTest, SubscribersAreCalledAfterCommitsUntilTheyLeave) {
  int calls = 0;
  const int64_t id = engine().Subscribe([&] { ++calls; });
  ASSERT_TRUE(Put(NewIp("mta1-c", "192.0.2.3")).ok());
  EXPECT_EQ(calls, 1);
  engine().Unsubscribe(id);
  ASSERT_TRUE(Put(NewIp("mta1-d", "192.0.2.4")).ok());
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace crescendo::engine
