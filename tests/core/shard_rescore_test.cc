// New scores: the order is the new one from the moment it is known, wherever a recipient is (L5).
#include <ctime>

#include <gmock/gmock.h>

#include "tests/core/shard_fixture.h"

namespace crescendo::core {
namespace {

using testing::ElementsAre;

class ShardRescore : public ShardTest {
 protected:
  static Letter Scored(int64_t id, int64_t domain, double old_score, double score) {
    return std::vector<Rescored>{
        {DeliveryId(id), CampaignKey(1), DomainKey(domain), old_score, score}};
  }
  // Carries out the effects, and accepts what leaves, until nothing is left to do. In their order.
  std::vector<int64_t> Leave() {
    std::vector<int64_t> order;
    for (std::vector<Letter> letters; !(letters = Answers(&order)).empty();) Step(letters);
    return order;
  }

 private:
  std::vector<Letter> Answers(std::vector<int64_t>* order) {
    std::vector<Letter> letters;
    for (const Effect& effect : effects_) {
      if (const auto* save = std::get_if<Save>(&effect); save != nullptr && save->claim != 0) {
        std::vector<ports::ClaimedDelivery> claimed;
        for (const DeliveryId id : std::get<ports::Claim>(save->write).deliveries) {
          claimed.push_back({.id = id,
                             .campaign = CampaignKey(1),
                             .address = "a@one.example",
                             .first_attempt_time = now_.wall});
        }
        letters.push_back(ClaimAnswer{save->claim, claimed});
      } else if (const auto* send = std::get_if<Send>(&effect)) {
        order->push_back(send->delivery.id.value());
        letters.push_back(Answered(send->delivery.id.value(), 250));
      } else if (const auto* open = std::get_if<ports::OpenConnection>(&effect)) {
        connection_ = open->connection;
        letters.push_back(Opened());
      } else if (std::holds_alternative<Close>(effect)) {
        letters.push_back(Closed());
      }
    }
    return letters;
  }
};

TEST_F(ShardRescore, AmongThoseThatMayGo) {
  Step({InState(CampaignState::kPaused)});
  Step({Queued(2, 1, 0.8), Queued(3, 1, 0.7), Queued(4, 1, 0.6)});
  Step({Scored(4, 1, 0.6, 0.9), Scored(2, 1, 0.8, 0.1)});
  Step({InState(CampaignState::kSending)});
  EXPECT_THAT(Leave(), ElementsAre(4, 3, 2));
}

TEST_F(ShardRescore, WhileItsDomainIsNotKnown) {
  Step({NewDomain{DomainKey(3), "late.example"}, Queued(2, 3, 0.8), Queued(3, 3, 0.7)});
  Step({Scored(3, 3, 0.7, 1)});
  Step({Mx(3, "mx1.big.example")});
  EXPECT_THAT(Leave(), ElementsAre(3, 2));
}

TEST_F(ShardRescore, WhileTheQueueIsLoaded) {
  Step({QueueLoading{.loaded = 0, .total = 3}});
  Step({Queued(2, 1, 0.8), Queued(3, 1, 0.7)});
  Step({Scored(3, 1, 0.7, 0.9), Scored(4, 1, 0.1, 0.85)});
  Step({Queued(4, 1, 0.85)});  // Read after it was scored.
  Step({QueueLoading{.loaded = 3, .total = 3, .done = true}});
  EXPECT_THAT(Leave(), ElementsAre(3, 4, 2));
}

TEST_F(ShardRescore, WhileItWaitsForItsRetry) {
  Step({Queued(2, 1, 0.8)});
  Step({Claimed(2)});
  Step({Answered(2, 451)});
  Step({InState(CampaignState::kPaused)});
  Step({Scored(2, 1, 0.8, 0.3), Queued(3, 1, 0.5)});
  Wait(absl::Hours(5));
  Step({InState(CampaignState::kSending)});
  EXPECT_THAT(Leave(), ElementsAre(3, 2));
}

struct OnItsWay {
  const char* name;
  bool claimed, sent;
};
void PrintTo(const OnItsWay& way, std::ostream* out) { *out << way.name; }
class ShardRescoreOnItsWay : public ShardRescore, public testing::WithParamInterface<OnItsWay> {};

// One that comes back goes to the place of its new score.
TEST_P(ShardRescoreOnItsWay, ItTakesItsScoreAlong) {
  Step({Queued(2, 1, 0.8)});
  const Letter claimed = Claimed(2);
  if (GetParam().sent) {
    Step({claimed});
    ASSERT_TRUE(Find<Send>().has_value());
  } else if (GetParam().claimed) {
    Step({Closed()});
    Step({claimed});
    connection_ = Find<ports::OpenConnection>().value().connection;
  }
  Step({Scored(2, 1, 0.8, 0.3)});
  Step({InState(CampaignState::kPaused), Queued(3, 1, 0.5)});
  if (GetParam().sent) {
    Step({Answered(2, 451)});
    Wait(absl::Hours(5));
  } else if (!GetParam().claimed) {
    Step({claimed});
    EXPECT_EQ(Writes<ports::Release>().size(), 1u);
  } else {
    Step({Opened()});
  }
  Step({InState(CampaignState::kSending)});
  EXPECT_THAT(Leave(), ElementsAre(3, 2));
}

INSTANTIATE_TEST_SUITE_P(Every, ShardRescoreOnItsWay,
                         testing::Values(OnItsWay{"InCommit", false, false},
                                         OnItsWay{"Claimed", true, false},
                                         OnItsWay{"OnAConnection", true, true}),
                         [](const auto& info) { return info.param.name; });

TEST_F(ShardRescore, OfWhatHasEndedIsForgotten) {
  Step({Scored(1, 1, 0.9, 1), Scored(77, 1, 0.9, 1)});
  EXPECT_TRUE(effects_.empty());
}

// --- What it costs

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// A thousand pauses and resumes of a campaign take less than to queue its recipients once: they do
// not touch them. (If they did, they would take a hundred times as long.)
TEST_F(ShardRescore, APauseCostsNothingForEachRecipient) {
  Step({InState(CampaignState::kPaused)});
  std::vector<QueuedDelivery> many;
  for (int64_t id = 2; id < 200'000; ++id) {
    many.push_back(Recipient(id, 1, static_cast<double>(id * 7919 % 100'000) / 100'000));
  }
  const double start = CpuSeconds();
  Step({many});
  const double queued = CpuSeconds();
  ASSERT_EQ(shard_.LanesOf(EgressIpId("ip")).at(0).queued, std::ssize(many));
  const double before = CpuSeconds();
  for (int i = 0; i < 1000; ++i) {
    // The lane is paused too, so that nothing is claimed in between.
    LaneRecord paused;
    paused.lane = {EgressIpId("ip"), ProviderId("big")};
    paused.paused = true;
    Step({paused, InState(CampaignState::kSending)});
    Step({InState(CampaignState::kPaused)});
  }
  EXPECT_LT(CpuSeconds() - before, queued - start);
}

}  // namespace
}  // namespace crescendo::core
