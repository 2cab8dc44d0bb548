// reserve.h: room on the disk that is set aside, to be given up when the disk is full.
//
// A file beside the store's, with its blocks allocated.
//
// Threads  one thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace crescendo::store {

class Reserve {
 public:
  // `bytes` 0: none is wanted. Touches nothing yet.
  Reserve(std::string path, int64_t bytes) : path_(std::move(path)), bytes_(bytes) {}

  // Sets the room aside if it is not. RESOURCE_EXHAUSTED: there is not enough, with some to spare
  // for those who wait for it. UNAVAILABLE: the file cannot be made, for whatever reason.
  absl::Status Keep();
  // Gives it up. False: there was none.
  bool Release();

 private:
  const std::string path_;
  const int64_t bytes_;
  bool kept_ = false;
};

}  // namespace crescendo::store
