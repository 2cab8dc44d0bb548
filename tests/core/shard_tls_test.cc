// TLS of campaigns that share connections with others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/ports/tls_policy.h"
#include "tests/core/shard_fixture.h"

namespace crescendo::core {
namespace {

using ports::OpenConnection;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(StrictestTls, IsTheStricterOfProviderAndCampaign) {
  constexpr auto kNever = TlsPolicy::kNever, kWish = TlsPolicy::kOpportunistic,
                 kNeed = TlsPolicy::kRequired, kCheck = TlsPolicy::kVerified;
  struct Case {
    TlsPolicy provider, campaign, want;
    const char* by;
  };
  for (const Case& c :
       {Case{kNever, kNever, kNever, "the provider"}, Case{kNever, kNeed, kNeed, "the campaign"},
        Case{kWish, kNever, kWish, "the provider"}, Case{kWish, kNeed, kNeed, "the campaign"},
        Case{kNeed, kWish, kNeed, "the provider"}, Case{kNeed, kNeed, kNeed, "the provider"},
        Case{kNeed, kCheck, kCheck, "the campaign"}, Case{kCheck, kNeed, kCheck, "the provider"}}) {
    Provider provider;
    provider.tls = c.provider;
    const ports::MxHost host{"mx.example", "192.0.2.1"};
    const ports::TlsNeed need =
        ports::StrictestTls().NeedOf({provider, c.campaign, "d.example", host});
    EXPECT_EQ(need.level, c.want);
    EXPECT_EQ(need.by, c.by);
    EXPECT_EQ(need.names.empty(), c.want != kCheck);
  }
}

// Campaign 1 asks for nothing, 2 for TLS, 3 for a certificate. The one connection that the provider
// takes is open, in the clear.
class ShardTls : public ShardTest {
 protected:
  ShardTls() {
    for (const auto& [key, tls] : {std::pair(2, TlsPolicy::kRequired), {3, TlsPolicy::kVerified}}) {
      Campaign campaign = InState(CampaignState::kSending, key);
      campaign.tls = tls;
      campaign.lifetime = absl::Hours(1);
      Step({campaign});
    }
  }

