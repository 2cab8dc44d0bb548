#include "scheduler/core/provider_control.h"

#include <algorithm>
#include <cmath>

namespace crescendo::core {

int ConnectionControl::Limit(absl::Time now, int open) {
  if (state_.limit < options_->most && open >= state_.limit &&
      now - state_.changed > state_.interval) {
    ++state_.limit;
    state_.changed = now;
  }
  return state_.limit;
}

void ConnectionControl::OnRefused(absl::Time now, int open) {
  state_.changed = now;
  if (open >= state_.limit) return;  // Opened before the limit was lowered.
  state_.limit = std::max(1, open);
  state_.interval = std::min(options_->longest_interval, state_.interval * 2);
}

ProviderControl::ProviderControl(const Options& options, int ips, double needed, absl::Time now)
    : options_(options) {
  for (int ip = 0; ip < ips; ++ip) {
    ips_.push_back({.rate = std::make_unique<RateControl>(&options_.rate,
                                                          needed * (1 + options.spread * ip), now),
                    .connections = ConnectionControl(&options_.connections),
                    .needed = needed});
  }
}

ProviderControl::ProviderControl(const Options& options, const State& state, absl::Time now)
    : options_(options), merged_(state.merged) {
  for (const State::Ip& ip : state.ips) {
    ips_.push_back({.rate = std::make_unique<RateControl>(&options_.rate, ip.rate, now),
                    .connections = ConnectionControl(&options_.connections, ip.connections)});
    ips_.back().needed = ips_.back().rate->rate();
  }
  if (state.shared) shared_ = std::make_unique<RateControl>(&options_.rate, *state.shared, now);
}

ProviderControl::State ProviderControl::state() const {
  State state;
  for (const Ip& ip : ips_) state.ips.push_back({ip.rate->state(), ip.connections.state()});
  if (shared_ != nullptr) state.shared = shared_->state();
  state.merged = merged_;
  return state;
}

double ProviderControl::Needed() const {
  double needed = 0;
  for (const Ip& ip : ips_) needed += ip.needed;
  return needed;
}

absl::Time ProviderControl::Next(int ip, absl::Time now) {
  absl::Time next = std::max(ips_[ip].rate->Next(now), ips_[ip].busy_until);
  if (shared_ != nullptr) next = std::max(next, shared_->Next(now));
  return next;
}

int ProviderControl::Connections(int ip, absl::Time now, int open) {
  return ips_[ip].connections.Limit(now, open);
}

void ProviderControl::OnSend(int ip, absl::Time now, double needed, int open) {
  ips_[ip].needed = needed;
  ips_[ip].open.emplace_back(now, open);
  ips_[ip].rate->OnSend(now, needed);
  if (shared_ != nullptr) shared_->OnSend(now, Needed());
}

void ProviderControl::Share(absl::Time now) {
  if (shared_ != nullptr) return;
  double in_use = 0;
  for (const Ip& ip : ips_) in_use += ip.rate->rate();
  shared_ = std::make_unique<RateControl>(&options_.rate, Needed(), now);
  shared_->Assume(in_use);
  // What each IP learnt was about the common limit: they start afresh above their share.
  for (Ip& ip : ips_) {
    ip.rate = std::make_unique<RateControl>(&options_.rate, ip.needed, now);
    ip.rate->Assume(in_use / static_cast<double>(ips_.size()) * 1.5);
  }
}

void ProviderControl::OnResult(int index, absl::Time now, absl::Time started, Blame blame,
                               bool consumed, absl::string_view reply) {
  Ip& ip = ips_[index];
  int open = 1;
  // Of those that started together the last one met the limit.
  for (auto at = ip.open.end(); at != ip.open.begin();) {
    if ((--at)->first != started) continue;
    open = at->second;
    ip.open.erase(at);
    break;
  }
  const Verdict verdict = consumed ? Verdict::kPassed : Verdict::kNoVerdict;
  Verdict own = verdict, common = verdict;
  switch (blame) {
    case Blame::kIp:
      (merged_ ? common : own) = Verdict::kRefused;
      break;
    case Blame::kShared: {
      common = Verdict::kRefused;
      if (shared_ == nullptr) Share(started);
      break;
    }
    case Blame::kConnections:
      ip.connections.OnRefused(now, open);
      break;
    case Blame::kReceiver:
      ip.busy_until = now + options_.busy_wait;
      break;
    case Blame::kNobody:
      break;
  }
  const bool was_stopped = ip.rate->in_canary();
  ip.rate->OnResult(now, started, own, reply);
  if (shared_ != nullptr) shared_->OnResult(now, started, common, reply);
  if (merged_ || ips_.size() < 2) return;
  if (consumed) {
    ip.own.passed += 1;
    joint_.passed += 1;
  } else if (blame == Blame::kIp && !was_stopped && ip.rate->in_canary()) {
    const std::optional<bool> own_steady = EndRun(ip.own, started);
    const std::optional<bool> joint_steady = EndRun(joint_, started);
    if (own_steady && joint_steady) evidence_ += *joint_steady - *own_steady;
    if (evidence_ >= options_.joint_evidence) {
      merged_ = true;
      Share(now);
    }
  }
}

std::optional<bool> ProviderControl::EndRun(Run& run, absl::Time now) {
  std::optional<bool> steady;
  const double rate = run.passed / std::max(1.0, absl::ToDoubleSeconds(now - run.start));
  if (run.start == absl::InfinitePast() || run.passed >= options_.joint_messages) {
    if (run.rate > 0) {
      steady = std::abs(std::log(rate / run.rate)) < options_.joint_tolerance + 2 / run.passed;
    }
    if (run.start != absl::InfinitePast()) run.rate = rate;
  }
  run.start = now;
  run.passed = 0;
  return steady;
}

void ProviderControl::OnNewDay(absl::Time now) {
  for (Ip& ip : ips_) ip.rate->OnNewDay(now);
  if (shared_ != nullptr) shared_->OnNewDay(now);
}

double ProviderControl::RateInUse(int ip) const {
  if (shared_ == nullptr) return ips_[ip].rate->rate();
  return std::min(ips_[ip].rate->rate(), shared_->rate() / static_cast<double>(ips_.size()));
}

}  // namespace crescendo::core
