#include "smtp_client/dkim/keyring.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::smtp::dkim {

absl::StatusOr<std::shared_ptr<const KeyTable>> KeyTable::Load(const std::vector<KeySpec>& specs) {
  auto table = std::make_shared<KeyTable>();
  for (const KeySpec& spec : specs) {
    ASSIGN_OR_RETURN(std::shared_ptr<const Key> key, Key::Load(spec));
    Keys& keys = table->keys_[spec.domain];
    for (const auto& other : keys) {
      if (other->algorithm() != key->algorithm()) continue;
      return absl::FailedPreconditionError(absl::StrCat(
          spec.domain, " has two ", AlgorithmName(key->algorithm()), " keys, ", other->selector(),
          " and ", key->selector(), "; leave one: old signatures need its record in the DNS only"));
    }
    keys.push_back(std::move(key));
    std::sort(keys.begin(), keys.end(),
              [](const auto& a, const auto& b) { return a->algorithm() < b->algorithm(); });
    ++table->size_;
  }
  return table;
}

const Keys& KeyTable::Find(absl::string_view domain) const {
  static const Keys* const kNone = new Keys();
  while (true) {
    const auto found = keys_.find(domain);
    if (found != keys_.end()) return found->second;
    const size_t dot = domain.find('.');
    if (dot == absl::string_view::npos) return *kNone;
    domain.remove_prefix(dot + 1);
  }
}

std::shared_ptr<const KeyTable> Keyring::table() const {
  base::MutexLock lock(&mu_);
  return table_;
}

void Keyring::Replace(std::shared_ptr<const KeyTable> table) {
  base::MutexLock lock(&mu_);
  table_.swap(table);  // The old one ends outside the lock.
}

}  // namespace crescendo::smtp::dkim
