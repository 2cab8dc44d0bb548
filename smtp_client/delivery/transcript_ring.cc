#include "smtp_client/delivery/transcript_ring.h"

#include <utility>

namespace crescendo::smtp {

void TranscriptRing::Put(DeliveryId delivery, std::string text) {
  if (capacity_ == 0) return;
  base::MutexLock lock(&mu_);
  const auto [entry, added] = texts_.try_emplace(delivery);
  entry->second = std::move(text);
  if (!added) return;
  order_.push_back(delivery);
  if (order_.size() <= capacity_) return;
  texts_.erase(order_.front());
  order_.pop_front();
}

std::string TranscriptRing::Find(DeliveryId delivery) const {
  base::MutexLock lock(&mu_);
  const auto found = texts_.find(delivery);
  return found == texts_.end() ? "" : found->second;
}

}  // namespace crescendo::smtp
