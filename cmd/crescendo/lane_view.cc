#include "cmd/crescendo/lane_view.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo/time_text.h"

namespace crescendo::cli {
namespace {

struct Phrase {
  const char* text;
  bool by_token = false;  // Ends with the next token, not with a date.
};

Phrase PhraseOf(v1::Wait::Reason reason) {
  switch (reason) {
    case v1::Wait::NONE:
      return {"sending"};
    case v1::Wait::NO_RECIPIENTS:
      return {"no recipients"};
    case v1::Wait::IP_DAILY_CAP:
      return {"the IP's cap of today is used up"};
    case v1::Wait::PROVIDER_DAILY_CAP:
      return {"the provider's cap of today is used up"};
    case v1::Wait::IP_PACING:
      return {"spread over the day", true};
    case v1::Wait::PROVIDER_SHARE:
      return {"its share of the IP's day is used up"};
    case v1::Wait::LANE_RATE:
      return {"rate", true};
    case v1::Wait::PROVIDER_RATE:
      return {"rate of all IPs at this provider", true};
    case v1::Wait::THROTTLED:
      return {"throttled"};
    case v1::Wait::BLOCKED:
      return {"BLOCKED, look at it"};
    case v1::Wait::LANE_PAUSED:
      return {"lane paused"};
    case v1::Wait::PLAN_NOT_STARTED:
      return {"plan not started"};
    case v1::Wait::PLAN_PAUSED:
      return {"plan paused"};
    case v1::Wait::PLAN_ABORTED:
      return {"plan aborted"};
    case v1::Wait::ROLLING_DAY:
      return {"the IP's cap is used up in the last 24 hours"};
    case v1::Wait::BEFORE_START_DATE:
      return {"before the start date"};
    case v1::Wait::OUTSIDE_WINDOW:
      return {"outside the sending window"};
    case v1::Wait::CONNECTING:
      return {"connecting"};
    case v1::Wait::CONNECTION_LIMIT:
      return {"connection limit"};
    case v1::Wait::HOST_BACKOFF:
      return {"all its hosts failed"};
    case v1::Wait::RETRY_TIME:
      return {"recipients wait for their retry"};
    case v1::Wait::SENDING_DOMAIN_HELD:
      return {"sending domain held"};
    case v1::Wait::CAMPAIGN_HELD:
      return {"campaign held"};
    case v1::Wait::CAMPAIGN_PAUSED:
      return {"campaign paused"};
    case v1::Wait::NO_ROUTE:
      return {"MX hosts not known"};
    case v1::Wait::STORE_UNAVAILABLE:
      return {"the daemon's disk is full"};
    case v1::Wait::DRAINING:
      return {"the daemon is shutting down"};
    case v1::Wait::IN_FLIGHT:
      return {"waits for replies"};
    case v1::Wait::NOT_IN_POOL:
      return {"the IP is in no pool"};
    case v1::Wait::RESERVED_FOR_WARMING:
      return {"kept for the pool's warming IPs"};
    case v1::Wait::NOT_ENGAGED_ENOUGH:
      return {"who is left was not engaged lately enough"};
    case v1::Wait::CAMPAIGN_SHARE:
      return {"other campaigns have their turn"};
    case v1::Wait::LOADING:
      return {"the daemon has just started and loads the queue"};
    default:
      return {"-"};
  }
}

std::string End(const Phrase& phrase, absl::Time until, std::optional<absl::Time> now) {
  if (!now.has_value())
    return absl::StrCat(phrase.by_token ? "next at " : "until ", TimeText(until));
  // A wait that just ended, or ends within the second, is on its way out.
  if (until <= *now) return phrase.by_token ? "next token now" : "ending now";
  if (phrase.by_token) return absl::StrCat("next token in ", DurationText(until - *now));
  return absl::StrCat("until ", UntilText(until, now));
}

}  // namespace

std::string WhyNotMore(const v1::Wait& wait, std::optional<absl::Time> now) {
  const Phrase phrase = PhraseOf(wait.reason());
  std::string text = phrase.text;
  const char* separator = ": ";
  if (!wait.detail().empty()) {
    absl::StrAppend(&text, separator, wait.detail());
    separator = ", ";
  }
  if (wait.has_until_time()) {
    // "paused until …" reads better than "paused: until …".
    if (!phrase.by_token && wait.detail().empty()) separator = ", ";
    absl::StrAppend(&text, separator, End(phrase, FromProto(wait.until_time()), now));
  }
  return text;
}

Style StyleOf(v1::Lane::State state) {
  switch (state) {
    case v1::Lane::WARMING:
    case v1::Lane::STEADY:
      return Style::kGood;
    case v1::Lane::HELD:
      return Style::kBad;
    case v1::Lane::PAUSED:
      return Style::kBusy;
    default:
      return Style::kFaint;
  }
}

std::string TlsText(const v1::Lane::Tls& tls) {
  if (tls.connections() == 0) return "";
  if (tls.clear_connections() == 0) {
    return absl::StrCat("all ", CountText(tls.connections()), " connections encrypted");
  }
  return absl::StrCat(CountText(tls.clear_connections()), " of ", CountText(tls.connections()),
                      " connections in the clear: ", tls.clear_reason());
}

std::string SentOfCap(const v1::Lane& lane) {
  const std::string sent = CountText(lane.today().used());
  if (lane.has_provider_daily_cap()) {
    return absl::StrCat(sent, "/", CountText(lane.provider_daily_cap()));
  }
  if (lane.has_ip_daily_cap()) return absl::StrCat(sent, "/(", CountText(lane.ip_daily_cap()), ")");
  return absl::StrCat(sent, "/-");
}

std::string DeferredShare(const v1::Ledger& ledger) {
  return PercentText(ledger.deferred(),
                     ledger.accepted() + ledger.refused() + ledger.in_doubt() + ledger.deferred());
}

int64_t Remaining(int64_t cap, const v1::Ledger& ledger) {
  return std::max<int64_t>(0, cap - ledger.used());
}

}  // namespace crescendo::cli