  Letter Opened(bool tls) const {
    return ports::TransportEvent{
        .kind = ports::TransportEvent::Kind::kOpened, .connection = connection_, .tls = tls};
  }
  Letter WithoutTls(const std::string& detail) const {
    return ports::TransportEvent{.kind = ports::TransportEvent::Kind::kClosed,
                                 .connection = connection_,
                                 .detail = detail,
                                 .tls_failed = true};
  }
  // What was opened in the last Step, which is followed from now on.
  std::string Opening() {
    const auto open = Find<OpenConnection>();
    if (!open.has_value()) return "nothing";
    connection_ = open->connection;
    const std::string level = std::vector<std::string>{"never", "opportunistic", "required",
                                                       "verified"}[static_cast<size_t>(open->tls)];
    return open->tls_names.empty() ? level : level + " as " + open->tls_names.at(0);
  }
  // The connection that is open makes room, and the next one is opened.
  void Replaced() {
    ASSERT_TRUE(Find<Close>().has_value());
    EXPECT_FALSE(Find<OpenConnection>().has_value()) << "the provider takes one at a time";
    Step({Closed()});
  }
  std::vector<int64_t> SentTo() const {
    std::vector<int64_t> sent;
    for (const Effect& effect : effects_) {
      if (const auto* send = std::get_if<core::Send>(&effect)) {
        EXPECT_EQ(send->connection, connection_);
        sent.push_back(send->delivery.id.value());
      }
    }
    return sent;
  }
  LaneStatus Lane() const {
    return shard_.StatusOf(crescendo::Lane{EgressIpId("ip"), ProviderId("big")}).value();
  }
};

TEST_F(ShardTls, MailLeavesOverNothingWeakerThanItNeeds) {
  Step({Queued(2, 1, 0.9, 2)});
  EXPECT_THAT(Writes<ports::Claim>(), IsEmpty());
  Replaced();
  EXPECT_EQ(Opening(), "required");
  Step({Opened(true)});
  Step({Claimed(2)});
  EXPECT_THAT(SentTo(), ElementsAre(2));
  Step({Answered(2, 250), Queued(3, 1, 0.8, 3)});
  Replaced();
  EXPECT_EQ(Opening(), "verified as mx1.big.example");
  Step({Opened(true)});
  Step({Claimed(3)});
  EXPECT_THAT(SentTo(), ElementsAre(3));
}

TEST_F(ShardTls, MailThatNeedsLessSharesTheConnection) {
  Step({Queued(2, 1, 0.9, 3)});
  Replaced();
  EXPECT_EQ(Opening(), "verified as mx1.big.example");
  Step({Opened(true)});
  for (const int64_t id : {2, 3}) {
    Step({Claimed(id)});
    EXPECT_THAT(SentTo(), ElementsAre(id));
    Step({Answered(id, 250), Queued(id + 1, 1, 0.8, /*campaign=*/id - 1)});
    EXPECT_FALSE(Find<Close>().has_value());
  }
}

// A wish that came true is as good as a demand.
TEST_F(ShardTls, AConnectionIsWhatItBecame) {
  Step({Closed(), Queued(2, 1, 0.9, 1)});
  EXPECT_EQ(Opening(), "opportunistic");
  Step({Opened(true)});
  Step({Claimed(2)});
  Step({Answered(2, 250), Queued(3, 1, 0.8, 2)});
  Step({Claimed(3)});
  EXPECT_THAT(SentTo(), ElementsAre(3));
}

TEST_F(ShardTls, APolicyThatWasRaisedHoldsForWhatIsClaimed) {
  Step({Queued(2, 1, 0.9, 1)});
  const Letter claimed = Claimed(2);
  Campaign stricter = InState(CampaignState::kSending);
  stricter.tls = TlsPolicy::kRequired;
  Step({stricter});
  Step({claimed});
  EXPECT_THAT(SentTo(), IsEmpty());
  EXPECT_EQ(Writes<ports::Release>().size(), 1u);
  Replaced();
  EXPECT_EQ(Opening(), "required");
}

TEST_F(ShardTls, WhatNoHostGivesIsDeferredAndTheRestGoes) {
  Step({MxAnswer{DomainKey(1), ports::MxSet{{{"mx1.big.example", "127.0.0.2", 25},
                                             {"mx3.big.example", "127.0.0.3", 25}}}},
        Closed(), Queued(2, 1, 0.9, 2), Queued(3, 1, 0.8, 1)});
  EXPECT_EQ(Opening(), "required");
  EXPECT_EQ(Find<OpenConnection>()->host.name, "mx1.big.example");
  Step({WithoutTls("the server does not offer STARTTLS")});
  EXPECT_EQ(Opening(), "required");
  EXPECT_EQ(Find<OpenConnection>()->host.name, "mx3.big.example") << "the next host is tried";
  Step({WithoutTls("TLS handshake: self-signed certificate")});
  ASSERT_EQ(Writes<ports::Claim>().size(), 1u);
  EXPECT_THAT(Writes<ports::Claim>()[0].deliveries, ElementsAre(DeliveryId(2)));
  const Letter claimed = Claimed(2);
  EXPECT_EQ(Opening(), "opportunistic") << "for the mail that needs no TLS";
  Step({claimed});
  ASSERT_EQ(Writes<ports::Settle>().size(), 1u);
  const ports::Settle settle = Writes<ports::Settle>()[0];
  EXPECT_EQ(settle.state, DeliveryState::kDeferred);
  EXPECT_EQ(settle.slot, ports::Settle::Slot::kDeferred) << "its slot comes back";
  EXPECT_EQ(settle.reply,
            "the campaign needs TLS: mx1.big.example: the server does not offer STARTTLS");
  EXPECT_GE(settle.next_attempt_time, now_.wall + Options().tls_refused);
  EXPECT_THAT(settle.events.at(0).text, HasSubstr("does not offer STARTTLS"));
  Step({Opened(false)});
  Step({Claimed(3)});
  EXPECT_THAT(SentTo(), ElementsAre(3));
  EXPECT_EQ(Lane().record.stop_count, 0) << "no throttle learns of it";
  EXPECT_EQ(Lane().record.connection_limit, 0);
}

TEST_F(ShardTls, ACertificateThatFailsStopsOnlyThoseThatCheckIt) {
  Step({Closed(), Queued(2, 1, 0.9, 3), Queued(3, 1, 0.8, 2)});
  EXPECT_EQ(Opening(), "verified as mx1.big.example");
  Step({WithoutTls("TLS handshake: certificate has expired")});
  const Letter claimed = Claimed(2);
  EXPECT_EQ(Opening(), "required");
  Step({claimed, Opened(true)});
  EXPECT_EQ(
      Writes<ports::Settle>().at(0).reply,
      "the campaign needs verified TLS: mx1.big.example: TLS handshake: certificate has expired");
  Step({Claimed(3)});
  EXPECT_THAT(SentTo(), ElementsAre(3));
}

TEST_F(ShardTls, ARefusedHostIsAskedAgainUntilTheMailExpires) {
  Step({Closed(), Queued(2, 1, 0.9, 2)});
  std::string last;
  int asked = 0;
  for (int i = 0; i < 20; ++i) {
    if (Opening() == "required") {
      ++asked;
      Step({WithoutTls("the server does not offer STARTTLS")});
    }
    if (!Writes<ports::Claim>().empty()) {
      Letter answer = Claimed(2);
      auto& claimed = std::get<ClaimAnswer>(answer).claimed;
      claimed->at(0).first_attempt_time = kStart;
      Step({answer});
      const auto settles = Writes<ports::Settle>();
      ASSERT_EQ(settles.size(), 1u);
      last = std::string(DeliveryStateName(settles[0].state));
    }
    Wait(absl::Minutes(10));
    Step({});
  }
  EXPECT_EQ(last, "EXPIRED") << "its lifetime is one hour";
  EXPECT_EQ(asked, 3) << "at first, and some 15 and 45 min later; one more would come too late";
}

TEST_F(ShardTls, ADowngradeIsRememberedForAWhile) {
  Step({Closed(), Queued(2, 1, 0.9, 1)});
  EXPECT_EQ(Opening(), "opportunistic");
  ports::TransportEvent opened = std::get<ports::TransportEvent>(Opened(false));
  opened.downgraded = true;
  opened.detail = "TLS handshake: stream truncated";
  Step({opened});
  Step({Claimed(2)});
  EXPECT_EQ(Lane().tls.opened, 2);
  EXPECT_EQ(Lane().tls.in_the_clear, 2);
  EXPECT_EQ(Lane().tls.reason, "mx1.big.example: TLS handshake: stream truncated");
  Step({Answered(2, 250), Closed(), Queued(3, 1, 0.8, 1)});
  EXPECT_EQ(Opening(), "never") << "no second connection for each";
  Step({Opened(false)});
  EXPECT_EQ(Lane().tls.reason, "mx1.big.example: TLS handshake: stream truncated");
  Step({Claimed(3)});
  Step({Answered(3, 250), Closed(), Queued(4, 1, 0.7, 2)});
  EXPECT_EQ(Opening(), "required") << "who needs TLS asks for it all the same";
  Step({Opened(true)});
  Step({Claimed(4)});
  Step({Answered(4, 250), Closed(), Queued(5, 1, 0.6, 1)});
  EXPECT_EQ(Opening(), "opportunistic") << "it works again";
  opened.connection = connection_;
  Step({opened});
  Step({Claimed(5)});
  Wait(Options().tls_downgraded);
  Step({Answered(5, 250), Closed(), Queued(6, 1, 0.5, 1)});
  EXPECT_EQ(Opening(), "opportunistic") << "an hour later";
  EXPECT_EQ(Lane().tls.opened, 5);
  EXPECT_EQ(Lane().tls.in_the_clear, 4);
}

}  // namespace
}  // namespace crescendo::core
