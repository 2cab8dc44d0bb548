#include "smtp_client/delivery/transcript_shelf.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace crescendo::smtp {

void TranscriptShelf::Put(DeliveryId delivery, bool accepted,
                          std::shared_ptr<const std::string> opening, std::string text) {
  base::MutexLock lock(&mu_);
  Remove(delivery);
  Shelf& shelf = accepted ? accepted_ : others_;
  Entry entry{delivery, std::move(opening), std::move(text)};
  if (shelf.room.count == 0 || entry.bytes() > shelf.room.bytes) return;
  shelf.bytes += entry.bytes();
  shelf.entries.push_back(std::move(entry));
  places_[delivery] = {&shelf, std::prev(shelf.entries.end())};
  while (shelf.entries.size() > shelf.room.count || shelf.bytes > shelf.room.bytes) {
    Remove(shelf.entries.front().delivery);
  }
}

void TranscriptShelf::Remove(DeliveryId delivery) {
  const auto found = places_.find(delivery);
  if (found == places_.end()) return;
  Shelf& shelf = *found->second.shelf;
  shelf.bytes -= found->second.entry->bytes();
  shelf.entries.erase(found->second.entry);
  places_.erase(found);
}

std::string TranscriptShelf::Find(DeliveryId delivery) const {
  base::MutexLock lock(&mu_);
  const auto found = places_.find(delivery);
  if (found == places_.end()) return "";
  const Entry& entry = *found->second.entry;
  return absl::StrCat(entry.opening == nullptr ? "" : *entry.opening, entry.text);
}

}  // namespace crescendo::smtp
