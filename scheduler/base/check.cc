#include "scheduler/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace crescendo::base {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: this must never happen: !(%s)\n", file, line, condition);
  std::abort();
}

}  // namespace crescendo::base
