// chance.h: what happens to an address, decided by the address itself, so that runs repeat.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace crescendo::sandbox {

// Uniform in [0, 1): the same for the same arguments on every machine. `about` keeps the draws of
// different questions apart.
double Chance(uint64_t seed, absl::string_view about, absl::string_view key, int64_t nth = 0);

}  // namespace crescendo::sandbox
