// Webhooks, as a platform meets them.
#include "absl/strings/str_cat.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class WebhookTest : public ServiceTest {
 protected:
  absl::StatusOr<v1::Webhook> Create(const std::string& id, const std::string& rest = "") {
    return Ask(
        &Webhooks::CreateWebhook,
        absl::StrCat("webhook_id: '", id, "' webhook { url: 'https://shop.example/hook' } ", rest));
  }
  v1::Webhook Get() {
    const auto webhook = Ask(&Webhooks::GetWebhook, "name: 'webhooks/crm'");
    EXPECT_TRUE(webhook.ok()) << webhook.status();
    return webhook.value_or(v1::Webhook());
  }
};

TEST_F(WebhookTest, TellsWhatIsToComeAsTheApiDoes) {
  const auto made = Create("crm");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name(), "webhooks/crm");
  EXPECT_EQ(made->state(), v1::Webhook::ACTIVE);
  EXPECT_THAT(made->secret(), StartsWith("whsec_"));
  MakeCampaign("spring");
  const std::string body = receiver_.WaitFor("campaigns/spring");
  EXPECT_THAT(body, StartsWith("{\"webhook\":\"webhooks/crm\",\"events\":[{\"name\":\"events/"));
  EXPECT_THAT(body, HasSubstr("\"type\":\"CREATED\""));
  // What was before it is not told.
  EXPECT_THAT(receiver_.Taken(), Not(HasSubstr("mta1-a")));
  EXPECT_EQ(Get().secret(), "");
  const auto all = Ask(&Webhooks::ListWebhooks, "");
  ASSERT_THAT(all->webhooks(), SizeIs(1));
  EXPECT_EQ(all->webhooks(0).secret(), "");
  EXPECT_THAT(Ask(&Events::ListEvents, "page_size: 1000")->DebugString(),
              HasSubstr("webhook crm created: for https://shop.example/hook"));
}

TEST_F(WebhookTest, TellsFromTheStartAndOfTheSelected) {
  MakeCampaign("spring");
  ASSERT_TRUE(Ask(&Webhooks::CreateWebhook,
                  "webhook_id: 'crm' after_event: 'events/0' webhook { url: "
                  "'https://shop.example/hook' filter { campaign: 'campaigns/spring' } }")
                  .ok());
  receiver_.WaitFor("campaigns/spring");
  EXPECT_THAT(receiver_.Taken(), Not(HasSubstr("mta1-a")));
  EXPECT_EQ(Get().filter().campaign(), "campaigns/spring");
}

TEST_F(WebhookTest, WaitsForAReceiverThatFailsAndAcrossRestarts) {
  receiver_.set_code(503);
  ASSERT_TRUE(Create("crm").ok());
  MakeCampaign("spring");
  while (Get().failures() == 0) {
  }
  EXPECT_EQ(Get().state(), v1::Webhook::FAILING);
  EXPECT_EQ(Get().last_fault(), "HTTP 503");
  StopDaemon();
  StartDaemon();
  MakeCampaign("autumn");
  receiver_.set_code(200);
  receiver_.WaitFor("campaigns/autumn");
  EXPECT_THAT(receiver_.Taken(), HasSubstr("campaigns/spring"));
  // What was taken is told to nobody again.
  while (Get().delivered_event() != Ask(&Events::ListEvents, "")->last_event()) {
  }
  const std::string taken = receiver_.Taken();
  StopDaemon();
  StartDaemon();
  MakeCampaign("winter");
  receiver_.WaitFor("campaigns/winter");
  EXPECT_THAT(receiver_.Taken().substr(taken.size()),
              AllOf(Not(HasSubstr("campaigns/spring")), Not(HasSubstr("campaigns/autumn"))));
}

