// What an operator or a platform may send wrongly (DESIGN §12): each answer has the right code and
// names the field, its fault and the fix, and nothing is stored.
#include "absl/strings/str_cat.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

class BadInputTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    MakeCampaign("spring");
    ASSERT_TRUE(Ask(&Plans::CreatePlan,
                    "plan_id: 'warm-a' target: 1000 plan { egress_ip: 'egressIps/mta1-a' }")
                    .ok());
    before_ = Everything();
  }
  void TearDown() override { EXPECT_EQ(Everything(), before_) << "something was stored"; }

  struct Case {
    std::string name, request;
    std::vector<std::string> says;  // All in the message.
    StatusCode code = StatusCode::kInvalidArgument;
  };
  // Each `request`, in the text format, goes into `format` where it says $0.
  template <class Method>
  void ExpectRefused(Method method, const std::string& format, const std::vector<Case>& cases) {
    for (const Case& c : cases) {
      SCOPED_TRACE(c.name);
      std::string text = format;
      text.replace(text.find("$0"), 2, c.request);
      Check(c, Ask(method, text).status());
    }
  }
  static void Check(const Case& c, const absl::Status& status) {
    EXPECT_EQ(status.code(), c.code) << status;
    for (const std::string& part : c.says) {
      EXPECT_THAT(std::string(status.message()), HasSubstr(part));
    }
  }

  std::string before_;
};

constexpr char kCampaign[] =
    "campaign_id: 'bad' campaign { pool: 'pools/main' subject: 's' text_body: 't' "
    "from_address: 'a@b.example' } campaign { $0 }";
constexpr char kPlan[] =
    "plan_id: 'bad' plan { egress_ip: 'egressIps/mta1-b' stages { days: 1 daily_cap: 9 } "
    "start_date: '2026-03-04' } plan { $0 }";

std::string Long(size_t size) { return std::string(size, 'x'); }

TEST_F(BadInputTest, Ids) {
  const std::vector<Case> ids = {{"empty", "", {"is empty", "use 1 to 63 of a-z"}},
                                 {"a slash", "a/b", {"may hold only a-z, 0-9 and -"}},
                                 {"a capital", "Mta", {"may hold only a-z, 0-9 and -"}},
                                 {"a blank", "a b", {"may hold only"}},
                                 {"a NUL", "a\\000", {"may hold only"}},
                                 {"a line feed", "a\\n", {"may hold only"}},
                                 {"over-long", Long(64), {"is 64 characters long; at most 63"}},
                                 {"begins with -", "-a", {"neither start nor end with -"}}};
  const auto named = [&](const std::string& field) {
    std::vector<Case> cases = ids;
    for (Case& c : cases) c.says.push_back(field);
    return cases;
  };
  ExpectRefused(&EgressIps::CreateEgressIp,
                "egress_ip_id: '$0' egress_ip { address: '192.0.2.9' ehlo_name: 'a.example' }",
                named("egress_ip_id"));
  ExpectRefused(&Pools::CreatePool, "pool_id: '$0' pool { egress_ips: 'egressIps/mta1-b' }",
                named("pool_id"));
  ExpectRefused(&Plans::CreatePlan,
                "plan_id: '$0' target: 9 plan { egress_ip: 'egressIps/mta1-b' }", named("plan_id"));
  ExpectRefused(&Campaigns::CreateCampaign,
                "campaign_id: '$0' campaign { pool: 'pools/main' subject: 's' text_body: 't' "
                "from_address: 'a@b.example' }",
                named("campaign_id"));
}

