// The shipped rules on real replies: every row of tests/testdata/replies.tsv.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/providers/provider_loader.h"
#include "tests/providers/corpus.h"

namespace crescendo::providers {
namespace {

using ::testing::AnyOf;

const ProviderData& Shipped() {
  static const auto* const kData = new ProviderData(LoadProviders("").value());
  return *kData;
}

// Rows whose label another row with the same words contradicts. To follow them would suppress good
// recipients for a fault of ours.
struct Contradiction {
  absl::string_view text;
  absl::string_view reason;
  ReplyCategory ours;
};
const Contradiction* FindContradiction(const CorpusRow& row) {
  static const std::vector<Contradiction> kContradictions = {
      {"550 5.1.8 <sender@example.com>: Sender address rejected: Domain not found (in reply to "
       "RCPT TO command)",
       "labelled recipient_unknown; Apple's row with these words is sender_dns, and so is 5.1.8",
       ReplyCategory::kSenderDns},
      {"550 5.1.8 Domain of sender address does not exist",
       "labelled recipient_unknown; the words and 5.1.8 name the sender's domain",
       ReplyCategory::kSenderDns},
      {"450 4.1.8 Sender address rejected: Domain not found (in reply to RCPT TO command))",
       "labelled recipient_unknown; Apple's row with these words is sender_dns",
       ReplyCategory::kSenderDns},
      {"550 Too many invalid recipients",
       "labelled recipient_unknown; Cox's row with these words is reputation_block",
       ReplyCategory::kReputationBlock},
  };
  for (const Contradiction& c : kContradictions) {
    if (c.text == row.text) return &c;
  }
  return nullptr;
}

ReplyCategory Expected(const CorpusRow& row) {
  const Contradiction* contradiction = FindContradiction(row);
  return contradiction == nullptr ? CategoryOf(row) : contradiction->ours;
}

std::string Describe(const CorpusRow& row, const Reply& reply, const Classification& got) {
  return absl::StrCat("line ", row.line, ", ", row.provider, ", ", row.category, ", \"", row.action,
                      "\"\n  ", SmtpStageName(reply.stage), ": ", reply.ToString(), "\n  rule \"",
                      got.rule, "\": ", ReplyCategoryName(got.category), ", ",
                      ReplyScopeName(got.scope), ", ", DispositionName(got.disposition), ", ",
                      absl::FormatDuration(got.stop_for));
}

// Calls `check(row, reply, classification)` for every row and reply it may stand for.
template <class Check>
void ForEachReply(const Check& check) {
  for (const CorpusRow& row : ReadCorpus()) {
    for (const Reply& reply : RepliesOf(row.text)) {
      const Classification got = Shipped().classifier.Classify(reply, ProviderOf(row));
      SCOPED_TRACE(Describe(row, reply, got));
      check(row, reply, got);
    }
  }
}

TEST(ReplyCorpus, HasAllRows) { EXPECT_EQ(ReadCorpus().size(), 553); }

TEST(ReplyCorpus, EveryRowHasItsCategory) {
  int contradictions = 0;
  for (const CorpusRow& row : ReadCorpus()) contradictions += FindContradiction(row) != nullptr;
  EXPECT_EQ(contradictions, 4);
  ForEachReply([](const CorpusRow& row, const Reply&, const Classification& got) {
    EXPECT_EQ(got.category, Expected(row));
  });
}

TEST(ReplyCorpus, TheProvidersRulesAreNamed) {
  ForEachReply([](const CorpusRow& row, const Reply&, const Classification& got) {
    // Whatever people put into the corpus is known by its words or codes, not by the class alone.
    EXPECT_FALSE(got.rule.empty() && got.category != ReplyCategory::kOtherPermanent) << row.line;
  });
}

// --- What the action column asks for -------------------------------------------------------------

bool Says(const CorpusRow& row, absl::string_view words) {
  return absl::StrContains(row.action, words);
}

bool SaysAny(const CorpusRow& row, std::initializer_list<absl::string_view> list) {
  return std::any_of(list.begin(), list.end(),
                     [&](absl::string_view words) { return Says(row, words); });
}

TEST(ReplyCorpus, SuppressesExactlyWhomItMay) {
  int suppressed = 0;
  ForEachReply([&](const CorpusRow& row, const Reply& reply, const Classification& got) {
    const bool asked = absl::StartsWith(row.action, "suppress") && !Says(row, "for this sender") &&
                       FindContradiction(row) == nullptr;
    if (asked && reply.permanent()) {
      EXPECT_TRUE(got.suppress);
      EXPECT_EQ(got.disposition, Disposition::kHardBounce);
      ++suppressed;
    } else if (asked) {  // A 4yz about an unknown user may be a lookup that failed.
      EXPECT_FALSE(got.suppress);
      EXPECT_EQ(got.disposition, Disposition::kRetry);
    } else if (!Says(row, "suppress for this sender")) {
      EXPECT_FALSE(got.suppress);
      EXPECT_NE(got.disposition, Disposition::kHardBounce);
    }
  });
  EXPECT_GT(suppressed, 200);
}

TEST(ReplyCorpus, TouchesOnlyWhatTheActionNames) {
  int checked = 0;
  ForEachReply([&](const CorpusRow& row, const Reply&, const Classification& got) {
    ++checked;
    if (row.category == "rate_limit_domain") {
      EXPECT_EQ(got.scope, Says(row, "Message-ID") ? ReplyScope::kCampaignProvider
                                                   : ReplyScope::kSendingDomainProvider);
    } else if (Says(row, "domain reputation")) {
      EXPECT_EQ(got.scope, ReplyScope::kSendingDomainProvider);
    } else if (Says(row, "that recipient only")) {
      EXPECT_EQ(got.scope, ReplyScope::kRecipient);
    } else if (SaysAny(row, {"pause campaign", "stop campaign"})) {
      EXPECT_EQ(got.scope, ReplyScope::kCampaignProvider);
    } else if (SaysAny(row, {"fix authentication", "fix SPF", "fix alignment"})) {
      EXPECT_EQ(got.scope, ReplyScope::kSendingDomain);
    } else if (SaysAny(row, {"reduce by one connection", "close one connection",
                             "connections per IP", "reduce connections", "fewer connections"})) {
      EXPECT_EQ(got.scope, ReplyScope::kLaneConnections);
    } else if (SaysAny(row, {"reconnect", "messages per connection", "messages per session"}) &&
               row.category != "rate_limit_ip") {
      EXPECT_EQ(got.scope, ReplyScope::kConnection);
    } else if (SaysAny(row, {"stop IP", "suspend IP", "pause IP", "stop that IP"})) {
      EXPECT_EQ(got.scope, ReplyScope::kLane);
    } else if (SaysAny(row, {"suppress", "split recipients", "sender-side fix", "check routing"})) {
      EXPECT_THAT(got.scope, AnyOf(ReplyScope::kRecipient, ReplyScope::kMessage,
                                   ReplyScope::kSendingDomain, ReplyScope::kLane));
      if (FindContradiction(row) == nullptr) {
        EXPECT_NE(got.scope, ReplyScope::kLane);
      }
    } else {
      --checked;
    }
  });
  EXPECT_GT(checked, 2000);
}

TEST(ReplyCorpus, RetriesWhatMayPassLater) {
  int checked = 0;
  ForEachReply([&](const CorpusRow& row, const Reply& reply, const Classification& got) {
    if (absl::StartsWith(row.action, "retry") ||
        SaysAny(row,
                {"treat as temporary", "really a rate limit", "that recipient only",
                 "suspend and retry", "retry despite", "resume on 1 connection", "resume slower",
                 "GoDaddy: block lasts", "fewer connections", "reduce by one"})) {
      EXPECT_EQ(got.disposition, Disposition::kRetry);
      ++checked;
    } else if (row.category == "msgs_per_conn") {
      EXPECT_THAT(got.disposition, AnyOf(Disposition::kRetryNow, Disposition::kRetry));
      EXPECT_EQ(got.disposition == Disposition::kRetryNow, !Says(row, "slow one step"));
      ++checked;
    } else if (SaysAny(row, {"no retry", "do not retry", "sender-side fix"}) && reply.permanent()) {
      EXPECT_THAT(got.disposition, AnyOf(Disposition::kBlocked, Disposition::kSoftBounce));
      ++checked;
    } else if (Says(row, "give up")) {
      EXPECT_EQ(got.disposition, Disposition::kSoftBounce);
      ++checked;
    }
  });
  EXPECT_GT(checked, 500);
}

// The wait an action names ("suspend 2 h", "stop IP x Yahoo 2-4 h"): its least; zero if none. What
// stands in parentheses is what others do.
absl::Duration WaitOf(const CorpusRow& row) {
  static const std::regex wait(
      R"((?:suspend|stop|pause|back off|wait)[^;,:]*?[ =](\d+)(?:-\d+)? ?(h|min)\b)");
  static const std::regex aside(R"(\([^)]*\))");
  const std::string action = std::regex_replace(row.action, aside, "");
  std::smatch match;
  if (!std::regex_search(action, match, wait)) return absl::ZeroDuration();
  const int number = std::stoi(match[1]);
  return match[2] == "h" ? absl::Hours(number) : absl::Minutes(number);
}

// How long the lane rests: what the rule says, else what the provider's file says.
absl::Duration RestOf(const Classification& got, const ProviderId& id) {
  if (got.stop_for > absl::ZeroDuration()) return got.stop_for;
  const Provider* known = Shipped().catalog.Find(id);
  const Provider& provider = known == nullptr ? Shipped().catalog.fallback() : *known;
  const bool rate = got.category == ReplyCategory::kRateLimited ||
                    got.category == ReplyCategory::kRateLimitedDomain;
  return rate ? provider.rate_limit_stop : provider.block_stop;
}

TEST(ReplyCorpus, RestsAtLeastAsLongAsTheActionSays) {
  int checked = 0;
  ForEachReply([&](const CorpusRow& row, const Reply&, const Classification& got) {
    const absl::Duration wait = WaitOf(row);
    if (wait == absl::ZeroDuration() || got.scope != ReplyScope::kLane) return;
    if (ProviderOf(row).text() == "default") return;  // No file: the default's waits.
    EXPECT_GE(RestOf(got, ProviderOf(row)), wait);
    ++checked;
  });
  EXPECT_GT(checked, 150);
}

// --- Laws, whatever the words --------------------------------------------------------------------

TEST(ReplyCorpus, NoWordsTurnARefusalIntoAnAcceptance) {
  ForEachReply([](const CorpusRow& row, const Reply& reply, const Classification& got) {
    EXPECT_NE(got.disposition, Disposition::kAccept);
    if (reply.temporary() && row.category != "expired") {
      EXPECT_THAT(got.disposition, AnyOf(Disposition::kRetry, Disposition::kRetryNow));
    }
    if (reply.temporary()) {
      EXPECT_FALSE(got.suppress);
    }
  });
}

TEST(ReplyCorpus, EveryProviderMayGetEveryReply) {
  // A text from one filter in front of another provider's host still never harms a recipient whom
  // its own provider would have spared.
  for (const CorpusRow& row : ReadCorpus()) {
    if (row.category == "recipient_unknown" || row.category == "recipient_disabled") continue;
    for (const Reply& reply : RepliesOf(row.text)) {
      const Classification got = Shipped().classifier.Classify(reply, ProviderId("nobody-knows"));
      SCOPED_TRACE(Describe(row, reply, got));
      if (row.provider == "gmx" || Says(row, "suppress for this sender")) continue;  // By design.
      EXPECT_NE(got.disposition, Disposition::kHardBounce);
    }
  }
}

}  // namespace
}  // namespace crescendo::providers
