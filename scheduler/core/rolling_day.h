// rolling_day.h: how many slots an IP has used in the last 24 hours.
//
// Slots are counted by quarters of an hour, and one counts until 24 hours after its quarter's end:
// never fewer than were really used. Of wall time, for receivers count so; slots of a time that has
// not come yet (the clock was set back) count too.
//
// Threads  none of its own: the shard's.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace crescendo::core {

class RollingDay {
 public:
  using Slots = std::vector<std::pair<absl::Time, int64_t>>;  // By start of their quarter.

  // True: that was the first of its quarter of an hour.
  bool Count(absl::Time now, int64_t slots = 1);
  int64_t Used(absl::Time now) const;
  // Since `from`, whether or not they still count.
  int64_t UsedSince(absl::Time from) const;
  // When fewer than `limit` count; `now` if that is so. InfiniteFuture for a limit of 0.
  absl::Time FreeAt(absl::Time now, int64_t limit) const;

  // For the store, and back.
  const Slots& slots() const { return slots_; }
  void Load(Slots slots) { slots_ = std::move(slots); }

 private:
  Slots slots_;  // Ascending.
};

}  // namespace crescendo::core
