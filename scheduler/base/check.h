// check.h: ends the process on an impossible state, which is our bug (STYLE §5).
//
// Never for bad input or for the outside world: those get a Status.
#pragma once

namespace crescendo::base {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace crescendo::base

#define CRESCENDO_CHECK(condition) \
  ((condition) ? (void)0 : ::crescendo::base::CheckFailed(__FILE__, __LINE__, #condition))