TEST_F(BadInputTest, Names) {
  const std::vector<Case> names = {
      {"empty", "", {"name is empty; its format is "}},
      {"another collection", "things/a", {"name is \"things/a\"; its format is "}},
      {"no id", "$c/", {"is empty; use 1 to 63"}},
      {"too deep", "$c/a/b", {"its format is "}},
      {"a trailing slash", "$c/a/", {"its format is "}},
      {"a NUL", "$c/a\\000", {"may hold only", "\\x00"}},
      {"over-long", absl::StrCat("$c/", Long(100)), {"at most 63", "…"}}};
  const auto check = [&](const std::string& collection, auto... methods) {
    std::vector<Case> cases = names;
    for (Case& c : cases) {
      const size_t at = c.request.find("$c");
      if (at != std::string::npos) c.request.replace(at, 2, collection);
    }
    (ExpectRefused(methods, "name: '$0'", cases), ...);
  };
  check("egressIps", &EgressIps::GetEgressIp);
  check("pools", &Pools::GetPool);
  check("providers", &Providers::GetProvider);
  check("plans", &Plans::GetPlan, &Plans::StartPlan, &Plans::PausePlan, &Plans::ResumePlan,
        &Plans::GetPlanProgress);
  check("campaigns", &Campaigns::GetCampaign, &Campaigns::StartCampaign, &Campaigns::PauseCampaign,
        &Campaigns::ResumeCampaign, &Campaigns::CancelCampaign);
  const std::vector<Case> lanes = {{"empty", "", {"name is empty", "egressIps/{egress_ip}/lanes"}},
                                   {"an IP", "egressIps/mta1-a", {"its format is"}},
                                   {"no IP", "egressIps//lanes/gmail", {"{egress_ip} is empty"}},
                                   {"no provider", "egressIps/mta1-a/lanes/", {"{provider} is"}}};
  ExpectRefused(&Lanes::GetLane, "name: '$0'", lanes);
  ExpectRefused(&Lanes::PauseLane, "name: '$0'", lanes);
  ExpectRefused(&Lanes::ResumeLane, "name: '$0'", lanes);
  const std::vector<Case> deliveries = {
      {"no number", "campaigns/spring/deliveries/x", {"the last a number"}},
      {"zero", "campaigns/spring/deliveries/0", {"the last a number"}},
      {"a sign", "campaigns/spring/deliveries/+1", {"the last a number"}},
      {"too large", "campaigns/spring/deliveries/9223372036854775808", {"the last a number"}}};
  ExpectRefused(&Deliveries::GetDelivery, "name: '$0'", deliveries);
  ExpectRefused(&Deliveries::GetTranscript, "name: '$0/transcript'", deliveries);
  ExpectRefused(&Campaigns::GetImport, "name: '$0'",
                {{"no import", "campaigns/spring/imports/", {"name", "{import} is empty"}},
                 {"a campaign", "campaigns/spring", {"its format is"}}});
  ExpectRefused(
      &Suppressions::GetSuppression, "name: '$0'",
      {{"no @", "suppressions/ann", {"name", "has no @"}}, {"empty", "", {"name is empty"}}});
  ExpectRefused(&Suppressions::DeleteSuppression, "name: '$0'",
                {{"a line feed", "suppressions/a\\n@b.example", {"name", "0x0a"}}});
}

TEST_F(BadInputTest, EgressIps) {
  ExpectRefused(&EgressIps::CreateEgressIp, "egress_ip_id: 'bad' egress_ip { $0 }",
                {{"a host name for an address",
                  "address: 'mta1.example.com' ehlo_name: 'a.example'",
                  {"address", "not a literal IPv4 or IPv6 address"}},
                 {"a NUL in it",
                  "address: '192.0.2.9\\000' ehlo_name: 'a.example'",
                  {"address", "not a literal", "\\x00"}},
                 {"no address", "ehlo_name: 'a.example'", {"address is empty"}},
                 {"no EHLO name", "address: '192.0.2.9'", {"ehlo_name is empty; give a host name"}},
                 {"an EHLO name with a line feed",
                  "address: '192.0.2.9' ehlo_name: 'a.example\\r\\nRCPT'",
                  {"ehlo_name", "not a host name"}},
                 {"an EHLO name that is too long",
                  "address: '192.0.2.9' ehlo_name: '" + Long(254) + "'",
                  {"ehlo_name is 254 characters long; at most 253"}},
                 {"another's address",
                  "address: '::ffff:192.0.2.1' ehlo_name: 'a.example'",
                  {"address", "mta1-a"},
                  StatusCode::kFailedPrecondition}});
}

