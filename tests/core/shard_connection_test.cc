// A claim is made for a connection that is there; that connection must then stay (L5).
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "scheduler/core/shard.h"

namespace crescendo::core {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'770'000'000);

// Two sites of one provider that takes one connection, and nothing else in the way.
class ShardConnection : public ::testing::Test {
 protected:
  ShardConnection() {
    Step({EgressIp{.id = EgressIpId("ip"), .address = "127.0.0.1", .ehlo_name = "ip.example"},
          Pool{.id = PoolId("pool"), .egress_ips = {EgressIpId("ip")}},
          Campaign{.id = CampaignId("c"), .key = CampaignKey(1), .pool = PoolId("pool"),
                   .from_address = "a@shop.example", .state = CampaignState::kSending},
          NewDomain{DomainKey(1), "one.example"}, NewDomain{DomainKey(2), "two.example"},
          Mx(1, "mx1.big.example"), Mx(2, "mx2.big.example"), Queued(1, 1, 0.9)});
    connection_ = Find<ports::OpenConnection>().value().connection;
    Step({ports::TransportEvent{.kind = ports::TransportEvent::Kind::kOpened,
                                .connection = connection_}});
    Step({Claimed(1)});
    ports::TransportEvent sent{.kind = ports::TransportEvent::Kind::kSent,
                               .connection = connection_, .delivery = DeliveryId(1)};
    sent.result = ports::TransportEvent::SentResult::kReply;
    sent.connection_usable = true;
    sent.reply.code = 250;
    sent.reply.stage = SmtpStage::kEndOfData;
    Step({sent});
  }

  void Step(std::vector<Letter> letters) { effects_ = shard_.Step(now_, letters); }
  void Wait(absl::Duration time) { now_ = {now_.wall + time, now_.steady + time}; }

  template <class T>
  std::optional<T> Find() const {
    for (const Effect& effect : effects_) {
      if (const T* found = std::get_if<T>(&effect)) return *found;
    }
    return std::nullopt;
  }
  static Letter Mx(int64_t domain, const std::string& host) {
    return MxAnswer{DomainKey(domain), ports::MxSet{{{host, "127.0.0.2", 25}}}};
  }
  static Letter Queued(int64_t id, int64_t domain, double score) {
    QueuedDelivery delivery;
    delivery.id = DeliveryId(id);
    delivery.campaign = CampaignKey(1);
    delivery.domain = DomainKey(domain);
    delivery.score = score;
    return std::vector<QueuedDelivery>{delivery};
  }
  // The claim of the last Step is durable.
  Letter Claimed(int64_t id) {
    for (const Effect& effect : effects_) {
      if (const Save* save = std::get_if<Save>(&effect); save != nullptr && save->claim != 0) {
        claim_ = save->claim;
      }
    }
    ports::ClaimedDelivery claimed;
    claimed.id = DeliveryId(id);
    claimed.campaign = CampaignKey(1);
    claimed.address = "a@one.example";
    return ClaimAnswer{claim_, std::vector<ports::ClaimedDelivery>{claimed}};
  }

  const ProviderCatalog providers_{
      {Provider{.id = ProviderId("big"), .mx_suffixes = {".big.example"},
                .max_connections_per_ip = 1}},
      Provider{.id = ProviderId("default")}};
  const ReplyClassifier classifier_ = ReplyClassifier::Create({}).value();
  Shard shard_{providers_, classifier_, Options()};
  base::Moment now_{kStart, absl::ZeroDuration()};
  std::vector<Effect> effects_;
  ConnectionId connection_;
  int64_t claim_ = 0;
};

TEST_F(ShardConnection, MakesNoRoomForALesserRecipientWhileAClaimCountsOnIt) {
  Step({Queued(2, 1, 0.8), Queued(3, 2, 0.7)});
  ASSERT_TRUE(Find<Save>().has_value()) << "the better one is claimed";
  EXPECT_FALSE(Find<Close>().has_value());
  Step({Claimed(2)});
  ASSERT_TRUE(Find<Send>().has_value());
  EXPECT_EQ(Find<Send>()->delivery.id, DeliveryId(2));
}

TEST_F(ShardConnection, MakesRoomForTheOtherSiteWhenNothingIsClaimed) {
  Step({Queued(3, 2, 0.7)});
  ASSERT_TRUE(Find<Close>().has_value());
  EXPECT_EQ(Find<Close>()->connection, connection_);
}

TEST_F(ShardConnection, IsNotClosedAsIdleWhileAClaimCountsOnIt) {
  Wait(Options().idle_connection - absl::Seconds(1));
  Step({Queued(2, 1, 0.8)});
  const Letter claimed = Claimed(2);
  Wait(absl::Seconds(2));
  Step({});
  EXPECT_FALSE(Find<Close>().has_value());
  Step({claimed});
  EXPECT_TRUE(Find<Send>().has_value());
}

TEST_F(ShardConnection, IsClosedWhenIdleForLong) {
  Wait(Options().idle_connection);
  Step({});
  EXPECT_TRUE(Find<Close>().has_value());
}

}  // namespace
}  // namespace crescendo::core
