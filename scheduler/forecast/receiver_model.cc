#include "scheduler/forecast/receiver_model.h"

#include <algorithm>

namespace crescendo::forecast {
namespace {

// Attempts that a provider's own figures must outweigh.
constexpr double kPrior = 20;
// What a pessimist expects of receivers that have given no trouble yet.
constexpr double kLeastDeferred = 0.05, kLeastRefused = 0.02, kLeastStubborn = 0.005;
// And more while there is hardly an attempt to go by.
constexpr double kUnknownDeferred = 0.25;
// Above this a forecast says nothing any more: it ends at its horizon.
constexpr double kMostDeferred = 0.8, kMostRefused = 0.5;
// A lane's rate was cut to this share of what it had when it was refused (core/options.h).
constexpr double kCut = 0.5;

struct Sum {
  double attempts = 0, accepted = 0, deferred = 0, refused = 0, pushback = 0, hard_bounces = 0,
         complaints = 0;
};

// Of few attempts as of `others`.
ReceiverModel::Shares SharesOf(const Sum& sum, const ReceiverModel::Shares& others) {
  const auto share = [](double of, double all, double expected) {
    // It fades: a tenth of it left would still move the date by some percent.
    const double prior = kPrior * kPrior / (kPrior + all);
    return (of + prior * expected) / (all + prior);
  };
  return {share(sum.deferred, sum.attempts, others.deferred),
          share(sum.refused, sum.attempts, others.refused),
          share(sum.pushback, sum.attempts, others.pushback),
          share(sum.hard_bounces, sum.attempts, others.hard_bounces),
          share(sum.complaints, sum.accepted, others.complaints)};
}

void Assume(const Assumed& assumed, ReceiverModel* model) {
  const auto set = [](const Assumed::Shares& from, ReceiverModel::Shares* to) {
    to->deferred = to->pushback = from.deferred;
    to->refused = to->hard_bounces = from.refused;
  };
  if (assumed.any.has_value()) {
    set(*assumed.any, &model->any);
    for (auto& [provider, shares] : model->at) set(*assumed.any, &shares);
  }
  for (const auto& [provider, shares] : assumed.at) {
    set(shares, &model->at.try_emplace(provider, model->any).first->second);
  }
}

}  // namespace

ReceiverModel AcceptAll() { return {}; }

ReceiverModel AsObserved(const core::Snapshot& snapshot, const Assumed& assumed) {
  Sum all;
  int64_t accepted = 0;
  absl::flat_hash_map<ProviderId, Sum> sums;
  for (const LedgerRow& row : snapshot.ledger) {
    accepted += row.accepted;
    for (Sum* sum : {&all, &sums[row.lane.provider]}) {
      const auto refused = static_cast<double>(row.refused);
      // What is in doubt is tried again.
      const auto deferred = static_cast<double>(row.deferred + row.in_doubt);
      sum->accepted += static_cast<double>(row.accepted);
      sum->attempts += static_cast<double>(row.accepted) + refused + deferred;
      sum->deferred += deferred;
      sum->refused += refused;
      sum->pushback += static_cast<double>(row.pushback);
      sum->hard_bounces += static_cast<double>(row.hard_bounces);
      sum->complaints += static_cast<double>(row.complaints);
    }
  }
  ReceiverModel model;
  model.any = SharesOf(all, {});
  for (const auto& [provider, sum] : sums) model.at[provider] = SharesOf(sum, model.any);
  // The ledger is of two days, and for about as long each of them has been waiting.
  model.stubborn = static_cast<double>(snapshot.stubborn) /
                   static_cast<double>(std::max<int64_t>(accepted + snapshot.stubborn, 1));
  for (const LaneRecord& lane : snapshot.lanes) {
    if (lane.rate_per_hour > 0) model.lane_limit_per_hour[lane.lane] = lane.rate_per_hour / kCut;
  }
  Assume(assumed, &model);
  return model;
}

ReceiverModel Pessimistic(const core::Snapshot& snapshot, const Assumed& assumed) {
  ReceiverModel model = AsObserved(snapshot, assumed);
  double attempts = 0;
  for (const LedgerRow& row : snapshot.ledger) {
    attempts += static_cast<double>(row.accepted + row.refused + row.deferred + row.in_doubt);
  }
  const double least = kLeastDeferred + kUnknownDeferred * kPrior / (attempts + kPrior);
  const auto worse = [least](ReceiverModel::Shares* shares) {
    shares->deferred = std::min(2 * shares->deferred + least, kMostDeferred);
    shares->pushback = std::min(2 * shares->pushback, shares->deferred);
    shares->refused = std::min(2 * shares->refused + kLeastRefused, kMostRefused);
    shares->hard_bounces = std::min(2 * shares->hard_bounces, shares->refused);
    shares->complaints = std::min(2 * shares->complaints, kMostRefused);
  };
  worse(&model.any);
  model.stubborn = std::min(2 * model.stubborn + kLeastStubborn, kMostRefused);
  for (auto& [provider, shares] : model.at) worse(&shares);
  for (auto& [lane, limit] : model.lane_limit_per_hour) limit *= kCut;
  return model;
}

}  // namespace crescendo::forecast
