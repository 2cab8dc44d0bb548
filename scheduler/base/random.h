// random.h: chance, as an argument. Seeded, so the same seed gives the same trace (L12).
#pragma once

#include <cstdint>

namespace crescendo::base {

// SplitMix64 (Steele, Lea, Flood 2014): tiny, fast, the same on every machine. Not for secrets.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    return Mix(state_);
  }
  // Uniform in [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  // Uniform in [low, high).
  double Between(double low, double high) { return low + (high - low) * Unit(); }
  // Uniform in [0, bound). REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }

  // A fixed scramble of `value`: equal inputs, equal outputs.
  static uint64_t Mix(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace crescendo::base
