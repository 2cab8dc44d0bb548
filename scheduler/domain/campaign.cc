#include "scheduler/domain/campaign.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/domain_name.h"
#include "scheduler/domain/plan.h"

namespace crescendo {
namespace {

absl::Status Bad(absl::string_view field, absl::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat(field, " ", fault));
}

// "" if `local` may stand before the @: no controls, spaces, angle brackets or quotes. Quoted local
// parts exist in RFC 5321 but in no mailbox that marketing mail goes to.
std::string LocalPartFault(absl::string_view local) {
  if (local.empty()) return "has nothing before the @";
  if (local.size() > 64)
    return absl::StrCat("has ", local.size(), " octets before the @; at most 64");
  if (local.front() == '.' || local.back() == '.' || absl::StrContains(local, "..")) {
    return "has a misplaced dot before the @";
  }
  for (unsigned char c : local) {
    if (c <= ' ' || c == 0x7f) {
      return absl::StrCat("has the forbidden byte 0x", absl::Hex(c, absl::kZeroPad2),
                          " before the @");
    }
    if (absl::StrContains("<>()[],;:\\\"@",
                          absl::string_view(reinterpret_cast<const char*>(&c), 1))) {
      return absl::StrCat("has the forbidden character ", std::string(1, static_cast<char>(c)),
                          " before the @");
    }
  }
  return "";
}

bool HasControl(absl::string_view text) {
  for (unsigned char c : text) {
    if ((c < ' ' && c != '\t') || c == 0x7f) return true;
  }
  return false;
}

absl::Status CheckHeaderText(absl::string_view field, absl::string_view text) {
  if (HasControl(text))
    return Bad(field, "holds a control character (CR, LF or NUL, say); remove it");
  if (text.size() > 998)
    return Bad(field, absl::StrCat("is ", text.size(), " bytes long; at most 998"));
  return absl::OkStatus();
}

// Gmail's rule for the last part of a Feedback-ID.
absl::Status CheckFeedbackSenderId(absl::string_view id) {
  const bool good =
      id.size() >= 5 && id.size() <= 15 && std::all_of(id.begin(), id.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' ||
               c == '-';
      });
  if (id.empty() || good) return absl::OkStatus();
  return Bad("feedback_sender_id", absl::StrCat("is \"", absl::CHexEscape(id.substr(0, 80)),
                                                "\"; it has 5 to 15 of A-Z a-z 0-9 . _ -"));
}

constexpr size_t kLargestBody = 10 << 20;
constexpr size_t kMostHeaders = 50;
// RFC 5321 §4.5.3.1.3: a path of 256 octets, with its < and >. A domain in U-labels may be longer
// than in A-labels, so it is counted in these.
constexpr size_t kLongestAddress = 254;
constexpr size_t kLongestGiven = 1000;

absl::Status CheckParts(const Campaign& campaign) {
  if (campaign.subject.empty()) return Bad("subject", "is empty");
  RETURN_IF_ERROR(CheckHeaderText("subject", campaign.subject));
  if (campaign.headers.size() > kMostHeaders) {
    return Bad("headers",
               absl::StrCat("has ", campaign.headers.size(), " entries; at most ", kMostHeaders));
  }
  for (size_t i = 0; i < campaign.headers.size(); ++i) {
    RETURN_IF_ERROR(
        CheckHeaderText(absl::StrCat("headers[", i, "].value"), campaign.headers[i].second));
  }
  if (campaign.text_body.empty() && campaign.html_body.empty()) {
    return Bad("text_body", "and html_body are both empty; give one of them");
  }
  if (campaign.text_body.size() > kLargestBody) return Bad("text_body", "is larger than 10 MiB");
  if (campaign.html_body.size() > kLargestBody) return Bad("html_body", "is larger than 10 MiB");
  return absl::OkStatus();
}

absl::Status CheckRaw(const Campaign& campaign) {
  if (!campaign.subject.empty() || !campaign.text_body.empty() || !campaign.html_body.empty() ||
      !campaign.headers.empty()) {
    return Bad("raw_message",
               "is a whole message: leave subject, text_body, html_body and headers empty, or it");
  }
  if (campaign.raw_message.size() > kLargestBody)
    return Bad("raw_message", "is larger than 10 MiB");
  return absl::OkStatus();
}

absl::Status CheckAddress(absl::string_view field, absl::string_view address) {
  const auto normal = NormaliseAddress(address);
  return normal.ok() ? absl::OkStatus() : Bad(field, normal.status().message());
}

}  // namespace

absl::string_view CampaignStateName(CampaignState state) {
  switch (state) {
    case CampaignState::kDraft:
      return "DRAFT";
    case CampaignState::kSending:
      return "SENDING";
    case CampaignState::kPaused:
      return "PAUSED";
    case CampaignState::kCancelled:
      return "CANCELLED";
  }
  return "";
}

