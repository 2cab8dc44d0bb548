// Webhooks: what the store keeps of them.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class WebhookTest : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Every, WebhookTest, testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

Webhook NewWebhook(const char* id) {
  Webhook webhook;
  webhook.id = WebhookId(id);
  webhook.url = "https://shop.example/hook";
  webhook.secret = "whsec_c2VjcmV0";
  webhook.state_reason = "by ann";
  webhook.create_time = absl::UnixEpoch() + absl::Hours(1);
  return webhook;
}

TEST_P(WebhookTest, KeepsEveryField) {
  Webhook full = NewWebhook("b");
  full.paused = true;
  full.delivered = EventId(7);
  full.lost = 3;
  full.selection = {CampaignId("spring"),
                    EgressIpId("mta1-a"),
                    ProviderId("gmail"),
                    PlanId("p1"),
                    {EventType::kAccepted, EventType::kDeleted}};
  ASSERT_TRUE(Do(ports::PutWebhook{full, {NewEvent(EventType::kCreated, "webhook")}}).status.ok());
  ASSERT_TRUE(Do(ports::PutWebhook{NewWebhook("a"), {}}).status.ok());
  Reopen();
  const std::vector<Webhook> all = store().ListWebhooks().value();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].id, WebhookId("a"));
  EXPECT_FALSE(all[0].selection.campaign.has_value());
  EXPECT_THAT(all[0].selection.types, IsEmpty());
  EXPECT_EQ(all[1].url, full.url);
  EXPECT_EQ(all[1].secret, full.secret);
  EXPECT_EQ(all[1].state_reason, "by ann");
  EXPECT_TRUE(all[1].paused);
  EXPECT_EQ(all[1].delivered, EventId(7));
  EXPECT_EQ(all[1].lost, 3);
  EXPECT_EQ(all[1].create_time, full.create_time);
  EXPECT_EQ(all[1].selection.campaign, CampaignId("spring"));
  EXPECT_EQ(all[1].selection.egress_ip, EgressIpId("mta1-a"));
  EXPECT_EQ(all[1].selection.provider, ProviderId("gmail"));
  EXPECT_EQ(all[1].selection.plan, PlanId("p1"));
  EXPECT_THAT(all[1].selection.types, ElementsAre(EventType::kAccepted, EventType::kDeleted));
  EXPECT_THAT(AllEvents(), SizeIs(1));
}

TEST_P(WebhookTest, IsReplacedAndDeleted) {
  Webhook webhook = NewWebhook("a");
  ASSERT_TRUE(Do(ports::PutWebhook{webhook, {}}).status.ok());
  ASSERT_TRUE(Do(ports::MoveWebhook{webhook.id, EventId(9), 2}).status.ok());
  // Who changes it knows nothing of how far it got meanwhile.
  webhook.paused = true;
  webhook.delivered = EventId(5);
  ASSERT_TRUE(Do(ports::PutWebhook{webhook, {}}).status.ok());
  Reopen();
  ASSERT_THAT(store().ListWebhooks().value(), SizeIs(1));
  EXPECT_EQ(store().ListWebhooks().value()[0].delivered, EventId(9));
  EXPECT_EQ(store().ListWebhooks().value()[0].lost, 2);
  EXPECT_TRUE(store().ListWebhooks().value()[0].paused);
  EXPECT_THAT(Do(ports::MoveWebhook{WebhookId("b"), EventId(9), 2}),
              FailsWith(absl::StatusCode::kNotFound, "no webhook b"));
  const ports::DeleteWebhook remove{WebhookId("a"), {NewEvent(EventType::kDeleted, "webhook")}};
  ASSERT_TRUE(Do(remove).status.ok());
  EXPECT_THAT(Do(remove), FailsWith(absl::StatusCode::kNotFound, "no webhook"));
  Reopen();
  EXPECT_THAT(store().ListWebhooks().value(), IsEmpty());
  EXPECT_THAT(AllEvents(), SizeIs(1));
}

}  // namespace
}  // namespace crescendo::store
