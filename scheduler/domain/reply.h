// reply.h: what a receiving server answered, and what we take it to mean.
//
// A reply is news, not an error (STYLE §5). Any bytes map to ok, temporary, permanent or protocol
// error (L10): smtp_client/wire parses them into a Reply, core/ReplyClassifier gives the meaning.
// See RFC 5321 §4.2 (codes), RFC 3463 (enhanced status codes).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/domain/ids.h"

namespace crescendo {

// RFC 3463 class.subject.detail, e.g. 4.7.28. All zero: the reply carried none.
struct EnhancedStatus {
  int klass = 0;    // 2, 4 or 5.
  int subject = 0;  // [0, 999]
  int detail = 0;   // [0, 999]

  bool present() const { return klass != 0; }
  std::string ToString() const;  // "4.7.28"; "" if absent.
  friend bool operator==(const EnhancedStatus&, const EnhancedStatus&) = default;
};

// The command a reply answered.
enum class SmtpStage { kConnect, kEhlo, kStartTls, kMail, kRcpt, kData, kEndOfData, kRset, kQuit };
absl::string_view SmtpStageName(SmtpStage stage);  // "connect", "MAIL" …

struct Reply {
  int code = 0;                    // [200, 599]; 0 if the server's bytes were no reply at all.
  EnhancedStatus enhanced;         // The first line's, when every line that has one agrees.
  std::vector<std::string> lines;  // Without code and enhanced code; valid UTF-8, no controls.
  SmtpStage stage = SmtpStage::kConnect;

  bool positive() const { return code >= 200 && code < 400; }
  bool temporary() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500 && code < 600; }
  // The lines joined by one space: multi-line replies are matched as a whole.
  std::string JoinedText() const;
  // "421 4.7.28 text of all lines": for people, events and logs.
  std::string ToString() const;
  // As it came, line by line: "250-mx1.example", "250 SIZE 1000". An enhanced code stands on each.
  std::vector<std::string> WireLines() const;
};

// What a reply is about. DESIGN §4's table, split where the action differs.
enum class ReplyCategory {
  kAccepted,               // 2yz.
  kRateLimited,            // Of this IP at this provider: 421 4.7.28, RP-001, 4.7.650.
  kRateLimitedDomain,      // Of the sending domain (SPF, DKIM, URL), over all our IPs.
  kDailyQuota,             // The provider's own cap for a day is used up.
  kTooManyConnections,     // Fewer connections; the rate stays.
  kMessagesPerConnection,  // Reconnect at once, no penalty.
  kRecipientRate,          // This mailbox receives too fast: delay this recipient only.
  kGreylisted,             // Retry from the same IP (RFC 6647).
  kMailboxFull,            // 4.2.2, 5.2.2: soft bounce after days.
  kTemporarySystem,        // The receiver's own trouble.
  kUnknownRecipient,       // 5.1.1 and kin: hard bounce, suppressed at once.
  kRecipientDisabled,      // 5.2.1: the mailbox is closed: hard bounce, suppressed.
  kMoved,                  // 551 5.1.6: bounce; the forwarding address is surfaced.
  kTooLarge,               // 552 5.3.4.
  kContent,                // Spam-like content: about the campaign.
  kContentPolicy,          // Virus, forbidden attachment: about the campaign.
  kAuthentication,         // SPF or DKIM did not pass: about the sending domain.
  kDmarc,                  // DMARC or alignment did not pass: about the sending domain.
  kSenderDns,              // MAIL FROM or From domain does not resolve: about the sending domain.
  kReverseDns,             // No PTR, or forward and reverse DNS differ: about the IP.
  kTlsRequired,            // The receiver wants STARTTLS.
  kBlocklistPublic,        // Spamhaus and the like name our IP or domain.
  kBlocklistProvider,      // The provider's own list: S3150, CON:B1.
  kReputationDeferral,     // Temporary, by reputation: TSS04.
  kReputationBlock,        // Refused by reputation: 550 5.7.1 "very low reputation".
  kRelayDenied,            // The host does not serve this domain: routing is wrong.
  kRecipientPolicy,        // The recipient's organisation does not want this mail.
  kProtocol,               // The server says we broke SMTP.
  kGivenUp,                // The receiver says it tried for long enough.
  kOtherPermanent,         // A 5yz with no known meaning.
  kOtherTemporary,         // A 4yz with no known meaning.
};
// "rate limited", "mailbox full" … the words of DESIGN §4, for people; and e.g. "RATE_LIMITED".
absl::string_view ReplyCategoryName(ReplyCategory category);
absl::string_view ReplyCategoryCode(ReplyCategory category);

// Whom or what the reaction may touch. Nothing outside it moves.
enum class ReplyScope {
  kNone,
  kMessage,                // This delivery's retry clock.
  kRecipient,              // This delivery, and (if suppressed) this address.
  kConnection,             // This SMTP connection.
  kMxHost,                 // This receiving host.
  kLane,                   // Egress IP × provider.
  kLaneConnections,        // The lane's connection limit.
  kSendingDomainProvider,  // Our From domain at this provider, over all IPs.
  kSendingDomain,          // Our From domain everywhere.
  kCampaignProvider,       // This campaign at this provider.
  kProvider,               // All our IPs at this provider.
};
absl::string_view ReplyScopeName(ReplyScope scope);

// What becomes of the delivery.
enum class Disposition {
  kAccept,
  kRetry,       // Deferral: the slot goes back, another attempt follows.
  kRetryNow,    // No penalty and no attempt used up: reconnect and send again.
  kSoftBounce,  // Given up, the address may be good.
  kHardBounce,  // The address does not exist.
  kBlocked,     // Refused for policy or reputation; blames us, not the recipient.
};
absl::string_view DispositionName(Disposition disposition);

// What one reply means, decided once by core/ReplyClassifier from data.
struct Classification {
  ReplyCategory category = ReplyCategory::kOtherTemporary;
  ReplyScope scope = ReplyScope::kMessage;
  Disposition disposition = Disposition::kRetry;
  bool suppress = false;    // Add the address to the suppression list.
  bool alert = false;       // An operator must look.
  absl::Duration stop_for;  // At least so long without an attempt in `scope`; zero: category's own.
  std::string rule;  // Name of the rule that matched, e.g. "gmail/rate-ip"; "" for a default.
  std::string hint;  // For people: what to do. May be "".
  std::string forward_address;  // kMoved: the address the server named, if any.
};

}  // namespace crescendo
