#include "tests/sim/hidden_limits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

namespace crescendo::testing {
namespace {

constexpr double kDay = 86400;
constexpr double kWhole = 1 - 1e-9;  // A token, but for rounding.

Reply Words(int code, EnhancedStatus enhanced, SmtpStage stage, const char* text) {
  return {code, enhanced, {text}, stage};
}

// What each provider says; the texts are the providers' own.
struct Flavor {
  Reply rate_ip, rate_domain, connections;
};

const Flavor& FlavorOf(const std::string& name) {
  static const auto* const kFlavors = new std::map<std::string, Flavor>{
      {"gmail",
       {Words(421, {4, 7, 28}, SmtpStage::kEndOfData,
              "Our system has detected an unusual rate of unsolicited mail originating from your "
              "IP address. To protect our users from spam, mail sent from your IP address has been "
              "temporarily rate limited"),
        Words(421, {4, 7, 28}, SmtpStage::kEndOfData,
              "Gmail has detected an unusual rate of unsolicited mail originating from your DKIM "
              "domain [example.com 36]. To protect our users from spam, mail sent from your domain "
              "has been temporarily rate limited"),
        Words(421, {4, 7, 0}, SmtpStage::kConnect,
              "Too many concurrent SMTP connections from your IP address; please try again "
              "later")}},
      {"yahoo",
       {Words(421, {4, 7, 0}, SmtpStage::kMail,
              "[TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or "
              "user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes"),
        Words(421, {4, 7, 0}, SmtpStage::kMail,
              "[TSS09] All messages from example.com will be deferred due to unexpected volume "
              "from your domain"),
        Words(421, {4, 7, 0}, SmtpStage::kConnect,
              "[CON] Too many concurrent connections from your host")}},
      {"outlook",
       {Words(451, {4, 7, 650}, SmtpStage::kMail,
              "The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. "
              "For e-mail delivery information, see https://aka.ms/postmaster (S775)"),
        Words(451, {4, 7, 500}, SmtpStage::kMail,
              "Server busy. Please try again later; sending domain example.com exceeded its rate "
              "(S77719)"),
        Words(421, {4, 7, 66}, SmtpStage::kConnect,
              "The mail server [192.0.2.1] has exceeded the maximum number of connections. "
              "(S3115)")}}};
  const auto found = kFlavors->find(name);
  return found == kFlavors->end() ? kFlavors->at("gmail") : found->second;
}

const Reply kOk = Words(250, {2, 0, 0}, SmtpStage::kEndOfData, "OK");
const Reply kGrey =
    Words(450, {4, 2, 0}, SmtpStage::kRcpt,
          "<r@example> Recipient address rejected: Greylisted, please retry in 300 seconds");
const Reply kFull = Words(452, {4, 2, 2}, SmtpStage::kRcpt,
                          "The recipient's inbox is out of storage space. Please try again later");
const Reply kRecipientRate =
    Words(450, {4, 2, 1}, SmtpStage::kRcpt,
          "The user you are trying to contact is receiving mail at a rate that prevents additional "
          "messages from being delivered");
const Reply kUnknown = Words(550, {5, 1, 1}, SmtpStage::kRcpt,
                             "The email account that you tried to reach does not exist");
const Reply kSpam = Words(550, {5, 7, 1}, SmtpStage::kEndOfData,
                          "This message has been blocked because it contains content that presents "
                          "a potential security issue");
const Reply kBusy =
    Words(421, {4, 3, 0}, SmtpStage::kEndOfData, "Temporary System Problem. Try again later");

Answer Refusal(const Reply& reply, Truth truth) {
  return {&reply, truth, reply.stage == SmtpStage::kConnect ? 0.1 : 0.4};
}

}  // namespace

double HiddenBucket::RateAt(double now, int ip) const {
  double factor = 1;
  for (const auto& [at, step] : limit_.steps) {
    if (now >= at) factor = step;
  }
  factor *= 1 + limit_.diurnal_share *
                    std::cos(2 * std::numbers::pi * (now - limit_.diurnal_peak) / kDay);
  const auto trust = trust_.find(Key(ip));
  return limit_.rate * factor * (trust == trust_.end() ? 1 : trust->second);
}

HiddenBucket::Level& HiddenBucket::Refilled(int ip, double now) {
  const auto [at, isnew] = levels_.try_emplace(Key(ip), Level{limit_.burst, now});
  Level& level = at->second;
  while (level.at < now) {
    const double until = std::min(now, level.at + 60);
    const double rate = RateAt((level.at + until) / 2, ip);
    level.tokens = std::min(limit_.burst, level.tokens + rate * (until - level.at));
    level.at = until;
  }
  return level;
}

bool HiddenBucket::Passes(int ip, double now) { return Refilled(ip, now).tokens >= kWhole; }

void HiddenBucket::Take(int ip, double now) {
  Refilled(ip, now).tokens -= 1;
  ++today_[Key(ip)].accepted;
}

void HiddenBucket::Defer(int ip, double now) {
  Level& level = Refilled(ip, now);
  level.tokens = std::max(0.0, level.tokens - limit_.charge_deferred);
  ++today_[Key(ip)].refused;
}

double HiddenBucket::NextPass(int ip, double now) {
  const double tokens = Refilled(ip, now).tokens;
  if (tokens >= kWhole) return now;
  return now + std::max(1e-3, (1 - tokens) / std::max(1e-9, RateAt(now, ip)) * 1.0000001);
}

void HiddenBucket::EndDay() {
  if (limit_.reputation) {
    const ReputationLaw& law = *limit_.reputation;
    for (const auto& [key, conduct] : today_) {
      double& trust = trust_.try_emplace(key, 1).first->second;
      const double refused =
          static_cast<double>(conduct.refused) / std::max(1, conduct.accepted + conduct.refused);
      const double capacity = limit_.rate * trust * kDay;
      if (refused > law.bad) {
        trust *= law.down;
      } else if (refused <= law.good && conduct.accepted >= law.min_use * capacity) {
        trust *= law.up;
      }
      trust = std::clamp(trust, law.min, law.max);
    }
  }
  today_.clear();
}

bool HiddenWindow::Passes(int ip, double now) {
  Used& used = Of(ip);
  if (limit_.fixed) {
    return used.window != static_cast<int64_t>(now / limit_.seconds) || used.count < limit_.cap;
  }
  while (!used.times.empty() && used.times.front() <= now - limit_.seconds) used.times.pop_front();
  return static_cast<int>(used.times.size()) < limit_.cap;
}

void HiddenWindow::Take(int ip, double now) {
  Used& used = Of(ip);
  if (!limit_.fixed) {
    used.times.push_back(now);
    return;
  }
  const auto window = static_cast<int64_t>(now / limit_.seconds);
  if (used.window != window) used = {.window = window};
  ++used.count;
}

double HiddenWindow::NextPass(int ip, double now) {
  if (Passes(ip, now)) return now;
  if (limit_.fixed) return (std::floor(now / limit_.seconds) + 1) * limit_.seconds;
  return Of(ip).times.front() + limit_.seconds + 1e-6;
}

HiddenReceiver::HiddenReceiver(const LimitScenario& scenario)
    : scenario_(scenario),
      buckets_(scenario.buckets.begin(), scenario.buckets.end()),
      windows_(scenario.windows.begin(), scenario.windows.end()),
      random_(static_cast<uint64_t>(scenario.seed) * 7919 + 13) {}

bool HiddenReceiver::InBox(double now, int ip) {
  if (!scenario_.penalty) return false;
  double& until = box_until_[ip];
  if (now >= until) return false;
  const double longer = now + scenario_.penalty->seconds;
  if (scenario_.penalty->extend && longer > until) {
    penalty_seconds_ += longer - until;
    until = longer;
  }
  return true;
}

void HiddenReceiver::Strike(double now, int ip) {
  if (!scenario_.penalty) return;
  std::deque<double>& strikes = strikes_[ip];
  strikes.push_back(now);
  while (strikes.front() < now - scenario_.penalty->within) strikes.pop_front();
  if (static_cast<int>(strikes.size()) < scenario_.penalty->strikes) return;
  strikes.clear();
  box_until_[ip] = now + scenario_.penalty->seconds;
  penalty_seconds_ += scenario_.penalty->seconds;
}

Answer HiddenReceiver::Attempt(double now, int ip, Mail& mail, int open) {
  const Flavor& words = FlavorOf(scenario_.flavor);
  if (scenario_.max_connections > 0 && open > scenario_.max_connections) {
    return Refusal(words.connections, Truth::kConnections);
  }
  if (InBox(now, ip)) {
    for (HiddenBucket& bucket : buckets_) bucket.Defer(ip, now);
    return Refusal(words.rate_ip, Truth::kRate);
  }
  for (HiddenBucket& bucket : buckets_) {
    if (bucket.Passes(ip, now)) continue;
    bucket.Defer(ip, now);
    Strike(now, ip);
    return Refusal(bucket.scope() == LimitScope::kDomain ? words.rate_domain : words.rate_ip,
                   Truth::kRate);
  }
  for (HiddenWindow& window : windows_) {
    if (window.Passes(ip, now)) continue;
    Strike(now, ip);
    const bool domain = window.limit().scope == LimitScope::kDomain;
    return Refusal(domain ? words.rate_domain : words.rate_ip, Truth::kRate);
  }
  if (scenario_.mix.busy > 0 && random_.Unit() < scenario_.mix.busy) {
    return Refusal(kBusy, Truth::kNoise);
  }
  for (HiddenBucket& bucket : buckets_) bucket.Take(ip, now);
  for (HiddenWindow& window : windows_) window.Take(ip, now);
  if (mail.first_seen < 0) mail.first_seen = now;
  const Answer ok = {&kOk, Truth::kOk, 1};
  switch (mail.kind) {
    case MailKind::kPlain:
      return ok;
    case MailKind::kGrey:
      return now - mail.first_seen >= 300 ? ok : Refusal(kGrey, Truth::kNoise);
    case MailKind::kFull:
      return now - mail.born > 5 * 3600 ? ok : Refusal(kFull, Truth::kNoise);
    case MailKind::kRecipientRate:
      return now - mail.first_seen >= 900 ? ok : Refusal(kRecipientRate, Truth::kNoise);
    case MailKind::kUnknown:
      return Refusal(kUnknown, Truth::kPermanent);
    case MailKind::kSpam:
      return Refusal(kSpam, Truth::kPermanent);
  }
  return ok;
}

double HiddenReceiver::NextPass(double now, int ip) {
  double next = now;
  if (const auto box = box_until_.find(ip); box != box_until_.end()) {
    next = std::max(next, box->second);
  }
  for (HiddenBucket& bucket : buckets_) next = std::max(next, bucket.NextPass(ip, now));
  for (HiddenWindow& window : windows_) next = std::max(next, window.NextPass(ip, now));
  return next;
}

void HiddenReceiver::EndDay() {
  for (HiddenBucket& bucket : buckets_) bucket.EndDay();
}

double HiddenReceiver::RateAt(double now, int ip) const {
  double rate = std::numeric_limits<double>::infinity();
  for (const HiddenBucket& bucket : buckets_) rate = std::min(rate, bucket.RateAt(now, ip));
  for (const HiddenWindow& window : windows_) {
    rate = std::min(rate, window.limit().cap / window.limit().seconds);
  }
  return rate;
}

}  // namespace crescendo::testing
