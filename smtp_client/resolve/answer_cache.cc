#include "smtp_client/resolve/answer_cache.h"

#include <utility>

namespace crescendo::smtp {

const AnswerCache::Entry* AnswerCache::Find(absl::string_view domain, absl::Duration now) {
  auto found = young_.find(domain);
  if (found == young_.end()) {
    const auto old = old_.find(domain);
    if (old == old_.end()) return nullptr;
    const std::string name = old->first;
    Entry entry = std::move(old->second);
    old_.erase(old);
    Put(name, std::move(entry));
    found = young_.find(domain);
  }
  if (found->second.expires > now) return &found->second;
  young_.erase(found);
  return nullptr;
}

void AnswerCache::Put(const std::string& domain, Entry entry) {
  old_.erase(domain);
  if (young_.size() >= half_ && !young_.contains(domain)) {
    old_ = std::move(young_);
    young_ = Map();
  }
  young_.insert_or_assign(domain, std::move(entry));
}

}  // namespace crescendo::smtp
