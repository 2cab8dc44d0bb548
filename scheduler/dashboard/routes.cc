#include "scheduler/dashboard/routes.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/errors.h"

namespace crescendo::dashboard {
namespace {

constexpr Route kRoutes[] = {
    {"GET", "egressIps", "EgressIpService.ListEgressIps"},
    {"GET", "{name=egressIps/*}", "EgressIpService.GetEgressIp"},
    {"GET", "{name=egressIps/*}:explain", "ForecastService.ExplainWait"},
    {"GET", "{parent=egressIps/*}/lanes", "LaneService.ListLanes"},
    {"GET", "{name=egressIps/*/lanes/*}", "LaneService.GetLane"},
    {"GET", "{name=egressIps/*/lanes/*}:explain", "ForecastService.ExplainWait"},
    {"POST", "{name=egressIps/*/lanes/*}:pause", "LaneService.PauseLane"},
    {"POST", "{name=egressIps/*/lanes/*}:resume", "LaneService.ResumeLane"},
    {"GET", "pools", "PoolService.ListPools"},
    {"GET", "{name=pools/*}", "PoolService.GetPool"},
    {"GET", "plans", "PlanService.ListPlans"},
    {"GET", "{name=plans/*}", "PlanService.GetPlan"},
    {"GET", "{name=plans/*}:progress", "PlanService.GetPlanProgress"},
    {"GET", "{name=plans/*}:watch", "PlanService.WatchPlanProgress"},
    {"GET", "{name=plans/*}:forecast", "ForecastService.ForecastPlan"},
    {"GET", "{parent=plans/*}/days", "PlanService.ListPlanDays"},
    {"GET", "{parent=plans/*}/history", "PlanService.GetPlanHistory"},
    {"POST", "{name=plans/*}:pause", "PlanService.PausePlan"},
    {"POST", "{name=plans/*}:resume", "PlanService.ResumePlan"},
    {"POST", "{name=plans/*}:hold", "PlanService.HoldPlan"},
    {"GET", "ramps", "PlanService.ListRamps"},
    {"GET", "providers", "ProviderService.ListProviders"},
    {"GET", "providers:find", "ProviderService.FindProvider"},
    {"GET", "{name=providers/*}", "ProviderService.GetProvider"},
    {"GET", "campaigns", "CampaignService.ListCampaigns"},
    {"GET", "{name=campaigns/*}", "CampaignService.GetCampaign"},
    {"GET", "{name=campaigns/*}:forecast", "ForecastService.ForecastCampaign"},
    {"GET", "{name=campaigns/*}:explain", "ForecastService.ExplainWait"},
    {"GET", "{name=campaigns/*/imports/*}", "CampaignService.GetImport"},
    {"POST", "{name=campaigns/*}:pause", "CampaignService.PauseCampaign"},
    {"POST", "{name=campaigns/*}:resume", "CampaignService.ResumeCampaign"},
    {"GET", "{parent=campaigns/*}/deliveries", "DeliveryService.ListDeliveries"},
    {"GET", "{name=campaigns/*/deliveries/*}", "DeliveryService.GetDelivery"},
    {"GET", "{name=campaigns/*/deliveries/*}:explain", "ForecastService.ExplainWait"},
    {"GET", "{name=campaigns/*/deliveries/*/transcript}", "DeliveryService.GetTranscript"},
    {"GET", "recipients:explain", "ForecastService.ExplainWait"},
    {"GET", "events", "EventService.ListEvents"},
    {"GET", "events:stream", "EventService.StreamEvents", "after_event"},
    {"GET", "suppressions", "SuppressionService.ListSuppressions"},
    {"GET", "{name=suppressions/*}", "SuppressionService.GetSuppression"},
    {"GET", "{name=engagements/*}", "EngagementService.GetEngagement"},
    {"GET", "webhooks", "WebhookService.ListWebhooks"},
    {"GET", "{name=webhooks/*}", "WebhookService.GetWebhook"},
};

using Parts = std::vector<absl::string_view>;

// "a/b:verb" is {"a", "b"} and "verb".
Parts Split(absl::string_view path, absl::string_view* verb) {
  Parts parts = absl::StrSplit(path, '/');
  const size_t colon = parts.back().rfind(':');
  if (colon != absl::string_view::npos) {
    *verb = parts.back().substr(colon + 1);
    parts.back() = parts.back().substr(0, colon);
  }
  return parts;
}

// The pattern's parts without its braces, and which of them make up its field.
struct Pattern {
  explicit Pattern(absl::string_view text) {
    std::string plain;
    if (const size_t open = text.find('{'); open != absl::string_view::npos) {
      const size_t equals = text.find('='), close = text.find('}');
      field = std::string(text.substr(open + 1, equals - open - 1));
      const absl::string_view inner = text.substr(equals + 1, close - equals - 1);
      field_parts = static_cast<size_t>(std::count(inner.begin(), inner.end(), '/')) + 1;
      plain = absl::StrCat(inner, text.substr(close + 1));
    } else {
      plain = std::string(text);
    }
    absl::string_view plain_verb;
    for (const absl::string_view part : Split(plain, &plain_verb)) parts.emplace_back(part);
    verb = std::string(plain_verb);
  }