TEST_F(BadInputTest, Pools) {
  ExpectRefused(&Pools::CreatePool, "pool_id: 'bad' pool { $0 }",
                {{"no IP", "", {"egress_ips is empty"}},
                 {"an IP twice",
                  "egress_ips: ['egressIps/mta1-b', 'egressIps/mta1-b']",
                  {"egress_ips", "mta1-b twice"}},
                 {"a broken name",
                  "egress_ips: ['egressIps/mta1-b', 'mta1']",
                  {"pool.egress_ips[1]", "egressIps/{egress_ip}"}},
                 {"an unknown IP",
                  "egress_ips: 'egressIps/mta9'",
                  {"egress_ips", "mta9", "does not exist; create it first"},
                  StatusCode::kNotFound},
                 {"an IP of another pool",
                  "egress_ips: 'egressIps/mta1-a'",
                  {"egress_ips", "mta1-a is in pool main; take it out there first"},
                  StatusCode::kFailedPrecondition}});
}

TEST_F(BadInputTest, Plans) {
  ExpectRefused(
      &Plans::CreatePlan, kPlan,
      {{"a stage of zero days",
        "stages { days: 0 daily_cap: 9 }",
        {"stages[1].days is 0; it must be 1 to 365"}},
       {"a stage of minus one day", "stages { days: -1 daily_cap: 9 }", {"stages[1].days is -1"}},
       {"a stage too long", "stages { days: 366 daily_cap: 9 }", {"stages[1].days is 366"}},
       {"a cap of zero",
        "stages { days: 1 }",
        {"stages[1].daily_cap is 0; it must be 1 to 10000000"}},
       {"a cap above the range",
        "stages { days: 1 daily_cap: 10000001 }",
        {"stages[1].daily_cap is 10000001"}},
       {"an unknown time zone",
        "time_zone: 'Mars/Olympus'",
        {"plan.time_zone", "Mars/Olympus", "use an IANA name"}},
       {"a time zone that is a file", "time_zone: '/etc/localtime'", {"plan.time_zone"}},
       {"a window that ends before it starts",
        "sending_window { start_minute: 600 end_minute: 300 }",
        {"plan.sending_window.end_minute is 300; it must be 601 to 1440"}},
       {"an empty window",
        "sending_window { start_minute: 600 end_minute: 600 }",
        {"plan.sending_window.end_minute"}},
       {"a window over midnight",
        "sending_window { start_minute: 600 end_minute: 1500 }",
        {"plan.sending_window.end_minute is 1500"}},
       {"a window before midnight",
        "sending_window { start_minute: -1 end_minute: 10 }",
        {"plan.sending_window.start_minute is -1; it must be 0 to 1439"}},
       {"no date", "start_date: '2026-02-30'", {"plan.start_date", "write it YYYY-MM-DD"}},
       {"a date of another age", "start_date: '1066-10-14'", {"start_date is 1066-10-14"}},
       {"an unknown rule", "advance_rule: 99", {"plan.advance_rule is 99; it must be DELIVERED"}},
       {"a provider cap below the range",
        "provider_caps { provider: 'providers/gmail' daily_cap: -1 }",
        {"provider_caps[0].daily_cap is -1; it must be 0 to 10000000"}},
       {"a provider twice",
        "provider_caps { provider: 'providers/gmail' } provider_caps { provider: 'providers/gmail' "
        "}",
        {"provider_caps[1].provider", "one cap per provider"}},
       {"an unknown provider",
        "provider_caps { provider: 'providers/nobody' }",
        {"provider_caps", "nobody", "does not exist"},
        StatusCode::kNotFound},
       {"an unknown IP",
        "egress_ip: 'egressIps/mta9'",
        {"egress_ip", "mta9", "does not exist; create it first"},
        StatusCode::kNotFound},
       {"an IP that has a plan",
        "egress_ip: 'egressIps/mta1-a'",
        {"egress_ip: mta1-a has plan warm-a"},
        StatusCode::kFailedPrecondition}});
  ExpectRefused(&Plans::CreatePlan, "plan_id: 'bad' $0 plan { egress_ip: 'egressIps/mta1-b' }",
                {{"neither stages nor target", "", {"stages is empty", "or a target"}},
                 {"a target below the range", "target: -5", {"target is -5; it must be 1 to"}},
                 {"a target above it", "target: 10000001", {"target is 10000001"}},
                 {"both",
                  "target: 5 plan { stages { days: 1 daily_cap: 9 } }",
                  {"target and plan.stages are both given"}}});
}

