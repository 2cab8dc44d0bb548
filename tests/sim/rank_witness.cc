#include "tests/sim/rank_witness.h"

#include "absl/strings/str_cat.h"

namespace crescendo::sim {

void RankWitness::Put(DeliveryId id, const Group& group, double score) {
  const Rank rank(-score, id.value());
  waiting_[group].insert(rank);
  places_[id.value()] = {group, rank};
}

void RankWitness::Take(DeliveryId id) {
  const auto place = places_.find(id.value());
  if (place == places_.end()) return;
  waiting_[place->second.group].erase(place->second.rank);
  places_.erase(place);
}

void RankWitness::Saw(const ports::AppendOutcome& outcome) {
  for (const QueuedDelivery& queued : outcome.queued) {
    Put(queued.id, {queued.domain, queued.campaign}, queued.score);
  }
  Move(outcome.rescored);
}

void RankWitness::Move(const std::vector<Rescored>& rescored) {
  for (const Rescored& one : rescored) {
    if (!places_.contains(one.id.value())) continue;
    ++reranked_;
    Take(one.id);
    Put(one.id, {one.domain, one.campaign}, one.score);
  }
}

bool RankWitness::TakesTheBest(const EgressIpId& ip) const {
  const auto own = plans_.find(ip);
  if (own == plans_.end() || own->second != PlanState::kGraduated) return true;
  for (const auto& [other, state] : plans_) {
    if (state != PlanState::kGraduated) return false;
  }
  return true;
}

void RankWitness::Saw(const EgressIpId& ip, const std::vector<ports::ClaimedDelivery>& claimed) {
  std::map<Group, Rank> last;
  for (const ports::ClaimedDelivery& one : claimed) {
    const auto place = places_.find(one.id.value());
    if (place == places_.end()) continue;
    ++claims_;
    const auto [group, is_new] = last.emplace(place->second.group, place->second.rank);
    if (!is_new) group->second = std::max(group->second, place->second.rank);
    Take(one.id);
  }
  if (!TakesTheBest(ip)) return;
  for (const auto& [group, rank] : last) {
    const std::set<Rank>& left = waiting_[group];
    if (left.empty() || rank < *left.begin()) continue;
    violations_.push_back(absl::StrCat("campaign ", group.second.value(), ": delivery ",
                                       rank.second, " of ", -rank.first, " was taken before ",
                                       left.begin()->second, " of ", -left.begin()->first));
  }
}

void RankWitness::Saw(absl::Span<const ports::Write> writes,
                      absl::Span<const ports::WriteResult> results) {
  for (size_t i = 0; i < results.size(); ++i) {
    const ports::WriteResult& result = results[i];
    if (!result.status.ok()) continue;
    if (const auto* appended = std::get_if<ports::AppendOutcome>(&result.value)) Saw(*appended);
    if (const auto* engaged = std::get_if<ports::EngagementOutcome>(&result.value)) {
      Move(engaged->rescored);
    }
    if (const auto* claimed = std::get_if<std::vector<ports::ClaimedDelivery>>(&result.value)) {
      const auto& claim = std::get<ports::Claim>(writes[i]);
      Saw(claim.lane.egress_ip, *claimed);
      // Who was left out has ended.
      for (const DeliveryId id : claim.deliveries) Take(id);
    }
    if (const auto* plan = std::get_if<Plan>(&result.value)) {
      plans_[plan->egress_ip] = plan->state;
    }
    if (const auto* ended = std::get_if<std::vector<DeliveryId>>(&result.value)) {
      for (const DeliveryId id : *ended) Take(id);
    }
    if (const auto* end = std::get_if<ports::EndDelivery>(&writes[i])) Take(end->delivery);
  }
}

}  // namespace crescendo::sim