absl::string_view DeliveryStateName(DeliveryState state) {
  switch (state) {
    case DeliveryState::kQueued:
      return "QUEUED";
    case DeliveryState::kClaimed:
      return "CLAIMED";
    case DeliveryState::kInDoubt:
      return "IN_DOUBT";
    case DeliveryState::kDeferred:
      return "DEFERRED";
    case DeliveryState::kAccepted:
      return "ACCEPTED";
    case DeliveryState::kBounced:
      return "BOUNCED";
    case DeliveryState::kExpired:
      return "EXPIRED";
    case DeliveryState::kSuppressed:
      return "SUPPRESSED";
    case DeliveryState::kCancelled:
      return "CANCELLED";
  }
  return "";
}

bool IsFinal(DeliveryState state) {
  switch (state) {
    case DeliveryState::kQueued:
    case DeliveryState::kClaimed:
    case DeliveryState::kInDoubt:
    case DeliveryState::kDeferred:
      return false;
    case DeliveryState::kAccepted:
    case DeliveryState::kBounced:
    case DeliveryState::kExpired:
    case DeliveryState::kSuppressed:
    case DeliveryState::kCancelled:
      return true;
  }
  return true;
}

std::string Campaign::sending_domain() const {
  // A record of an older version may hold a name that is refused today.
  return NormaliseDomain(DomainOf(from_address))
      .value_or(absl::AsciiStrToLower(DomainOf(from_address)));
}

absl::Status ValidateCampaign(const Campaign& campaign) {
  if (const std::string fault = LabelFault(campaign.id.text()); !fault.empty()) {
    return Bad("campaign_id", fault);
  }
  if (campaign.pool.empty()) return Bad("pool", "is empty; name the pool to send through");
  RETURN_IF_ERROR(CheckHeaderText("from_name", campaign.from_name));
  RETURN_IF_ERROR(CheckAddress("from_address", campaign.from_address));
  if (!campaign.return_path.empty())
    RETURN_IF_ERROR(CheckAddress("return_path", campaign.return_path));
  RETURN_IF_ERROR(CheckHeaderText("list_unsubscribe", campaign.list_unsubscribe));
  RETURN_IF_ERROR(CheckFeedbackSenderId(campaign.feedback_sender_id));
  RETURN_IF_ERROR(campaign.raw_message.empty() ? CheckParts(campaign) : CheckRaw(campaign));
  if (campaign.lifetime < absl::Minutes(1) || campaign.lifetime > absl::Hours(24 * 30)) {
    return Bad("lifetime", absl::StrCat("is ", absl::FormatDuration(campaign.lifetime),
                                        "; it must be 1 minute to 30 days"));
  }
  if (campaign.weight < 0 || campaign.weight > 1000) {
    return Bad("weight", absl::StrCat("is ", campaign.weight,
                                      "; it must be 1 to 1000, or 0 to go by rank alone"));
  }
  if (campaign.sunset_days < 0 || campaign.sunset_days > 3650) {
    return Bad("sunset_days", absl::StrCat("is ", campaign.sunset_days,
                                           "; it must be 1 to 3650, or 0 for no sunset"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> NormaliseAddress(absl::string_view address) {
  const auto bad = [&](absl::string_view fault) {
    return absl::InvalidArgumentError(absl::StrCat("address ", QuotedText(address), " ", fault));
  };
  const auto too_long = [&](size_t octets) {
    return bad(absl::StrCat("is ", octets, " octets long; at most ", kLongestAddress));
  };
  if (address.size() > kLongestGiven) return too_long(address.size());
  const size_t at = address.rfind('@');
  if (at == absl::string_view::npos) return bad("has no @");
  if (const std::string fault = LocalPartFault(address.substr(0, at)); !fault.empty())
    return bad(fault);
  std::string normal;
  normal.reserve(address.size());
  normal.append(address.data(), at + 1);
  if (const std::string fault = AppendNormalDomain(address.substr(at + 1), &normal);
      !fault.empty()) {
    return bad(absl::StrCat("has a domain that ", fault));
  }
  if (normal.size() > kLongestAddress) return too_long(normal.size());
  return normal;
}

absl::string_view DomainOf(absl::string_view address) {
  const size_t at = address.rfind('@');
  return at == absl::string_view::npos ? absl::string_view() : address.substr(at + 1);
}

int64_t& CampaignCounts::operator[](DeliveryState state) {
  switch (state) {
    case DeliveryState::kQueued:
      return queued;
    case DeliveryState::kClaimed:
      return claimed;
    case DeliveryState::kInDoubt:
      return in_doubt;
    case DeliveryState::kDeferred:
      return deferred;
    case DeliveryState::kAccepted:
      return accepted;
    case DeliveryState::kBounced:
      return bounced;
    case DeliveryState::kExpired:
      return expired;
    case DeliveryState::kSuppressed:
      return suppressed;
    case DeliveryState::kCancelled:
      return cancelled;
  }
  base::CheckFailed(__FILE__, __LINE__, "a delivery state is one of the nine");
}

int64_t CampaignCounts::total() const {
  return pending() + accepted + bounced + expired + suppressed + cancelled;
}

}  // namespace crescendo
