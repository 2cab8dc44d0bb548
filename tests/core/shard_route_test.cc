// Where a recipient's mail may go: addresses of the egress IP's kind, hosts that are no place for
// mail, and MX answers that change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scheduler/core/shard.h"

namespace crescendo::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1'770'000'000);

class ShardRoute : public ::testing::Test {
 protected:
  void Begin(const std::string& source, absl::StatusOr<ports::MxSet> mx) {
    Step({EgressIp{.id = EgressIpId("ip"), .address = source, .ehlo_name = "ip.example"},
          Pool{.id = PoolId("pool"), .egress_ips = {EgressIpId("ip")}},
          Campaign{.id = CampaignId("c"),
                   .key = CampaignKey(1),
                   .pool = PoolId("pool"),
                   .from_address = "a@shop.example",
                   .state = CampaignState::kSending},
          NewDomain{DomainKey(1), "d.example"}, Queued(1), MxAnswer{DomainKey(1), std::move(mx)}});
  }
  void Step(std::vector<Letter> letters) { effects_ = shard_.Step(now_, letters); }
  void Wait(absl::Duration time) { now_ = {now_.wall + time, now_.steady + time}; }
  void Answer(absl::StatusOr<ports::MxSet> mx) { Step({MxAnswer{DomainKey(1), std::move(mx)}}); }

  static Letter Queued(int64_t id) {
    QueuedDelivery delivery;
    delivery.id = DeliveryId(id);
    delivery.campaign = CampaignKey(1);
    delivery.domain = DomainKey(1);
    delivery.score = 0.5;
    return std::vector<QueuedDelivery>{delivery};
  }
  // The connection that was opened last ends so.
  void Close(const std::string& detail, bool forbidden = false) {
    ports::TransportEvent event;
    event.connection = last_;
    event.detail = detail;
    event.forbidden = forbidden;
    Step({event});
  }
  std::vector<std::string> Opened() {
    std::vector<std::string> addresses;
    for (const Effect& effect : effects_) {
      if (const auto* open = std::get_if<ports::OpenConnection>(&effect)) {
        addresses.push_back(open->host.address);
        last_ = open->connection;
      }
    }
    return addresses;
  }
  std::vector<std::string> Asked() const {
    std::vector<std::string> names;
    for (const Effect& effect : effects_) {
      if (const auto* resolve = std::get_if<Resolve>(&effect)) names.push_back(resolve->name);
    }
    return names;
  }
  std::vector<std::string> Bounced() const {
    std::vector<std::string> texts;
    for (const Effect& effect : effects_) {
      const auto* save = std::get_if<Save>(&effect);
      const auto* end = save == nullptr ? nullptr : std::get_if<ports::EndDelivery>(&save->write);
      if (end == nullptr) continue;
      EXPECT_EQ(end->state, DeliveryState::kBounced);
      texts.push_back(absl::StrCat(end->delivery.value(), ": ", end->events.at(0).text));
    }
    return texts;
  }
  std::vector<std::string> Expired() const {
    std::vector<std::string> texts;
    for (const Effect& effect : effects_) {
      const auto* save = std::get_if<Save>(&effect);
      const auto* end = save == nullptr ? nullptr : std::get_if<ports::EndDelivery>(&save->write);
      if (end == nullptr) continue;
      EXPECT_EQ(end->state, DeliveryState::kExpired);
      EXPECT_EQ(end->events.at(0).type, EventType::kExpired);
      texts.push_back(absl::StrCat(end->delivery.value(), ": ", end->events.at(0).text));
    }
    return texts;
  }
  // The host refuses every connection for so long, or until something expires.
  void RefuseFor(absl::Duration time) {
    for (const absl::Time end = now_.wall + time; now_.wall < end;) {
      if (!Opened().empty()) Close("connection refused");
      if (!Expired().empty()) return;
      Wait(Options().host_backoff_longest);
      Step({});
    }
    if (!Opened().empty()) Close("connection refused");
  }
  std::string WhyNot() const {
    const std::vector<LaneStatus> lanes = shard_.LanesOf(EgressIpId("ip"));
    return lanes.empty() ? "no lane" : lanes.front().wait.detail;
  }

