// The shipped rules on replies nobody wrote down for them: other addresses, tickets, line breaks
// and wordings, and words that only seem to mean something.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "scheduler/base/random.h"
#include "scheduler/providers/provider_loader.h"
#include "tests/providers/corpus.h"

namespace crescendo::providers {
namespace {

using enum ReplyCategory;

const core::ReplyClassifier& Shipped() {
  static const auto* const kData = new ProviderData(LoadProviders("").value());
  return kData->classifier;
}

struct Variant {
  const char* provider;
  const char* reply;
  ReplyCategory want;
};

void ExpectCategory(const Variant& variant, absl::string_view text) {
  for (const Reply& reply : RepliesOf(text)) {
    const Classification got = Shipped().Classify(reply, ProviderId(variant.provider));
    EXPECT_EQ(got.category, variant.want)
        << variant.provider << ": " << reply.ToString() << "\n  rule \"" << got.rule
        << "\": " << ReplyCategoryName(got.category) << ", want "
        << ReplyCategoryName(variant.want);
  }
}

const std::vector<Variant>& Variants() {
  static const auto* const kVariants = new std::vector<Variant>{
      // Providers, with other addresses and tickets.
      {"gmail",
       "421 4.7.28 Gmail has detected an unusual rate of unsolicited email originating from your "
       "IP address 203.0.113.77. e9e14a558f8ab-3ddd - gsmtp",
       kRateLimited},
      {"gmail",
       "421 4.7.28 Gmail has detected an unusual rate of email originating from your SPF domain "
       "news.shop.example. To protect our users a8si1 - gsmtp",
       kRateLimitedDomain},
      {"gmail",
       "421 4.7.28 Gmail has detected an unusual rate of unsolicited email containing one of your "
       "URL domains shop.example. - gsmtp",
       kRateLimitedDomain},
      {"gmail",
       "452 4.2.2 The recipient's inbox is out of storage space. "
       "https://support.google.com/mail/?p=OverQuotaTemp af79cd13be357-7b6 - gsmtp",
       kMailboxFull},
      {"gmail",
       "550 5.1.1 The email account that you tried to reach does not exist. ffacd0b85a97d-385 - "
       "gsmtp",
       kUnknownRecipient},
      {"gmail",
       "550 5.7.26 Your email has been blocked because the sender is unauthenticated. DKIM = did "
       "not pass",
       kAuthentication},
      {"gmail", "550 5.7.26 something Google writes tomorrow", kAuthentication},
      {"gmail", "421 4.7.32 something Google writes tomorrow", kDmarc},
      {"gmail",
       "550 5.7.1 [2001:db8::25 18] Gmail has detected that this message is likely suspicious due "
       "to the very low reputation of the sending IP address.",
       kReputationBlock},
      {"gmail",
       "550 5.7.1 [198.51.100.4] Gmail has detected that this message is likely unsolicited mail.",
       kContent},
      {"yahoo",
       "421 4.7.0 [TSS04] Messages from 198.51.100.9 temporarily deferred due to unexpected volume "
       "or user complaints - 4.16.55.1",
       kReputationDeferral},
      {"yahoo",
       "421 4.7.0 [TSS09] All messages from example.com will be deferred due to unexpected volume "
       "from your domain",
       kRateLimitedDomain},
      {"outlook",
       "451 4.7.500 Server busy. Please try again later; sending domain example.com exceeded its "
       "rate (S77719)",
       kRateLimitedDomain},
      {"outlook",
       "421 4.7.66 The mail server [198.51.100.20] has exceeded the maximum number of connections. "
       "(S3115)",
       kTooManyConnections},
      {"yahoo",
       "421 4.7.0 [TSS05] Messages from 198.51.100.9 temporarily deferred due to user complaints",
       kReputationDeferral},
      {"yahoo",
       "553 5.7.1 [BL23] Connections will not be accepted from 198.51.100.9, because the ip is in "
       "Spamhaus's list",
       kBlocklistPublic},
      {"yahoo", "421 Max message per connection reached, closing transmission channel",
       kMessagesPerConnection},
      {"yahoo",
       "554 delivery error: dd This user doesn't have a yahoo.fr account (someone@yahoo.fr) [0] - "
       "mta4023.mail.ir2.yahoo.com",
       kUnknownRecipient},
      {"yahoo",
       "554 5.7.9 Message not accepted for policy reasons. See "
       "https://postmaster.yahooinc.com/error-codes",
       kOtherPermanent},
      {"outlook",
       "451 4.7.650 The mail server [198.51.100.20] has been temporarily rate limited due to IP "
       "reputation. (S3114) [AM7EUR06FT041.eop-eur06.prod.protection.outlook.com]",
       kRateLimited},
      {"outlook",
       "421 RP-001 (BAY004-MC1F21) Unfortunately, some messages from 198.51.100.20 weren't sent. "
       "Please try again.",
       kRateLimited},
      {"outlook",
       "550 5.7.1 Unfortunately, messages from [198.51.100.20] weren't sent. Please contact your "
       "Internet service provider since part of their network is on our block list (S3150).",
       kBlocklistProvider},
      {"outlook",
       "550 5.7.515 Access denied, sending domain SHOP.EXAMPLE does not meet the required "
       "authentication level.",
       kAuthentication},
      {"outlook", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).",
       kUnknownRecipient},
      {"microsoft365",
       "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) "
       "[DB5PEPF00014B94.eurprd02.prod.outlook.com]",
       kUnknownRecipient},
      {"microsoft365",
       "451 4.7.500 Server busy. Please try again later from [198.51.100.20]. (AS77713)",
       kRateLimited},
      {"microsoft365",
       "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.",
       kOtherPermanent},
      {"microsoft365",
       "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient joe@contoso.example not found by SMTP "
       "address lookup",
       kUnknownRecipient},
      {"apple", "550 5.7.1 [CS01] Message rejected due to local policy. [mx 17]", kContent},
      {"apple", "421 4.7.1 [HCM1] Excessive volume from your host", kRateLimited},
      {"comcast",
       "421 4.1.0 198.51.100.7 Throttled - try again later. Please see "
       "http://postmaster.comcast.net/smtp-error-codes.php#RL000001",
       kRateLimited},
      {"comcast",
       "554 resimta-c2p-03v.sys.comcast.net resimta-c2p-03v 198.51.100.7 found on one or more "
       "DNSBLs #BL001101",
       kBlocklistPublic},
      {"orange",
       "421 mwinf5c04 ME Trop de connexions. Too many connections, slow down. OFR004_104 [104]",
       kTooManyConnections},
      {"orange", "550 5.1.1 OFR_416 Adresse invalide [416]", kUnknownRecipient},
      {"laposte", "550 5.5.0 Service refuse. LPN009_103", kReputationBlock},
      {"sfr", "450 4.7.1 SFR_IN_205", kRateLimited},
      {"gmx",
       "421 4.7.0 gmx.net (mxgmx016) Nemesis ESMTP Service not available. Reject due to policy "
       "violations.",
       kReputationDeferral},
      {"t-online",
       "554 IP=198.51.100.33 - None/bad reputation. Ask your postmaster for help or to contact "
       "tobr@rx.t-online.de for reset. (NOWL)",
       kReputationBlock},
      {"mailru",
       "550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=abcdef or "
       "report details to abuse@corp.mail.ru. Error code: 8DC1.",
       kContent},
      {"mailru",
       "550 Message was not accepted -- invalid mailbox. Local mailbox anna.k@mail.ru is "
       "unavailable: account is disabled",
       kRecipientDisabled},
      {"yandex",
       "554 5.7.1 [2] Message rejected under suspicion of SPAM; https://ya.cc/1IrBc 1700000000-xYz",
       kContent},
      {"qq", "550 Domain frequency limited. http://service.mail.qq.com/detail/0/1009",
       kRateLimitedDomain},
      {"qq",
       "550 Ip frequency limited [MxFS1k8TL2PdW IP: 198.51.100.2]. "
       "https://service.mail.qq.com/detail/122/170",
       kRateLimited},
      {"netease",
       "451 MI:SFQ 163 mx24,QsCowAB3 http://mail.163.com/help/help_spam_16.htm?ip=198.51.100.2",
       kRateLimitedDomain},
      {"netease", "554 MI:STC 126 smtp4,xxx http://mail.163.com/help/help_spam_16.htm",
       kDailyQuota},
      {"mimecast",
       "451 Internal resources are temporarily unavailable - "
       "https://community.mimecast.com/docs/DOC-1369#451 [PkvJ2] [uk12]",
       kGreylisted},
      {"proofpoint", "554 5.7.1 Blocked - see https://ipcheck.proofpoint.com/?ip=198.51.100.8",
       kBlocklistPublic},
      {"barracuda", "421 Temporary failure, please try again later (198.51.100.8)", kRateLimited},
      {"godaddy",
       "554 p3plibsmtp02-05 bizsmtp Temporarily rejected. Reverse DNS for 198.51.100.8 failed. "
       "IB108",
       kReverseDns},
      {"cox", "554 5.7.1 cox.net Cloudmark CSI AUP#IPBL1010 <198.51.100.8>", kBlocklistPublic},
      {"spectrum", "421 4.7.1 AUP#In-1310 198.51.100.8 please slow your connections",
       kTooManyConnections},
      {"forpsi", "550 5.1.0 qWe12 policy violation, see https://support.forpsi.com/kb/a4075",
       kRateLimited},
      // Other receivers, as their software words it.
      {"default",
       "450 4.2.0 <jo@foo.example>: Recipient address rejected: Greylisted, see "
       "http://postgrey.schweikert.ch/help/foo.example.html",
       kGreylisted},
      {"default", "451 4.7.1 Greylisting in action, please come back in 00:04:59", kGreylisted},
      {"default", "451 4.3.2 Gray-listed, try again in 5 minutes", kGreylisted},
      {"default",
       "550 5.1.1 <jo@foo.example>: Recipient address rejected: User unknown in virtual mailbox "
       "table",
       kUnknownRecipient},
      {"default",
       "550 5.1.1 <jo@foo.example>: Recipient address rejected: User unknown in relay recipient "
       "table",
       kUnknownRecipient},
      {"default", "550 5.1.1 <jo@foo.example>... User unknown", kUnknownRecipient},
      {"default", "550 Unrouteable address", kUnknownRecipient},
      {"default", "550 No such recipient here", kUnknownRecipient},
      {"default", "550-No Such User Here\"", kUnknownRecipient},
      {"default", "550 No such person at this address", kUnknownRecipient},
      {"default", "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)", kUnknownRecipient},
      {"default", "550 #5.1.0 Address rejected.", kUnknownRecipient},
      {"default", "550 5.1.1 Mailbox does not exist!", kUnknownRecipient},
      {"default", "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", kUnknownRecipient},
      {"default", "550 MAILBOX NOT FOUND", kUnknownRecipient},
      {"default", "550 No such user. Your mail could not be delivered", kUnknownRecipient},
      {"default", "550 5.2.1 The account is suspended", kRecipientDisabled},
      {"default", "550 Mailbox jo@foo.example is disabled", kRecipientDisabled},
      {"default", "552 5.2.2 Over quota", kMailboxFull},
      {"default", "452 4.2.2 <jo@foo.example>: Mailbox full", kMailboxFull},
      {"default", "550 5.2.2 User's mailbox has exceeded its storage limit", kMailboxFull},
      {"default", "422 The recipient's mailbox is over its storage limit", kMailboxFull},
      {"default", "552 5.3.4 Message size exceeds fixed maximum message size (10485760)",
       kTooLarge},
      {"default", "552 Message too big for system", kTooLarge},
      {"default",
       "554 5.7.1 Service unavailable; Client host [198.51.100.3] blocked using bl.spamcop.net; "
       "Blocked - see https://www.spamcop.net/bl.shtml?198.51.100.3",
       kBlocklistPublic},
      {"default", "550 5.7.1 Your IP 198.51.100.3 is listed in dnsbl-1.uceprotect.net",
       kBlocklistPublic},
      {"default",
       "550 JunkMail rejected - mta1.shop.example [198.51.100.3]:52044 is in an RBL, see Blocked - "
       "see http://cbl.abuseat.org/",
       kBlocklistPublic},
      {"default", "554 5.7.1 Client host rejected: cannot find your hostname, [198.51.100.3]",
       kReverseDns},
      {"default", "550 5.7.25 Fix reverse DNS for 198.51.100.3", kReverseDns},
      {"default", "504 5.5.2 <mta1>: Helo command rejected: need fully-qualified hostname",
       kProtocol},
      {"default", "550 5.7.1 <mta1.shop.example>: Helo command rejected: Host not found",
       kProtocol},
      {"default", "550 5.7.1 SPF fail - not authorized. See http://www.openspf.org/why.html",
       kAuthentication},
      {"default", "550 5.7.1 rejected by DMARC policy for shop.example", kDmarc},
      {"default", "530 5.7.0 Must issue a STARTTLS command first", kTlsRequired},
      {"default", "550 5.7.1 Unable to relay for jo@foo.example", kRelayDenied},
      {"default", "550 relay not permitted", kRelayDenied},
      {"default", "421 4.7.0 mx.foo.example Error: too many connections from 198.51.100.3",
       kTooManyConnections},
      {"default",
       "421 4.3.2 The maximum number of concurrent server connections has exceeded a limit",
       kTooManyConnections},
      {"default", "450 4.7.1 Error: too much mail from 198.51.100.3", kRateLimited},
      {"default", "451 4.7.1 Sending rate exceeded, slow down", kRateLimited},
      {"default", "421 4.7.0 Rate limited, try again in 10 minutes", kRateLimited},
      {"default", "452 4.3.1 Insufficient system storage", kTemporarySystem},
      {"default", "451 4.3.0 Temporary lookup failure", kTemporarySystem},
      {"default", "421 4.3.2 Service shutting down", kTemporarySystem},
      {"default", "451 Temporary local problem - please try later", kTemporarySystem},
      {"default", "554 5.7.1 Message rejected as spam by Content Filtering.", kContent},
      {"default", "550 5.7.1 This message looks like spam.", kContent},
      {"default", "554 5.7.0 Reject, id=12345-06 - INFECTED: Eicar-Test-Signature", kContentPolicy},
      {"default", "550 This message contains a virus (Win.Test.EICAR_HDB-1).", kContentPolicy},
      {"default", "551 5.1.6 User has moved; please try <jo@new.example>", kMoved},
      {"default",
       "550 5.7.1 Access denied - reputation of 198.51.100.3 is poor. See "
       "https://talosintelligence.com",
       kReputationBlock},
      {"default", "501 5.1.8 Sender domain does not exist: shop.example", kSenderDns},
      {"default", "550 Sender verify failed", kSenderDns},
      {"default",
       "550 5.1.0 <news@shop.example>: Sender address rejected: User unknown in local recipient "
       "table",
       kSenderDns},
      {"default", "554 5.4.14 Hop count exceeded - possible mail loop", kProtocol},
      {"default", "550 Administrative prohibition", kRecipientPolicy},
      // No words at all: the codes decide.
      {"default", "550 5.1.1", kUnknownRecipient},
      {"default", "552 5.2.2", kMailboxFull},
      {"default", "550 5.7.28", kRateLimited},
      {"default", "421", kTemporarySystem},
      {"default", "500", kProtocol},
  };
  return *kVariants;
}

TEST(ReplyVariants, AreAtLeastEighty) { EXPECT_GE(Variants().size(), 80u); }

TEST(ReplyVariants, KeepTheirCategory) {
  for (const Variant& variant : Variants()) ExpectCategory(variant, variant.reply);
}

TEST(ReplyVariants, CaseAndBlanksMeanNothing) {
  for (const Variant& variant : Variants()) {
    ExpectCategory(variant, absl::AsciiStrToUpper(variant.reply));
    ExpectCategory(variant, absl::StrReplaceAll(variant.reply, {{" ", "  "}}));
  }
}

TEST(ReplyVariants, AddressesMeanNothing) {
  // Nothing in an address may tip the scales, however loud it is.
  for (const Variant& variant : Variants()) {
    const std::string loud = absl::StrReplaceAll(
        variant.reply, {{"jo@foo.example", "greylist.quota-full.spam@rate-limit.blocked.example"},
                        {"198.51.100.3", "203.0.113.250"}});
    ExpectCategory(variant, loud);
  }
}

// Words that seem to mean one thing inside a reply that means another.
TEST(ReplyVariants, NoiseWordsDoNotMislead) {
  for (const Variant& noise : std::vector<Variant>{
           {"default", "451 4.7.1 Greylisted: the rate of unknown senders is high today, try later",
            kGreylisted},
           {"default",
            "450 4.7.1 You have been greylisted because your IP address sends too many messages",
            kGreylisted},
           {"default",
            "550 5.7.1 Message content rejected as spam; your IP address 192.0.2.1 was logged",
            kContent},
           {"default",
            "554 5.7.1 This message was identified as spam. Sending IP address: 192.0.2.1",
            kContent},
           {"default", "552 5.2.2 Mailbox full: the user's limit of 100 messages is reached",
            kMailboxFull},
           {"default", "452 4.2.2 Mailbox is over its size limit, rate of incoming mail too high",
            kMailboxFull},
           {"default", "550 5.2.2 <a@b.example>: quota exceeded for this user, message blocked",
            kMailboxFull},
           {"default",
            "450 4.2.1 The user is receiving mail at a rate that is too high for its limit",
            kRecipientRate},
           {"default",
            "550 5.1.1 User unknown. Think this is wrong? Read https://foo.example/spam-blocked",
            kUnknownRecipient},
           {"default", "550 5.7.1 Your IP address is not found in our allow list", kOtherPermanent},
           {"default", "550 5.7.1 Your IP address 192.0.2.1 has been suspended", kOtherPermanent},
           {"default", "550 Your account has been disabled, contact your administrator",
            kOtherPermanent},
           {"default",
            "550 5.7.1 <mta1.shop.example[192.0.2.1]>: Client host rejected: Access denied",
            kReputationBlock},
           {"default",
            "451 4.4.3 Temporary failure looking up the recipient address, user database "
            "unavailable",
            kTemporarySystem},
           {"default", "550 5.7.1 Requested action not taken: mailbox unavailable",
            kOtherPermanent},
           {"gmail",
            "421 4.7.0 Your email has been rate limited because SPF authentication didn't pass",
            kAuthentication},
           {"gmail",
            "550 5.2.1 The user you are trying to contact is receiving email at a rate that "
            "prevents additional messages",
            kRecipientRate},
           {"outlook",
            "421 RP-003 The mail server IP has exceeded the connection limit allowed. Reason is "
            "related to IP/domain reputation.",
            kTooManyConnections},
       }) {
    ExpectCategory(noise, noise.reply);
  }
}

// A fault of ours, a limit or a policy never costs a recipient its place on the list.
TEST(ReplyVariants, BlameNoRecipientForOurFaults) {
  for (const absl::string_view text : {"550 5.7.1 Your IP address is unknown to us",
                                       "550 5.1.8 Sender address is invalid",
                                       "550 Invalid sender address",
                                       "550 Sender address rejected: unverified address",
                                       "550 5.7.1 Helo command rejected: Host not found",
                                       "550 Verification failed for <news@shop.example>",
                                       "550 5.7.1 Your account is suspended",
                                       "550 5.7.1 Client address not recognized",
                                       "550 5.7.1 Envelope from address does not exist",
                                       "550 Too many unknown users",
                                       "550 rejected",
                                       "550 5.7.1 no",
                                       "554 Transaction failed",
                                       "550 blocked",
                                       "550 5.3.0 error",
                                       "551 we do not like you",
                                       "550 5.1.0 policy",
                                       "550 Remote host's address is not found in DNS",
                                       "550 5.7.1 The From: header's address is not valid",
                                       "554 5.6.0 Invalid address in header",
                                       "550 5.7.1 The sending server's name does not exist"}) {
    for (const Reply& reply : RepliesOf(text)) {
      const Classification got = Shipped().Classify(reply, ProviderId("default"));
      EXPECT_FALSE(got.suppress) << reply.ToString() << " by " << got.rule;
      EXPECT_NE(got.disposition, Disposition::kHardBounce)
          << reply.ToString() << " by " << got.rule;
    }
  }
}

TEST(ReplyVariants, AFiveThatMayPassLaterIsRetried) {
  struct Case {
    const char* provider;
    const char* reply;
  };
  for (const Case& c :
       {Case{"qq", "550 Ip frequency limited"}, Case{"qq", "550 Sender frequency limited"},
        Case{"gmail", "550 5.2.1 The user you are trying to contact is receiving email at a rate"},
        Case{"gmail", "550 5.7.28 There is an unusual rate of unsolicited mail"},
        Case{"default", "554 5.2.0 IP reputation ratelimit in effect"},
        Case{"default", "552 5.2.2 mailbox full"}, Case{"yahoo", "554 RLY:B1"}}) {
    for (const Reply& reply : RepliesOf(c.reply)) {
      const Classification got = Shipped().Classify(reply, ProviderId(c.provider));
      EXPECT_EQ(got.disposition, Disposition::kRetry) << c.reply;
      EXPECT_FALSE(got.suppress) << c.reply;
    }
  }
  // Spamhaus at Yahoo: the lane stops, the recipient is not touched.
  const Classification listed = Shipped().Classify(
      {553, {5, 7, 1}, {"[BL21] Connections will not be accepted"}, SmtpStage::kConnect},
      ProviderId("yahoo"));
  EXPECT_EQ(listed.disposition, Disposition::kBlocked);
  EXPECT_EQ(listed.scope, ReplyScope::kLane);
  EXPECT_TRUE(listed.alert);
  EXPECT_FALSE(listed.suppress);
}

TEST(ReplyVariants, RandomBytesNeverDeliverAndNeverCrash) {
  static constexpr int kStrings = 100000;
  base::Random random(20261124);
  const std::vector<ProviderId> providers = {ProviderId("gmail"), ProviderId("default"),
                                             ProviderId("qq"),    ProviderId("microsoft365"),
                                             ProviderId(""),      ProviderId("?")};
  // Half of the strings are made of pieces of real replies, which reach deeper than noise does.
  const std::vector<CorpusRow> rows = ReadCorpus();
  for (int i = 0; i < kStrings; ++i) {
    Reply reply;
    reply.code =
        static_cast<int>(random.Below(4) == 0 ? random.Below(1200) : 400 + random.Below(200));
    reply.enhanced = {static_cast<int>(random.Below(7)), static_cast<int>(random.Below(9)),
                      static_cast<int>(random.Below(1000))};
    reply.stage = static_cast<SmtpStage>(random.Below(9));
    for (uint64_t lines = random.Below(4); lines > 0; --lines) {
      std::string line;
      if (random.Below(2) == 0) {
        for (uint64_t n = random.Below(80); n > 0; --n)
          line.push_back(static_cast<char>(random.Below(256)));
      } else {
        const std::string& text = rows[random.Below(rows.size())].text;
        line = text.substr(random.Below(text.size()), random.Below(60));
      }
      reply.lines.push_back(line);
    }
    const Classification got = Shipped().Classify(reply, providers[random.Below(providers.size())]);
    const bool accepted = reply.code >= 200 && reply.code < 300;
    ASSERT_EQ(got.disposition == Disposition::kAccept, accepted) << reply.code;
    ASSERT_EQ(got.category == kAccepted, accepted);
    if (got.suppress || got.disposition == Disposition::kHardBounce) {
      ASSERT_TRUE(reply.permanent()) << reply.ToString();
    }
    if (!accepted && !reply.permanent() && got.category != kGivenUp) {
      ASSERT_TRUE(got.disposition == Disposition::kRetry ||
                  got.disposition == Disposition::kRetryNow);
    }
    ASSERT_LE(got.stop_for, absl::Hours(24));
  }
}

}  // namespace
}  // namespace crescendo::providers
