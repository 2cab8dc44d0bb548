// made_up_list.h: the recipients that benchmarks import. Addresses are scrambled, as those of a
// list come in any order.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "scheduler/base/random.h"

namespace crescendo::bench {

struct MadeUp {
  uint64_t seed = 0;
  std::string address;
  double score = 0;  // [0, 1]
};

inline MadeUp MadeUpRecipient(int64_t number, int64_t domains) {
  const uint64_t mixed = base::Random::Mix(static_cast<uint64_t>(number));
  return {mixed,
          absl::StrCat("user.", absl::Hex(mixed), "@domain", mixed % static_cast<uint64_t>(domains),
                       ".example"),
          static_cast<double>(mixed % 100'000) / 100'000};
}

}  // namespace crescendo::bench
