#include "tests/sim/adapt_sender.h"

#include <algorithm>

namespace crescendo::testing {
namespace {

absl::Time At(double seconds) { return kScenarioStart + absl::Seconds(seconds); }

core::Blame BlameOf(const Classification& meaning) {
  switch (meaning.category) {
    case ReplyCategory::kRateLimited:
    case ReplyCategory::kReputationDeferral:
    case ReplyCategory::kDailyQuota:
      return core::Blame::kIp;
    case ReplyCategory::kRateLimitedDomain:
      return core::Blame::kShared;
    case ReplyCategory::kTooManyConnections:
      return core::Blame::kConnections;
    case ReplyCategory::kTemporarySystem:
    case ReplyCategory::kOtherTemporary:
      return core::Blame::kReceiver;
    default:
      return core::Blame::kNobody;
  }
}

}  // namespace

AdaptSender::AdaptSender(const providers::ProviderData& providers, const std::string& provider,
                         int ips, double planned)
    : providers_(providers),
      provider_(provider),
      control_(core::ProviderControl::Options(), ips, planned, kScenarioStart),
      views_(ips) {}

LimitSender::Turn AdaptSender::Next(int ip, double now, const SenderView& view) {
  const int day = static_cast<int>(now / 86400);
  if (day != day_) {
    day_ = day;
    control_.OnNewDay(At(now));
  }
  views_[ip] = view;
  const absl::Time next = control_.Next(ip, At(now));
  const int connections = control_.Connections(ip, At(now), view.open);
  if (next == absl::InfiniteFuture()) return {kNever, connections};
  return {next <= At(now) ? now : absl::ToDoubleSeconds(next - kScenarioStart), connections};
}

void AdaptSender::OnSend(int ip, double now) {
  ++attempts_;
  // Messages that need several attempts ask for more of the limit than their number.
  double per_message = 1;
  if (finished_ > 100) {
    per_message = std::clamp(static_cast<double>(attempts_) / finished_, 1.0, 1.5);
  }
  control_.OnSend(ip, At(now), views_[ip].need * per_message, views_[ip].open);
}

void AdaptSender::OnResult(int ip, double now, double started, const Reply& reply) {
  const Classification meaning = providers_.classifier.Classify(reply, provider_);
  const core::Blame blame = BlameOf(meaning);
  if (!reply.temporary()) ++finished_;
  control_.OnResult(ip, At(now), At(started), blame, blame == core::Blame::kNobody,
                    reply.ToString());
}

double AdaptSender::RetryDelay(int, double, int attempts, const Reply& reply) {
  const Classification meaning = providers_.classifier.Classify(reply, provider_);
  switch (meaning.category) {
    case ReplyCategory::kGreylisted:
      return attempts <= 2 ? 306 : 900;
    case ReplyCategory::kRecipientRate:
      return 1000 * attempts;
    case ReplyCategory::kMailboxFull:
      return 5.1 * 3600;
    case ReplyCategory::kTooManyConnections:
      return 5;
    default:
      return 60;
  }
}

}  // namespace crescendo::testing
