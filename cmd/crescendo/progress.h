// progress.h: how far the reading of a file is: a bar for people, nothing in a log or for programs.
//
// Threads  one thread.
#pragma once

#include <cstdint>

#include "cmd/crescendo/context.h"

namespace crescendo::cli {

class Progress {
 public:
  // `size`: of the file, in bytes.
  Progress(Context& context, uintmax_t size);

  // `rows` were answered, `bytes` read. Shown now and then, and always when it is the last.
  void Show(int64_t rows, int64_t bytes, bool last);
  // Takes the bar away, for a line of talk.
  void Clear();

 private:
  Context& context_;
  const uintmax_t size_;
  const absl::Duration started_;
  absl::Duration shown_;
  bool bar_shown_ = false;
};

}  // namespace crescendo::cli
