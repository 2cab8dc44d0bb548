// What the sandbox says, and what the sender's provider data make of it: they must speak of the
// same providers, and mean the same by a reply.
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendo-sandbox/scenario.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/providers/provider_loader.h"
#include "smtp_client/wire/reply_parser.h"

namespace crescendo::sandbox {
namespace {

using ::testing::AnyOf;
using Category = ReplyCategory;

class DaemonView : public ::testing::Test {
 protected:
  DaemonView()
      : scenario_(ParseScenario(DefaultScenarioText()).value()),
        data_(providers::LoadProviders("").value()) {}

  // The provider whose MX hosts these are, as the daemon calls it.
  std::string NameFor(const v1::Site& site) const {
    return data_.catalog.FindByMx(std::vector<std::string>(site.mx().begin(), site.mx().end()))
        .id.text();
  }
  Classification Meaning(const v1::Provider& provider, const v1::Refusal& refusal,
                         SmtpStage stage) const {
    smtp::ReplyParser parser;
    parser.Feed(absl::StrCat(absl::StrJoin(refusal.lines(), "\r\n"), "\r\n"));
    Reply reply = parser.Next().value();
    reply.stage = stage;
    return data_.classifier.Classify(reply, ProviderId(NameFor(provider.sites(0))));
  }
  static std::string Text(const v1::Refusal& refusal) {
    return absl::StrJoin(refusal.lines(), "\n");
  }

  const v1::Scenario scenario_;
  const providers::ProviderData data_;
};

TEST_F(DaemonView, ProvidersHaveTheSameNames) {
  for (const v1::Provider& provider : scenario_.providers()) {
    for (const v1::Site& site : provider.sites()) {
      EXPECT_EQ(NameFor(site), provider.name() == "other" ? "default" : provider.name())
          << site.mx(0);
    }
  }
}

TEST_F(DaemonView, ProviderDataStayBelowTheReceiversLimits) {
  for (const v1::Provider& ours : scenario_.providers()) {
    SCOPED_TRACE(ours.name());
    const Provider* theirs = data_.catalog.Find(ProviderId(NameFor(ours.sites(0))));
    ASSERT_NE(theirs, nullptr);
    if (ours.has_connections()) {
      EXPECT_LE(theirs->max_connections_per_ip, static_cast<int>(ours.connections().per_ip()));
    }
    if (ours.has_messages_per_connection()) {
      EXPECT_LE(theirs->messages_per_connection,
                static_cast<int>(ours.messages_per_connection().count()));
    }
  }
}

TEST_F(DaemonView, LimitsBlameTheLane) {
  for (const v1::Provider& provider : scenario_.providers()) {
    if (provider.has_rate()) {
      const v1::RateLimit& rate = provider.rate();
      const SmtpStage stage = rate.phase() == v1::END_OF_DATA ? SmtpStage::kEndOfData
                              : rate.phase() == v1::RCPT      ? SmtpStage::kRcpt
                                                              : SmtpStage::kMail;
      EXPECT_THAT(Meaning(provider, rate.refusal(), stage).category,
                  AnyOf(Category::kRateLimited, Category::kReputationDeferral))
          << Text(rate.refusal());
      EXPECT_EQ(Meaning(provider, rate.refusal(), stage).scope, ReplyScope::kLane);
      if (rate.has_penalty()) {
        EXPECT_EQ(Meaning(provider, rate.penalty().refusal(), SmtpStage::kConnect).scope,
                  ReplyScope::kLane)
            << Text(rate.penalty().refusal());
      }
    }
    if (provider.has_connections()) {
      EXPECT_EQ(Meaning(provider, provider.connections().refusal(), SmtpStage::kConnect).category,
                Category::kTooManyConnections)
          << Text(provider.connections().refusal());
    }
    if (provider.has_messages_per_connection()) {
      EXPECT_EQ(Meaning(provider, provider.messages_per_connection().refusal(), SmtpStage::kMail)
                    .category,
                Category::kMessagesPerConnection)
          << Text(provider.messages_per_connection().refusal());
    }
    if (provider.has_greylist()) {
      EXPECT_EQ(Meaning(provider, provider.greylist().refusal(), SmtpStage::kRcpt).category,
                Category::kGreylisted);
    }
  }
}

TEST_F(DaemonView, MailboxesBlameTheRecipientOrTheMessage) {
  for (const v1::Provider& provider : scenario_.providers()) {
    SCOPED_TRACE(provider.name());
    const v1::Mailboxes& boxes = provider.mailboxes();
    const auto category = [&](const v1::Refusal& refusal, SmtpStage stage = SmtpStage::kRcpt) {
      return Meaning(provider, refusal, stage).category;
    };
    EXPECT_EQ(category(boxes.unknown()), Category::kUnknownRecipient) << Text(boxes.unknown());
    EXPECT_EQ(category(boxes.disabled()), Category::kRecipientDisabled) << Text(boxes.disabled());
    EXPECT_EQ(category(boxes.full()), Category::kMailboxFull) << Text(boxes.full());
    EXPECT_EQ(category(boxes.busy()), Category::kRecipientRate) << Text(boxes.busy());
    EXPECT_THAT(category(boxes.policy(), SmtpStage::kEndOfData),
                AnyOf(Category::kContent, Category::kContentPolicy))
        << Text(boxes.policy());
    const v1::Refusal& temporary = provider.trouble().temporary();
    EXPECT_EQ(category(temporary, SmtpStage::kEndOfData), Category::kTemporarySystem)
        << Text(temporary);
  }
}

}  // namespace
}  // namespace crescendo::sandbox
