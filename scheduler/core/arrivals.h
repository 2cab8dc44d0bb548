// arrivals.h: about when deliveries came, from their ids alone.
//
// Ids ascend in the order of import, so one mark an hour says of millions of recipients which are
// older than a time; a time of its own for each would cost memory. After a start, all that is
// loaded counts as having come then.
//
// Units    wall time.
// Threads  none of its own: the shard's.
#pragma once

#include <deque>

#include "absl/time/time.h"
#include "scheduler/domain/ids.h"

namespace crescendo::core {

class Arrivals {
 public:
  void Note(absl::Time now, DeliveryId id);
  // Those with this id or a smaller one had come by `time`. 0: not known of any.
  DeliveryId By(absl::Time time) const;

 private:
  struct Mark {
    absl::Time time;
    DeliveryId newest;
  };
  std::deque<Mark> marks_;  // Ascending; none older than the longest lifetime, but one.
};

}  // namespace crescendo::core
