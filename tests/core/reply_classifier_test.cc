#include "scheduler/core/reply_classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scheduler/core/reply_rule_check.h"
#include "scheduler/core/reply_text.h"

namespace crescendo::core {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const ProviderId kBig("big");
const ProviderId kOther("other");
const ProviderId kDefault("default");

ReplyRule Rule(const std::string& name, std::vector<std::string> match, ReplyCategory category) {
  ReplyRule rule;
  rule.name = name;
  rule.origin = absl::StrCat(name, ".textproto:1");
  rule.match = std::move(match);
  rule.category = category;
  return rule;
}

ReplyRule CodeRule(const std::string& name, std::vector<std::string> codes,
                   std::vector<std::string> enhanced, ReplyCategory category) {
  ReplyRule rule = Rule(name, {}, category);
  for (const std::string& code : codes) rule.codes.push_back(*ParseCodeRange(code));
  for (const std::string& pattern : enhanced)
    rule.enhanced.push_back(*ParseEnhancedPattern(pattern));
  return rule;
}

Reply Said(int code, EnhancedStatus enhanced, std::vector<std::string> lines) {
  return {code, enhanced, std::move(lines), SmtpStage::kRcpt};
}

ReplyClassifier Make(std::vector<ProviderRules> rules) {
  return ReplyClassifier::Create(std::move(rules)).value();
}

ReplyClassifier WithRule(ReplyRule rule) { return Make({{kDefault, {std::move(rule)}, {}, ""}}); }

// --- The order of asking -------------------------------------------------------------------------

TEST(ReplyClassifier, AsksTextThenEnhancedThenBasicCode) {
  const ReplyClassifier classifier = Make({
      {kBig,
       {CodeRule("big/code", {"550"}, {}, ReplyCategory::kContent),
        CodeRule("big/enhanced", {}, {"5.1.1"}, ReplyCategory::kDmarc),
        Rule("big/text", {"blue"}, ReplyCategory::kRateLimited)},
       {},
       ""},
      {kDefault,
       {CodeRule("default/code", {"5yz"}, {}, ReplyCategory::kTooLarge),
        CodeRule("default/enhanced", {}, {"x.1.x"}, ReplyCategory::kUnknownRecipient),
        Rule("default/text", {"blue|green"}, ReplyCategory::kGreylisted)},
       {},
       ""},
  });
  struct Case {
    absl::string_view name;
    Reply reply;
    ProviderId provider;
    const char* rule;
  };
  for (const Case& c : {
           Case{"the provider's words first", Said(550, {5, 1, 1}, {"blue"}), kBig, "big/text"},
           Case{"the default's words before any code", Said(550, {5, 1, 1}, {"green"}), kBig,
                "default/text"},
           Case{"the provider's enhanced code", Said(550, {5, 1, 1}, {"red"}), kBig,
                "big/enhanced"},
           Case{"the default's enhanced before the provider's basic", Said(550, {5, 1, 2}, {"red"}),
                kBig, "default/enhanced"},
           Case{"the provider's basic code", Said(550, {5, 9, 9}, {"red"}), kBig, "big/code"},
           Case{"the default's basic code", Said(552, {}, {}), kBig, "default/code"},
           Case{"another provider", Said(550, {5, 1, 1}, {"blue"}), kOther, "default/text"},
           Case{"no provider's words", Said(550, {5, 1, 1}, {"red"}), kOther, "default/enhanced"},
           Case{"nothing known", Said(450, {}, {"red"}), kBig, ""},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(classifier.Classify(c.reply, c.provider).rule, c.rule);
  }
}

TEST(ReplyClassifier, TakesTheFirstOfManyThatMatch) {
  std::vector<ReplyRule> rules;
  for (int i = 0; i < 50; ++i) {
    rules.push_back(Rule(absl::StrCat("default/r", i), {absl::StrCat("\\bw", i, "\\b")},
                         ReplyCategory::kContent));
  }
  const ReplyClassifier classifier = Make({{kDefault, rules, {}, ""}});
  EXPECT_EQ(classifier.Classify(Said(550, {}, {"w49 w31", "w7 w12"}), kDefault).rule, "default/r7");
}

TEST(ReplyClassifier, MatchesOneByOneWhatIsTooLargeForOneAutomaton) {
  // Together these patterns need more memory than the automaton may have.
  std::vector<ReplyRule> rules;
  for (int i = 0; i < 60; ++i) {
    rules.push_back(Rule(absl::StrCat("default/r", i), {absl::StrCat("w", i, ":[^a]{0,900}z")},
                         ReplyCategory::kContent));
  }
  const ReplyClassifier classifier = Make({{kDefault, rules, {}, ""}});
  EXPECT_EQ(classifier.Classify(Said(550, {}, {"w41: z, w7: z"}), kDefault).rule, "default/r7");
  EXPECT_EQ(classifier.Classify(Said(550, {}, {"w41: a z"}), kDefault).rule, "");
}

TEST(ReplyClassifier, GoesOnWhenACodeOrStageDoesNotFit) {
  ReplyRule strict = Rule("default/strict", {"later"}, ReplyCategory::kRateLimited);
  strict.codes = {*ParseCodeRange("4yz")};
  strict.stages = {SmtpStage::kMail};
  const ReplyClassifier classifier =
      Make({{kDefault, {strict, Rule("default/any", {"later"}, ReplyCategory::kContent)}, {}, ""}});
  EXPECT_EQ(classifier.Classify({451, {}, {"later"}, SmtpStage::kMail}, kDefault).rule,
            "default/strict");
  EXPECT_EQ(classifier.Classify({551, {}, {"later"}, SmtpStage::kMail}, kDefault).rule,
            "default/any");
  EXPECT_EQ(classifier.Classify({451, {}, {"later"}, SmtpStage::kRcpt}, kDefault).rule,
            "default/any");
}

TEST(ReplyClassifier, FollowsAnotherProvidersRulesAfterItsOwn) {
  const ReplyClassifier classifier = Make({
      {kOther, {Rule("other/blue", {"blue"}, ReplyCategory::kDmarc)}, kBig, ""},
      {kBig,
       {Rule("big/blue", {"blue"}, ReplyCategory::kContent),
        Rule("big/red", {"red"}, ReplyCategory::kContent)},
       {},
       ""},
  });
  EXPECT_EQ(classifier.Classify(Said(550, {}, {"blue"}), kOther).rule, "other/blue");
  EXPECT_EQ(classifier.Classify(Said(550, {}, {"red"}), kOther).rule, "big/red");
  EXPECT_EQ(classifier.Classify(Said(550, {}, {"blue"}), kBig).rule, "big/blue");
  EXPECT_EQ(classifier.RulesOf(kOther).size(), 3u);
  EXPECT_TRUE(classifier.RulesOf(ProviderId("nobody")).empty());
}

// --- L10: any bytes have a meaning ---------------------------------------------------------------

TEST(ReplyClassifier, L10_OnlyA2yzIsAccepted) {
  const ReplyClassifier classifier = WithRule(Rule("default/all", {"."}, ReplyCategory::kContent));
  for (int code = -5; code < 1000; ++code) {
    const Classification got =
        classifier.Classify(Said(code, {2, 0, 0}, {"2.0.0 OK queued"}), kDefault);
    EXPECT_EQ(got.disposition == Disposition::kAccept, code >= 200 && code < 300) << code;
    if (code >= 400 && code < 600) continue;
    if (code < 200 || code >= 300) {  // No reply at all: neither delivered nor bounced.
      EXPECT_EQ(got.category, ReplyCategory::kProtocol) << code;
      EXPECT_EQ(got.disposition, Disposition::kRetry) << code;
      EXPECT_FALSE(got.suppress) << code;
    }
  }
}

TEST(ReplyClassifier, L10_WithoutRulesTheClassDecides) {
  const ReplyClassifier classifier = Make({});
  EXPECT_EQ(classifier.Classify(Said(450, {}, {}), kBig).category, ReplyCategory::kOtherTemporary);
  EXPECT_EQ(classifier.Classify(Said(450, {}, {}), kBig).disposition, Disposition::kRetry);
  EXPECT_EQ(classifier.Classify(Said(550, {}, {}), kBig).category, ReplyCategory::kOtherPermanent);
  EXPECT_EQ(classifier.Classify(Said(550, {}, {}), kBig).disposition, Disposition::kSoftBounce);
}

TEST(ReplyClassifier, A4yzIsNeverFinal) {
  for (int i = 1; i <= static_cast<int>(ReplyCategory::kOtherTemporary); ++i) {
    const ReplyCategory category = static_cast<ReplyCategory>(i);
    SCOPED_TRACE(std::string(ReplyCategoryName(category)));
    const Classification got =
        WithRule(Rule("default/x", {"x"}, category)).Classify(Said(450, {}, {"x"}), kDefault);
    EXPECT_EQ(got.category, category);
    EXPECT_FALSE(got.suppress);
    if (category == ReplyCategory::kGivenUp) {
      EXPECT_EQ(got.disposition, Disposition::kSoftBounce);
    } else if (category == ReplyCategory::kMessagesPerConnection) {
      EXPECT_EQ(got.disposition, Disposition::kRetryNow);
    } else {
      EXPECT_EQ(got.disposition, Disposition::kRetry);
    }
  }
}

TEST(ReplyClassifier, ARulesFinalWordsHoldForA5yzOnly) {
  ReplyRule rule = Rule("default/refuses", {"no thanks"}, ReplyCategory::kRecipientPolicy);
  rule.disposition = Disposition::kBlocked;
  rule.suppress = true;
  const ReplyClassifier classifier = WithRule(rule);
  const Classification later = classifier.Classify(Said(450, {}, {"No thanks"}), kDefault);
  EXPECT_EQ(later.disposition, Disposition::kRetry);
  EXPECT_FALSE(later.suppress);
  const Classification never = classifier.Classify(Said(550, {}, {"No thanks"}), kDefault);
  EXPECT_EQ(never.disposition, Disposition::kBlocked);
  EXPECT_TRUE(never.suppress);
}

// --- DESIGN §4: what each category does ----------------------------------------------------------

TEST(ReplyClassifier, CategoriesActAsDesigned) {
  struct Case {
    ReplyCategory category;
    ReplyScope scope;
    Disposition after_5yz;
    bool suppress, alert;
  };
  for (const Case& c : {
           Case{ReplyCategory::kRateLimited, ReplyScope::kLane, Disposition::kRetry, false, false},
           Case{ReplyCategory::kRateLimitedDomain, ReplyScope::kSendingDomainProvider,
                Disposition::kRetry, false, false},
           Case{ReplyCategory::kTooManyConnections, ReplyScope::kLaneConnections,
                Disposition::kRetry, false, false},
           Case{ReplyCategory::kMessagesPerConnection, ReplyScope::kConnection,
                Disposition::kRetryNow, false, false},
           Case{ReplyCategory::kRecipientRate, ReplyScope::kRecipient, Disposition::kRetry, false,
                false},
           Case{ReplyCategory::kGreylisted, ReplyScope::kRecipient, Disposition::kRetry, false,
                false},
           Case{ReplyCategory::kMailboxFull, ReplyScope::kRecipient, Disposition::kRetry, false,
                false},
           Case{ReplyCategory::kTemporarySystem, ReplyScope::kMxHost, Disposition::kRetry, false,
                false},
           Case{ReplyCategory::kUnknownRecipient, ReplyScope::kRecipient, Disposition::kHardBounce,
                true, false},
           Case{ReplyCategory::kRecipientDisabled, ReplyScope::kRecipient, Disposition::kHardBounce,
                true, false},
           Case{ReplyCategory::kMoved, ReplyScope::kRecipient, Disposition::kHardBounce, true,
                false},
           Case{ReplyCategory::kTooLarge, ReplyScope::kMessage, Disposition::kSoftBounce, false,
                false},
           Case{ReplyCategory::kContent, ReplyScope::kCampaignProvider, Disposition::kBlocked,
                false, false},
           Case{ReplyCategory::kAuthentication, ReplyScope::kSendingDomain, Disposition::kBlocked,
                false, true},
           Case{ReplyCategory::kDmarc, ReplyScope::kSendingDomain, Disposition::kBlocked, false,
                true},
           Case{ReplyCategory::kBlocklistPublic, ReplyScope::kLane, Disposition::kBlocked, false,
                true},
           Case{ReplyCategory::kBlocklistProvider, ReplyScope::kLane, Disposition::kBlocked, false,
                true},
           Case{ReplyCategory::kReputationBlock, ReplyScope::kLane, Disposition::kBlocked, false,
                true},
           Case{ReplyCategory::kReputationDeferral, ReplyScope::kLane, Disposition::kRetry, false,
                false},
           Case{ReplyCategory::kProtocol, ReplyScope::kMessage, Disposition::kSoftBounce, false,
                true},
       }) {
    SCOPED_TRACE(std::string(ReplyCategoryName(c.category)));
    const Classification got =
        WithRule(Rule("default/x", {"x"}, c.category)).Classify(Said(550, {}, {"x"}), kDefault);
    EXPECT_EQ(got.scope, c.scope);
    EXPECT_EQ(got.disposition, c.after_5yz);
    EXPECT_EQ(got.suppress, c.suppress);
    EXPECT_EQ(got.alert, c.alert);
  }
}

TEST(ReplyClassifier, ARuleMayKnowBetterThanItsCategory) {
  ReplyRule rule = Rule("default/x", {"x"}, ReplyCategory::kReputationBlock);
  rule.scope = ReplyScope::kSendingDomainProvider;
  rule.disposition = Disposition::kRetry;
  rule.alert = false;
  rule.stop_for = absl::Hours(2);
  rule.hint = "Wait.";
  const Classification got = WithRule(rule).Classify(Said(550, {}, {"x"}), kDefault);
  EXPECT_EQ(got.scope, ReplyScope::kSendingDomainProvider);
  EXPECT_EQ(got.disposition, Disposition::kRetry);
  EXPECT_FALSE(got.alert);
  EXPECT_EQ(got.stop_for, absl::Hours(2));
  EXPECT_EQ(got.hint, "Wait.");
}

TEST(ReplyClassifier, WaitsAsLongAsTheTextAsks) {
  ReplyRule rule = Rule("default/limit", {"limit"}, ReplyCategory::kRateLimited);
  rule.stop_for = absl::Minutes(30);
  const ReplyClassifier classifier = WithRule(rule);
  EXPECT_EQ(classifier.Classify(Said(421, {}, {"limit, try again in 2 hours"}), kDefault).stop_for,
            absl::Hours(2));
  EXPECT_EQ(
      classifier.Classify(Said(421, {}, {"limit, try again in 2 minutes"}), kDefault).stop_for,
      absl::Minutes(30));
  EXPECT_EQ(classifier.Classify(Said(450, {}, {"wait 5 minutes"}), kDefault).stop_for,
            absl::ZeroDuration());
}

TEST(ReplyClassifier, SurfacesTheForwardingAddressOfAMovedRecipientOnly) {
  const ReplyClassifier classifier =
      Make({{kDefault, {CodeRule("default/moved", {}, {"x.1.6"}, ReplyCategory::kMoved)}, {}, ""}});
  const Reply moved =
      Said(551, {5, 1, 6}, {"<old@a.example> has moved,", "please try <New.Me@b.example>"});
  EXPECT_EQ(classifier.Classify(moved, kDefault).forward_address, "New.Me@b.example");
  EXPECT_EQ(
      classifier.Classify(Said(550, {5, 7, 1}, {"try <x@b.example>"}), kDefault).forward_address,
      "");
}

TEST(ReplyClassifier, CopiesAnswerAlikeFromManyThreads) {
  const ReplyClassifier classifier =
      WithRule(Rule("default/rate", {"rate (limit|cap)"}, ReplyCategory::kRateLimited));
  std::vector<std::thread> threads;
  std::vector<int> right(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([copy = classifier, &count = right[t], t] {
      for (int i = 0; i < 500; ++i) {
        const Reply reply = Said(421, {}, {absl::StrCat("thread ", t, " rate limit ", i)});
        count += copy.Classify(reply, kDefault).category == ReplyCategory::kRateLimited;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(right, testing::Each(500));
}

// --- The text ------------------------------------------------------------------------------------

TEST(ReplyText, NormalisesWhatDiffersFromReplyToReply) {
  struct Case {
    std::vector<std::string> lines;
    const char* want;
  };
  for (const Case& c : std::vector<Case>{
           {{}, ""},
           {{"Hello,", "WORLD"}, "hello, world"},
           {{"  a  ", "\t b\r\n"}, "a b"},
           {{"<Jo.Doe+x@Mail.Example>: unknown"}, "<<addr>>: unknown"},
           {{"(user@example.com:blocked)"}, "(<addr>:blocked)"},
           {{"from 192.0.2.25 and [198.51.100.7]."}, "from <ip> and [<ip>]."},
           {{"4.7.28 is a code"}, "4.7.28 is a code"},
           {{"domain\u2019s \u201cpolicy\u201d"}, "domain's \"policy\""},
           {{"a\u00a0b"}, "a b"},
           {{std::string("caf\xc3\xa9 \xff\xc3(", 9)}, "caf\xc3\xa9 \?\?("},
           {{std::string("nul\0byte", 8)}, "nul byte"},
       }) {
    EXPECT_EQ(ReplyText().Normalise(Said(550, {}, c.lines)), c.want);
  }
  EXPECT_LE(ReplyText().Normalise(Said(550, {}, {std::string(100000, 'x')})).size(),
            kMaxReplyTextBytes);
}

TEST(ReplyText, ReadsTheWaitATextNames) {
  struct Case {
    const char* text;
    absl::Duration want;
  };
  for (const Case& c : {
           Case{"greylisted, try again in 300 seconds", absl::Seconds(300)},
           Case{"greylisted for 5 minutes", absl::Minutes(5)},
           Case{"please come back in 00:04:59", absl::Minutes(5) - absl::Seconds(1)},
           Case{"retry after 60s", absl::Seconds(60)},
           Case{"rate limit; wait at least 2 hours", absl::Hours(2)},
           Case{"temporarily blocked for 1 hour", absl::Hours(1)},
           Case{"try again in 15 min.", absl::Minutes(15)},
           Case{"suspended for 3 days", absl::Hours(24)},
           Case{"try again in 9999999 days", absl::Hours(24)},
           Case{"at most 500 messages in 24 hours", absl::ZeroDuration()},
           Case{"try again later. 10 minutes ago you were fine", absl::ZeroDuration()},
           Case{"try again with 5 messages", absl::ZeroDuration()},
           Case{"blocked: 42 spams seen", absl::ZeroDuration()},
           Case{"", absl::ZeroDuration()},
       }) {
    EXPECT_EQ(ReplyText().NamedWait(c.text), c.want) << c.text;
  }
}

TEST(ReplyText, FindsTheForwardingAddress) {
  struct Case {
    const char* text;
    const char* want;
  };
  for (const Case& c : {
           Case{"User not local; please try <jo@new.example>", "jo@new.example"},
           Case{"user has moved to jo@new.example", "jo@new.example"},
           Case{"<old@a.example>: User has moved; please try <jo@new.example>", "jo@new.example"},
           Case{"<old@a.example> has a new e-mail address: jo@new.example.", "jo@new.example"},
           Case{"<old@a.example> has moved", ""},
           Case{"please try again", ""},
           Case{"try <@>", ""},
       }) {
    EXPECT_EQ(ReplyText().ForwardAddress(Said(551, {5, 1, 6}, {c.text})), c.want) << c.text;
  }
}

// --- Rules that can never match ------------------------------------------------------------------

TEST(ReplyRules, ARuleThatCanNeverMatchIsRefused) {
  const auto with = [](ReplyRule rule, const auto& change) {
    change(rule);
    return rule;
  };
  const ReplyRule good = Rule("big/x", {"some text"}, ReplyCategory::kContent);
  struct Case {
    absl::string_view name;
    ReplyRule rule;
    const char* error;
  };
  for (const Case& c : std::vector<Case>{
           {"no regular expression", with(good, [](ReplyRule& r) { r.match = {"a)b"}; }),
            "match: \"a)b\" is no regular expression"},
           {"matches everything", with(good, [](ReplyRule& r) { r.match = {"a*"}; }),
            "match: \"a*\" matches every text"},
           {"an address", with(good, [](ReplyRule& r) { r.match = {"joe@x"}; }),
            "match: \"joe@x\" can never match: the text has <addr>"},
           {"two blanks", with(good, [](ReplyRule& r) { r.match = {"a  b"}; }),
            "match: \"a  b\" can never match: the text has single"},
           {"a tab", with(good, [](ReplyRule& r) { r.match = {"a\\tb"}; }),
            "match: \"a\\tb\" can never match"},
           {"nothing asked", with(good, [](ReplyRule& r) { r.match = {}; }), "match: required"},
           {"a 2yz", with(good, [](ReplyRule& r) { r.codes = {*ParseCodeRange("250")}; }),
            "code: can never match: rules are asked for 4yz and 5yz only"},
           {"a 6yz", with(good, [](ReplyRule& r) { r.codes = {*ParseCodeRange("600")}; }),
            "code: can never match"},
           {"codes that contradict",
            with(good,
                 [](ReplyRule& r) {
                   r.codes = {*ParseCodeRange("550")};
                   r.enhanced = {*ParseEnhancedPattern("4.7.1")};
                 }),
            "enhanced: contradicts `code`"},
           {"accepted", with(good, [](ReplyRule& r) { r.category = ReplyCategory::kAccepted; }),
            "category: can never match"},
       }) {
    SCOPED_TRACE(c.name);
    const absl::Status status = ReplyClassifier::Create({{kBig, {c.rule}, {}, ""}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                StartsWith(absl::StrCat("big/x.textproto:1: rule big/x: ", c.error)));
  }
  EXPECT_TRUE(CheckRule(good).ok());
}

TEST(ReplyRules, ARuleThatWouldBreakALawIsRefused) {
  using Change = void (*)(ReplyRule&);
  struct Case {
    ReplyCategory category;
    Change change;
    const char* error;
  };
  for (const Case& c : {
           Case{ReplyCategory::kRateLimited, [](ReplyRule& r) { r.suppress = true; },
                "suppress: needs a category"},
           Case{ReplyCategory::kContent,
                [](ReplyRule& r) { r.disposition = Disposition::kHardBounce; },
                "HARD_BOUNCE needs"},
           Case{ReplyCategory::kRateLimited,
                [](ReplyRule& r) { r.disposition = Disposition::kRetryNow; },
                "RETRY_NOW goes with"},
           Case{ReplyCategory::kContent, [](ReplyRule& r) { r.disposition = Disposition::kAccept; },
                "never an acceptance"},
           Case{ReplyCategory::kContent, [](ReplyRule& r) { r.scope = ReplyScope::kNone; },
                "scope: must not be none"},
           Case{ReplyCategory::kContent, [](ReplyRule& r) { r.stop_for = -absl::Hours(1); },
                "stop_minutes: must not be negative"},
       }) {
    ReplyRule rule = Rule("big/x", {"some text"}, c.category);
    EXPECT_TRUE(CheckRule(rule).ok());
    c.change(rule);
    const absl::Status status = CheckRule(rule);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.error));
  }
}

TEST(ReplyRules, ARuleHiddenByAnEarlierOneIsRefused) {
  struct Case {
    absl::string_view name;
    ReplyRule earlier, later;
    bool hidden;
  };
  const auto text = [](const char* match) {
    return Rule("big/r", {match}, ReplyCategory::kContent);
  };
  const auto coded = [](const char* match, const char* code) {
    ReplyRule rule = Rule("big/r", {match}, ReplyCategory::kContent);
    rule.codes = {*ParseCodeRange(code)};
    return rule;
  };
  const auto codes = [](std::vector<std::string> basic, std::vector<std::string> enhanced) {
    return CodeRule("big/r", std::move(basic), std::move(enhanced), ReplyCategory::kContent);
  };
  for (const Case& c : std::vector<Case>{
           {"equal patterns", text("a.*b"), text("a.*b"), true},
           {"other patterns", text("a.*b"), text("a.*c"), false},
           {"plain words that hold the earlier ones", text("rate limit"),
            text("temporarily rate limited"), true},
           {"plain words an earlier pattern matches", text("rate[- ]limit"),
            text("ip rate-limited"), true},
           {"every alternative", text("rate"), text("rate limit|bad rate"), true},
           {"only one alternative", text("rate"), text("rate limit|too fast"), false},
           {"the wider one later", text("temporarily rate limited"), text("rate limit"), false},
           {"an anchored one earlier", text("^rate"), text("rate limit"), false},
           {"a whole word earlier", text("\\brate\\b"), text("rate"), false},
           {"escaped dots are plain", text("spamhaus"), text("zen\\.spamhaus\\.org"), true},
           {"earlier asks for a code", coded("x", "550"), text("x"), false},
           {"later asks for a code", text("x"), coded("x", "550"), true},
           {"a wider code earlier", coded("x", "5yz"), coded("x", "55z"), true},
           {"another code", coded("x", "4yz"), coded("x", "550"), false},
           {"the same codes", codes({"550"}, {}), codes({"550"}, {}), true},
           {"a wider enhanced code", codes({}, {"x.7.x"}), codes({}, {"5.7.28"}), true},
           {"half of a range", codes({}, {"4.7.500-600"}), codes({}, {"4.7.500-699"}), false},
           {"a text never hides a code", text("x"), codes({"550"}, {}), false},
           {"a basic code never hides an enhanced one", codes({"5yz"}, {}),
            codes({"550"}, {"5.7.1"}), false},
       }) {
    SCOPED_TRACE(c.name);
    ReplyRule earlier = c.earlier, later = c.later;
    earlier.name = "big/first";
    later.name = "big/second";
    const absl::Status status = CheckOrder({earlier, later});
    EXPECT_EQ(!status.ok(), c.hidden) << status;
    if (c.hidden) {
      EXPECT_THAT(std::string(status.message()), HasSubstr("can never match: rule big/first"));
    }
  }
}

TEST(ReplyRules, NamesAreUnique) {
  const ReplyRule rule = Rule("big/x", {"a"}, ReplyCategory::kContent);
  ReplyRule same = Rule("big/x", {"b"}, ReplyCategory::kContent);
  same.origin = "big.textproto:9";
  EXPECT_EQ(ReplyClassifier::Create({{kBig, {rule, same}, {}, ""}}).status().message(),
            "big.textproto:9: rule big/x: name: is already taken");
}

TEST(ReplyRules, FollowingIsCheckedByLine) {
  const auto fault = [](std::vector<ProviderRules> rules) {
    return std::string(ReplyClassifier::Create(std::move(rules)).status().message());
  };
  EXPECT_EQ(fault({{kBig, {}, kOther, "b:9"}}),
            "b:9: rules_of: \"other\": there is no such provider");
  EXPECT_EQ(fault({{kBig, {}, kBig, "b:9"}}),
            "b:9: rules_of: \"big\": a provider cannot follow itself");
  EXPECT_EQ(fault({{kBig, {}, kOther, "b:9"}, {kOther, {}, kBig, "o:9"}}),
            "b:9: rules_of: \"other\": follows another provider itself");
  EXPECT_THAT(fault({{kBig, {}, {}, ""}, {kBig, {}, {}, ""}}), HasSubstr("two lists of rules"));
}

TEST(ReplyRules, ParseCodes) {
  const auto range = [](absl::string_view text) {
    const std::optional<CodeRange> parsed = ParseCodeRange(text);
    return parsed.has_value() ? absl::StrCat(parsed->low, "-", parsed->high) : "none";
  };
  EXPECT_EQ(range("421"), "421-421");
  EXPECT_EQ(range("45z"), "450-459");
  EXPECT_EQ(range("5yz"), "500-599");
  for (const char* bad : {"", "4", "42", "4211", "4zy", "xyz", "4 1", "-21", "4z1"})
    EXPECT_EQ(range(bad), "none") << bad;

  const auto pattern = [](absl::string_view text) {
    const std::optional<EnhancedPattern> p = ParseEnhancedPattern(text);
    return p.has_value()
               ? absl::StrCat(p->klass, ".", p->subject, ".", p->detail_low, "-", p->detail_high)
               : "none";
  };
  EXPECT_EQ(pattern("4.7.28"), "4.7.28-28");
  EXPECT_EQ(pattern("x.1.1"), "0.1.1-1");
  EXPECT_EQ(pattern("5.7.x"), "5.7.0-999");
  EXPECT_EQ(pattern("4.7.500-699"), "4.7.500-699");
  for (const char* bad : {"", "4.7", "4.7.1.1", "2.0.0", "4.x.1", "4.7.9-1", "4.7.1-2-3", "4.7.",
                          "4.7.1000", "y.7.1"}) {
    EXPECT_EQ(pattern(bad), "none") << bad;
  }
  EXPECT_FALSE(ParseEnhancedPattern("x.1.1")->Matches({}));
  EXPECT_TRUE(ParseEnhancedPattern("x.1.1")->Matches({4, 1, 1}));
  EXPECT_FALSE(ParseEnhancedPattern("5.7.500-699")->Matches({5, 7, 700}));
}

}  // namespace
}  // namespace crescendo::core
