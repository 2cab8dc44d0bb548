// address_filter.h: has this been added? "No" is certain, "perhaps" is wrong one time in a hundred.
//
// A blocked Bloom filter (Putze, Sanders, Singler 2007) that grows: a layer twice as large as the
// one before is begun when that one is full. About two bytes for each thing added.
//
// Threads  one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace crescendo::store {

class AddressFilter {
 public:
  // `hash` must be spread over all its 64 bits.
  void Add(uint64_t hash);
  bool MayContain(uint64_t hash) const;

 private:
  using Block = std::array<uint64_t, 8>;  // A line of the processor's cache.
  struct Layer {
    std::vector<Block> blocks;
    size_t room;  // More than this would make it say "perhaps" too often.
  };
  std::vector<Layer> layers_;
};

}  // namespace crescendo::store
