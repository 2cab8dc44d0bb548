// What a reply would do, told before it happens.
#include "scheduler/core/consequence.h"

#include <gtest/gtest.h>

#include "scheduler/core/reply_classifier.h"

namespace crescendo::core {
namespace {

Provider Gmail() {
  Provider provider;
  provider.id = ProviderId("gmail");
  provider.rate_limit_stop = absl::Minutes(10);
  provider.block_stop = absl::Hours(2);
  return provider;
}

Reply ReplyOf(int code, SmtpStage stage = SmtpStage::kRcpt) {
  Reply reply;
  reply.code = code;
  reply.stage = stage;
  return reply;
}

std::string Told(ReplyCategory category, const Reply& reply) {
  return Consequence(reply, DefaultsOf(category, reply.permanent()), Gmail(), "mta1-a/gmail",
                     Options());
}

TEST(Consequence, TellsDeliveryAndScope) {
  struct Case {
    ReplyCategory category;
    int code;
    const char* want;
  };
  for (const Case& c : {
           Case{ReplyCategory::kAccepted, 250, ""},
           Case{ReplyCategory::kRateLimited, 421,
                "rate limited: Crescendo would stop mta1-a/gmail for at least 10m, then go on with "
                "one connection at a lower rate; it would try the message again in about 15m"},
           Case{ReplyCategory::kReputationBlock, 550,
                "reputation block: Crescendo would stop mta1-a/gmail for at least 2h, then go on "
                "with one connection at a lower rate; it would bounce the message as blocked; the "
                "address stays good, and raise an alert"},
           Case{
               ReplyCategory::kRateLimitedDomain, 421,
               "rate limited, domain: Crescendo would stop the sending domain at gmail, on all our "
               "IPs, for at least 10m; it would try the message again in about 15m"},
           Case{ReplyCategory::kTooManyConnections, 421,
                "too many connections: Crescendo would keep fewer connections in mta1-a/gmail; the "
                "rate stays; it would try the message again in about 15m"},
           Case{ReplyCategory::kGreylisted, 450,
                "greylisted: Crescendo would try the message again in about 6m, from the same IP"},
           Case{ReplyCategory::kMailboxFull, 452,
                "mailbox full: Crescendo would try the message again in about 4h"},
           Case{ReplyCategory::kUnknownRecipient, 550,
                "unknown recipient: Crescendo would bounce the message and suppress the address"},
           Case{ReplyCategory::kMessagesPerConnection, 421,
                "messages per connection: Crescendo would send the message again at once on a new "
                "connection, without a penalty"},
       }) {
    SCOPED_TRACE(ReplyCategoryName(c.category));
    EXPECT_EQ(Told(c.category, ReplyOf(c.code)), c.want);
  }
}

// Before MAIL no message has been tried: the lane or the host is meant.
TEST(Consequence, OfARefusedOpening) {
  EXPECT_EQ(Told(ReplyCategory::kRateLimited, ReplyOf(421, SmtpStage::kConnect)),
            "rate limited: Crescendo would stop mta1-a/gmail for at least 10m, then go on with one "
            "connection at a lower rate; no message has been tried");
  EXPECT_EQ(Told(ReplyCategory::kOtherPermanent, ReplyOf(554, SmtpStage::kEhlo)),
            "other permanent: Crescendo would try the next MX host, and this one again after 1m, "
            "then ever later");
}

TEST(Consequence, ARuleKnowsTheWaitBetter) {
  Classification meaning = DefaultsOf(ReplyCategory::kRateLimited, false);
  EXPECT_EQ(LeastStop(meaning, Gmail()), absl::Minutes(10));
  meaning.stop_for = absl::Minutes(3);
  EXPECT_EQ(LeastStop(meaning, Gmail()), absl::Minutes(3));
  EXPECT_EQ(LeastStop(DefaultsOf(ReplyCategory::kBlocklistPublic, true), Gmail()), absl::Hours(2));
}

}  // namespace
}  // namespace crescendo::core
