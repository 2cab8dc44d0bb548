#include "scheduler/core/campaign_share.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace crescendo::core {

double CampaignShare::Turn(CampaignKey key) const {
  const auto found = turns_.find(key);
  return found == turns_.end() ? now_ : std::max(found->second, now_);
}

std::vector<Contender> CampaignShare::InTurn(std::vector<Contender> contenders) const {
  std::sort(contenders.begin(), contenders.end(), [&](const Contender& a, const Contender& b) {
    const double turn_a = Turn(a.key), turn_b = Turn(b.key);
    return turn_a != turn_b ? turn_a < turn_b : a.key < b.key;
  });
  return contenders;
}

void CampaignShare::Took(const Contender& contender) {
  now_ = Turn(contender.key);
  turns_[contender.key] = now_ + 1 / contender.weight;
  // Whose next turn has come needs no record.
  for (auto it = turns_.begin(); it != turns_.end();) {
    it = it->second <= now_ ? turns_.erase(it) : std::next(it);
  }
}

std::vector<int64_t> ShareOut(int64_t count, const std::vector<Claimant>& claimants) {
  std::vector<int64_t> shares(claimants.size(), 0);
  std::vector<size_t> open;
  for (size_t i = 0; i < claimants.size(); ++i) open.push_back(i);
  double left = static_cast<double>(count);
  for (bool again = true; again && !open.empty();) {
    again = false;
    double weights = 0;
    for (const size_t i : open) weights += claimants[i].weight;
    for (size_t at = 0; at < open.size(); ++at) {
      const size_t i = open[at];
      const double share = left * claimants[i].weight / weights;
      shares[i] = static_cast<int64_t>(std::ceil(share));
      if (static_cast<double>(claimants[i].has) > share) continue;
      shares[i] = claimants[i].has;
      left -= static_cast<double>(claimants[i].has);
      open.erase(open.begin() + static_cast<ptrdiff_t>(at));
      again = true;
      break;
    }
  }
  return shares;
}

}  // namespace crescendo::core