  std::vector<std::string> parts;
  std::string verb;   // "pause"; "": none.
  std::string field;  // Its value is the first `field_parts` of the path.
  size_t field_parts = 0;
};

bool Fits(const Pattern& pattern, const Parts& parts, absl::string_view verb) {
  if (verb != absl::string_view(pattern.verb) || parts.size() != pattern.parts.size()) return false;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) return false;
    if (pattern.parts[i] != "*" && parts[i] != absl::string_view(pattern.parts[i])) return false;
  }
  return true;
}

bool IsUtf8(const std::string& text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace

absl::Span<const Route> Routes() { return kRoutes; }

absl::StatusOr<std::string> Decode(absl::string_view text, bool plus) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      const absl::string_view digits = text.substr(i + 1, 2);
      if (digits.size() != 2 || !absl::ascii_isxdigit(static_cast<unsigned char>(digits[0])) ||
          !absl::ascii_isxdigit(static_cast<unsigned char>(digits[1]))) {
        return absl::InvalidArgumentError(absl::StrCat(
            service::Quoted(text), " has a % without two hexadecimal digits behind it"));
      }
      decoded += static_cast<char>(std::stoi(std::string(digits), nullptr, 16));
      i += 2;
    }
  }
  if (!IsUtf8(decoded)) {
    return absl::InvalidArgumentError(absl::StrCat(service::Quoted(text), " is not UTF-8"));
  }
  return decoded;
}

absl::StatusOr<Match> FindRoute(absl::string_view verb, absl::string_view path) {
  absl::string_view custom;
  const Parts parts = Split(path, &custom);
  bool known = false;
  for (const Route& route : kRoutes) {
    const Pattern pattern(route.path);
    if (!Fits(pattern, parts, custom)) continue;
    known = true;
    if (verb != route.verb) continue;
    Match match{.route = &route};
    if (pattern.field_parts > 0) {
      std::vector<std::string> decoded;
      for (size_t i = 0; i < pattern.field_parts; ++i) {
        ASSIGN_OR_RETURN(std::string part, Decode(parts[i], /*plus=*/false));
        decoded.push_back(std::move(part));
      }
      match.fields.emplace_back(pattern.field, absl::StrJoin(decoded, "/"));
    }
    return match;
  }
  if (known) {
    return absl::UnimplementedError(
        absl::StrCat(verb,
                     " is not for this path; things are read with GET, and changed with POST "
                     "and a verb, as in POST /api/v1/plans/{plan}:pause"));
  }
  return absl::NotFoundError(
      absl::StrCat("there is no ", service::Quoted(absl::StrCat("/api/v1/", path)),
                   "; paths are resource names, as in /api/v1/plans/{plan}:progress"));
}

}  // namespace crescendo::dashboard
