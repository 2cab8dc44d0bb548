// What an operator or a platform may hand us wrongly (DESIGN §12): each answer names the field, the
// fault and the fix.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "scheduler/domain/campaign.h"
#include "scheduler/domain/plan.h"

namespace crescendo {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A string with a NUL in it.
template <size_t N>
std::string Bytes(const char (&text)[N]) {
  return std::string(text, N - 1);
}

template <class Record>
struct Case {
  const char* name;
  std::function<void(Record&)> spoil;
  const char* message;  // Begins so: field, fault and fix.
};

template <class Record, class Validate>
void ExpectRefused(const Record& good, const std::vector<Case<Record>>& cases, Validate validate) {
  ASSERT_TRUE(validate(good).ok()) << validate(good);
  for (const Case<Record>& c : cases) {
    SCOPED_TRACE(c.name);
    Record record = good;
    c.spoil(record);
    const absl::Status status = validate(record);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), StartsWith(c.message));
  }
}

TEST(Validation, Plan) {
  Plan good;
  good.id = PlanId("plan-a");
  good.egress_ip = EgressIpId("mta1-a");
  good.stages = ClassicRamp(50'000);
  good.provider_caps = {{ProviderId("gmail"), 0}, {ProviderId("yahoo"), 10'000'000}};
  good.time_zone = "Europe/Berlin";
  good.window = {absl::Hours(9), absl::Hours(17)};
  good.start_date = absl::CivilDay(2026, 1, 1);
  ExpectRefused<Plan>(
      good,
      {{"no id", [](Plan& p) { p.id = PlanId(""); }, "plan_id is empty; use 1 to 63 of a-z"},
       {"a shouted id", [](Plan& p) { p.id = PlanId("Plan-A"); }, "plan_id may hold only a-z"},
       {"a path in the id", [](Plan& p) { p.id = PlanId("a/b"); }, "plan_id may hold only a-z"},
       {"a long id", [](Plan& p) { p.id = PlanId(std::string(64, 'a')); },
        "plan_id is 64 characters long; at most 63"},
       {"no IP", [](Plan& p) { p.egress_ip = EgressIpId(); },
        "egress_ip is empty; name the egress IP"},
       {"no stages", [](Plan& p) { p.stages.clear(); },
        "stages is empty; give at least one stage, or a target"},
       {"a stage of zero days", [](Plan& p) { p.stages[1].days = 0; },
        "stages[1].days is 0; it must be 1 to 365"},
       {"a stage of a year and a day", [](Plan& p) { p.stages[0].days = 366; },
        "stages[0].days is 366; it must be 1 to 365"},
       {"a cap of nothing", [](Plan& p) { p.stages[2].daily_cap = 0; },
        "stages[2].daily_cap is 0; it must be 1 to 10000000"},
       {"a negative cap", [](Plan& p) { p.stages[2].daily_cap = -1; },
        "stages[2].daily_cap is -1; it must be 1 to 10000000"},
       {"a huge cap", [](Plan& p) { p.stages[0].daily_cap = 10'000'001; },
        "stages[0].daily_cap is 10000001; it must be 1 to 10000000"},
       {"too many stages",
        [](Plan& p) {
          p.stages.assign(401, {1, 1});
        },
        "stages has 401 entries; at most 400"},
       {"a cap for nobody", [](Plan& p) { p.provider_caps[0].provider = ProviderId(); },
        "provider_caps[0].provider is empty; name a provider"},
       {"two caps for one", [](Plan& p) { p.provider_caps[1].provider = ProviderId("gmail"); },
        "provider_caps[1].provider names gmail again; one cap per provider"},
       {"a negative provider cap", [](Plan& p) { p.provider_caps[1].daily_cap = -1; },
        "provider_caps[1].daily_cap is -1; it must be 0 to 10000000"},
       {"an unknown zone", [](Plan& p) { p.time_zone = "Mars/Olympus"; },
        "time_zone is not usable: unknown time zone \"Mars/Olympus\"; use an IANA name"},
       {"a window from before midnight", [](Plan& p) { p.window.start = -absl::Hours(1); },
        "window.start is -1h; it must be in [0h, 24h)"},
       {"a window from midnight on", [](Plan& p) { p.window.start = absl::Hours(24); },
        "window.start is 24h; it must be in [0h, 24h)"},
       {"a window that ends before it starts", [](Plan& p) { p.window.end = absl::Hours(9); },
        "window.end is 9h; it must be after window.start and at most 24h"},
       {"a window into the next day", [](Plan& p) { p.window.end = absl::Hours(25); },
        "window.end is 25h; it must be after window.start and at most 24h"},
       {"no start date", [](Plan& p) { p.start_date = absl::CivilDay(); },
        "start_date is 1970-01-01; it must be between 2000-01-01 and 2200-01-01"},
       {"a start date in another age", [](Plan& p) { p.start_date = absl::CivilDay(2201, 1, 1); },
        "start_date is 2201-01-01; it must be between"}},
      ValidatePlan);
}

TEST(Validation, EgressIp) {
  EgressIp good;
  good.id = EgressIpId("mta1-a");
  good.address = "192.0.2.1";
  good.ehlo_name = "mta1.example.com";
  for (const char* address : {"192.0.2.1", "2001:db8::1", "127.0.0.1"}) {
    EgressIp ip = good;
    ip.address = address;
    EXPECT_TRUE(ValidateEgressIp(ip).ok()) << address;
  }
  ExpectRefused<EgressIp>(
      good,
      {{"no id", [](EgressIp& ip) { ip.id = EgressIpId(); }, "egress_ip_id is empty; use 1 to 63"},
       {"an id that starts with -", [](EgressIp& ip) { ip.id = EgressIpId("-a"); },
        "egress_ip_id may hold only a-z, 0-9 and -, and neither start nor end with -"},
       {"no address", [](EgressIp& ip) { ip.address = ""; },
        "address is empty; give a literal IPv4 or IPv6 address"},
       {"a name as address", [](EgressIp& ip) { ip.address = "mta1.example.com"; },
        "address is \"mta1.example.com\", not a literal IPv4 or IPv6 address"},
       {"a number too large", [](EgressIp& ip) { ip.address = "192.0.2.256"; },
        "address is \"192.0.2.256\", not a literal"},
       {"a network", [](EgressIp& ip) { ip.address = "192.0.2.0/24"; },
        "address is \"192.0.2.0/24\", not a literal"},
       {"a line break", [](EgressIp& ip) { ip.address = "192.0.2.1\r\n"; },
        "address is \"192.0.2.1\\r\\n\", not a literal"},
       {"no EHLO name", [](EgressIp& ip) { ip.ehlo_name = ""; },
        "ehlo_name is empty; give a host name such as mta1.example.com"},
       {"a smuggled command", [](EgressIp& ip) { ip.ehlo_name = "a.com\r\nMAIL FROM:<>"; },
        "ehlo_name is \"a.com\\r\\nMAIL FROM:<>\", not a host name"},
       {"an empty label", [](EgressIp& ip) { ip.ehlo_name = "a..com"; },
        "ehlo_name is \"a..com\", not a host name"},
       {"a long label", [](EgressIp& ip) { ip.ehlo_name = std::string(64, 'a') + ".com"; },
        "ehlo_name is \"aaaa"},
       {"a long name",
        [](EgressIp& ip) {
          ip.ehlo_name.clear();
          for (int i = 0; i < 64; ++i) ip.ehlo_name += "abc.";
          ip.ehlo_name += "com";
        },
        "ehlo_name is 259 characters long; at most 253"}},
      ValidateEgressIp);
}

TEST(Validation, AnAddressHasOneSpelling) {
  struct Spelling {
    const char *written, *canonical;
  };
  for (const Spelling& c :
       {Spelling{"192.0.2.1", "192.0.2.1"}, Spelling{"::ffff:192.0.2.1", "192.0.2.1"},
        Spelling{"2001:DB8:0:0::1", "2001:db8::1"}, Spelling{"2001:db8::1", "2001:db8::1"}}) {
    EXPECT_EQ(IpAddressFault(c.written), "");
    EXPECT_EQ(CanonicalIpAddress(c.written), c.canonical);
  }
  EXPECT_THAT(IpAddressFault(Bytes("192.0.2.1\0x")), HasSubstr("not a literal")) << "read on";
}

TEST(Validation, Pool) {
  Pool good;
  good.id = PoolId("cold");
  good.egress_ips = {EgressIpId("mta1-a"), EgressIpId("mta1-b")};
  ExpectRefused<Pool>(good,
                      {{"no id", [](Pool& p) { p.id = PoolId(); }, "pool_id is empty; use 1 to 63"},
                       {"nobody in it", [](Pool& p) { p.egress_ips.clear(); },
                        "egress_ips is empty; a pool has at least one egress IP"},
                       {"one twice", [](Pool& p) { p.egress_ips[1] = EgressIpId("mta1-a"); },
                        "egress_ips names mta1-a twice"}},
                      ValidatePool);
}

TEST(Validation, Campaign) {
  Campaign good;
  good.id = CampaignId("spring");
  good.pool = PoolId("cold");
  good.from_name = "Example, Müller & Söhne";
  good.from_address = "news@example.com";
  good.return_path = "bounce@example.com";
  good.subject = "Hello {{name}}";
  good.text_body = "Hello\n";
  good.list_unsubscribe = "<https://example.com/u>";
  ExpectRefused<Campaign>(
      good,
      {{"no id", [](Campaign& c) { c.id = CampaignId(); }, "campaign_id is empty; use 1 to 63"},
       {"no pool", [](Campaign& c) { c.pool = PoolId(); },
        "pool is empty; name the pool to send through"},
       {"a header smuggled into the name",
        [](Campaign& c) { c.from_name = "A\r\nBcc: x@example.com"; },
        "from_name holds a control character (CR, LF or NUL, say); remove it"},
       {"a header smuggled into the subject", [](Campaign& c) { c.subject = "A\nB: c"; },
        "subject holds a control character"},
       {"a NUL in the subject", [](Campaign& c) { c.subject = Bytes("A\0B"); },
        "subject holds a control character"},
       {"a header smuggled into List-Unsubscribe",
        [](Campaign& c) { c.list_unsubscribe = "<x>\rX: y"; },
        "list_unsubscribe holds a control character"},
       {"no subject", [](Campaign& c) { c.subject = ""; }, "subject is empty"},
       {"a long subject", [](Campaign& c) { c.subject = std::string(999, 'a'); },
        "subject is 999 bytes long; at most 998"},
       {"no sender", [](Campaign& c) { c.from_address = ""; },
        "from_address address \"\" has no @"},
       {"a broken sender", [](Campaign& c) { c.from_address = "news@"; },
        "from_address address \"news@\" has a domain that is empty"},
       {"a broken return path", [](Campaign& c) { c.return_path = "a b@example.com"; },
        "return_path address \"a b@example.com\" has the forbidden byte 0x20"},
       {"no body", [](Campaign& c) { c.text_body = ""; },
        "text_body and html_body are both empty; give one of them"},
       {"a header smuggled into a header",
        [](Campaign& c) {
          c.headers = {{"X-A", "a"}, {"X-B", "b\nBcc: x@example.com"}};
        },
        "headers[1].value holds a control character"},
       {"very many headers",
        [](Campaign& c) {
          c.headers.assign(51, {"X-A", "a"});
        },
        "headers has 51 entries; at most 50"},
       {"a short sender id", [](Campaign& c) { c.feedback_sender_id = "shop"; },
        "feedback_sender_id is \"shop\"; it has 5 to 15 of A-Z a-z 0-9 . _ -"},
       {"a sender id of two parts", [](Campaign& c) { c.feedback_sender_id = "shop:1"; },
        "feedback_sender_id is \"shop:1\""},
       {"a whole message and a body", [](Campaign& c) { c.raw_message = "Subject: s\n\nb\n"; },
        "raw_message is a whole message: leave subject, text_body, html_body and headers empty"},
       {"a huge whole message",
        [](Campaign& c) {
          c.subject = c.text_body = "";
          c.raw_message.assign((10 << 20) + 1, 'a');
        },
        "raw_message is larger than 10 MiB"},
       {"a huge text", [](Campaign& c) { c.text_body.assign((10 << 20) + 1, 'a'); },
        "text_body is larger than 10 MiB"},
       {"a huge page", [](Campaign& c) { c.html_body.assign((10 << 20) + 1, 'a'); },
        "html_body is larger than 10 MiB"},
       {"no lifetime", [](Campaign& c) { c.lifetime = absl::ZeroDuration(); },
        "lifetime is 0; it must be 1 minute to 30 days"},
       {"a deadline in the past", [](Campaign& c) { c.lifetime = -absl::Hours(1); },
        "lifetime is -1h; it must be 1 minute to 30 days"},
       {"for ever", [](Campaign& c) { c.lifetime = absl::InfiniteDuration(); },
        "lifetime is inf; it must be 1 minute to 30 days"}},
      ValidateCampaign);
  Campaign bounce_to_sender = good;
  bounce_to_sender.return_path = "";
  EXPECT_TRUE(ValidateCampaign(bounce_to_sender).ok());
}

TEST(Validation, AddressesAreMadeComparable) {
  struct Good {
    const char* given;
    const char* normal;
  };
  for (const Good& c :
       {Good{"Jo.Doe+x@Example.COM", "Jo.Doe+x@example.com"}, Good{"a@b.c", "a@b.c"},
        Good{"o'hara_1@xn--bcher-kva.example", "o'hara_1@xn--bcher-kva.example"},
        Good{"müller@example.com", "müller@example.com"}}) {
    const auto normal = NormaliseAddress(c.given);
    ASSERT_TRUE(normal.ok()) << normal.status();
    EXPECT_EQ(*normal, c.normal);
  }
  const std::string longest = std::string(64, 'a') + "@" + std::string(63, 'b') + ".com";
  EXPECT_TRUE(NormaliseAddress(longest).ok());
}

TEST(Validation, BrokenAddressesAreNamedWithTheirFault) {
  struct Bad {
    const char* name;
    std::string address;
    const char* fault;
  };
  const std::string long_domain = [] {
    std::string domain;
    for (int i = 0; i < 50; ++i) domain += "abcd.";
    return domain + "example";
  }();
  for (const Bad& c :
       {Bad{"empty", "", "has no @"},
        Bad{"no @", "jo.example.com", "has no @"},
        Bad{"nothing before it", "@example.com", "has nothing before the @"},
        Bad{"nothing behind it", "jo@", "has a domain that is empty"},
        Bad{"CR", "jo\r@example.com", "has the forbidden byte 0x0d before the @"},
        Bad{"LF", "jo\n@example.com", "has the forbidden byte 0x0a before the @"},
        Bad{"NUL", Bytes("jo\0@example.com"), "has the forbidden byte 0x00 before the @"},
        Bad{"DEL", "jo\x7f@example.com", "has the forbidden byte 0x7f before the @"},
        Bad{"a space", "jo doe@example.com", "has the forbidden byte 0x20 before the @"},
        Bad{"a command", "jo@example.com>\r\nDATA\r\n@x.com", "has the forbidden character @"},
        Bad{"two @", "jo@doe@example.com", "has the forbidden character @ before the @"},
        Bad{"angle brackets", "<jo@example.com>", "has the forbidden character <"},
        Bad{"a display name", "Jo <jo@example.com", "has the forbidden byte 0x20"},
        Bad{"quotes", "\"jo\"@example.com", "has the forbidden character \""},
        Bad{"a comma", "jo,doe@example.com", "has the forbidden character ,"},
        Bad{"a leading dot", ".jo@example.com", "has a misplaced dot before the @"},
        Bad{"two dots", "jo..doe@example.com", "has a misplaced dot before the @"},
        Bad{"65 octets", std::string(65, 'a') + "@example.com",
            "has 65 octets before the @; at most 64"},
        Bad{"CR in the domain", "jo@exam\rple.com", "not a host name"},
        Bad{"NUL in the domain", Bytes("jo@example.com\0.evil"), "not a host name"},
        Bad{"a trailing dot", "jo@example.com.", "not a host name"},
        Bad{"a long domain", "jo@" + long_domain, "characters long; at most 253"},
        Bad{"long altogether",
            std::string(60, 'a') + "@" + std::string(60, 'b') + "." + std::string(60, 'c') + "." +
                std::string(60, 'd') + "." + std::string(60, 'e'),
            "is 304 octets long; at most 254"},
        Bad{"long as A-labels",
            std::string(60, 'a') + "@" + std::string(60, 'b') + "." + std::string(60, 'c') + "." +
                std::string(60, 'd') +
                ".\xC3\xBC"
                "xxxx",
            "octets long; at most 254"},
        Bad{"a megabyte", std::string(1 << 20, 'a') + "@example.com",
            "is 1048588 octets long; at most 254"}}) {
    SCOPED_TRACE(c.name);
    const auto normal = NormaliseAddress(c.address);
    EXPECT_EQ(normal.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string message(normal.status().message());
    EXPECT_THAT(message, StartsWith("address \""));
    EXPECT_THAT(message, HasSubstr(c.fault));
    for (const char byte : message) {
      EXPECT_TRUE(byte == '\xc3' || static_cast<unsigned char>(byte) >= 0x20)
          << "the message itself holds a control character";
    }
  }
}

TEST(Validation, NamesOfStatesAreDistinct) {
  EXPECT_EQ(PlanStateName(PlanState::kGraduated), "GRADUATED");
  EXPECT_EQ(DayDecisionName(DayDecision::kRepeat), "REPEAT");
  EXPECT_EQ(CampaignStateName(CampaignState::kSending), "SENDING");
  std::vector<std::string> names;
  CampaignCounts counts;
  for (int i = 0; i <= static_cast<int>(DeliveryState::kCancelled); ++i) {
    const auto state = static_cast<DeliveryState>(i);
    names.emplace_back(DeliveryStateName(state));
    counts[state] = i + 1;
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  EXPECT_EQ(counts.total(), 45) << "every state is counted, and apart";
  EXPECT_EQ(counts.pending(), 1 + 2 + 3 + 4);
  EXPECT_FALSE(IsFinal(DeliveryState::kInDoubt));
  EXPECT_TRUE(IsFinal(DeliveryState::kCancelled));
}

}  // namespace
}  // namespace crescendo
