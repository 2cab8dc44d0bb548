#include "scheduler/core/consequence.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace crescendo::core {
namespace {

// "10m", "2h", not FormatDuration's "10m0s".
std::string Text(absl::Duration wait) {
  std::string text = absl::FormatDuration(wait);
  for (const absl::string_view zero : {"m0s", "h0m"}) {
    if (absl::EndsWith(text, zero)) text.resize(text.size() - 2);
  }
  return text;
}

absl::Duration FirstRetry(ReplyCategory category, const RetryOptions& options) {
  switch (category) {
    case ReplyCategory::kGreylisted:
      return options.greylist;
    case ReplyCategory::kMailboxFull:
      return std::max(options.mailbox_full, options.first);
    case ReplyCategory::kRecipientRate:
      return std::max(options.recipient_rate, options.first);
    default:
      return options.first;
  }
}

std::string OfDelivery(const Classification& meaning, const Options& options) {
  switch (meaning.disposition) {
    case Disposition::kAccept:
      return "accept it";
    case Disposition::kRetry:
      return absl::StrCat(
          "try the message again in about ",
          Text(std::max(meaning.stop_for, FirstRetry(meaning.category, options.retry))),
          meaning.category == ReplyCategory::kGreylisted ? ", from the same IP" : "");
    case Disposition::kRetryNow:
      return "send the message again at once on a new connection, without a penalty";
    case Disposition::kSoftBounce:
      return "bounce the message; the address stays good";
    case Disposition::kHardBounce:
      return meaning.suppress ? "bounce the message and suppress the address"
                              : "bounce the message; the address stays good";
    case Disposition::kBlocked:
      return "bounce the message as blocked; the address stays good";
  }
  return "";
}

// What happens beyond the delivery; "" if nothing does.
std::string OfScope(const Classification& meaning, const Provider& provider, absl::string_view lane,
                    const Options& options) {
  const std::string stop = Text(LeastStop(meaning, provider));
  switch (meaning.scope) {
    case ReplyScope::kLane:
      return absl::StrCat("stop ", lane, " for at least ", stop,
                          ", then go on with one connection at a lower rate");
    case ReplyScope::kLaneConnections:
      return absl::StrCat("keep fewer connections in ", lane, "; the rate stays");
    case ReplyScope::kProvider:
      return absl::StrCat("stop the lanes of all our IPs at ", provider.id.text(), " for at least ",
                          stop);
    case ReplyScope::kSendingDomainProvider:
      return absl::StrCat("stop the sending domain at ", provider.id.text(),
                          ", on all our IPs, for at least ", stop);
    case ReplyScope::kSendingDomain:
      return absl::StrCat("hold the sending domain everywhere for at least ",
                          Text(std::max(meaning.stop_for, options.holds.sending_domain_hold)));
    case ReplyScope::kCampaignProvider:
      return absl::StrCat("count it against the campaign, which is held at ", provider.id.text(),
                          " for ", Text(options.holds.content_hold), " when ",
                          options.holds.content_refusals, " of its last 100 are refused so");
    case ReplyScope::kNone:
    case ReplyScope::kMessage:
    case ReplyScope::kRecipient:
    case ReplyScope::kConnection:
    case ReplyScope::kMxHost:
      break;
  }
  return "";
}

}  // namespace

bool AboutRate(ReplyCategory category) {
  return category == ReplyCategory::kRateLimited || category == ReplyCategory::kRateLimitedDomain ||
         category == ReplyCategory::kDailyQuota;
}

absl::Duration LeastStop(const Classification& meaning, const Provider& provider) {
  if (meaning.stop_for > absl::ZeroDuration()) return meaning.stop_for;
  const bool rate =
      AboutRate(meaning.category) || meaning.scope == ReplyScope::kSendingDomainProvider;
  return rate ? provider.rate_limit_stop : provider.block_stop;
}

std::string Consequence(const Reply& reply, const Classification& meaning, const Provider& provider,
                        absl::string_view lane, const Options& options) {
  if (meaning.category == ReplyCategory::kAccepted) return "";
  const std::string front = absl::StrCat(ReplyCategoryName(meaning.category), ": Crescendo would ");
  const std::string wider = OfScope(meaning, provider, lane, options);
  const absl::string_view alert = meaning.alert ? ", and raise an alert" : "";
  const bool opening = reply.stage == SmtpStage::kConnect || reply.stage == SmtpStage::kEhlo ||
                       reply.stage == SmtpStage::kStartTls;
  if (!opening) {
    return absl::StrCat(front, wider, wider.empty() ? "" : "; it would ",
                        OfDelivery(meaning, options), alert);
  }
  // No message has been tried: the reply is about us, or about the host.
  const bool about_lane = meaning.scope == ReplyScope::kLane ||
                          meaning.scope == ReplyScope::kLaneConnections ||
                          meaning.scope == ReplyScope::kProvider;
  if (about_lane) return absl::StrCat(front, wider, alert, "; no message has been tried");
  return absl::StrCat(front, "try the next MX host, and this one again after ",
                      Text(options.host_backoff_first), ", then ever later");
}

}  // namespace crescendo::core
