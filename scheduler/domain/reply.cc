#include "scheduler/domain/reply.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace crescendo {

std::string EnhancedStatus::ToString() const {
  return present() ? absl::StrCat(klass, ".", subject, ".", detail) : "";
}

absl::string_view SmtpStageName(SmtpStage stage) {
  switch (stage) {
    case SmtpStage::kConnect:
      return "connect";
    case SmtpStage::kEhlo:
      return "EHLO";
    case SmtpStage::kStartTls:
      return "STARTTLS";
    case SmtpStage::kMail:
      return "MAIL";
    case SmtpStage::kRcpt:
      return "RCPT";
    case SmtpStage::kData:
      return "DATA";
    case SmtpStage::kEndOfData:
      return "end of data";
    case SmtpStage::kRset:
      return "RSET";
    case SmtpStage::kQuit:
      return "QUIT";
  }
  return "";
}

std::string Reply::JoinedText() const { return absl::StrJoin(lines, " "); }

std::string Reply::ToString() const {
  if (code == 0) return JoinedText();
  std::string text = absl::StrCat(code);
  if (enhanced.present()) absl::StrAppend(&text, " ", enhanced.ToString());
  const std::string joined = JoinedText();
  if (!joined.empty()) absl::StrAppend(&text, " ", joined);
  return text;
}

std::vector<std::string> Reply::WireLines() const {
  if (code == 0) return lines;
  const std::string front = enhanced.present() ? enhanced.ToString() : "";
  std::vector<std::string> wire;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string line = absl::StrCat(code, i + 1 < lines.size() ? "-" : " ", front,
                                    front.empty() || lines[i].empty() ? "" : " ", lines[i]);
    wire.push_back(std::move(line));
  }
  if (wire.empty()) wire.push_back(ToString());
  return wire;
}

namespace {

struct CategoryNames {
  absl::string_view name;
  absl::string_view code;
};

CategoryNames NamesOf(ReplyCategory category) {
  switch (category) {
    case ReplyCategory::kAccepted:
      return {"accepted", "ACCEPTED"};
    case ReplyCategory::kRateLimited:
      return {"rate limited", "RATE_LIMITED"};
    case ReplyCategory::kRateLimitedDomain:
      return {"rate limited, domain", "RATE_LIMITED_DOMAIN"};
    case ReplyCategory::kDailyQuota:
      return {"daily quota", "DAILY_QUOTA"};
    case ReplyCategory::kTooManyConnections:
      return {"too many connections", "TOO_MANY_CONNECTIONS"};
    case ReplyCategory::kMessagesPerConnection:
      return {"messages per connection", "MESSAGES_PER_CONNECTION"};
    case ReplyCategory::kRecipientRate:
      return {"recipient rate", "RECIPIENT_RATE"};
    case ReplyCategory::kGreylisted:
      return {"greylisted", "GREYLISTED"};
    case ReplyCategory::kMailboxFull:
      return {"mailbox full", "MAILBOX_FULL"};
    case ReplyCategory::kTemporarySystem:
      return {"temporary system", "TEMPORARY_SYSTEM"};
    case ReplyCategory::kUnknownRecipient:
      return {"unknown recipient", "UNKNOWN_RECIPIENT"};
    case ReplyCategory::kRecipientDisabled:
      return {"recipient disabled", "RECIPIENT_DISABLED"};
    case ReplyCategory::kMoved:
      return {"moved", "MOVED"};
    case ReplyCategory::kTooLarge:
      return {"too large", "TOO_LARGE"};
    case ReplyCategory::kContent:
      return {"content", "CONTENT"};
    case ReplyCategory::kContentPolicy:
      return {"content policy", "CONTENT_POLICY"};
    case ReplyCategory::kAuthentication:
      return {"authentication", "AUTHENTICATION"};
    case ReplyCategory::kDmarc:
      return {"DMARC", "DMARC"};
    case ReplyCategory::kSenderDns:
      return {"sender DNS", "SENDER_DNS"};
    case ReplyCategory::kReverseDns:
      return {"reverse DNS", "REVERSE_DNS"};
    case ReplyCategory::kTlsRequired:
      return {"TLS required", "TLS_REQUIRED"};
    case ReplyCategory::kBlocklistPublic:
      return {"public blocklist", "BLOCKLIST_PUBLIC"};
    case ReplyCategory::kBlocklistProvider:
      return {"provider's blocklist", "BLOCKLIST_PROVIDER"};
    case ReplyCategory::kReputationDeferral:
      return {"reputation deferral", "REPUTATION_DEFERRAL"};
    case ReplyCategory::kReputationBlock:
      return {"reputation block", "REPUTATION_BLOCK"};
    case ReplyCategory::kRelayDenied:
      return {"relay denied", "RELAY_DENIED"};
    case ReplyCategory::kRecipientPolicy:
      return {"recipient's policy", "RECIPIENT_POLICY"};
    case ReplyCategory::kProtocol:
      return {"protocol", "PROTOCOL"};
    case ReplyCategory::kGivenUp:
      return {"given up by receiver", "GIVEN_UP"};
    case ReplyCategory::kOtherPermanent:
      return {"other permanent", "OTHER_PERMANENT"};
    case ReplyCategory::kOtherTemporary:
      return {"other temporary", "OTHER_TEMPORARY"};
  }
  return {"", ""};
}

}  // namespace

absl::string_view ReplyCategoryName(ReplyCategory category) { return NamesOf(category).name; }
absl::string_view ReplyCategoryCode(ReplyCategory category) { return NamesOf(category).code; }

absl::string_view ReplyScopeName(ReplyScope scope) {
  switch (scope) {
    case ReplyScope::kNone:
      return "none";
    case ReplyScope::kMessage:
      return "message";
    case ReplyScope::kRecipient:
      return "recipient";
    case ReplyScope::kConnection:
      return "connection";
    case ReplyScope::kMxHost:
      return "MX host";
    case ReplyScope::kLane:
      return "lane";
    case ReplyScope::kLaneConnections:
      return "lane connections";
    case ReplyScope::kSendingDomainProvider:
      return "sending domain at provider";
    case ReplyScope::kSendingDomain:
      return "sending domain";
    case ReplyScope::kCampaignProvider:
      return "campaign at provider";
    case ReplyScope::kProvider:
      return "provider";
  }
  return "";
}

absl::string_view DispositionName(Disposition disposition) {
  switch (disposition) {
    case Disposition::kAccept:
      return "accept";
    case Disposition::kRetry:
      return "retry";
    case Disposition::kRetryNow:
      return "retry now";
    case Disposition::kSoftBounce:
      return "soft bounce";
    case Disposition::kHardBounce:
      return "hard bounce";
    case Disposition::kBlocked:
      return "blocked";
  }
  return "";
}

}  // namespace crescendo