  const ProviderCatalog providers_{{Provider{.id = ProviderId("old"), .mx_suffixes = {".old"}},
                                    Provider{.id = ProviderId("new"), .mx_suffixes = {".new"}}},
                                   Provider{.id = ProviderId("default")}};
  const ReplyClassifier classifier_ = ReplyClassifier::Create({}).value();
  Shard shard_{providers_, classifier_, Options()};
  base::Moment now_{kStart, absl::ZeroDuration()};
  std::vector<Effect> effects_;
  ConnectionId last_;
};

ports::MxSet Mx(const std::vector<std::pair<std::string, std::string>>& hosts) {
  ports::MxSet set;
  for (const auto& [name, address] : hosts) set.hosts.push_back({name, address});
  return set;
}
const ports::MxSet kBoth = Mx({{"mx.old", "2001:db8::1"}, {"mx.old", "192.0.2.1"}});

TEST_F(ShardRoute, AnIPv4AddressUsesIPv4Hosts) {
  Begin("198.51.100.1", kBoth);
  EXPECT_THAT(Opened(), ElementsAre("192.0.2.1"));
}

TEST_F(ShardRoute, AnIPv6AddressUsesIPv6Hosts) {
  Begin("2001:db8:1::1", kBoth);
  EXPECT_THAT(Opened(), ElementsAre("2001:db8::1"));
}

TEST_F(ShardRoute, WithoutAHostOfItsKindItSaysSo) {
  Begin("198.51.100.1", Mx({{"mx.old", "2001:db8::1"}}));
  EXPECT_THAT(Opened(), IsEmpty());
  EXPECT_THAT(Bounced(), IsEmpty());
  EXPECT_THAT(WhyNot(), HasSubstr("no host there has an IPv4 address"));
  Wait(Options().mx_refresh);
  Step({});
  EXPECT_THAT(Asked(), ElementsAre("d.example"));
  Answer(kBoth);
  EXPECT_THAT(Opened(), ElementsAre("192.0.2.1"));
}

TEST_F(ShardRoute, EachAddressOfAHostIsTried) {
  Begin("198.51.100.1", Mx({{"mx.old", "192.0.2.1"}, {"mx.old", "192.0.2.2"}}));
  ASSERT_THAT(Opened(), ElementsAre("192.0.2.1"));
  Close("connection refused");
  EXPECT_THAT(Opened(), ElementsAre("192.0.2.2"));
  Close("connection refused");
  EXPECT_THAT(Opened(), IsEmpty());
}

TEST_F(ShardRoute, MailForAForbiddenAddressBouncesWithTheReason) {
  Begin("198.51.100.1", Mx({{"mx.old", "127.0.0.1"}, {"mx.old", "::1"}}));
  ASSERT_THAT(Opened(), ElementsAre("127.0.0.1"));
  Close("mx.old [127.0.0.1] is loopback", /*forbidden=*/true);
  EXPECT_THAT(Opened(), IsEmpty());
  EXPECT_THAT(Bounced(), ElementsAre("1: the domain d.example takes no mail: mx.old [127.0.0.1] is "
                                     "loopback"));
  Step({Queued(2)});
  EXPECT_THAT(Opened(), IsEmpty()) << "it is not tried again";
  EXPECT_THAT(Bounced(), ElementsAre(HasSubstr("is loopback")));
}

