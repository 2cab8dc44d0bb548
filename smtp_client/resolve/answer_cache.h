// answer_cache.h: what was found of domains, until it is too old.
//
// Threads  one at a time.
#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/ports/mx_resolver.h"

namespace crescendo::smtp {

// Of two generations: when the young one has half of the capacity, it becomes the old one, and the
// old one goes with all that was not asked for since. No list of uses, and never above capacity.
class AnswerCache {
 public:
  struct Entry {
    absl::StatusOr<ports::MxSet> mx;
    absl::Duration expires;  // On the steady clock.
  };

  // REQUIRES: capacity >= 2.
  explicit AnswerCache(size_t capacity) : half_(capacity / 2) {}

  // nullptr if nothing is known that is still good. Valid until the next call.
  const Entry* Find(absl::string_view domain, absl::Duration now);
  void Put(const std::string& domain, Entry entry);
  size_t size() const { return young_.size() + old_.size(); }

 private:
  using Map = absl::flat_hash_map<std::string, Entry>;

  const size_t half_;
  Map young_, old_;
};

}  // namespace crescendo::smtp
