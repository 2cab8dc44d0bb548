#include "cmd/crescendo-sandbox/evidence.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cmd/crescendo-sandbox/address.h"
#include "nlohmann/json.hpp"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::sandbox {
namespace {

using Json = nlohmann::json;

// Calls `take` for each line; its faults come back with the line's number.
template <class Take>
absl::Status ForEachLine(absl::string_view text, const Take& take) {
  int64_t number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    absl::Status status;
    try {
      status = take(Json::parse(line.begin(), line.end()));
    } catch (const Json::exception& error) {
      status = absl::InvalidArgumentError(error.what());
    }
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<DeliveryState> ParseState(const std::string& name) {
  for (const DeliveryState state :
       {DeliveryState::kQueued, DeliveryState::kClaimed, DeliveryState::kInDoubt,
        DeliveryState::kDeferred, DeliveryState::kAccepted, DeliveryState::kBounced,
        DeliveryState::kExpired, DeliveryState::kSuppressed, DeliveryState::kCancelled}) {
    if (DeliveryStateName(state) == name) return state;
  }
  return absl::InvalidArgumentError(absl::StrCat("state: \"", name, "\" is none"));
}

absl::Status TakeDay(const Json& json, DayCaps* days) {
  ASSIGN_OR_RETURN(const absl::CivilDay day, base::ParseDay(json.at("day").get<std::string>()));
  DayCap cap;
  cap.egress_ip = json.at("egress_ip").get<std::string>();
  cap.cap = json.at("cap").get<int64_t>();
  if (const auto caps = json.find("provider_caps"); caps != json.end()) {
    cap.provider_caps = caps->get<std::map<std::string, int64_t>>();
  }
  const DayKey key(day, json.at("address").get<std::string>());
  if (days->emplace(key, std::move(cap)).second) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(base::FormatDay(day), " of ", key.second, " is given twice"));
}

}  // namespace

absl::StatusOr<DayCaps> ParseDays(absl::string_view text) {
  DayCaps days;
  RETURN_IF_ERROR(ForEachLine(text, [&days](const Json& json) { return TakeDay(json, &days); }));
  return days;
}

absl::StatusOr<std::vector<DeliveryClaim>> ParseDeliveries(absl::string_view text) {
  std::vector<DeliveryClaim> claims;
  RETURN_IF_ERROR(ForEachLine(text, [&claims](const Json& json) -> absl::Status {
    DeliveryClaim claim;
    claim.address = ComparableAddress(json.at("address").get<std::string>());
    ASSIGN_OR_RETURN(claim.state, ParseState(json.at("state").get<std::string>()));
    claims.push_back(std::move(claim));
    return absl::OkStatus();
  }));
  return claims;
}

}  // namespace crescendo::sandbox