TEST_F(WebhookTest, IsPausedResumedAndForgotten) {
  const std::string secret = Create("crm")->secret();
  auto paused = Ask(&Webhooks::PauseWebhook, "name: 'webhooks/crm' reason: 'moving house'");
  ASSERT_TRUE(paused.ok()) << paused.status();
  EXPECT_EQ(paused->state(), v1::Webhook::PAUSED);
  EXPECT_EQ(paused->state_reason(), "moving house (test:ann)");
  MakeCampaign("spring");
  StopDaemon();
  StartDaemon();
  EXPECT_EQ(Get().state(), v1::Webhook::PAUSED);
  EXPECT_THAT(receiver_.Taken(), Not(HasSubstr("campaigns/spring")));
  EXPECT_EQ(Ask(&Webhooks::ResumeWebhook, "name: 'webhooks/crm'")->state(), v1::Webhook::ACTIVE);
  receiver_.WaitFor("campaigns/spring");
  const auto rotated = Ask(&Webhooks::RotateWebhookSecret, "name: 'webhooks/crm'");
  EXPECT_THAT(rotated->secret(), AllOf(StartsWith("whsec_"), Not(secret)));
  ASSERT_TRUE(Ask(&Webhooks::DeleteWebhook, "name: 'webhooks/crm'").ok());
  const std::string taken = receiver_.Taken();
  MakeCampaign("autumn");
  EXPECT_THAT(Ask(&Webhooks::GetWebhook, "name: 'webhooks/crm'"),
              FailsWith(absl::StatusCode::kNotFound, "there is no webhook \"crm\""));
  EXPECT_THAT(receiver_.Taken(), Not(HasSubstr("campaigns/autumn")));
  EXPECT_TRUE(Create("crm").ok());
}

TEST_F(WebhookTest, RefusesWhatCannotBe) {
  ASSERT_TRUE(Create("crm").ok());
  const std::string before = Everything();
  using absl::StatusCode;
  struct Case {
    const char* request;
    StatusCode code;
    const char* fault;
  };
  for (const Case& c :
       {Case{"webhook_id: 'crm' webhook { url: 'https://a.example/' }", StatusCode::kAlreadyExists,
             "exists already"},
        Case{"webhook_id: 'CRM' webhook { url: 'https://a.example/' }",
             StatusCode::kInvalidArgument, "webhook_id may hold only a-z"},
        Case{"webhook_id: 'b' webhook { url: 'http://a.example/' }", StatusCode::kInvalidArgument,
             "webhook.url is \"http://a.example/\", in the clear"},
        Case{"webhook_id: 'b'", StatusCode::kInvalidArgument, "webhook.url is \"\""},
        Case{"webhook_id: 'b' webhook { url: 'https://a.example/' } after_event: 'x'",
             StatusCode::kInvalidArgument, "after_event"},
        Case{"webhook_id: 'b' webhook { url: 'https://a.example/' filter { types: 99 } }",
             StatusCode::kInvalidArgument, "none of Event.Type"},
        Case{"webhook_id: 'b' webhook { url: 'https://a.example/' filter { delivery: "
             "'campaigns/c/deliveries/1' } }",
             StatusCode::kInvalidArgument, "cannot be of one delivery"}}) {
    SCOPED_TRACE(c.request);
    EXPECT_THAT(Ask(&Webhooks::CreateWebhook, c.request), FailsWith(c.code, c.fault));
  }
  for (const auto& name : {"webhooks/none", "webhooks/", "pools/main"}) {
    EXPECT_FALSE(Ask(&Webhooks::PauseWebhook, absl::StrCat("name: '", name, "'")).ok());
    EXPECT_FALSE(Ask(&Webhooks::DeleteWebhook, absl::StrCat("name: '", name, "'")).ok());
  }
  const auto dry = Create("dry", "validate_only: true");
  EXPECT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(dry->secret(), "");
  EXPECT_EQ(Everything(), before);
  ASSERT_TRUE(Create("b").ok());
  ASSERT_TRUE(Create("c").ok());
  EXPECT_THAT(Create("d"), FailsWith(StatusCode::kResourceExhausted, "there are 3 webhooks"));
}

}  // namespace
}  // namespace crescendo::service
