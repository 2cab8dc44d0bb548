// transcript_shelf.h: the dialogues of the last deliveries, for people.
//
// Accepted ones and all others have a shelf each: a thousand 250s a minute push out each other, not
// the refusal that somebody looks for. A delivery stands on one shelf, with its latest dialogue.
// Deliveries of one connection share its opening.
//
// Units    bytes of text, an opening counted with each that shares it.
// Threads  safe from any thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "scheduler/base/mutex.h"
#include "scheduler/domain/ids.h"

namespace crescendo::smtp {

// What there is room for; the newest stay. Zero of either: nothing is kept.
struct ShelfRoom {
  size_t count = 1000;
  size_t bytes = 4 << 20;
};

class TranscriptShelf {
 public:
  TranscriptShelf(ShelfRoom accepted, ShelfRoom others)
      : accepted_{accepted, {}, 0}, others_{others, {}, 0} {}

  // `opening` may be null.
  void Put(DeliveryId delivery, bool accepted, std::shared_ptr<const std::string> opening,
           std::string text) ABSL_LOCKS_EXCLUDED(mu_);
  // Opening and text; "" if it is not kept.
  std::string Find(DeliveryId delivery) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    DeliveryId delivery;
    std::shared_ptr<const std::string> opening;
    std::string text;
    size_t bytes() const { return text.size() + (opening == nullptr ? 0 : opening->size()); }
  };
  struct Shelf {
    ShelfRoom room;
    std::list<Entry> entries;  // Oldest first.
    size_t bytes = 0;
  };
  struct Place {
    Shelf* shelf;
    std::list<Entry>::iterator entry;
  };

  void Remove(DeliveryId delivery) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable base::Mutex mu_;
  Shelf accepted_ ABSL_GUARDED_BY(mu_);
  Shelf others_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<DeliveryId, Place> places_ ABSL_GUARDED_BY(mu_);
};

}  // namespace crescendo::smtp
