// shard_fixture.h: a shard with one IP, one campaign and two sites of one provider, and letters for
// it.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "scheduler/core/shard.h"

namespace crescendo::core {

inline const absl::Time kStart = absl::FromUnixSeconds(1'770'000'000);

// The provider takes one connection, which is open; nothing else is in the way.
class ShardTest : public ::testing::Test {
 protected:
  ShardTest() {
    Step({EgressIp{.id = EgressIpId("ip"), .address = "127.0.0.1", .ehlo_name = "ip.example"},
          Pool{.id = PoolId("pool"), .egress_ips = {EgressIpId("ip")}},
          InState(CampaignState::kSending), NewDomain{DomainKey(1), "one.example"},
          NewDomain{DomainKey(2), "two.example"}, Mx(1, "mx1.big.example"),
          Mx(2, "mx2.big.example"), Queued(1, 1, 0.9)});
    connection_ = Find<ports::OpenConnection>().value().connection;
    Step({Opened()});
    Step({Claimed(1)});
    Step({Answered(1, 250)});
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
  // The writes of that kind.
  template <class T>
  std::vector<T> Writes() const {
    std::vector<T> writes;
    for (const Effect& effect : effects_) {
      const Save* save = std::get_if<Save>(&effect);
      if (save == nullptr) continue;
      if (const T* write = std::get_if<T>(&save->write)) writes.push_back(*write);
    }
    return writes;
  }
  static Campaign InState(CampaignState state, int64_t key = 1) {
    return {.id = CampaignId(std::string(static_cast<size_t>(key), 'c')),
            .key = CampaignKey(key),
            .pool = PoolId("pool"),
            .from_address = "a@shop.example",
            .state = state};
  }
  static Letter Mx(int64_t domain, const std::string& host) {
    return MxAnswer{DomainKey(domain), ports::MxSet{{{host, "127.0.0.2", 25}}}};
  }
  static QueuedDelivery Recipient(int64_t id, int64_t domain, double score, int64_t campaign = 1) {
    QueuedDelivery delivery;
    delivery.id = DeliveryId(id);
    delivery.campaign = CampaignKey(campaign);
    delivery.domain = DomainKey(domain);
    delivery.score = score;
    return delivery;
  }
  static Letter Queued(int64_t id, int64_t domain, double score, int64_t campaign = 1) {
    return std::vector<QueuedDelivery>{Recipient(id, domain, score, campaign)};
  }
  Letter Opened() const {
    return ports::TransportEvent{.kind = ports::TransportEvent::Kind::kOpened,
                                 .connection = connection_};
  }
  Letter Closed() const {
    return ports::TransportEvent{.kind = ports::TransportEvent::Kind::kClosed,
                                 .connection = connection_};
  }
  Letter Answered(int64_t id, int code, const std::string& text = "") const {
    ports::TransportEvent sent{.kind = ports::TransportEvent::Kind::kSent,
                               .connection = connection_,
                               .delivery = DeliveryId(id)};
    sent.result = ports::TransportEvent::SentResult::kReply;
    sent.connection_usable = true;
    sent.reply.code = code;
    if (!text.empty()) sent.reply.lines = {text};
    sent.reply.stage = SmtpStage::kEndOfData;
    return sent;
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
    claimed.first_attempt_time = now_.wall;
    return ClaimAnswer{claim_, std::vector<ports::ClaimedDelivery>{claimed}};
  }

  const ProviderCatalog providers_{
      {Provider{
          .id = ProviderId("big"), .mx_suffixes = {".big.example"}, .max_connections_per_ip = 1}},
      Provider{.id = ProviderId("default")}};
  static ReplyClassifier Classifier() {
    ReplyRule rule;
    rule.name = "blocklist";
    rule.origin = "test";
    rule.match = {"on our blocklist"};
    rule.category = ReplyCategory::kBlocklistProvider;
    ProviderRules rules;
    rules.provider = ProviderId("default");
    rules.rules = {rule};
    return ReplyClassifier::Create({rules}).value();
  }
  const ReplyClassifier classifier_ = Classifier();
  Shard shard_{providers_, classifier_, Options()};
  base::Moment now_{kStart, absl::ZeroDuration()};
  std::vector<Effect> effects_;
  ConnectionId connection_;
  int64_t claim_ = 0;
};

}  // namespace crescendo::core