TEST_F(BadInputTest, Campaigns) {
  ExpectRefused(
      &Campaigns::CreateCampaign, kCampaign,
      {{"a header in the subject",
        "subject: 'Hi\\r\\nBcc: all@b.example'",
        {"subject holds a control character", "remove it"}},
       {"a line feed in from_name", "from_name: 'Ann\\nX: y'", {"from_name holds a control"}},
       {"a header in list_unsubscribe",
        "list_unsubscribe: '<https://x.example>\\r\\nX: y'",
        {"list_unsubscribe holds a control"}},
       {"a NUL in the subject", "subject: 'a\\000b'", {"subject holds a control"}},
       {"an over-long subject",
        "subject: '" + Long(999) + "'",
        {"subject is 999 bytes long; at most 998"}},
       {"no subject", "subject: ''", {"subject is empty"}},
       {"CR in from_address", "from_address: 'a\\r@b.example'", {"from_address", "0x0d"}},
       {"LF in return_path", "return_path: 'a@b.example\\n'", {"return_path", "not a host name"}},
       {"NUL in from_address", "from_address: 'a\\000@b.example'", {"from_address", "0x00"}},
       {"an over-long local part",
        "from_address: '" + Long(65) + "@b.example'",
        {"from_address", "65 octets before the @; at most 64"}},
       {"a header in a header",
        "headers { name: 'X-A' value: 'a\\r\\nBcc: b' }",
        {"headers[0].value holds a control"}},
       {"a sender id that Gmail does not take",
        "feedback_sender_id: 'a:b'",
        {"feedback_sender_id is \"a:b\"", "5 to 15"}},
       {"less TLS than the provider asks for",
        "tls_policy: NEVER",
        {"campaign.tls_policy is NEVER", "leave it out"}},
       {"two kinds of content", "raw_message: 'Subject: s'", {"raw_message is a whole message"}},
       {"no body", "text_body: ''", {"text_body and html_body are both empty"}},
       {"a lifetime of zero", "lifetime {}", {"lifetime", "1 minute to 30 days"}},
       {"a lifetime of a year", "lifetime { seconds: 31536000 }", {"lifetime is 8760h"}},
       {"no duration", "lifetime { seconds: 1 nanos: -1 }", {"campaign.lifetime is no duration"}},
       {"a broken pool", "pool: 'main'", {"campaign.pool", "pools/{pool}"}},
       {"an unknown pool",
        "pool: 'pools/none'",
        {"pool", "none", "create it first"},
        StatusCode::kNotFound}});
}

TEST_F(BadInputTest, Suppressions) {
  ExpectRefused(&Suppressions::CreateSuppression, "suppression { $0 }",
                {{"no address", "", {"suppression.address", "has no @"}},
                 {"CR and LF", "address: 'a\\r\\n@b.example'", {"suppression.address", "0x0d"}},
                 {"NUL in the domain", "address: 'a@b\\000.example'", {"suppression.address"}},
                 {"a control in the note",
                  "address: 'a@b.example' note: '\\033[2J'",
                  {"suppression.note holds a control"}},
                 {"an over-long note",
                  "address: 'a@b.example' note: '" + Long(1001) + "'",
                  {"suppression.note is 1001 characters long; at most 1000"}},
                 {"an unknown reason",
                  "address: 'a@b.example' reason: 77",
                  {"suppression.reason is 77", "none of Suppression.Reason"}}});
}

