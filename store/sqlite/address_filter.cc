#include "store/sqlite/address_filter.h"

#include <algorithm>

namespace crescendo::store {
namespace {

constexpr size_t kFirstRoom = 1 << 14;
constexpr size_t kMostRoom = 1 << 22;
constexpr size_t kPerBlock = 42;  // 12 bits each.
constexpr int kProbes = 6;        // 9 bits of the hash each: a bit of 512.

// By the high half of the hash; the probes are bits of a product of all of it.
size_t BlockOf(uint64_t hash, size_t blocks) {
  return static_cast<size_t>(((hash >> 32) * static_cast<uint64_t>(blocks)) >> 32);
}

}  // namespace

void AddressFilter::Add(uint64_t hash) {
  if (layers_.empty() || layers_.back().room == 0) {
    const size_t room = std::min(kMostRoom, kFirstRoom << std::min<size_t>(layers_.size(), 20));
    layers_.push_back({std::vector<Block>(room / kPerBlock + 1), room});
  }
  Layer& layer = layers_.back();
  --layer.room;
  Block& block = layer.blocks[BlockOf(hash, layer.blocks.size())];
  uint64_t bits = hash * 0x9e3779b97f4a7c15u;
  for (int probe = 0; probe < kProbes; ++probe, bits >>= 9) {
    block[(bits >> 6) & 7] |= uint64_t{1} << (bits & 63);
  }
}

bool AddressFilter::MayContain(uint64_t hash) const {
  const uint64_t mixed = hash * 0x9e3779b97f4a7c15u;
  for (const Layer& layer : layers_) {
    const Block& block = layer.blocks[BlockOf(hash, layer.blocks.size())];
    uint64_t bits = mixed;
    bool all = true;
    for (int probe = 0; probe < kProbes && all; ++probe, bits >>= 9) {
      all = (block[(bits >> 6) & 7] >> (bits & 63)) & 1;
    }
    if (all) return true;
  }
  return false;
}

}  // namespace crescendo::store
