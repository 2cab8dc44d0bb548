#include "cmd/crescendo-sandbox/chance.h"

#include "scheduler/base/random.h"

namespace crescendo::sandbox {
namespace {

// FNV-1a.
uint64_t Hash(uint64_t hash, absl::string_view text) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3u;
  }
  return hash;
}

}  // namespace

double Chance(uint64_t seed, absl::string_view about, absl::string_view key, int64_t nth) {
  uint64_t hash = Hash(0xcbf29ce484222325u ^ base::Random::Mix(seed), about);
  hash = Hash(Hash(hash, ":"), key);
  return base::Random(hash ^ base::Random::Mix(static_cast<uint64_t>(nth))).Unit();
}

}  // namespace crescendo::sandbox