TEST_F(BadInputTest, ReasonsAndRequestIds) {
  const std::vector<Case> reasons = {
      {"over-long", Long(1001), {"reason is 1001 characters long; at most 1000"}},
      {"a control", "a\\033[2J", {"reason holds a control character"}}};
  ExpectRefused(&Plans::StartPlan, "name: 'plans/warm-a' reason: '$0'", reasons);
  ExpectRefused(&Campaigns::StartCampaign, "name: 'campaigns/spring' reason: '$0'", reasons);
  ExpectRefused(&Lanes::PauseLane, "name: 'egressIps/mta1-a/lanes/gmail' reason: '$0'", reasons);
  ExpectRefused(&Pools::CreatePool,
                "pool_id: 'bad' pool { egress_ips: 'egressIps/mta1-b' } request_id: '$0'",
                {{"over-long", Long(65), {"request_id is 65 characters long; at most 64"}},
                 {"a control", "a\\001", {"request_id holds a control"}}});
}

TEST_F(BadInputTest, Lists) {
  const std::vector<Case> pages = {
      {"a negative size", "page_size: -1", {"page_size is -1; it must be 0 (for 100) to 1000"}},
      {"no token of ours", "page_token: 'x'", {"page_token was not given for this request"}},
      {"base64 of nothing", "page_token: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAA'", {"page_token"}},
      {"an over-long token", "page_token: '" + Long(5000) + "'", {"page_token"}}};
  ExpectRefused(&EgressIps::ListEgressIps, "$0", pages);
  ExpectRefused(&Pools::ListPools, "$0", pages);
  ExpectRefused(&Plans::ListPlans, "$0", pages);
  ExpectRefused(&Plans::ListPlanDays, "parent: 'plans/warm-a' $0", pages);
  ExpectRefused(&Campaigns::ListCampaigns, "$0", pages);
  ExpectRefused(&Lanes::ListLanes, "parent: 'egressIps/-' $0", pages);
  ExpectRefused(&Providers::ListProviders, "$0", pages);
  ExpectRefused(&Deliveries::ListDeliveries, "parent: 'campaigns/spring' $0", pages);
  ExpectRefused(&Events::ListEvents, "$0", pages);
  ExpectRefused(&Suppressions::ListSuppressions, "$0", pages);
  ExpectRefused(
      &Deliveries::ListDeliveries, "$0",
      {{"an unknown state",
        "parent: 'campaigns/spring' state: 42",
        {"state is 42", "none of Delivery.State"}},
       {"everything at once", "parent: 'campaigns/-'", {"address is empty"}},
       {"an unknown campaign", "parent: 'campaigns/none'", {"none"}, StatusCode::kNotFound}});
  ExpectRefused(&Events::ListEvents, "$0",
                {{"an unknown type", "filter { types: [1, 99] }", {"filter.types[1] is 99"}},
                 {"the type of none", "filter { types: 0 }", {"filter.types[0] is 0"}},
                 {"a broken cursor", "after_event: 'events/x'", {"after_event", "decimal number"}},
                 {"a broken plan", "filter { plan: 'warm-a' }", {"filter.plan", "plans/{plan}"}}});
  ExpectRefused(
      &Providers::FindProvider, "$0",
      {{"nothing", "", {"domain and mx_hosts are both empty"}},
       {"both", "domain: 'a.example' mx_hosts: 'b.example'", {"both given"}},
       {"a broken host", "mx_hosts: ['a.example', 'b..example']", {"mx_hosts[1]"}},
       {"no mail", "domain: 'null.test'", {"null.test takes no mail"}, StatusCode::kNotFound},
       {"no answer", "domain: 'lost.test'", {"lost.test"}, StatusCode::kFailedPrecondition}});
}