TEST_F(ShardRoute, AForbiddenAddressBesideAGoodOneIsPassedOver) {
  Begin("198.51.100.1", Mx({{"mx.old", "10.0.0.1"}, {"mx.old", "192.0.2.2"}}));
  ASSERT_THAT(Opened(), ElementsAre("10.0.0.1"));
  Close("private", /*forbidden=*/true);
  EXPECT_THAT(Opened(), ElementsAre("192.0.2.2"));
  Close("connection refused");
  EXPECT_THAT(Opened(), IsEmpty());
  EXPECT_THAT(Bounced(), IsEmpty()) << "one host may come back";
}

TEST_F(ShardRoute, AnOldAnswerIsAskedForAgainAndTheMailFollows) {
  Begin("198.51.100.1", Mx({{"mx.old", "192.0.2.1"}}));
  ASSERT_THAT(Opened(), ElementsAre("192.0.2.1"));
  Close("connection refused");
  EXPECT_THAT(Asked(), IsEmpty());
  Wait(Options().mx_refresh);
  Step({});
  EXPECT_THAT(Asked(), ElementsAre("d.example"));
  ASSERT_THAT(Opened(), ElementsAre("192.0.2.1")) << "meanwhile the last answer holds";
  Close("connection refused");
  EXPECT_THAT(Asked(), IsEmpty()) << "asked for already";
  Wait(Options().host_backoff_longest);
  Answer(Mx({{"mx.new", "192.0.2.3"}}));
  Wait(absl::Milliseconds(1));
  EXPECT_LE(shard_.next_wake(), now_.wall);
  Step({});
  EXPECT_THAT(Opened(), ElementsAre("192.0.2.3"));
  EXPECT_EQ(shard_.StatusOf(Lane{EgressIpId("ip"), ProviderId("new")})->queued, 1);
}

TEST_F(ShardRoute, AnAnswerIsKeptNoLongerThanItSays) {
  ports::MxSet mx = Mx({{"mx.old", "192.0.2.1"}});
  mx.lifetime = absl::Minutes(10);
  Begin("198.51.100.1", mx);
  ASSERT_THAT(Opened(), ElementsAre("192.0.2.1"));
  Close("connection refused");
  Wait(absl::Minutes(9));
  Step({});
  EXPECT_THAT(Asked(), IsEmpty());
  Opened();
  Close("connection refused");
  Wait(absl::Minutes(10));
  Step({});
  EXPECT_THAT(Asked(), ElementsAre("d.example"));
}

TEST_F(ShardRoute, WhatIsKnownOutlivesAnswersThatFail) {
  Begin("198.51.100.1", Mx({{"mx.old", "192.0.2.1"}}));
  ASSERT_THAT(Opened(), ElementsAre("192.0.2.1"));
  Close("connection refused");
  Wait(Options().mx_refresh);
  Step({});
  ASSERT_THAT(Asked(), ElementsAre("d.example"));
  Opened();
  Answer(absl::UnavailableError("SERVFAIL"));
  EXPECT_THAT(Bounced(), IsEmpty());
  Close("connection refused");
  Wait(Options().host_backoff_longest);
  Step({});
  EXPECT_THAT(Opened(), ElementsAre("192.0.2.1"));
  EXPECT_THAT(Asked(), ElementsAre("d.example"));
}

TEST_F(ShardRoute, ADomainThatTakesNoMailAnyMoreBounces) {
  Begin("198.51.100.1", Mx({{"mx.old", "192.0.2.1"}}));
  ASSERT_THAT(Opened(), ElementsAre("192.0.2.1"));
  Close("connection refused");
  Wait(Options().mx_refresh);
  Step({});
  Opened();
  Close("connection refused");
  Answer(absl::NotFoundError("null MX"));
  EXPECT_THAT(Bounced(), ElementsAre("1: the domain d.example takes no mail: null MX"));
  Step({Queued(2)});
  EXPECT_THAT(Bounced(), ElementsAre("2: the domain d.example takes no mail: null MX"));
  EXPECT_THAT(Asked(), IsEmpty());
  Wait(Options().mx_refresh);
  Step({Queued(3)});
  EXPECT_THAT(Bounced(), IsEmpty()) << "it may take mail again";
  EXPECT_THAT(Asked(), ElementsAre("d.example"));
  Answer(Mx({{"mx.new", "192.0.2.3"}}));
  EXPECT_THAT(Opened(), ElementsAre("192.0.2.3"));
}

