// labels.h: small numbers for the few texts that millions of rows repeat.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace crescendo::store {

// 0 is "". Numbers are never given back.
// Threads  one thread.
class Labels {
 public:
  uint32_t Key(absl::string_view text) {
    if (text.empty()) return 0;
    const auto it = keys_.find(text);
    if (it != keys_.end()) return it->second;
    texts_.emplace_back(text);
    const auto key = static_cast<uint32_t>(texts_.size() - 1);
    keys_.emplace(texts_.back(), key);
    return key;
  }
  const std::string& Text(uint32_t key) const { return texts_[key]; }

 private:
  std::vector<std::string> texts_{""};
  absl::flat_hash_map<std::string, uint32_t> keys_;
};

}  // namespace crescendo::store