TEST_F(BadInputTest, UpdateMasksAndEtags) {
  const std::vector<Case> masks = {
      {"no field",
       "update_mask { paths: 'colour' }",
       {"update_mask names \"colour\", which is no field of"}},
      {"a field that cannot change",
       "update_mask { paths: 'create_time' }",
       {"update_mask names \"create_time\", which cannot change; use some of"}},
      {"a star among others", "update_mask { paths: ['*', 'name'] }", {"update_mask names \"*\""}}};
  ExpectRefused(&EgressIps::UpdateEgressIp, "egress_ip { name: 'egressIps/mta1-a' } $0", masks);
  ExpectRefused(&Pools::UpdatePool, "pool { name: 'pools/main' } $0", masks);
  ExpectRefused(&Plans::UpdatePlan, "plan { name: 'plans/warm-a' } $0", masks);
  ExpectRefused(&Campaigns::UpdateCampaign, "campaign { name: 'campaigns/spring' } $0", masks);
  const std::vector<Case> etags = {{"no etag of ours", "etag: 'abc'", {"etag is \"abc\""}},
                                   {"not base64", "etag: '!'", {"etag", "never given"}},
                                   {"a NUL", "etag: 'a\\000'", {"etag", "\\x00"}}};
  ExpectRefused(&EgressIps::UpdateEgressIp,
                "egress_ip { name: 'egressIps/mta1-a' ehlo_name: 'b.example' $0 }", etags);
  ExpectRefused(&Campaigns::CancelCampaign, "name: 'campaigns/spring' $0", etags);
  ExpectRefused(&Plans::StartPlan, "name: 'plans/warm-a' $0", etags);
}

TEST_F(BadInputTest, WhatIsNoUtf8) {
  const Case unreadable = {"", "", {"request cannot be read", "UTF-8"}};
  auto campaign = Parse<v1::CreateCampaignRequest>(
      "campaign_id: 'bad' campaign { pool: 'pools/main' text_body: 't' from_address: 'a@b.example' "
      "}");
  campaign.mutable_campaign()->set_subject("caf\xe9");
  Check(unreadable, Ask(&Campaigns::CreateCampaign, campaign).status());
  v1::StreamEventsRequest events;
  events.set_after_event("events/\xff");
  grpc::ClientContext context;
  Check(unreadable, FromGrpc(StubOf<Events>().StreamEvents(&context, events)->Finish()));
  // In the middle of an import, too: it must not look like the caller's end of stream.
  grpc::ClientContext import_context;
  const auto import = StubOf<Campaigns>().ImportRecipients(&import_context);
  import->Write(Parse<v1::ImportRecipientsRequest>(
      "header { campaign: 'campaigns/spring' import_id: 'list' }"));
  auto chunk = Parse<v1::ImportRecipientsRequest>("chunk { number: 1 recipients {} }");
  chunk.mutable_chunk()->mutable_recipients(0)->set_address("caf\xe9@b.example");
  import->Write(chunk);
  import->WritesDone();
  v1::ImportRecipientsResponse answer;
  EXPECT_FALSE(import->Read(&answer));
  Check(unreadable, FromGrpc(import->Finish()));
}

TEST_F(BadInputTest, ADeadlineInThePast) {
  grpc::ClientContext context;
  context.set_deadline(gpr_time_from_seconds(1, GPR_CLOCK_REALTIME));
  v1::Pool pool;
  const grpc::Status status = StubOf<Pools>().CreatePool(
      &context,
      Parse<v1::CreatePoolRequest>("pool_id: 'late' pool { egress_ips: 'egressIps/mta1-b' }"),
      &pool);
  EXPECT_EQ(status.error_code(), grpc::DEADLINE_EXCEEDED);
}

TEST_F(BadInputTest, ARequestThatIsTooLarge) {
  auto request = Parse<v1::CreateCampaignRequest>(
      "campaign_id: 'bad' campaign { pool: 'pools/main' subject: 's' from_address: 'a@b.example' "
      "}");
  request.mutable_campaign()->set_text_body(Long((10 << 20) + 1));
  Check({"", "", {"text_body is larger than 10 MiB"}},
        Ask(&Campaigns::CreateCampaign, request).status());
  request.mutable_campaign()->set_text_body(Long(33 << 20));
  Check({"", "", {}, StatusCode::kResourceExhausted},
        Ask(&Campaigns::CreateCampaign, request).status());
}

}  // namespace
}  // namespace crescendo::service
