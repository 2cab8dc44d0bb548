// A campaign that needs TLS, through the whole daemon and a restart of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/rig.h"

namespace crescendo::engine {
namespace {

using support::Rig;
using testing::SizeIs;

TEST(CampaignTls, HoldsThroughARestartAndStopsNobodyElse) {
  Rig rig(Threads::kNone);
  ASSERT_TRUE(rig.Start().ok());
  rig.MakePool();
  rig.transport.OfferNoTls();
  rig.transport.AcceptAll(true);
  Campaign secret = support::NewCampaign("secret");
  secret.tls = TlsPolicy::kRequired;
  ASSERT_TRUE(
      rig.Await<Campaign>([&](auto done) { rig.engine().Put(secret, {}, std::move(done)); }).ok());
  ASSERT_TRUE(rig.Import("secret", 1, {"ann@a.test", "bob@b.test"}).ok());
  ASSERT_TRUE(rig.Change("secret", CampaignVerb::kStart).ok());
  rig.MakeCampaign("open", {"cid@c.test"});
  for (int i = 0; i < 5; ++i) rig.engine().Turn();
  ASSERT_THAT(rig.transport.sent(), SizeIs(1));
  EXPECT_EQ(rig.transport.sent()[0].rcpt_to, "cid@c.test");
  EXPECT_EQ(rig.Counts("secret").deferred, 2);
  EXPECT_EQ(rig.Counts("open").accepted, 1);
  const std::vector<Event> deferred = rig.Events(EventType::kDeferred);
  ASSERT_THAT(deferred, SizeIs(2));
  EXPECT_EQ(deferred[0].text,
            "the campaign needs TLS: mx.example.net: the server does not offer STARTTLS");

  rig.Crash();
  ASSERT_TRUE(rig.Start().ok());
  const absl::Time until = rig.clock.Now().wall + absl::Hours(72) + absl::Hours(4);
  while (rig.clock.Now().wall < until) {
    rig.engine().Turn();
    rig.clock.AdvanceTo(rig.clock.Now().wall + absl::Minutes(10));
  }
  for (int i = 0; i < 5; ++i) rig.engine().Turn();
  EXPECT_EQ(rig.Counts("secret").expired, 2);
  EXPECT_THAT(rig.transport.sent(), SizeIs(1)) << "nothing ever left in the clear";
}

}  // namespace
}  // namespace crescendo::engine