// A connection that is refused is no attempt, so no retry would ever end it.
TEST_F(ShardRoute, MailForAHostThatStaysDownExpires) {
  Begin("198.51.100.1", Mx({{"mx.old", "192.0.2.1"}}));
  RefuseFor(absl::Hours(71));
  EXPECT_THAT(Expired(), IsEmpty());
  RefuseFor(absl::Hours(4));
  EXPECT_THAT(Expired(),
              ElementsAre("1: given up after 72h: no host of d.example could be reached: "
                          "connection refused"));
  EXPECT_EQ(shard_.StatusOf(Lane{EgressIpId("ip"), ProviderId("old")})->queued, 0);
}

TEST_F(ShardRoute, MailThatCameLateHasItsWholeLifetime) {
  Begin("198.51.100.1", Mx({{"mx.old", "192.0.2.1"}}));
  RefuseFor(absl::Hours(50));
  Step({Queued(2)});
  RefuseFor(absl::Hours(25));
  ASSERT_THAT(Expired(), ElementsAre(HasSubstr("1: given up")));
  Step({});
  RefuseFor(absl::Hours(46));
  EXPECT_THAT(Expired(), IsEmpty());
  RefuseFor(absl::Hours(4));
  EXPECT_THAT(Expired(), ElementsAre(HasSubstr("2: given up")));
}

TEST_F(ShardRoute, AHostThatCameBackMeanwhileBeginsAnew) {
  Begin("198.51.100.1", Mx({{"mx.old", "192.0.2.1"}}));
  RefuseFor(absl::Hours(70));
  Wait(absl::Hours(1));
  Step({});
  ASSERT_THAT(Opened(), ElementsAre("192.0.2.1"));
  ports::TransportEvent event;
  event.kind = ports::TransportEvent::Kind::kOpened;
  event.connection = last_;
  Step({event});  // The claim stays unanswered: what matters is that the host is up.
  event.kind = ports::TransportEvent::Kind::kClosed;
  Step({event});
  Step({Queued(2)});
  RefuseFor(absl::Hours(60));
  EXPECT_THAT(Expired(), IsEmpty());
}

TEST_F(ShardRoute, MailThatNoIpOfThePoolCanDeliverExpires) {
  Begin("198.51.100.1", Mx({{"mx.old", "2001:db8::1"}}));
  RefuseFor(absl::Hours(75));
  EXPECT_THAT(Expired(),
              ElementsAre("1: given up after 72h: no host of d.example could be reached"));
}

TEST_F(ShardRoute, MailForADomainThatNobodyKnowsExpires) {
  Begin("198.51.100.1", absl::UnavailableError("SERVFAIL"));
  for (int hour = 0; hour < 72; ++hour) {
    Wait(absl::Hours(1));
    Answer(absl::UnavailableError("SERVFAIL"));
    EXPECT_THAT(Expired(), IsEmpty());
  }
  Wait(absl::Hours(1));
  Answer(absl::UnavailableError("SERVFAIL"));
  EXPECT_THAT(Expired(),
              ElementsAre("1: given up after 72h: the MX hosts of d.example could not be "
                          "found: SERVFAIL"));
}

TEST_F(ShardRoute, AConfigurationThatMustChangeBouncesNothing) {
  Begin("198.51.100.1", absl::FailedPreconditionError("no route for d.example"));
  EXPECT_THAT(Bounced(), IsEmpty());
  Wait(absl::Minutes(5));
  Step({});
  EXPECT_THAT(Asked(), ElementsAre("d.example"));
}

}  // namespace
}  // namespace crescendo::core
