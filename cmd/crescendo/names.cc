#include "cmd/crescendo/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo/failure.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

struct Kind {
  absl::string_view collection;  // "egressIps"
  absl::string_view words;       // "an egress IP"
  absl::string_view example;     // "mta1-a"
};

constexpr Kind kEgressIp = {"egressIps", "an egress IP", "mta1-a"};
constexpr Kind kPool = {"pools", "a pool", "main"};
constexpr Kind kWebhook = {"webhooks", "a webhook", "crm"};
constexpr Kind kPlan = {"plans", "a plan", "mta1-a-warmup"};
constexpr Kind kProvider = {"providers", "a provider", "gmail"};
constexpr Kind kCampaign = {"campaigns", "a campaign", "spring"};
constexpr Kind kEvent = {"events", "an event", "1205"};

absl::Status BadName(const Kind& kind, absl::string_view text) {
  return UsageError(absl::StrCat("\"", text, "\" does not name ", kind.words, ": want ",
                                 kind.example, " or ", kind.collection, "/", kind.example));
}

bool IsId(absl::string_view text) {
  for (const char c : text) {
    if (c == '/' || absl::ascii_isspace(static_cast<unsigned char>(c)) ||
        absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      return false;
    }
  }
  return !text.empty();
}

// "x" or "{collection}/x" -> "x".
absl::StatusOr<absl::string_view> Id(const Kind& kind, absl::string_view text) {
  absl::string_view id = text;
  const std::string prefix = absl::StrCat(kind.collection, "/");
  if (absl::StartsWith(id, prefix)) id.remove_prefix(prefix.size());
  if (!IsId(id)) return BadName(kind, text);
  return id;
}

absl::StatusOr<std::string> Name(const Kind& kind, absl::string_view text) {
  ASSIGN_OR_RETURN(const absl::string_view id, Id(kind, text));
  return absl::StrCat(kind.collection, "/", id);
}

// A child in one argument ("p/c" or "parents/p/children/c") or in two.
absl::StatusOr<std::string> ChildName(const Kind& parent, const Kind& child,
                                      absl::string_view first, absl::string_view second) {
  const std::string front = absl::StrCat(parent.collection, "/");
  if (second.empty()) {
    absl::string_view rest = first;
    if (absl::StartsWith(rest, front)) rest.remove_prefix(front.size());
    const size_t slash = rest.find('/');
    if (slash == absl::string_view::npos) {
      return UsageError(absl::StrCat("\"", first, "\" does not name ", child.words, ": want ",
                                     parent.example, "/", child.example, " or ", front,
                                     parent.example, "/", child.collection, "/", child.example));
    }
    second = rest.substr(slash + 1);
    first = rest.substr(0, slash);
  }
  ASSIGN_OR_RETURN(const absl::string_view parent_id, Id(parent, first));
  absl::string_view child_text = second;
  if (child.collection == "lanes") {  // "mta1-a providers/gmail" is plain enough.
    const std::string provider = absl::StrCat(kProvider.collection, "/");
    if (absl::StartsWith(child_text, provider)) child_text.remove_prefix(provider.size());
  }
  ASSIGN_OR_RETURN(const absl::string_view child_id, Id(child, child_text));
  return absl::StrCat(front, parent_id, "/", child.collection, "/", child_id);
}

}  // namespace

absl::StatusOr<std::string> EgressIpName(absl::string_view text) { return Name(kEgressIp, text); }
absl::StatusOr<std::string> PoolName(absl::string_view text) { return Name(kPool, text); }
absl::StatusOr<std::string> PlanName(absl::string_view text) { return Name(kPlan, text); }
absl::StatusOr<std::string> ProviderName(absl::string_view text) { return Name(kProvider, text); }
absl::StatusOr<std::string> CampaignName(absl::string_view text) { return Name(kCampaign, text); }
absl::StatusOr<std::string> WebhookName(absl::string_view text) { return Name(kWebhook, text); }
absl::StatusOr<std::string> EventName(absl::string_view text) { return Name(kEvent, text); }

static absl::StatusOr<std::string> AddressName(absl::string_view prefix,
                                               absl::string_view address) {
  if (absl::StartsWith(address, prefix)) address.remove_prefix(prefix.size());
  if (!absl::StrContains(address, '@')) {
    return UsageError(absl::StrCat("\"", address, "\" is not an address: want ann@example.com"));
  }
  return absl::StrCat(prefix, address);
}

absl::StatusOr<std::string> SuppressionName(absl::string_view address) {
  return AddressName("suppressions/", address);
}

absl::StatusOr<std::string> EngagementName(absl::string_view address) {
  return AddressName("engagements/", address);
}

absl::StatusOr<std::string> LaneName(absl::string_view lane, absl::string_view provider) {
  return ChildName(kEgressIp, {"lanes", "a lane", "gmail"}, lane, provider);
}

absl::StatusOr<std::string> DeliveryName(absl::string_view delivery, absl::string_view number) {
  return ChildName(kCampaign, {"deliveries", "a delivery", "17"}, delivery, number);
}

absl::StatusOr<std::string> ImportName(absl::string_view campaign, absl::string_view import_id) {
  return ChildName(kCampaign, {"imports", "an import", "list-1"}, campaign, import_id);
}

std::string AddressOf(absl::string_view name) {
  return std::string(name.substr(std::min(name.find('/') + 1, name.size())));
}

std::string ShortDeliveryName(const std::string& name) {
  const size_t end = name.find('/', sizeof("campaigns"));
  if (end == std::string::npos) return name;
  return absl::StrCat(name.substr(sizeof("campaigns"), end - sizeof("campaigns")), "/", IdOf(name));
}

std::string IdOf(absl::string_view name) {
  const size_t slash = name.rfind('/');
  return std::string(slash == absl::string_view::npos ? name : name.substr(slash + 1));
}

}  // namespace crescendo::cli
