#include "cmd/crescendo-sandbox/source_limits.h"

#include <algorithm>

#include "scheduler/base/civil_day.h"

namespace crescendo::sandbox {
namespace {

constexpr absl::Duration kWindow = absl::Hours(24);
constexpr double kBadDayFactor = 5;  // Times the share that still makes a good day.

}  // namespace

SourceLimits::SourceLimits(const v1::RateLimit& config, absl::Time now)
    : config_(config),
      first_seen_(now),
      rate_per_hour_(config.per_hour()),
      tokens_(config.burst()),
      filled_(now),
      day_(base::DayOf(now, absl::UTCTimeZone())) {}

double SourceLimits::Trust(absl::Time now) const {
  for (const v1::Dip& dip : config_.dips()) {
    const absl::Time from = first_seen_ + absl::Seconds(dip.from_seconds());
    if (from <= now && now < from + absl::Seconds(dip.for_seconds())) return dip.factor();
  }
  return 1;
}

double SourceLimits::Burst(absl::Time now) const {
  return std::max(1.0, config_.burst() * Trust(now) * rate_per_hour_ / config_.per_hour());
}

double SourceLimits::rate_per_hour(absl::Time now) {
  TurnDay(now);
  return rate_per_hour_ * Trust(now);
}

void SourceLimits::TurnDay(absl::Time now) {
  const absl::CivilDay today = base::DayOf(now, absl::UTCTimeZone());
  if (today <= day_) return;
  day_ = today;
  const double all = static_cast<double>(passed_today_ + refused_today_);
  if (config_.has_growth() && all > 0) {
    const v1::Growth& growth = config_.growth();
    const double refused = static_cast<double>(refused_today_) / all;
    if (refused > kBadDayFactor * growth.good_day_refused_share()) {
      rate_per_hour_ *= growth.per_bad_day();
    } else if (refused <= growth.good_day_refused_share() &&
               passed_today_ >= growth.good_day_messages()) {
      rate_per_hour_ = std::min(std::max(rate_per_hour_, growth.max_per_hour()),
                                rate_per_hour_ * growth.per_good_day());
    }
  }
  passed_today_ = refused_today_ = 0;
}

void SourceLimits::Refill(absl::Time now) {
  if (now <= filled_) return;
  const double gained = rate_per_hour_ * Trust(now) * absl::ToDoubleHours(now - filled_);
  tokens_ = std::min(Burst(now), tokens_ + gained);
  filled_ = now;
}

bool SourceLimits::InBox(absl::Time now) {
  if (now >= box_until_) return false;
  if (config_.penalty().extended_by_attempts()) {
    box_until_ = now + absl::Seconds(config_.penalty().refuse_for_seconds());
  }
  ++refused_today_;
  return true;
}

bool SourceLimits::RefusesConnection(absl::Time now) {
  TurnDay(now);
  return config_.has_penalty() && config_.penalty().phase() == v1::CONNECT && InBox(now);
}

void SourceLimits::Strike(absl::Time now) {
  ++refused_today_;
  if (!config_.has_penalty()) return;
  const v1::PenaltyBox& penalty = config_.penalty();
  strikes_.push_back(now);
  while (now - strikes_.front() > absl::Seconds(penalty.within_seconds())) strikes_.pop_front();
  if (strikes_.size() < penalty.strikes()) return;
  strikes_.clear();
  box_until_ = now + absl::Seconds(penalty.refuse_for_seconds());
}

SourceLimits::Ruling SourceLimits::Take(absl::Time now) {
  TurnDay(now);
  Refill(now);
  if (InBox(now)) return Ruling::kPenalty;
  while (!last_day_.empty() && now - last_day_.front() >= kWindow) last_day_.pop_front();
  if (config_.per_day() > 0 && last_day_.size() >= config_.per_day()) {
    Strike(now);
    return Ruling::kDay;
  }
  // A hair under one token is rounding, not refusal.
  if (tokens_ < 1 - 1e-9) {
    Strike(now);
    return Ruling::kRate;
  }
  tokens_ -= 1;
  if (config_.per_day() > 0) last_day_.push_back(now);
  ++passed_today_;
  return Ruling::kPass;
}

}  // namespace crescendo::sandbox
