#include "scheduler/providers/provider_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "crescendo/config/v1/provider.pb.h"

namespace crescendo::providers {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const ProviderData& Shipped() {
  static const auto* const kData = new ProviderData(LoadProviders("").value());
  return *kData;
}

// A directory of our own, gone with the test.
class TempDir {
 public:
  TempDir() {
    std::string path = (std::filesystem::temp_directory_path() / "providers_test_XXXXXX").string();
    path_ = mkdtemp(path.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

constexpr char kDefault[] = R"(id: "default"
display_name: "Others"
max_connections_per_ip: 7
messages_per_connection: 70
rate_limit_stop_minutes: 10
block_stop_minutes: 120
source: "a test"
)";
constexpr char kSome[] = R"(id: "some"
display_name: "Some"
mx_suffix: ".some.example"
source: "a test"
)";

absl::StatusOr<ProviderData> Parse(const std::vector<std::string>& texts) {
  std::vector<ProviderFile> files;
  for (size_t i = 0; i < texts.size(); ++i)
    files.push_back({absl::StrCat("f", i, ".textproto"), texts[i]});
  return ParseProviders(files, {});
}

// --- What is shipped -----------------------------------------------------------------------------

TEST(ShippedProviders, AreThoseOfTheIssueAndMore) {
  for (const char* id : {"gmail", "yahoo", "outlook", "microsoft365", "apple", "comcast", "orange",
                         "gmx", "t-online", "mailru", "yandex", "qq", "netease", "mimecast",
                         "proofpoint", "barracuda", "default"}) {
    EXPECT_NE(Shipped().catalog.Find(ProviderId(id)), nullptr) << id;
  }
  EXPECT_EQ(Shipped().catalog.fallback().id.text(), "default");
  EXPECT_EQ(Shipped().catalog.providers().size(), EmbeddedFiles().size());
}

TEST(ShippedProviders, NameASourceEach) {
  for (const Provider& provider : Shipped().catalog.providers()) {
    EXPECT_GT(provider.source.size(), 10u) << provider.id.text();
    EXPECT_THAT(provider.source, testing::AnyOf(HasSubstr("."), HasSubstr("RFC")))
        << provider.id.text();
  }
}

TEST(ShippedProviders, HaveTheFiguresOfTheirSources) {
  struct Case {
    const char* id;
    int connections, messages, rate_stop_minutes;
  };
  for (const Case& c :
       {Case{"gmail", 5, 50, 10}, Case{"outlook", 5, 50, 30}, Case{"microsoft365", 5, 50, 30},
        Case{"yahoo", 10, 20, 120}, Case{"apple", 10, 5, 15}, Case{"comcast", 25, 1000, 15},
        Case{"orange", 2, 100, 30}, Case{"laposte", 2, 100, 30}, Case{"gmx", 4, 20, 120},
        Case{"qq", 5, 8, 60}, Case{"netease", 5, 7, 15}, Case{"barracuda", 10, 15, 30},
        Case{"mimecast", 10, 100, 10}, Case{"default", 10, 100, 10},
        Case{"t-online", 10, 100, 10}}) {
    SCOPED_TRACE(c.id);
    const Provider* provider = Shipped().catalog.Find(ProviderId(c.id));
    ASSERT_NE(provider, nullptr);
    EXPECT_EQ(provider->max_connections_per_ip, c.connections);
    EXPECT_EQ(provider->messages_per_connection, c.messages);
    EXPECT_EQ(provider->rate_limit_stop, absl::Minutes(c.rate_stop_minutes));
  }
  EXPECT_EQ(Shipped().catalog.Find(ProviderId("gmail"))->warming_daily_cap, 3000);
  EXPECT_EQ(Shipped().catalog.Find(ProviderId("gmail"))->tls, TlsPolicy::kRequired);
  EXPECT_EQ(Shipped().catalog.Find(ProviderId("outlook"))->warming_daily_cap, 0);
  EXPECT_EQ(Shipped().catalog.Find(ProviderId("yandex"))->block_stop, absl::Hours(24));
}

TEST(ShippedProviders, AreFoundByEveryMxHost) {
  struct Case {
    std::vector<std::string> hosts;
    const char* id;
  };
  for (const Case& c : std::vector<Case>{
           {{"gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"}, "gmail"},
           {{"aspmx.l.google.com", "aspmx2.googlemail.com"}, "gmail"},
           {{"SMTP.GOOGLE.COM."}, "gmail"},
           {{"mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net"}, "yahoo"},
           {{"mx-aol.mail.gm0.yahoodns.net"}, "yahoo"},
           {{"mx1.mail.yahoo.co.jp"}, "yahoo-japan"},
           {{"hotmail-com.olc.protection.outlook.com"}, "outlook"},
           {{"contoso-com.mail.protection.outlook.com"}, "microsoft365"},
           {{"contoso-com.k-v1.mx.microsoft"}, "microsoft365"},
           {{"mx01.mail.icloud.com", "mx02.mail.icloud.com"}, "apple"},
           {{"mx1.comcast.net", "mx2h1.comcast.net"}, "comcast"},
           {{"cxr.mx.a.cloudfilter.net"}, "cox"},
           {{"smtp-in.orange.fr"}, "orange"},
           {{"mx00.gmx.net", "mx01.gmx.net"}, "gmx"},
           {{"mx-ha02.web.de", "mx-ha03.web.de"}, "gmx"},
           {{"mx00.kundenserver.de", "mx01.kundenserver.de"}, "gmx"},
           {{"mx00.t-online.de", "mx03.t-online.de"}, "t-online"},
           {{"mxs.mail.ru"}, "mailru"},
           {{"mx.yandex.ru"}, "yandex"},
           {{"mx1.qq.com", "mx2.qq.com"}, "qq"},
           {{"163mx01.mxmail.netease.com"}, "netease"},
           {{"eu-smtp-inbound-1.mimecast.com", "eu-smtp-inbound-2.mimecast.com"}, "mimecast"},
           {{"mx0a-00123401.pphosted.com", "mx0b-00123401.pphosted.com"}, "proofpoint"},
           {{"d12345a.ess.barracudanetworks.com"}, "barracuda"},
           // Every host must match, a suffix ends at a label, and a look-alike is nobody's.
           {{"aspmx.l.google.com", "mail.shop.example"}, "default"},
           {{"notgoogle.com"}, "default"},
           {{"aspmx.l.google.com.evil.example"}, "default"},
           {{"other.mx.a.cloudfilter.net"}, "default"},
           {{"mx.shop.example"}, "default"},
           {{}, "default"},
       }) {
    EXPECT_EQ(Shipped().catalog.FindByMx(c.hosts).id.text(), c.id)
        << testing::PrintToString(c.hosts);
  }
}

// Characters of `pattern` that stand for themselves, longest run.
size_t LongestPlainRun(const std::string& pattern) {
  size_t longest = 0, run = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const bool plain = isalnum(static_cast<unsigned char>(pattern[i])) != 0 || pattern[i] == ' ';
    run = plain ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

// Rules generalise: none carries a whole reply, an address, a link or a ticket.
TEST(ShippedRules, AreNotTestLines) {
  int rules = 0;
  for (const Provider& provider : Shipped().catalog.providers()) {
    for (const ReplyRule& rule : Shipped().classifier.RulesOf(provider.id)) {
      ++rules;
      for (const std::string& pattern : rule.match) {
        SCOPED_TRACE(absl::StrCat(rule.name, ": ", pattern));
        EXPECT_LE(LongestPlainRun(pattern), 40u);
        EXPECT_LE(pattern.size(), 150u);
        for (const char* particular :
             {"http", "@", "<ip>", "<addr>", "example", "10.", "192.", "\\.php"}) {
          EXPECT_THAT(pattern, testing::Not(HasSubstr(particular)));
        }
      }
    }
  }
  EXPECT_GT(rules, 150);
  EXPECT_LT(rules, 400);
}

TEST(ShippedRules, OfMicrosoft365AreOutlooks) {
  const Reply reply{451,
                    {4, 7, 650},
                    {"The mail server has been temporarily rate limited due to IP reputation."},
                    SmtpStage::kMail};
  const Classification got = Shipped().classifier.Classify(reply, ProviderId("microsoft365"));
  EXPECT_EQ(got.rule, "outlook/rate-ip");
  EXPECT_EQ(got.stop_for, absl::Minutes(30));
}

// The loader casts: schema and domain must name the same things by the same numbers.
TEST(ProviderSchema, SpellsTheDomainsEnums) {
  using config::v1::ReplyRule;
  for (int i = 1; i <= static_cast<int>(ReplyCategory::kOtherTemporary); ++i) {
    EXPECT_EQ(ReplyRule::Category_Name(static_cast<ReplyRule::Category>(i)),
              std::string(ReplyCategoryCode(static_cast<ReplyCategory>(i))));
  }
  EXPECT_EQ(ReplyRule::Category_MAX, static_cast<int>(ReplyCategory::kOtherTemporary));
  EXPECT_EQ(ReplyRule::Scope_MAX, static_cast<int>(ReplyScope::kProvider));
  EXPECT_EQ(ReplyRule::LANE, static_cast<int>(ReplyScope::kLane));
  EXPECT_EQ(ReplyRule::MESSAGE, static_cast<int>(ReplyScope::kMessage));
  EXPECT_EQ(ReplyRule::SENDING_DOMAIN, static_cast<int>(ReplyScope::kSendingDomain));
  EXPECT_EQ(ReplyRule::CAMPAIGN_PROVIDER, static_cast<int>(ReplyScope::kCampaignProvider));
  EXPECT_EQ(ReplyRule::RETRY, static_cast<int>(Disposition::kRetry));
  EXPECT_EQ(ReplyRule::RETRY_NOW, static_cast<int>(Disposition::kRetryNow));
  EXPECT_EQ(ReplyRule::HARD_BOUNCE, static_cast<int>(Disposition::kHardBounce));
  EXPECT_EQ(ReplyRule::BLOCKED, static_cast<int>(Disposition::kBlocked));
  EXPECT_EQ(ReplyRule::CONNECT - 1, static_cast<int>(SmtpStage::kConnect));
  EXPECT_EQ(ReplyRule::END_OF_DATA - 1, static_cast<int>(SmtpStage::kEndOfData));
}

// --- Reading files -------------------------------------------------------------------------------

TEST(ParseProviders, FillsInTheDefaultsFigures) {
  const absl::StatusOr<ProviderData> data = Parse({kSome, kDefault});
  ASSERT_TRUE(data.ok()) << data.status();
  const Provider& some = *data->catalog.Find(ProviderId("some"));
  EXPECT_EQ(some.max_connections_per_ip, 7);
  EXPECT_EQ(some.messages_per_connection, 70);
  EXPECT_EQ(some.lane_rate_per_hour, 0);
  EXPECT_EQ(some.warming_daily_cap, 0);
  EXPECT_EQ(some.tls, TlsPolicy::kOpportunistic);
}

TEST(ParseProviders, RefusesBrokenFiguresByLineAndField) {
  struct Case {
    const char* line;   // Appended to kSome as its fifth line.
    const char* error;  // What the error starts with.
  };
  for (const Case& c : {
           Case{"max_connections_per_ip: 0",
                "f0.textproto:5: max_connections_per_ip: must be in [1, 1000], is 0"},
           Case{"max_connections_per_ip: -3",
                "f0.textproto:5: max_connections_per_ip: must be in [1, 1000], is -3"},
           Case{"max_connections_per_ip: 1001",
                "f0.textproto:5: max_connections_per_ip: must be in"},
           Case{"max_connections_per_ip: 5.5", "f0.textproto:5: "},
           Case{"max_connections_per_ip: 99999999999", "f0.textproto:5: "},
           Case{"messages_per_connection: 0",
                "f0.textproto:5: messages_per_connection: must be in"},
           Case{"lane_rate_per_hour: 0", "f0.textproto:5: lane_rate_per_hour: must be above 0"},
           Case{"lane_rate_per_hour: nan", "f0.textproto:5: lane_rate_per_hour: must be above 0"},
           Case{"lane_rate_per_hour: inf", "f0.textproto:5: lane_rate_per_hour: must be above 0"},
           Case{"provider_rate_per_hour: -1",
                "f0.textproto:5: provider_rate_per_hour: must be above 0"},
           Case{"warming_daily_cap: 0", "f0.textproto:5: warming_daily_cap: must be in"},
           Case{"rate_limit_stop_minutes: 0",
                "f0.textproto:5: rate_limit_stop_minutes: must be in"},
           Case{"block_stop_minutes: 99999", "f0.textproto:5: block_stop_minutes: must be in"},
           Case{"mx_suffix: \".SOME.example\"",
                "f0.textproto:5: mx_suffix: \".SOME.example\" must be of"},
           Case{"mx_suffix: \"\"", "f0.textproto:5: mx_suffix: \"\" must not be empty"},
           Case{"mx_suffix: \".com\"",
                "f0.textproto:5: mx_suffix: \".com\" must have at least two labels"},
           Case{"mx_suffix: \".a..b\"", "f0.textproto:5: mx_suffix: \".a..b\" has an empty label"},
           Case{"mx_suffix: \".a.b.\"",
                "f0.textproto:5: mx_suffix: \".a.b.\" must not end in a dot"},
           Case{"mx_suffix: \".some.example\"",
                "f0.textproto:3: mx_suffix: \".some.example\" already stands at"},
           Case{"tls: MAYBE", "f0.textproto:5: Unknown enumeration value of \"MAYBE\""},
           Case{"colour: 3", "f0.textproto:5: "},
           Case{"id: \"twice\"", "f0.textproto:5: "},
           Case{"rules {", "f0.textproto:6: "},
           Case{"rules_of: \"nobody\"",
                "f0.textproto:5: rules_of: \"nobody\": there is no such provider"},
           Case{"rules_of: \"some\"",
                "f0.textproto:5: rules_of: \"some\": a provider cannot follow itself"},
           Case{"rules_of: \"default\"",
                "f0.textproto:5: rules_of: \"default\": its rules follow anyway"},
       }) {
    const absl::StatusOr<ProviderData> data = Parse({absl::StrCat(kSome, c.line, "\n"), kDefault});
    ASSERT_FALSE(data.ok()) << c.line;
    EXPECT_EQ(data.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(data.status().message()), StartsWith(c.error));
  }
}

TEST(ParseProviders, NamesTheUnknownField) {
  const absl::Status status = Parse({absl::StrCat(kSome, "colour: 3\n"), kDefault}).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("no field named \"colour\""));
}

TEST(ParseProviders, RefusesWhatIsMissing) {
  struct Case {
    const char* drop;
    const char* error;
  };
  for (const Case& c :
       {Case{"id: \"some\"\n", "f0.textproto:1: id: "},
        Case{"display_name: \"Some\"\n", "f0.textproto:1: display_name: required"},
        Case{"mx_suffix: \".some.example\"\n", "f0.textproto:1: mx_suffix: required"},
        Case{"source: \"a test\"\n", "f0.textproto:1: source: required"}}) {
    const absl::Status status =
        Parse({absl::StrReplaceAll(kSome, {{c.drop, ""}}), kDefault}).status();
    EXPECT_THAT(std::string(status.message()), StartsWith(c.error));
  }
  EXPECT_THAT(std::string(Parse({kSome}).status().message()),
              HasSubstr("no provider with id \"default\""));
  EXPECT_THAT(
      std::string(Parse({absl::StrReplaceAll(kDefault, {{"block_stop_minutes: 120\n", ""}})})
                      .status()
                      .message()),
      HasSubstr("`default` must give"));
  EXPECT_THAT(
      std::string(
          Parse({absl::StrCat(kDefault, "mx_suffix: \".x.example\"\n")}).status().message()),
      StartsWith("f0.textproto:8: mx_suffix: `default` stands for"));
}

TEST(ParseProviders, RefusesTheSameIdTwice) {
  const absl::Status status =
      Parse({kSome, absl::StrReplaceAll(kSome, {{".some.example", ".else.example"}}), kDefault})
          .status();
  EXPECT_EQ(status.message(), "f1.textproto:1: id: \"some\" already stands at f0.textproto:1");
}

TEST(ParseProviders, RefusesTheSameSuffixTwice) {
  const absl::Status status =
      Parse({kSome, absl::StrReplaceAll(kSome, {{"id: \"some\"", "id: \"else\""}}), kDefault})
          .status();
  EXPECT_EQ(status.message(),
            "f1.textproto:3: mx_suffix: \".some.example\" already stands at f0.textproto:3");
}

TEST(ParseProviders, RefusesBrokenRulesByLineAndField) {
  struct Case {
    const char* rules;  // From line 5 on.
    const char* error;
  };
  for (const Case& c : {
           Case{"rules { name: \"a\" match: \"x\" }",
                "f0.textproto:5: category: required: rule a has none"},
           Case{"rules { match: \"x\" category: CONTENT }", "f0.textproto:5: name: "},
           Case{"rules { name: \"a\" match: \"x\" category: NICE }", "f0.textproto:5: "},
           Case{"rules {\n name: \"a\"\n match: \"(x\"\n category: CONTENT }",
                "f0.textproto:6: rule some/a: match: \"(x\" is no regular expression: missing"},
           Case{"rules {\n name: \"a\"\n code: \"42\"\n category: CONTENT }",
                "f0.textproto:7: code: \"42\" is not like"},
           Case{"rules {\n name: \"a\"\n match: \"x\"\n enhanced: \"4.7\"\n category: CONTENT }",
                "f0.textproto:8: enhanced: \"4.7\" is not like"},
           Case{"rules {\n name: \"a\"\n match: \"x\"\n stop_minutes: 0\n category: CONTENT }",
                "f0.textproto:8: stop_minutes: must be in [1, 10080], is 0"},
           Case{"rules { name: \"a\" match: \"x\" category: CONTENT }\nrules { name: \"a\" match: "
                "\"y\" category: CONTENT }",
                "f0.textproto:6: rule some/a: name: is already taken"},
           Case{"rules { name: \"a\" match: \"x\" category: CONTENT }\nrules { name: \"b\" match: "
                "\"x\" category: DMARC }",
                "f0.textproto:6: rule some/b: match: \"x\" can never match: rule some/a "
                "(f0.textproto:5) stands before it"},
       }) {
    const absl::StatusOr<ProviderData> data = Parse({absl::StrCat(kSome, c.rules, "\n"), kDefault});
    ASSERT_FALSE(data.ok()) << c.rules;
    EXPECT_THAT(std::string(data.status().message()), StartsWith(c.error));
  }
}

// --- A directory over it -------------------------------------------------------------------------

TEST(LoadProviders, LetsADirectoryReplaceAndAdd) {
  const TempDir dir;
  dir.Write("gmail.textproto",
            "id: 'gmail' display_name: 'G' mx_suffix: '.google.com' source: 'us'\n"
            "max_connections_per_ip: 2");
  dir.Write("some.textproto", kSome);
  dir.Write("README", "not a provider");
  dir.Write("gmail.textproto~", "neither is this");
  const absl::StatusOr<ProviderData> data = LoadProviders(dir.path());
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->catalog.Find(ProviderId("gmail"))->max_connections_per_ip, 2);
  EXPECT_EQ(data->catalog.Find(ProviderId("gmail"))->warming_daily_cap, 0);  // Replaced as a whole.
  EXPECT_TRUE(data->classifier.RulesOf(ProviderId("gmail")).empty());
  EXPECT_EQ(data->catalog.FindByMx({"mx.some.example"}).id.text(), "some");
  EXPECT_EQ(data->catalog.Find(ProviderId("yahoo"))->messages_per_connection, 20);
}

TEST(LoadProviders, NamesTheBrokenFile) {
  const TempDir dir;
  dir.Write("good.textproto", kSome);
  dir.Write("zbad.textproto",
            "id: 'z'\ndisplay_name: 'Z'\nmx_suffix: '.z.example'\nsource: "
            "'s'\nmessages_per_connection: 0\n");
  const absl::Status status = LoadProviders(dir.path()).status();
  EXPECT_EQ(status.message(), absl::StrCat(dir.path(),
                                           "/zbad.textproto:5: messages_per_connection: "
                                           "must be in [1, 100000], is 0"));
}

TEST(LoadProviders, RefusesTwoFilesForOneProvider) {
  const TempDir dir;
  dir.Write("a.textproto", kSome);
  dir.Write("b.textproto", kSome);
  EXPECT_THAT(std::string(LoadProviders(dir.path()).status().message()),
              HasSubstr("b.textproto:1: id: \"some\" already"));
}

TEST(LoadProviders, RefusesANewProviderOnAnOldSuffix) {
  const TempDir dir;
  dir.Write("mine.textproto", absl::StrReplaceAll(kSome, {{".some.example", ".google.com"}}));
  EXPECT_THAT(
      std::string(LoadProviders(dir.path()).status().message()),
      HasSubstr("mine.textproto:3: mx_suffix: \".google.com\" already stands at gmail.textproto:"));
}

TEST(LoadProviders, SaysWhatCannotBeRead) {
  const TempDir dir;
  const absl::Status missing = LoadProviders(absl::StrCat(dir.path(), "/nowhere")).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("/nowhere: no such directory"));
  dir.Write("long.textproto", std::string((1 << 20) + 1, '#'));
  EXPECT_THAT(std::string(LoadProviders(dir.path()).status().message()),
              HasSubstr("longer than 1 MiB"));
}

TEST(LoadProviders, RefusesADirectoryNamedAsAFile) {
  const TempDir dir;
  std::filesystem::create_directory(dir.path() + "/x.textproto");
  EXPECT_EQ(LoadProviders(dir.path()).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace crescendo::providers
